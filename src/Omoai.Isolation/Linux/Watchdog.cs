using System.Diagnostics;
using System.IO.Enumeration;
using Omoai.Isolation.Hosts;

namespace Omoai.Isolation.Linux;

/// <summary>Looks now and then whether a host is over its limits. For one thread.</summary>
/// <param name="pid">The host.</param>
/// <param name="limits">Null sets no bounds.</param>
/// <param name="memory">Whether memory is watched; not where the kernel does that.</param>
internal sealed class Watchdog(int pid, HostLimits? limits, bool memory)
{
    private const int MemoryIntervalMs = 250;
    private const int ScratchIntervalMs = 1000;
    // A folder of so many files that looking takes long is looked at less often.
    private const int ScratchShare = 10;

    private long _memoryDue = memory && limits?.MaxMemoryBytes is not null ? Environment.TickCount64 + MemoryIntervalMs : long.MaxValue;
    private long _scratchDue = limits is not null ? Environment.TickCount64 + ScratchIntervalMs : long.MaxValue;

    /// <summary>Until there is something to look at, ms, as poll takes it: -1 for never.</summary>
    public int WaitMs => Math.Min(_memoryDue, _scratchDue) is var due && due == long.MaxValue
        ? -1
        : (int)Math.Max(0, due - Environment.TickCount64);

    /// <param name="scratchFolder">The folder to look at; null for none yet.</param>
    /// <returns>The limit the host is over; null where it is within them, or it isn't time to look.</returns>
    public Overrun? Look(string? scratchFolder)
    {
        var now = Environment.TickCount64;
        if (now >= _memoryDue)
        {
            _memoryDue = now + MemoryIntervalMs;
            if (ProcFiles.TreeMemory(pid) is var bytes && bytes > limits!.MaxMemoryBytes)
                return new Overrun(OverrunKind.Memory, bytes, limits.MaxMemoryBytes.Value);
        }
        if (now >= _scratchDue)
        {
            var looking = Stopwatch.StartNew();
            var bytes = scratchFolder is null ? 0 : SizeOf(scratchFolder);
            _scratchDue = Environment.TickCount64 + Math.Max(ScratchIntervalMs, ScratchShare * looking.ElapsedMilliseconds);
            if (bytes > limits!.MaxScratchBytes)
                return new Overrun(OverrunKind.Scratch, bytes, limits.MaxScratchBytes);
        }
        return null;
    }

    /// <summary>The lengths of all files below a folder together; links aren't followed. What vanishes meanwhile isn't counted.</summary>
    internal static long SizeOf(string folder)
    {
        var options = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
        try
        {
            return new FileSystemEnumerable<long>(folder, (ref entry) => entry.Length, options)
            {
                ShouldIncludePredicate = (ref entry) => !entry.IsDirectory,
            }.Sum();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }
}
