using System.Diagnostics;
using System.Text.Json;
using Omoai.Processes.Host;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Processes;

/// <summary>From the call to the result of a small activity: a process that stays, a standby host, a cold one.</summary>
internal sealed class Latency(Bench bench)
{
    private const int AtATime = 2;
    // The resident's code is compiled again once it has run often.
    private const int WarmUpCalls = 60;
    // Until a standby has been made ready, and the machine is quiet again.
    private static readonly TimeSpan Space = TimeSpan.FromSeconds(1.2);

    private readonly string _scratch = bench.Folder("latency");

    public async Task RunAsync()
    {
        await CompareAsync(2, "2s");
        await CompareAsync(60, null);
        await ThroughputAsync();
    }

    private async Task CompareAsync(int seconds, string? suffix)
    {
        var rounds = bench.Quick ? 4 : 31;
        await using var resident = await ResidentProcess.StartAsync(bench.BenchHost, _scratch, bench.SpeechModel);
        using var hosts = new Hosts(Bench.ActivityHost);
        using var pool = new Hosts(Bench.ActivityHost, standby: 1);
        using var stamping = new Hosts(bench.BenchHost);
        var inputs = (
            Resident: Input("resident", seconds), Standby: Input("standby", seconds), Cold: Input("cold", seconds),
            Stamps: Input("stamps", seconds));
        for (var i = 0; i < WarmUpCalls; i++)
        {
            await resident.TimeAsync(ActivityNames.Transcribe, inputs.Resident);
        }

        var (fromResident, fromStandby, fromCold) = (new List<double>(), new List<double>(), new List<double>());
        var (standbyGone, coldGone) = (new List<double>(), new List<double>());
        var steps = new List<double[]>();
        var hits = 0;
        Func<Task>[] turns =
        [
            async () => fromResident.Add(await resident.TimeAsync(ActivityNames.Transcribe, inputs.Resident)),
            async () =>
            {
                var (result, milliseconds, gone) = await pool.TimeAsync(ActivityNames.Transcribe, inputs.Standby, _scratch, WarmUp());
                hits += result.Evidence.Standby ? 1 : 0;
                fromStandby.Add(milliseconds);
                standbyGone.Add(gone);
            },
            async () =>
            {
                var (_, milliseconds, gone) = await hosts.TimeAsync(ActivityNames.Transcribe, inputs.Cold, _scratch);
                fromCold.Add(milliseconds);
                coldGone.Add(gone);
            },
            async () => steps.Add(await StepsAsync(stamping, inputs.Stamps)),
        ];
        pool.Expect(ActivityNames.Transcribe, WarmUp());
        // The first round is for what happens once.
        for (var round = 0; round <= rounds; round++)
        {
            for (var turn = 0; turn < turns.Length; turn++)
            {
                await Task.Delay(Space);
                await turns[(round + turn) % turns.Length]();
            }

            if (round == 0)
            {
                hits = 0;
                ((List<double>[])[fromResident, fromStandby, fromCold, standbyGone, coldGone]).ToList().ForEach(list => list.Clear());
                steps.Clear();
            }
        }

        Console.WriteLine($"latency: transcribe, {seconds} s of speech, one thread; ms from call to answer, {rounds} rounds in turn: median (least; nine in ten)");
        Print("resident process", fromResident);
        Print($"standby host ({hits} of {rounds} were ready)", fromStandby);
        Print("  until it was gone", standbyGone);
        Print("cold host", fromCold);
        Print("  until it was gone", coldGone);
        Report(suffix, rounds, hits, fromResident, fromStandby, fromCold, steps);
    }

    private void Report(
        string? suffix, int rounds, int hits, List<double> resident, List<double> standby, List<double> cold, List<double[]> steps)
    {
        var end = suffix is null ? "" : $"_{suffix}";
        string[] names =
        [
            "call to spawn", "spawn to Main (exec, .NET)", "Main to hello", "hello to the activity", "library", "model", "work", "answer, exit",
        ];
        Console.WriteLine($"  a cold one step by step: {Bench.Median(steps.ConvertAll(step => step.Sum())):F1}");
        for (var step = 0; step < names.Length; step++)
        {
            var median = Bench.Median(steps.ConvertAll(all => all[step]));
            Console.WriteLine($"    {names[step],-32} {median,8:F1}");
            bench.Figure($"isolation_cold{end}_{names[step].Split(" (")[0].Replace(", ", "_").Replace(' ', '_').ToLowerInvariant()}_ms", median);
        }

        var ratio = Bench.Median(standby) / Bench.Median(resident);
        bench.Check("latency", "every call found a standby", hits == rounds, $"{hits} of {rounds}");
        if (suffix is null)
        {
            bench.Check("latency", "a standby takes at most 1.05 times what a resident does", ratio <= 1.05, $"{ratio:F3}");
        }

        bench.Figure($"standby_over_resident{end}", ratio);
        bench.Figure($"isolation_standby{end}_ms", Bench.Median(standby));
        var texts = ((string[])["resident", "standby", "cold", "stamps"])
            .Select(name => File.ReadAllText(Output(name))).Distinct().ToList();
        bench.Check("latency", "all heard the same", texts.Count == 1 && texts[0].Contains("\"text\""), string.Join('\n', texts));
        bench.Figure($"isolation_resident{end}_ms", Bench.Median(resident));
        bench.Figure($"isolation_cold{end}_ms", Bench.Median(cold));
        bench.Figure($"cold_over_resident{end}", Bench.Median(cold) / Bench.Median(resident));
    }

    /// <summary>What a cold start consists of: milliseconds of each step, one after the other.</summary>
    private async Task<double[]> StepsAsync(Hosts hosts, JsonElement input)
    {
        var (calledAt, called) = (DateTimeOffset.UtcNow, Stopwatch.GetTimestamp());
        var (result, _, milliseconds) = await hosts.TimeAsync("stamps", input, _scratch);
        var ended = called + (long)(milliseconds / 1000 * Stopwatch.Frequency);
        var stamps = result.Output!.Value.Deserialize(HostJson.Default.Stamps)!;
        var spawned = called + Ticks(result.Evidence.StartedAt - calledAt);
        var hello = spawned + Ticks(TimeSpan.FromMilliseconds(result.Evidence.SpawnToReadyMs!.Value));
        long[] at = [called, spawned, stamps.Main, hello, stamps.Begun, stamps.Library, stamps.Model, stamps.Done, ended];
        return [.. at.Zip(at.Skip(1), (from, to) => Stopwatch.GetElapsedTime(from, to).TotalMilliseconds)];
    }

    private static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);

    private async Task ThroughputAsync()
    {
        var count = bench.Quick ? 12 : 100;
        using var hosts = new Hosts(Bench.ActivityHost);
        await using var first = await ResidentProcess.StartAsync(bench.BenchHost, _scratch, bench.SpeechModel);
        await using var second = await ResidentProcess.StartAsync(bench.BenchHost, _scratch, bench.SpeechModel);
        ResidentProcess[] residents = [first, second];
        Console.WriteLine($"throughput: the same back to back, {AtATime} at a time, {count} activities: a second (for each resident's)");
        foreach (var resident in residents)
        {
            for (var i = 0; i < WarmUpCalls; i++)
            {
                await resident.TimeAsync(ActivityNames.Transcribe, Input("resident"));
            }
        }

        var fromResidents = await RateAsync(count, worker => residents[worker].TimeAsync(ActivityNames.Transcribe, Input($"resident-{worker}")));
        Console.WriteLine($"  {"resident processes",-36} {fromResidents,6:F2}");
        bench.Figure("isolation_resident_per_second", fromResidents);
        var hits = 0;
        double fromStandby;
        // It goes on making hosts ready until it is disposed of.
        using (var pool = new Hosts(Bench.ActivityHost, standby: AtATime))
        {
            fromStandby = await RateAsync(count, async worker =>
            {
                var (result, _, _) = await pool.TimeAsync(ActivityNames.Transcribe, Input($"standby-{worker}"), _scratch, WarmUp());
                Interlocked.Add(ref hits, result.Evidence.Standby ? 1 : 0);
            });
        }

        Console.WriteLine($"  {$"standby hosts ({hits} of {count} were ready)",-36} {fromStandby,6:F2} ({fromStandby / fromResidents:F2})");
        bench.Figure("isolation_standby_per_second", fromStandby);
        var fromCold = await RateAsync(count, worker => hosts.TimeAsync(ActivityNames.Transcribe, Input($"cold-{worker}"), _scratch));
        Console.WriteLine($"  {"cold hosts",-36} {fromCold,6:F2} ({fromCold / fromResidents:F2})");
        bench.Figure("isolation_cold_per_second", fromCold);
    }

    private static async Task<double> RateAsync(int count, Func<int, Task> call)
    {
        var next = 0;
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, AtATime).Select(async worker =>
        {
            while (Interlocked.Increment(ref next) <= count)
            {
                await call(worker);
            }
        }));
        return count / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private string Output(string name) => Path.Combine(_scratch, $"{name}.json");

    private JsonElement Input(string name, int seconds = 2) => bench.TranscribeInput(Output(name), seconds);

    /// <summary>What the activity host's warm-up for transcribe wants.</summary>
    private JsonElement WarmUp() => JsonSerializer.SerializeToElement(new TranscribeWarmUp(bench.SpeechModel, Threads: 1), OmoaiJson.Compact);

    private static void Print(string name, List<double> values) =>
        Console.WriteLine($"  {name,-36} {Bench.Median(values),8:F1} ({values.Min():F1}; {Bench.At(values, 0.9):F1})");
}
