using System.Diagnostics;

namespace Omoai.Processes;

/// <summary>Ten worker processes that want the same device, which bears two hosts.</summary>
internal sealed class Leases(Bench bench)
{
    private const int Workers = 10;

    public async Task RunAsync()
    {
        var each = bench.Quick ? 5 : 30;
        var folder = bench.Folder("leases");
        var workers = Enumerable.Range(0, Workers).Select(_ => WorkerProcess.Start("worker", bench.BenchHost, folder, $"{each}")).ToList();
        try
        {
            foreach (var worker in workers)
            {
                _ = await worker.ReadAsync();
            }

            await Task.WhenAll(workers.Select(worker => worker.TellAsync()));
            var runs = (await Task.WhenAll(workers.Select(worker => RunsAsync(worker, each)))).SelectMany(all => all).ToList();
            Report(runs, each);
        }
        finally
        {
            workers.ForEach(worker => worker.Dispose());
        }
    }

    private void Report(List<Run> runs, int each)
    {
        var most = MostAtOnce(runs);
        var seconds = Stopwatch.GetElapsedTime(runs.Min(run => run.Asked), runs.Max(run => run.Ended)).TotalSeconds;
        var waits = runs.ConvertAll(run => Stopwatch.GetElapsedTime(run.Asked, run.Began).TotalSeconds);
        // Each worker has one activity in the queue: those of the others go first, as many at once as there are places.
        var place = seconds * Worker.DeviceLimit / runs.Count;
        var fair = place * (Workers - Worker.DeviceLimit) / Worker.DeviceLimit;
        // Not at the start, where all ask at once, each with code that has to be compiled first.
        var overtaken = runs.Where(run => !run.IsFirst).Max(run => runs.Count(other => other.Asked > run.Asked && other.Began < run.Began));
        Console.WriteLine($"leases: {Workers} workers with {each} activities each, a device for {Worker.DeviceLimit} hosts, {seconds:F1} s");
        Console.WriteLine($"  at most {most} hosts at once by their own account; wait from call to Main: median {Bench.Median(waits):F2} s, longest {waits.Max():F2} s");
        Console.WriteLine($"  fair share of waiting {fair:F2} s; the longest is {waits.Max() / fair:F2} of that; overtaken at most {overtaken} times");
        bench.Check("leases", $"never more than {Worker.DeviceLimit} at once", most <= Worker.DeviceLimit, $"{most}");
        bench.Check("leases", "every activity was done", runs.Count == Workers * each, $"{runs.Count}");
        // Hosts that were let in one after the other may be there the other way round, as many as there are places.
        bench.Check("leases", "nobody was overtaken", overtaken <= Worker.DeviceLimit, $"{overtaken} times");
        bench.Figure("isolation_lease_most_at_once", most);
        bench.Figure("isolation_lease_activities", runs.Count);
        bench.Figure("isolation_lease_overtaken", overtaken);
        bench.Figure("isolation_lease_longest_wait_s", waits.Max());
        bench.Figure("isolation_lease_longest_over_fair", waits.Max() / fair);
    }

    private static async Task<List<Run>> RunsAsync(WorkerProcess worker, int count)
    {
        var runs = new List<Run>();
        for (var i = 0; i < count; i++)
        {
            var times = (await worker.ReadAsync()).Split(' ').Select(long.Parse).ToList();
            runs.Add(new Run(times[0], times[1], times[2], IsFirst: i == 0));
        }

        return runs;
    }

    private static int MostAtOnce(List<Run> runs) =>
        runs.Max(run => runs.Count(other => other.Began <= run.Began && run.Began < other.Ended));

    /// <summary>When an activity was asked for, when its host was there, and whether it was the first of its worker.</summary>
    private sealed record Run(long Asked, long Began, long Ended, bool IsFirst);
}
