using System.Diagnostics;
using System.Text.Json;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Generation;

/// <summary>
/// Three hours of recognised words become text on the default path: <c>omoai postprocess</c> on made-up English with pauses, in a fresh
/// process, with the demo model's punctuation and an extractive summary.
/// </summary>
internal sealed class LongTranscript(Bench bench)
{
    private const int WordCount = 25_000;
    private const double Duration = 3 * 3600;
    private const double PartSeconds = 600;

    public async Task RunAsync()
    {
        var rounds = bench.Quick ? 2 : 5;
        await WriteWordsAsync();
        var runs = new List<Run>();
        for (var round = 0; round <= rounds; round++)
        {
            var run = await PostProcessAsync();
            // The first round is for what happens once.
            if (round > 0)
            {
                runs.Add(run);
            }
        }

        double Of(Func<Run, double> of) => Bench.Median(runs.Select(of));
        Console.WriteLine($"transcript: omoai postprocess, {WordCount} words of {Duration / 3600:F0} hours, median of {rounds}");
        Console.WriteLine(
            $"  {Of(run => run.Seconds):F2} s, of them {Of(run => run.HostSeconds):F2} in the activity, which took {Of(run => run.HostMb):F0} MiB at its peak; {runs[0].Facts}");
        bench.Figure("transcript_seconds", Of(run => run.Seconds));
        bench.Figure("transcript_activity_seconds", Of(run => run.HostSeconds));
        bench.Figure("transcript_peak_mb", Of(run => run.HostMb));
    }

    /// <summary>What <c>omoai prepare</c> and <c>omoai transcribe</c> would have left.</summary>
    private async Task WriteWordsAsync()
    {
        var words = Words();
        var parts = new List<AudioPart>();
        for (var index = 0; index * PartSeconds < Duration; index++)
        {
            var start = index * PartSeconds;
            Word[] spoken = [.. words.Where(word => word.Start >= start && word.Start < start + PartSeconds)];
            parts.Add(new AudioPart(index, $"part-{index:D4}.wav", start, PartSeconds, [new Interval(spoken[0].Start, spoken[^1].End)]));
            await WriteAsync($"words-{index:D4}.json", new RecognizedPart(index, spoken, Language: "en"));
        }

        await WriteAsync("plan.json", new PrepareOutput(Duration, 16_000, 1, "pcm_s16le", parts, []));
    }

    private async Task WriteAsync<T>(string name, T value)
    {
        await using var stream = File.Create(Path.Combine(bench.Work, name));
        await JsonSerializer.SerializeAsync(stream, value, OmoaiJson.Compact);
    }

    /// <summary>Sentences of 4 to 24 words with a pause after each, and a long one after every few.</summary>
    private static List<Word> Words()
    {
        var random = new Random(2);
        var vocabulary = new Vocabulary(random, 3000);
        var words = new List<Word>();
        var (time, left) = (0.0, 0);
        while (words.Count < WordCount)
        {
            if (left-- == 0)
            {
                left = random.Next(3, 24);
                time += words.Count == 0 ? 0 : random.Next(8) == 0 ? 2 : 0.4 + (0.6 * random.NextDouble());
            }

            var text = vocabulary.Next(random);
            var length = 0.1 + (0.05 * text.Length);
            words.Add(new Word(text, time, time + length, 0.7 + (0.3 * random.NextDouble())));
            time += length + (0.05 * random.NextDouble());
        }

        // As fast as fills the time.
        var scale = (Duration - 1) / time;
        return [.. words.Select(word => word with { Start = word.Start * scale, End = word.End * scale })];
    }

    private async Task<Run> PostProcessAsync()
    {
        var start = new ProcessStartInfo(Path.Combine(bench.Repository, "omoai"), ["postprocess", bench.Work]) { RedirectStandardOutput = true };
        start.Environment["TMPDIR"] = bench.Work;
        var began = Stopwatch.GetTimestamp();
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"omoai postprocess ended with {process.ExitCode}.");
        }

        using var answer = JsonDocument.Parse(output);
        var (facts, evidence) = (answer.RootElement.GetProperty("output"), answer.RootElement.GetProperty("evidence"));
        var words = facts.GetProperty("wordCount").GetInt32();
        return words == WordCount
            ? new Run(
                seconds, evidence.GetProperty("readyToDoneMs").GetDouble() / 1000, evidence.GetProperty("peakMemoryBytes").GetDouble() / (1 << 20),
                $"{words} words in {facts.GetProperty("segmentCount")} segments and {facts.GetProperty("paragraphCount")} paragraphs")
            : throw new InvalidOperationException($"Of {WordCount} words {words} are left.");
    }

    private sealed record Run(double Seconds, double HostSeconds, double HostMb, string Facts);
}
