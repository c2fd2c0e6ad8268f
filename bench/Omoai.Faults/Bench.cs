using System.Diagnostics;
using Omoai.EndToEnd.Serve;
using Omoai.EndToEnd.TestHost;
using Omoai.Local.Storage;

namespace Omoai.Faults;

/// <summary>The parts of <c>bench/faults</c>, one after the other.</summary>
internal sealed class Bench(string repository, bool quick) : IDisposable
{
    private const int DefaultMaxActivities = 2;

    private readonly string _work = Directory.CreateTempSubdirectory("omoai-faults-").FullName;
    private readonly List<string> _figures = [];
    private readonly string _azuriteFolder = Path.Combine(repository, "eng", "azurite");
    private Recordings? _recordings;
    private bool _failed;

    public void Dispose() => Directory.Delete(_work, recursive: true);

    /// <returns>1 when something that must hold didn't.</returns>
    public async Task<int> RunAsync(IReadOnlyList<string> parts)
    {
        foreach (var part in parts)
        {
            try
            {
                await (part switch
                {
                    "directory" => KillAsync("directory", null),
                    "azurite" => AzuriteAsync(),
                    "cancel" => CancelAsync(),
                    "load" => LoadAsync(),
                    "upload" => UploadAsync(),
                    _ => throw new ArgumentException($"There is no part '{part}'."),
                });
            }
            catch (Exception e) when (e is TimeoutException or InvalidOperationException or HttpRequestException or IOException)
            {
                Check(part, $"it went on: {e.Message}", false);
            }
        }

        _figures.ForEach(Console.WriteLine);
        return _failed ? 1 : 0;
    }

    private async Task AzuriteAsync()
    {
        if (AzuriteProcess.Missing(_azuriteFolder) is { } missing)
        {
            Console.WriteLine($"azurite: left out. {missing}");
            return;
        }

        await using var account = await Account.StartAsync(_azuriteFolder, Path.Combine(_work, "account"));
        await KillAsync("azurite", account);
    }

    private async Task KillAsync(string name, Account? account)
    {
        _recordings ??= await Recordings.CreateAsync(repository, quick ? 6 : 50, Setup("undisturbed", realHost: true));
        var run = new KillRun(Setup(name, realHost: true, account?.ConnectionString), _recordings, account, seed: Environment.TickCount)
        {
            Kills = quick ? 4 : 25,
            AccountKills = account is null ? 0 : quick ? 1 : 5,
        };
        await run.RunAsync();
        Console.WriteLine(
            $"{name}: {run.Jobs} jobs, server killed {run.Killed} times, storage {run.AccountKilled} times, seed {run.Seed}, {run.Seconds:F0} s");
        Check(name, "every job succeeded", run.Failed.Count == 0, string.Join("; ", run.Failed.Take(3)));
        Check(name, "every transcript is that of the undisturbed run", run.Different == 0, $"{run.Different} differ or are absent");
        Check(name, "nothing was committed twice or lost", run.Changed.Count == 0, string.Join("; ", run.Changed.Take(3)));
        Check(name, "no process was left", run.Orphans == 0, $"{run.Orphans}");
        Check(name, "no scratch or temporary file was left", run.Leftovers.Count == 0, string.Join("; ", run.Leftovers.Take(3)));
        Figure($"faults_{name}_jobs", run.Jobs);
        Figure($"faults_{name}_server_kills", run.Killed);
        if (account is not null)
        {
            Figure($"faults_{name}_storage_kills", run.AccountKilled);
        }

        Figure($"faults_{name}_jobs_lost", run.Failed.Count);
        Figure($"faults_{name}_outputs_wrong", run.Different);
        Figure($"faults_{name}_outputs_committed_again", run.Changed.Count);
        Figure($"faults_{name}_orphans", run.Orphans);
        Figure($"faults_{name}_leftovers", run.Leftovers.Count);
    }

    /// <summary>From the call until the job says so and every process has ended.</summary>
    private async Task CancelAsync()
    {
        var rounds = quick ? 3 : 5;
        var real = Setup("cancel", realHost: true);
        var longRecording = Recordings.Loop(repository, TimeSpan.FromMinutes(10));
        var models = await CancelAsync(real, rounds, _ => longRecording, "Omoai.ActivityHost");
        var deaf = await CancelAsync(Setup("deaf", realHost: false), rounds, Recording.Sleep, "sleep");
        Console.WriteLine($"cancel in Transcribe, median (worst) of {rounds}: {Median(models):F2} ({models.Max():F2}) s with a model at work");
        Console.WriteLine($"       {Median(deaf):F2} ({deaf.Max():F2}) s with a host that doesn't listen and has a child");
        Figure("faults_cancel_seconds", Median(models));
        Figure("faults_cancel_worst_seconds", models.Max());
        Figure("faults_cancel_deaf_host_seconds", Median(deaf));
    }

    private static async Task<List<double>> CancelAsync(ServerSetup setup, int rounds, Func<int, byte[]> recording, string process)
    {
        await using var server = await OmoaiServer.StartAsync(setup);
        var seconds = new List<double>();
        for (var round = 0; round < rounds; round++)
        {
            // Another name and time: another version, so another job.
            var id = await server.PostAsync(recording(round), $"long-{round}.wav");
            await Until.TrueAsync("it is being transcribed", async () =>
                (await server.JobAsync(id)).GetProperty("stage").GetString() == "Transcribe" && Names(setup).Any(process.StartsWith));
            await Task.Delay(500 + (round * 170));
            var began = Stopwatch.GetTimestamp();
            await server.CancelAsync(id);
            await Until.TrueAsync("it is gone", async () =>
                ServerTraces.Processes(setup).Count == 0 && await server.StatusAsync(id) == "cancelled");
            seconds.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return seconds;
    }

    private async Task LoadAsync()
    {
        var jobs = quick ? 50 : 500;
        var setup = Setup("load", realHost: false);
        await using var server = await OmoaiServer.StartAsync(setup);
        var idle = Status(server.Pid, "VmRSS");
        var began = Stopwatch.GetTimestamp();
        var posting = Task.WhenAll(Enumerable.Range(0, jobs).Select(number => server.PostAsync(Recording.Good(number), $"{number}.wav")));
        var most = 0;
        var nextLook = began;
        await Until.TrueAsync("all have ended", async () =>
        {
            most = Math.Max(most, ServerTraces.Processes(setup).Count);
            if (!posting.IsCompleted || Stopwatch.GetTimestamp() < nextLook)
            {
                return false;
            }

            nextLook = Stopwatch.GetTimestamp() + Stopwatch.Frequency;
            var statuses = await server.StatusesAsync();
            return statuses.Count == jobs && statuses.Values.All(OmoaiServer.IsEnd);
        }, TimeSpan.FromMinutes(20));
        await posting;
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var succeeded = (await server.StatusesAsync()).Values.Count(status => status == "succeeded");
        var peak = Status(server.Pid, "VmHWM");
        Console.WriteLine(
            $"load (test host): {jobs} jobs posted at once, {seconds:F0} s; server {idle:F0} MiB when idle, {peak:F0} MiB at its peak; at most {most} hosts");
        Check("load", "every job succeeded", succeeded == jobs, $"{succeeded} did");
        Check("load", "no more hosts than allowed", most <= DefaultMaxActivities, $"{most}");
        Figure("faults_load_jobs", jobs);
        Figure("faults_load_jobs_per_second", jobs / seconds);
        Figure("faults_load_server_peak_mib", peak);
        Figure("faults_load_most_hosts", most);
    }

    private async Task UploadAsync()
    {
        var limit = quick ? 64L << 20 : 1L << 30;
        var setup = Setup("upload", realHost: true, settings: ("Omoai__Pipeline__MaxRecordingBytes", $"{limit}"));
        await using var server = await OmoaiServer.StartAsync(setup);
        // Its first request takes what every later one has.
        await server.CancelAsync(await server.PostAsync(Recordings.Silence(1 << 20), "small.wav"));
        await Until.TrueAsync("it is gone", () => ServerTraces.Processes(setup).Count == 0);
        var before = Status(server.Pid, "VmRSS");
        var most = before;
        var began = Stopwatch.GetTimestamp();
        var upload = Uploads.PostAsync(server, limit, sized: true);
        while (!upload.IsCompleted)
        {
            most = Math.Max(most, Status(server.Pid, "VmRSS"));
            await Task.Delay(20);
        }

        var (status, id) = await upload;
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        if (id is not null)
        {
            await server.CancelAsync(id);
            await server.EndOfAsync(id);
        }

        var kept = Files(setup);
        var (sized, _) = await Uploads.PostAsync(server, limit + 1, sized: true);
        var (unsized, _) = await Uploads.PostAsync(server, limit + 1, sized: false);
        await Until.TrueAsync("the refused are gone", () => Files(setup) == kept, TimeSpan.FromSeconds(10));
        Console.WriteLine($"upload of {limit >> 20} MiB: {seconds:F1} s, {status}; server {before:F0} MiB before, {most:F0} MiB at most while it came");
        Console.WriteLine($"       of one byte more: {sized} with its length said, {unsized} without");
        Check("upload", "it is taken", status == 202, $"{status}");
        Check("upload", "one byte more is refused", sized == 413 && unsized == 413, $"{sized}, {unsized}");
        Figure("faults_upload_mib", limit >> 20);
        Figure("faults_upload_growth_mib", most - before);
    }

    private static int Files(ServerSetup setup) =>
        Directory.EnumerateFiles(Path.Combine(setup.Store, "audio-api"), "*", SearchOption.AllDirectories).Count();

    private static List<string> Names(ServerSetup setup)
    {
        var names = new List<string>();
        foreach (var pid in ServerTraces.Processes(setup))
        {
            try
            {
                names.Add(Path.GetFileName(File.ReadAllText($"/proc/{pid}/cmdline").Split('\0')[0]));
            }
            catch (IOException)
            {
                // Ended.
            }
        }

        return names;
    }

    /// <summary>A line of a process's status, MiB.</summary>
    private static double Status(int pid, string name) =>
        double.Parse(File.ReadLines($"/proc/{pid}/status").First(line => line.StartsWith(name, StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) / 1024;

    private static double Median(IEnumerable<double> values) => values.Order().ElementAt(values.Count() / 2);

    private ServerSetup Setup(string name, bool realHost, string? storage = null, params (string Name, string Value)[] settings)
    {
        var all = settings.ToDictionary(setting => setting.Name, setting => setting.Value);
        // What is left of hosts is counted, and none is to wait for more.
        all.TryAdd("Omoai__Isolation__StandbyHosts", "0");
        if (!realHost)
        {
            all["Omoai__Isolation__HostPath"] = Path.Combine(AppContext.BaseDirectory, "Omoai.EndToEnd.TestHost");
        }

        var program = Path.Combine(repository, "src", "Omoai.Local", "bin", "Release", "net10.0", "omoai");
        return new ServerSetup(program, Path.Combine(_work, name), all, storage);
    }

    private void Figure(string name, double value) => _figures.Add($"figure {name} {Math.Round(value, 2)}");

    private void Check(string part, string what, bool holds, string detail = "")
    {
        _failed |= !holds;
        Console.WriteLine($"  {(holds ? "ok  " : "FAIL")} {part}: {what}{(holds || detail.Length == 0 ? "" : $" ({detail})")}");
    }
}
