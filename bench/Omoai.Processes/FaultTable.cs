using System.Diagnostics;
using System.Text.Json;
using Omoai.Isolation;

namespace Omoai.Processes;

/// <summary>Activities that go wrong: how each is classified, what is left of it, and what its parent bears.</summary>
internal sealed class FaultTable : IDisposable
{
    private static readonly TimeSpan GoneWithin = TimeSpan.FromSeconds(5);

    private readonly Bench _bench;
    private readonly int _runs;
    private readonly int _floodLines;
    private readonly Random _random;
    private readonly int _seed = Environment.TickCount;
    private readonly Hosts _test;
    private readonly Hosts _own;
    private readonly Hosts _impatient;
    private readonly Hosts _limited;

    public FaultTable(Bench bench)
    {
        (_bench, _runs) = (bench, bench.Quick ? 10 : 100);
        // Each line is 1,000 bytes, and goes to both streams.
        _floodLines = bench.Quick ? 50_000 : 500_000;
        _random = new Random(_seed);
        (_test, _own) = (new Hosts(bench.TestHost), new Hosts(bench.BenchHost));
        _impatient = new Hosts(bench.TestHost, configure: options => options.KillGrace = TimeSpan.FromMilliseconds(200));
        _limited = new Hosts(bench.BenchHost, configure: options =>
        {
            options.MaxMemoryMb = 200;
            options.MaxScratchMb = 16;
        });
    }

    public void Dispose()
    {
        foreach (var hosts in (Hosts[])[_test, _own, _impatient, _limited])
        {
            hosts.Dispose();
        }
    }

    public async Task RunAsync()
    {
        Row[] rows =
        [
            new("exit code 1", folder => ExpectAsync(folder, _test, "exit", 1, FailureClass.Crashed)),
            new("SIGSEGV in native code", folder => ExpectAsync(folder, _test, "fault", 0, FailureClass.Crashed)),
            new("SIGKILL", folder => ExpectAsync(folder, _test, "signal", 9, FailureClass.Crashed)),
            new("over its memory limit", folder => ExpectAsync(folder, _limited, "hold-memory", 500, FailureClass.OutOfMemory)),
            new("hangs, deaf to SIGTERM", folder => ExpectAsync(folder, _impatient, "hang", 0, FailureClass.Timeout, TimeSpan.FromSeconds(1))) { AtOnce = 4 },
            new($"floods stdout and stderr, {2 * _floodLines / 1000} MB", FloodAsync),
            new("garbage for a frame", folder => ExpectAsync(folder, _test, "garbage", 0, FailureClass.Crashed)),
            new("half a frame", folder => ExpectAsync(folder, _test, "half-frame", 0, FailureClass.Crashed)),
            new("a frame of 2 GB", folder => ExpectAsync(folder, _own, "two-gigabyte-frame", 0, FailureClass.Crashed)),
            new("closes the pipe", folder => ExpectAsync(folder, _own, "close-pipe", 0, FailureClass.Crashed)) { AtOnce = 4 },
            new("leaves a daemon with setsid", DaemonAsync),
            new("fills its scratch folder", folder => ExpectAsync(folder, _limited, "fill-scratch", 256, FailureClass.Internal)) { FolderIsTheOwners = true },
            new("cancelled at a random moment", CancelAsync),
            new("parent killed at a random moment", KillParentAsync) { FolderIsTheOwners = true },
            new("lease holder killed", KillHolderAsync) { FolderIsTheOwners = true },
        ];
        Console.WriteLine($"faults: {_runs} runs each, seed {_seed}; s until the result (from the cancel or kill where there is one), median");
        Console.WriteLine($"  {"",-36} {"right",7} {"processes",10} {"files",6} {"descriptors",12} {"threads",8} {"s",7}");
        var began = Stopwatch.GetTimestamp();
        var (all, right, left) = (0, 0, 0);
        var unharmed = true;
        foreach (var row in rows)
        {
            var (rowRight, rowLeft, rowUnharmed) = await RunAsync(row);
            (all, right, left) = (all + _runs, right + rowRight, left + rowLeft);
            unharmed &= rowUnharmed;
        }

        var files = Directory.GetFileSystemEntries(_bench.Temporary);
        _bench.Check("faults", "all were classified rightly", right == all, $"{right} of {all}");
        _bench.Check("faults", "the parent has no more descriptors, threads and zombies than before", unharmed);
        _bench.Check("faults", "nothing was left", left == 0 && files.Length == 0, $"{left}; {string.Join(", ", files)}");
        Console.WriteLine($"  {Stopwatch.GetElapsedTime(began).TotalSeconds:F0} s");
        _bench.Figure("isolation_fault_runs", all);
        _bench.Figure("isolation_fault_misclassified", all - right);
        _bench.Figure("isolation_fault_left", left + files.Length);
    }

    private async Task<(int Right, int Left, bool Unharmed)> RunAsync(Row row)
    {
        // The first run is for what happens once.
        await OnceAsync(row, _bench.Folder("faults/first"));
        var before = await Traces.Counts.SettledAsync();
        var outcomes = new List<Outcome>();
        for (var i = 0; i < _runs; i += row.AtOnce)
        {
            var first = i;
            outcomes.AddRange(await Task.WhenAll(Enumerable.Range(first, Math.Min(row.AtOnce, _runs - first))
                .Select(number => OnceAsync(row, _bench.Folder($"faults/{number}")))));
        }

        var after = await Traces.Counts.SettledAsync(before);
        var right = outcomes.Count(outcome => outcome.Wrong is null);
        var (processes, files) = (outcomes.Sum(outcome => outcome.Processes), outcomes.Sum(outcome => outcome.Files));
        var (descriptors, threads) = (after.Descriptors - before.Descriptors, after.HostThreads - before.HostThreads);
        Console.WriteLine(
            $"  {row.Name,-36} {right,7} {processes,10} {files,6} {descriptors,12:+0;-0;0} {threads,8:+0;-0;0} {Bench.Median(outcomes.ConvertAll(outcome => outcome.Seconds)),7:F2}");
        foreach (var wrong in outcomes.Select(outcome => outcome.Wrong).OfType<string>().Distinct().Take(3))
        {
            Console.WriteLine($"    {wrong}");
        }

        return (right, processes + files, descriptors <= 0 && threads <= 0 && after.Zombies == 0);
    }

    /// <summary>One run in a folder of its own, which goes with it, and what it left there.</summary>
    private static async Task<Outcome> OnceAsync(Row row, string folder)
    {
        var (wrong, seconds) = await row.Run(folder);
        var processes = Traces.Processes(folder);
        var files = row.FolderIsTheOwners ? 0 : Directory.GetFileSystemEntries(folder).Length;
        Traces.Kill(processes);
        await GoneAsync(folder);
        Directory.Delete(folder, recursive: true);
        return new Outcome(wrong, seconds, processes.Count, files);
    }

    private static async Task<(string? Wrong, double Seconds)> ExpectAsync(
        string folder, Hosts hosts, string activity, int input, FailureClass expected, TimeSpan? deadline = null)
    {
        var began = Stopwatch.GetTimestamp();
        var result = await hosts.RunAsync(activity, JsonSerializer.SerializeToElement(input), folder, deadline: deadline);
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        return (result.Failure?.Class == expected ? null : Said(result), seconds);
    }

    /// <summary>It succeeds, and what it wrote was read but not kept.</summary>
    private async Task<(string? Wrong, double Seconds)> FloodAsync(string folder)
    {
        var began = Stopwatch.GetTimestamp();
        var result = await _test.RunAsync("flood", JsonSerializer.SerializeToElement(_floodLines), folder);
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var (evidence, least) = (result.Evidence, (_floodLines * 1000L) - (1 << 20));
        var read = evidence.Stdout.DroppedBytes > least && evidence.Stderr.DroppedBytes > least;
        return (result.Failure is null && read ? null : $"{Said(result)}, {evidence.Stdout.DroppedBytes} bytes dropped", seconds);
    }

    /// <summary>It succeeds; what it leaves is found, or isn't, as after every run.</summary>
    private async Task<(string? Wrong, double Seconds)> DaemonAsync(string folder)
    {
        var began = Stopwatch.GetTimestamp();
        var result = await _own.RunAsync("leave-daemon", JsonSerializer.SerializeToElement(0), folder);
        return (result.Failure is null ? null : Said(result), Stopwatch.GetElapsedTime(began).TotalSeconds);
    }

    private async Task<(string? Wrong, double Seconds)> CancelAsync(string folder)
    {
        using var cancel = new CancellationTokenSource();
        var cancelled = Stopwatch.GetTimestamp();
        using var registration = cancel.Token.Register(() => cancelled = Stopwatch.GetTimestamp());
        cancel.CancelAfter(_random.Next(1, 300));
        var result = await _test.RunAsync("wait", JsonSerializer.SerializeToElement(0), folder, cancellationToken: cancel.Token);
        return (result.Failure?.Class == FailureClass.Cancelled ? null : Said(result), Stopwatch.GetElapsedTime(cancelled).TotalSeconds);
    }

    /// <summary>A parent whose host blocks in native code and has a child is killed; all three are gone by themselves.</summary>
    private async Task<(string? Wrong, double Seconds)> KillParentAsync(string folder)
    {
        using var worker = WorkerProcess.Start("parent", _bench.TestHost, folder, "");
        _ = await worker.ReadAsync();
        await Task.Delay(_random.Next(0, 400));
        worker.Kill();
        var seconds = await GoneAsync(folder);
        return (seconds < GoneWithin.TotalSeconds ? null : "something was left", seconds);
    }

    /// <summary>Whoever waits for the device gets it once the process that has it is killed.</summary>
    private async Task<(string? Wrong, double Seconds)> KillHolderAsync(string folder)
    {
        var leases = Directory.CreateDirectory(Path.Combine(folder, "leases")).FullName;
        using var worker = WorkerProcess.Start("parent", _bench.TestHost, folder, leases);
        while (await worker.ReadAsync() != "runs")
        {
        }

        using var waiting = new Hosts(_bench.TestHost, configure: options => Worker.Share(options, leases, 1));
        var run = waiting.RunAsync("echo", JsonSerializer.SerializeToElement(1), folder);
        await Task.Delay(_random.Next(0, 300));
        var tooSoon = run.IsCompleted;
        var killed = Stopwatch.GetTimestamp();
        worker.Kill();
        var result = await run;
        return (result.Failure is null && !tooSoon ? null : tooSoon ? "it didn't wait" : Said(result), Stopwatch.GetElapsedTime(killed).TotalSeconds);
    }

    /// <returns>How long it took until no process had to do with the folder, or a little more than <see cref="GoneWithin"/>.</returns>
    private static async Task<double> GoneAsync(string folder)
    {
        var began = Stopwatch.GetTimestamp();
        while (Traces.Processes(folder).Count > 0 && Stopwatch.GetElapsedTime(began) < GoneWithin)
        {
            await Task.Delay(5);
        }

        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static string Said(HostResult result) => result.Failure is { } failure ? $"{failure.Class}: {failure.Reason}" : "it succeeded";

    /// <param name="Wrong">What came instead of what should have; null where that came.</param>
    /// <param name="Seconds">Until the result.</param>
    /// <param name="Processes">How many were left.</param>
    /// <param name="Files">How many were left in its folder.</param>
    private sealed record Outcome(string? Wrong, double Seconds, int Processes, int Files);

    private sealed record Row(string Name, Func<string, Task<(string? Wrong, double Seconds)>> Run)
    {
        /// <summary>Runs at the same time, for those that mostly wait.</summary>
        public int AtOnce { get; init; } = 1;

        /// <summary>Whether what is in the folder is expected, and goes with it.</summary>
        public bool FolderIsTheOwners { get; init; }
    }
}
