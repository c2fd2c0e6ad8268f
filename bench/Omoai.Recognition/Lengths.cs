using System.Buffers.Binary;
using System.Diagnostics;
using System.Text.Json;

namespace Omoai.Recognition;

/// <summary>
/// Whole jobs (<c>omoai process</c>) on the sample, looped to a minute, ten, an hour and three: real-time factor and the peak memory of
/// every process. Rounds alternate between the lengths; the table shows medians.
/// </summary>
internal sealed class Lengths(Bench bench)
{
    private const int BytesPerSecond = 32_000;
    private const int HeaderBytes = 44;

    public async Task RunAsync()
    {
        int[] minutes = bench.Quick ? [1, 10, 30] : [1, 10, 60, 180];
        var rounds = bench.Quick ? 1 : 3;
        var runs = minutes.ToDictionary(length => length, _ => new List<Run>());
        foreach (var length in minutes)
        {
            Loop(length);
        }

        for (var round = 0; round < rounds; round++)
        {
            foreach (var length in minutes)
            {
                runs[length].Add(await ProcessAsync(length));
            }
        }

        Console.WriteLine($"lengths: omoai process, {Environment.ProcessorCount} cores, median of {rounds}; peak memory in MiB; seconds in the activities");
        Console.WriteLine($"  {"minutes",8}{"seconds",10}{"RTF",9}{"prepare",10}{"transcribe",12}{"post-proc.",12}   {"parent",8}{"prepare",9}{"transcribe",12}{"post-proc.",12}");
        foreach (var length in minutes)
        {
            double Of(Func<Run, double> of) => Bench.Median(runs[length].Select(of));
            Console.WriteLine($"  {length,8}{Of(run => run.Seconds),10:F2}{Of(run => run.Seconds) / (60 * length),9:F5}"
                + $"{Of(run => run.Of("prepare").Seconds),10:F2}{Of(run => run.Of("transcribe").Seconds),12:F2}{Of(run => run.Of("post-process").Seconds),12:F2}"
                + $"   {Of(run => run.ParentMb),8:F0}{Of(run => run.Of("prepare").PeakMb),9:F0}{Of(run => run.Of("transcribe").PeakMb),12:F0}{Of(run => run.Of("post-process").PeakMb),12:F0}");
            bench.Figure($"speech_rtf_{length}_min", Of(run => run.Seconds) / (60 * length));
        }

        double Rtf(int length) => Bench.Median(runs[length].Select(run => run.Seconds)) / (60 * length);
        var longer = minutes.Where(length => length >= 10).ToList();
        bench.Figure("speech_rtf_longest_over_10_min", Rtf(minutes[^1]) / Rtf(10));
        bench.Figure("speech_rtf_spread_from_10_min", longer.Max(Rtf) / longer.Min(Rtf));
        foreach (var activity in new[] { "prepare", "transcribe", "post-process" })
        {
            double Peak(int length) => Bench.Median(runs[length].Select(run => run.Of(activity).PeakMb));
            bench.Figure($"speech_memory_{activity.Replace('-', '_')}_longest_over_10_min", Peak(minutes[^1]) / Peak(10));
        }
    }

    private string Audio(int minutes) => Path.Combine(bench.Work, $"{minutes}.wav");

    /// <summary>The sample's samples over and over, behind a header of their length.</summary>
    private void Loop(int minutes)
    {
        var sample = File.ReadAllBytes(bench.Sample);
        var length = minutes * 60 * BytesPerSecond;
        BinaryPrimitives.WriteUInt32LittleEndian(sample.AsSpan(4), (uint)(HeaderBytes - 8 + length));
        BinaryPrimitives.WriteUInt32LittleEndian(sample.AsSpan(HeaderBytes - 4), (uint)length);
        using var file = File.Create(Audio(minutes));
        file.Write(sample.AsSpan(0, HeaderBytes));
        for (var left = length; left > 0; left -= sample.Length - HeaderBytes)
        {
            file.Write(sample.AsSpan(HeaderBytes, Math.Min(left, sample.Length - HeaderBytes)));
        }
    }

    private async Task<Run> ProcessAsync(int minutes)
    {
        var output = Path.Combine(bench.Work, $"out-{minutes}");
        var began = Stopwatch.GetTimestamp();
        using (var process = Process.Start(
            new ProcessStartInfo(Path.Combine(bench.Repository, "omoai"), ["process", Audio(minutes), "-o", output, "--quiet"])
            {
                Environment = { ["TMPDIR"] = bench.Work },
            })!)
        {
            await process.WaitForExitAsync();
            if (process.ExitCode != 0)
            {
                throw new InvalidOperationException($"omoai process ended with {process.ExitCode}.");
            }
        }

        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        using var run = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(output, "run.json")));
        var activities = run.RootElement.GetProperty("activities").EnumerateArray().Select(activity => activity.GetProperty("host"))
            .GroupBy(host => host.GetProperty("activity").GetString()!)
            .ToDictionary(hosts => hosts.Key, hosts => (
                hosts.Max(host => host.GetProperty("peakMemoryBytes").GetDouble() / (1 << 20)),
                hosts.Sum(host => host.GetProperty("readyToDoneMs").GetDouble() / 1000)));
        return new Run(seconds, run.RootElement.GetProperty("parentPeakMemoryBytes").GetDouble() / (1 << 20), activities);
    }

    private sealed record Run(double Seconds, double ParentMb, Dictionary<string, (double PeakMb, double Seconds)> Activities)
    {
        public (double PeakMb, double Seconds) Of(string activity) => Activities[activity];
    }
}
