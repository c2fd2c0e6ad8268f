using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Omoai.Isolation.Hosts;
using Omoai.Isolation.Linux;
using Omoai.Isolation.Servers;

namespace Omoai.Isolation.TestHost;

/// <summary>A parent in a process of its own: one that can be killed, and one where nothing else opens or starts anything.</summary>
internal static partial class Parent
{
    private const int Rounds = 10;

    /// <param name="kind">How: <c>portable-parent</c> the portable way, <c>device-parent</c> on a GPU's slot, <c>standby-parent</c> on
    /// a host that it has got ready before.</param>
    /// <param name="activity">The activity.</param>
    /// <param name="scratch">The scratch folder.</param>
    public static async Task<int> RunAsync(string kind, string activity, string scratch)
    {
        var launcher = CreateLauncher(scratch, portable: kind == "portable-parent", device: kind == "device-parent" ? "0" : null);
        var request = Request(activity, scratch);
        if (kind == "standby-parent")
        {
            var warmUp = new WarmUp(JsonSerializer.SerializeToElement("parent"), "");
            request = request with { Need = new HostNeed { WarmUp = warmUp } };
            launcher.Expect(activity, request.Need);
            await Task.Delay(Timeout.Infinite);
        }
        var result = await launcher.RunAsync(request, new Printer());
        Console.WriteLine(result.Failure);
        return 0;
    }

    /// <summary>Runs 50 activities, some of which end badly, and prints how many descriptors, threads and zombies stayed.</summary>
    public static async Task<int> CountLeaksAsync(string scratch)
    {
        var launcher = CreateLauncher(scratch);
        await RoundAsync(launcher, scratch);
        var before = await SettledAsync(null);
        for (var i = 0; i < Rounds; i++)
            await RoundAsync(launcher, scratch);
        var after = await SettledAsync(before);
        Console.WriteLine(
            $"{after.Descriptors - before.Descriptors} {after.Watchers - before.Watchers} {after.Children - before.Children}");
        return 0;
    }

    /// <summary>
    /// Tries to start a host where the descriptors suffice for one pipe, then for two, but not for the third; prints how many
    /// are still free after each.
    /// </summary>
    /// <remarks>The thread that starts hosts gets descriptors of its own, for the runtime needs some whenever it likes.</remarks>
    [SupportedOSPlatform("linux")]
    public static async Task<int> StartWithFewDescriptorsAsync(string scratch)
    {
        const int NumberOfFiles = 7, CloneFiles = 0x400;
        var start = new HostStart("/no/such/host", [], new Dictionary<string, string>(), scratch, 1024);
        // So that the runtime opens nothing more for it.
        await TryStartAsync(start);
        _ = Libc.SetLimit(NumberOfFiles, new Libc.ResourceLimit { Soft = 400, Hard = 400 });
        if (await SpawnThread.RunAsync(() => Unshare(CloneFiles)) != 0)
            throw new InvalidOperationException("unshare failed.");
        foreach (var free in (int[])[3, 5])
        {
            var taken = await SpawnThread.RunAsync(TakeAll);
            await CloseAsync(taken.Take(free));
            var message = await TryStartAsync(start);
            var after = await SpawnThread.RunAsync(TakeAll);
            await CloseAsync(taken.Skip(free).Concat(after));
            Console.WriteLine($"{after.Count} {message}");
        }
        return 0;
    }

    /// <summary>Keeps a test server running, prints its pid and that of its child once it is ready, and goes on.</summary>
    public static async Task<int> SuperviseAsync(int port, string mode, string scratch)
    {
        var url = new Uri($"http://127.0.0.1:{port}/");
        var options = new SupervisedServerOptions
        {
            Program = Environment.ProcessPath!,
            Arguments = ["serve-http", $"{port}", mode],
            WorkingFolder = scratch,
            HealthUrl = url,
        };
        await using var server = new SupervisedServer(
            options, new IsolationOptions { HostPath = Environment.ProcessPath! }, NullLogger<SupervisedServer>.Instance, TimeProvider.System);
        server.Start();
        await server.WaitUntilReadyAsync(CancellationToken.None);
        using var client = new HttpClient();
        Console.WriteLine($"{server.Status.Pid} {await client.GetStringAsync(new Uri(url, "child"))}");
        await Task.Delay(Timeout.Infinite);
        return 0;
    }

    private static Task<bool> CloseAsync(IEnumerable<int> descriptors) => SpawnThread.RunAsync(() =>
    {
        descriptors.ToList().ForEach(fd => Libc.Close(fd));
        return true;
    });

    [SupportedOSPlatform("linux")]
    private static async Task<string> TryStartAsync(HostStart start)
    {
        try
        {
            await LinuxHostProcess.StartAsync(start);
            return "started";
        }
        catch (HostStartException e)
        {
            return e.Message;
        }
    }

    private static List<int> TakeAll()
    {
        var taken = new List<int>();
        while (Duplicate(1) is >= 0 and var fd)
            taken.Add(fd);
        return taken;
    }

    private static async Task RoundAsync(ActivityHostLauncher launcher, string scratch)
    {
        string[] activities = ["echo", "echo", "grandchild", "bad-reply", "garbage"];
        var results = await Task.WhenAll(activities.Select(activity => launcher.RunAsync(Request(activity, scratch))));
        if (results.Count(result => result.Output is not null) != 3)
            throw new InvalidOperationException(string.Join(", ", results.Select(result => result.Failure)));
    }

    /// <summary>The counts, once they are as low as they were; as they are, when that takes too long.</summary>
    private static async Task<Counts> SettledAsync(Counts? expected)
    {
        for (var tries = 0; ; tries++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            var counts = new Counts(
                Directory.GetFileSystemEntries("/proc/self/fd").Count(IsOfHosts),
                Directory.GetDirectories("/proc/self/task").Count(IsWatcher),
                Directory.GetDirectories("/proc/self/task").Sum(Children));
            if (tries == 20 || (expected is not null && counts == expected))
                return counts;
            await Task.Delay(expected is null ? 10 : 100);
        }
    }

    // The runtime opens assemblies whenever it likes.
    private static bool IsOfHosts(string descriptor) => new FileInfo(descriptor).LinkTarget is { } target
        && (target.StartsWith("pipe:", StringComparison.Ordinal) || target.StartsWith("socket:", StringComparison.Ordinal)
            || target.StartsWith("anon_inode:", StringComparison.Ordinal));

    private static bool IsWatcher(string task) => Read(Path.Combine(task, "comm")).StartsWith("omoai-host", StringComparison.Ordinal);

    private static int Children(string task) =>
        Read(Path.Combine(task, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static ActivityHostLauncher CreateLauncher(string scratch, bool portable = false, string? device = null) => new(
        new IsolationOptions { HostPath = Environment.ProcessPath!, CpuHosts = 32, Devices = device, LeaseFolder = Path.Combine(scratch, "leases") },
        NullLogger<ActivityHostLauncher>.Instance, TimeProvider.System)
    {
        StandbyFolder = scratch,
        Starter = portable ? ("process", PortableHostProcess.StartAsync) : HostProcess.ForThisSystem(),
    };

    private static HostRequest Request(string activity, string scratch) =>
        new(activity, JsonDocument.Parse("{}").RootElement, scratch, TimeSpan.FromMinutes(5));

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial int Duplicate(int fd);

    [LibraryImport("libc", EntryPoint = "unshare")]
    private static partial int Unshare(int flags);

    private sealed record Counts(int Descriptors, int Watchers, int Children);

    /// <summary>Tells the test what the host reports: its pids.</summary>
    private sealed class Printer : IProgress<HostProgress>
    {
        public void Report(HostProgress value) => Console.WriteLine(value.Message);
    }
}
