using System.Diagnostics;
using System.Text.Json;
using Omoai.Isolation;
using Omoai.Processes.Host;

namespace Omoai.Processes;

/// <summary>A worker process of its own, with hosts of its own: the bench started again.</summary>
internal static class Worker
{
    public const int DeviceLimit = 2;
    public const int StayMilliseconds = 50;

    /// <summary>
    /// Says that it is ready, and once it is told to, runs that many activities on the one device; prints when it asked for each, and when
    /// its host was there by its own account.
    /// </summary>
    public static async Task<int> RunManyAsync(string host, string folder, int count)
    {
        using var hosts = new Hosts(host, configure: options => Share(options, Path.Combine(folder, "leases"), DeviceLimit));
        var scratch = Directory.CreateDirectory(Path.Combine(folder, $"{Environment.ProcessId}")).FullName;
        Console.WriteLine("ready");
        await Console.In.ReadLineAsync();
        for (var i = 0; i < count; i++)
        {
            var asked = Stopwatch.GetTimestamp();
            HostResult result;
            do
            {
                result = await hosts.RunAsync("stay", JsonSerializer.SerializeToElement(StayMilliseconds), scratch);
            }
            while (result.Failure is { Class: FailureClass.Busy });
            var stamps = result.Output is { } output
                ? output.Deserialize(HostJson.Default.Stamps)! : throw new InvalidOperationException($"{result.Failure}");
            Console.WriteLine($"{asked} {stamps.Main} {stamps.Done}");
        }

        return 0;
    }

    /// <summary>Runs an activity that doesn't end by itself, in the folder, and says before and when its host is there.</summary>
    public static async Task<int> RunOneAsync(string host, string folder, string leases)
    {
        using var hosts = new Hosts(host, configure: leases.Length == 0 ? null : options => Share(options, leases, 1));
        Console.WriteLine("starting");
        var result = await hosts.RunAsync("block", JsonSerializer.SerializeToElement(0), folder, progress: new Printer());
        Console.WriteLine(result.Failure);
        return 0;
    }

    /// <summary>As many hosts on the one device, over all processes that use the folder.</summary>
    public static void Share(IsolationOptions options, string folder, int limit)
    {
        options.Devices = "0";
        options.HostsPerDevice = limit;
        options.LeaseFolder = folder;
        options.LeaseWait = TimeSpan.FromMinutes(2);
    }

    private sealed class Printer : IProgress<HostProgress>
    {
        public void Report(HostProgress value) => Console.WriteLine("runs");
    }
}
