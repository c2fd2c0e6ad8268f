using System.Diagnostics;
using System.Text.Json;
using Omoai.Processes.Host;

namespace Omoai.Processes;

/// <summary>Many activities in a row: what grows, and what is left.</summary>
internal sealed class Thousand(Bench bench)
{
    // Until the parent's own code has been compiled for the second time.
    private readonly int _warmUpRuns = bench.Quick ? 30 : 200;
    private readonly string _root = bench.Folder("thousand");
    private readonly SortedDictionary<string, int> _found = [];

    public async Task RunAsync()
    {
        var count = bench.Quick ? 100 : 1000;
        var features = Path.Combine(bench.Folder("thousand-input"), "features.f32");
        // What stays of a pool is ended before the last look.
        var pool = new Hosts(bench.BenchHost, standby: 1);
        var made = await pool.TimeAsync(
            "features", JsonSerializer.SerializeToElement(new FeaturesInput(bench.Audio, bench.SpeechModel, features), HostJson.Default.FeaturesInput),
            bench.Folder("thousand-input"));
        var bins = made.Result.Output!.Value.Deserialize(HostJson.Default.FeaturesOutput)!.Bins;
        var input = JsonSerializer.SerializeToElement(
            new InferInput(Path.Combine(bench.SpeechModel, "model.onnx"), features, bins), HostJson.Default.InferInput);
        pool.Expect("infer", input);
        for (var i = 0; i < _warmUpRuns; i++)
        {
            await RunAsync(pool, input);
        }

        await Task.Delay(TimeSpan.FromSeconds(1));
        var before = await Traces.Counts.SettledAsync();
        var (residentBefore, heapBefore) = (Traces.ResidentMiB(), HeapMiB());
        var pids = new HashSet<int>();
        var (hits, most) = (0, residentBefore);
        var began = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            var evidence = await RunAsync(pool, input);
            pids.Add(evidence.Pid);
            hits += evidence.Standby ? 1 : 0;
            most = Math.Max(most, Traces.ResidentMiB());
        }

        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        await Task.Delay(TimeSpan.FromSeconds(1));
        var after = await Traces.Counts.SettledAsync(before);
        var (residentAfter, heapAfter) = (Traces.ResidentMiB(), HeapMiB());
        pool.Dispose();
        var files = Left(_root).Concat(Left(bench.Temporary)).ToList();
        var processes = Traces.Processes(_root).Concat(Traces.Processes(bench.Temporary)).ToList();

        Console.WriteLine($"thousand: {count} inferences in a row, {count / seconds:F1} a second, {hits} of them from a standby");
        Console.WriteLine($"  {"parent",-24} {"before",8} {"after",8}");
        Console.WriteLine($"  {"in memory, MiB",-24} {residentBefore,8:F1} {residentAfter,8:F1}   at most {most:F1}");
        Console.WriteLine($"  {"managed heap, MiB",-24} {heapBefore,8:F2} {heapAfter,8:F2}");
        Console.WriteLine($"  {"descriptors for hosts",-24} {before.Descriptors,8} {after.Descriptors,8}");
        Console.WriteLine($"  {"threads for hosts",-24} {before.HostThreads,8} {after.HostThreads,8}");
        Console.WriteLine($"  {"threads",-24} {before.Threads,8} {after.Threads,8}");
        Console.WriteLine($"  {"zombies",-24} {before.Zombies,8} {after.Zombies,8}");
        Console.WriteLine($"  in their scratch folders, which went: {string.Join(", ", _found.Select(file => $"{file.Key} ({file.Value} times)"))}");
        // Memory that the runtime holds back comes and goes by some MiB; what leaks at each run is more in so many.
        bench.Check("thousand", "the parent's memory did not grow", residentAfter - residentBefore < 16 && heapAfter - heapBefore < 0.5);
        bench.Check("thousand", "nor its descriptors and threads", after.Descriptors <= before.Descriptors && after.HostThreads <= before.HostThreads);
        bench.Check("thousand", "no zombie", after.Zombies == 0, $"{after.Zombies}");
        bench.Check("thousand", "no file was left", files.Count == 0, string.Join(", ", files.Take(5)));
        bench.Check("thousand", "no process was left", processes.Count == 0, string.Join(", ", processes));
        bench.Check("thousand", "each ran in a process of its own", pids.Count == count, $"{pids.Count}");
        bench.Figure("isolation_row_activities", count);
        bench.Figure("isolation_row_hit_rate", (double)hits / count);
        bench.Figure("isolation_row_memory_growth_mib", residentAfter - residentBefore);
        bench.Figure("isolation_row_heap_growth_mib", heapAfter - heapBefore);
        bench.Figure("isolation_row_descriptor_growth", after.Descriptors - before.Descriptors);
        bench.Figure("isolation_row_zombies", after.Zombies);
        bench.Figure("isolation_row_files_left", files.Count);
        bench.Figure("isolation_row_distinct_pids", pids.Count);
    }

    /// <summary>One inference in a folder of its own, which goes with it, as a caller's does.</summary>
    private async Task<Isolation.HostEvidence> RunAsync(Hosts pool, JsonElement input)
    {
        var scratch = Directory.CreateDirectory(Path.Combine(_root, "scratch")).FullName;
        var (result, _, _) = await pool.TimeAsync("infer", input, scratch, input);
        foreach (var name in Left(scratch).Select(file => Path.GetRelativePath(scratch, file)))
        {
            _found[name] = _found.GetValueOrDefault(name) + 1;
        }

        Directory.Delete(scratch, recursive: true);
        return result.Evidence;
    }

    private static IEnumerable<string> Left(string folder) => Directory.EnumerateFileSystemEntries(folder, "*", SearchOption.AllDirectories);

    private static double HeapMiB() => GC.GetTotalMemory(forceFullCollection: true) / (double)(1 << 20);
}
