using System.Text.Json;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Processes;

/// <summary>The parts of <c>bench/isolation</c>, one after the other, and what they share.</summary>
internal sealed class Bench : IDisposable
{
    private const int HeaderBytes = 44;
    private const int BytesPerSecond = 32000;

    private readonly string _work = Directory.CreateTempSubdirectory("omoai-isolation-").FullName;
    private readonly List<string> _figures = [];
    private bool _failed;

    public Bench(string repository, bool quick)
    {
        (Repository, Quick) = (repository, quick);
        // So that whatever is left there is seen, and goes with the rest.
        Environment.SetEnvironmentVariable("TMPDIR", Folder("tmp"));
        Hosts.LeaseFolder = Folder("lease");
    }

    public string Repository { get; }

    public bool Quick { get; }

    /// <summary>The activity host as it is shipped.</summary>
    public static string ActivityHost { get; } = Path.Combine(AppContext.BaseDirectory, "activity-host", "Omoai.ActivityHost");

    public string BenchHost => Program("bench/Omoai.Processes.Host", "isolation-bench-host");

    public string TestHost => Program("tests/Omoai.Isolation.TestHost", "Omoai.Isolation.TestHost");

    public string SpeechModel => Path.Combine(Repository, "models", "demo-en", "speech");

    /// <summary>2 s of the sample.</summary>
    public string Audio => Cut(seconds: 2);

    /// <summary>Where hosts and this process put what is temporary.</summary>
    public string Temporary => Path.Combine(_work, "tmp");

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
                    "latency" => new Latency(this).RunAsync(),
                    "peers" => new Peers(this).RunAsync(),
                    "thousand" => new Thousand(this).RunAsync(),
                    "faults" => FaultsAsync(),
                    "leases" => new Leases(this).RunAsync(),
                    _ => throw new ArgumentException($"There is no part '{part}'."),
                });
            }
            catch (Exception e) when (e is TimeoutException or InvalidOperationException or IOException)
            {
                Check(part, "it went on", false, e.Message);
            }
        }

        _figures.ForEach(Console.WriteLine);
        return _failed ? 1 : 0;
    }

    /// <summary>A folder for this run alone.</summary>
    public string Folder(string name) => Directory.CreateDirectory(Path.Combine(_work, name)).FullName;

    /// <summary>The transcribe activity on a cut of the sample, in stretches as Prepare makes them at most, one thread.</summary>
    public JsonElement TranscribeInput(string output, int seconds = 2)
    {
        var longest = (int)AudioPart.MaxSpeechSeconds;
        var speech = Enumerable.Range(0, (seconds + longest - 1) / longest)
            .Select(i => new Interval(i * longest, Math.Min((i + 1) * longest, seconds))).ToList();
        return JsonSerializer.SerializeToElement(
            new TranscribeInput(new AudioPart(0, "cut.wav", 0, seconds, speech), Cut(seconds), SpeechModel, output, Threads: 1),
            OmoaiJson.Compact);
    }

    public void Figure(string name, double value) => _figures.Add($"figure {name} {Math.Round(value, 3)}");

    public void Check(string part, string what, bool holds, string detail = "")
    {
        _failed |= !holds;
        Console.WriteLine($"  {(holds ? "ok  " : "FAIL")} {part}: {what}{(holds || detail.Length == 0 ? "" : $" ({detail})")}");
    }

    public static double Median(IReadOnlyCollection<double> values) => At(values, 0.5);

    /// <summary>What that share of the values are at most.</summary>
    public static double At(IReadOnlyCollection<double> values, double share) =>
        values.Count == 0 ? double.NaN : values.Order().ElementAt((int)((values.Count - 1) * share));

    private async Task FaultsAsync()
    {
        using var table = new FaultTable(this);
        await table.RunAsync();
    }

    private string Program(string project, string name) => Path.Combine(Repository, project, "bin", "Release", "net10.0", name);

    /// <summary>So many seconds of the sample, at most 66, as a file.</summary>
    private string Cut(int seconds)
    {
        var path = Path.Combine(_work, $"cut-{seconds}.wav");
        if (File.Exists(path))
        {
            return path;
        }

        // Where somebody speaks.
        const int FirstSecond = 4;
        var sample = File.ReadAllBytes(Path.Combine(Repository, "samples", "standup.wav"));
        var cut = sample.AsSpan(HeaderBytes + (FirstSecond * BytesPerSecond), seconds * BytesPerSecond);
        var header = sample[..HeaderBytes];
        BitConverter.TryWriteBytes(header.AsSpan(4), cut.Length + 36);
        BitConverter.TryWriteBytes(header.AsSpan(40), cut.Length);
        File.WriteAllBytes(path, [.. header, .. cut]);
        return path;
    }
}
