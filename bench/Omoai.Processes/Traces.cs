using System.Diagnostics;
using System.Globalization;

namespace Omoai.Processes;

/// <summary>What there is of this process and of those it started, read from <c>/proc</c>.</summary>
internal static class Traces
{
    /// <summary>Of this process: what hosts need of it, and all its threads.</summary>
    public sealed record Counts(int Descriptors, int HostThreads, int Threads, int Zombies)
    {
        public static Counts OfThisProcess() => new(
            Directory.GetFileSystemEntries("/proc/self/fd").Count(IsOfHosts),
            Tasks().Count(task => Read($"{task}/comm").StartsWith("omoai-host", StringComparison.Ordinal)),
            Tasks().Length,
            Tasks().SelectMany(Children).Count(IsZombie));

        /// <summary>The counts once they are as low as they were; as they are, when that takes longer than 2 s.</summary>
        public static async Task<Counts> SettledAsync(Counts? before = null)
        {
            for (var tries = 0; ; tries++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                var counts = OfThisProcess();
                if (tries == 20 || (before is not null && counts.Descriptors <= before.Descriptors
                    && counts.HostThreads <= before.HostThreads && counts.Zombies <= before.Zombies))
                {
                    return counts;
                }

                await Task.Delay(before is null ? 10 : 100);
            }
        }

        // The runtime opens assemblies whenever it likes.
        private static bool IsOfHosts(string descriptor) => new FileInfo(descriptor).LinkTarget is { } target
            && ((string[])["pipe:", "socket:", "anon_inode:"]).Any(kind => target.StartsWith(kind, StringComparison.Ordinal));
    }

    /// <summary>MiB of this process that are in memory.</summary>
    public static double ResidentMiB() =>
        double.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmRSS", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;

    /// <summary>Processes other than this one that have the folder in their command line or work in it.</summary>
    public static List<int> Processes(string folder) =>
    [
        .. Directory.EnumerateDirectories("/proc").Select(Path.GetFileName)
            .Select(name => int.TryParse(name, out var pid) ? pid : 0)
            .Where(pid => pid > 0 && pid != Environment.ProcessId && (Read($"/proc/{pid}/cmdline").Contains(folder) || WorksIn(pid, folder))),
    ];

    /// <summary>Ends what the bench has found left behind.</summary>
    public static void Kill(IEnumerable<int> processes)
    {
        foreach (var pid in processes)
        {
            try
            {
                using var process = Process.GetProcessById(pid);
                process.Kill();
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException)
            {
                // It has ended.
            }
        }
    }

    private static bool WorksIn(int pid, string folder)
    {
        try
        {
            return new FileInfo($"/proc/{pid}/cwd").LinkTarget?.StartsWith(folder, StringComparison.Ordinal) == true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static string[] Tasks() => Directory.GetDirectories("/proc/self/task");

    private static IEnumerable<string> Children(string task) =>
        Read($"{task}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static bool IsZombie(string pid) => Read($"/proc/{pid}/stat") is var stat && stat[(stat.LastIndexOf(')') + 1)..].StartsWith(" Z");

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It has ended, or is another user's.
            return "";
        }
    }
}
