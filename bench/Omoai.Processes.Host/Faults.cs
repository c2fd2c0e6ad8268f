using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Omoai.Isolation;
using ActivityContext = Omoai.Isolation.ActivityContext;

namespace Omoai.Processes.Host;

/// <summary>Misbehaviour that the test host of Omoai.Isolation doesn't know.</summary>
internal static partial class Faults
{
    // So that nothing of this is on the machine for long, whatever the bench finds.
    private static readonly TimeSpan LongestStay = TimeSpan.FromMinutes(1);

    public static IReadOnlyDictionary<string, ActivityHandler> Handlers { get; } = new Dictionary<string, ActivityHandler>
    {
        ["close-pipe"] = ClosePipeAsync,
        ["two-gigabyte-frame"] = TwoGigabyteFrameAsync,
        ["hold-memory"] = HoldMemoryAsync,
        ["fill-scratch"] = FillScratchAsync,
        ["leave-daemon"] = LeaveDaemonAsync,
    };

    /// <summary>Asks for a session of its own, says what came of it, and stays.</summary>
    public static int RunDaemon()
    {
        _ = SetSession();
        Console.WriteLine(GetSession(0));
        Thread.Sleep(LongestStay);
        return 0;
    }

    private static async Task<JsonElement> ClosePipeAsync(JsonElement input, ActivityContext context)
    {
        foreach (var socket in Sockets())
        {
            _ = Shutdown(socket, how: 2);
        }

        return await StayAsync(context);
    }

    /// <summary>A frame that says it is 2 GiB long.</summary>
    private static async Task<JsonElement> TwoGigabyteFrameAsync(JsonElement input, ActivityContext context)
    {
        byte[] header = [0, 0, 0, 0x80, 4];
        foreach (var socket in Sockets())
        {
            _ = Send(socket, header, header.Length, 0x4000);
        }

        return await StayAsync(context);
    }

    /// <summary>Takes that many MiB and stays.</summary>
    private static async Task<JsonElement> HoldMemoryAsync(JsonElement input, ActivityContext context)
    {
        var blocks = new byte[input.GetInt32()][];
        for (var i = 0; i < blocks.Length; i++)
        {
            blocks[i] = new byte[1 << 20];
            Array.Fill(blocks[i], (byte)1);
        }

        await StayAsync(context);
        return Activities.Write(blocks.Select(block => (int)block[0]).ToArray(), HostJson.Default.Int32Array);
    }

    /// <summary>Writes files of 1 MiB, that many, and stays.</summary>
    private static async Task<JsonElement> FillScratchAsync(JsonElement input, ActivityContext context)
    {
        var block = new byte[1 << 20];
        for (var i = 0; i < input.GetInt32(); i++)
        {
            await File.WriteAllBytesAsync(Path.Combine(context.ScratchFolder, i.ToString(CultureInfo.InvariantCulture)), block);
        }

        return await StayAsync(context);
    }

    /// <summary>Leaves a process that asked for a session of its own.</summary>
    private static async Task<JsonElement> LeaveDaemonAsync(JsonElement input, ActivityContext context)
    {
        using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["daemon", context.ScratchFolder])
        {
            RedirectStandardOutput = true,
        })!;
        var session = await process.StandardOutput.ReadLineAsync(context.CancellationToken);
        var leads = session == process.Id.ToString(CultureInfo.InvariantCulture);
        return Activities.Write(new Daemon(process.Id, leads), HostJson.Default.Daemon);
    }

    private static async Task<JsonElement> StayAsync(ActivityContext context)
    {
        await Task.Delay(LongestStay, context.CancellationToken);
        return default;
    }

    private static IEnumerable<int> Sockets() => Directory.EnumerateFileSystemEntries("/proc/self/fd")
        .Where(file => new FileInfo(file).LinkTarget?.StartsWith("socket:", StringComparison.Ordinal) == true)
        .Select(file => int.Parse(Path.GetFileName(file), CultureInfo.InvariantCulture));

    [LibraryImport("libc", EntryPoint = "setsid")]
    private static partial int SetSession();

    [LibraryImport("libc", EntryPoint = "getsid")]
    private static partial int GetSession(int pid);

    [LibraryImport("libc", EntryPoint = "shutdown")]
    private static partial int Shutdown(int socket, int how);

    [LibraryImport("libc", EntryPoint = "send")]
    private static partial nint Send(int socket, byte[] bytes, nint length, int flags);
}
