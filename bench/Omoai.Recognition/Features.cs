using System.Diagnostics;
using System.Text.Json;
using Omoai.Speech.Features;
using Omoai.Speech.Whisper;
using Omoai.Transcripts.Models;

namespace Omoai.Recognition;

/// <summary>Features alone, of the same made-up audio in stretches of 30 s, in turn: ours and kaldi-native-fbank in sherpa-onnx; and
/// @huggingface/transformers where TRANSFORMERS names its folder, for it is too heavy to be installed for this.</summary>
internal sealed class Features(Bench bench)
{
    private const int StretchSamples = 30 * 16_000;
    private const int ComparedFrame = 1500;

    private static readonly FeatureSettings Kaldi = new()
    {
        Type = "log-mel",
        SampleScale = 32768,
        RemoveDcOffset = true,
        PreEmphasis = 0.97,
        Window = "povey",
        WindowLength = 400,
        HopLength = 160,
        FftLength = 512,
        Edges = "kaldi",
        Bins = 80,
        HighHz = 7600,
        LogFloor = 1.1920929e-7,
        ClampToFloor = true,
    };

    public async Task RunAsync()
    {
        Console.WriteLine("features: microseconds for each second of audio, one thread, median of the rounds in turn");
        await CompareAsync("kaldi", Kaldi, Path.Combine(bench.Repository, "bench/peers/node_modules/sherpa-onnx-node"), bench.Quick ? 2 : 10);
        if (Environment.GetEnvironmentVariable("TRANSFORMERS") is { Length: > 0 } package)
        {
            await CompareAsync("whisper", WhisperModel.Features(80), package, minutes: 1);
        }
    }

    private async Task CompareAsync(string kind, FeatureSettings settings, string package, int minutes)
    {
        var rounds = bench.Quick ? 5 : 21;
        await using var peer = await Peer.TryStartAsync(bench, "features.js", kind, package, $"{minutes}");
        var extractor = FeatureExtractors.Create(settings, 16_000, name => throw new FileNotFoundException(name));
        var samples = Audio(StretchSamples);
        var (ours, theirs) = (new List<double>(), new List<double>());
        for (var round = 0; round <= rounds; round++)
        {
            var began = Stopwatch.GetTimestamp();
            float[] values = [];
            for (var i = 0; i < 2 * minutes; i++)
            {
                values = extractor.Compute(samples);
            }

            var time = Stopwatch.GetElapsedTime(began).TotalSeconds;
            if (peer is null)
            {
                ours.Add(time);
                continue;
            }

            var (seconds, answer) = await peer.RunAsync();
            var frame = JsonSerializer.Deserialize<float[]>(answer.GetProperty("text").GetString()!)!;
            if (frame.Zip(values.AsSpan(ComparedFrame * extractor.Width, extractor.Width).ToArray()).Max(pair => Math.Abs(pair.First - pair.Second)) > 1e-3)
            {
                throw new InvalidOperationException($"The {kind} features aren't the peer's.");
            }

            if (round > 0)
            {
                ours.Add(time);
                theirs.Add(seconds);
            }
        }

        double Microseconds(List<double> times) => Bench.Median(times) / (60 * minutes) * 1e6;
        Console.WriteLine($"  {kind}: ours {Microseconds(ours):F0}" + (peer is null ? "" : $", the peer {Microseconds(theirs):F0}; the same values to 0.001"));
        bench.Figure($"features_{kind}_us", Microseconds(ours));
        if (peer is not null)
        {
            bench.Figure($"features_{kind}_speed_over_peer", Bench.Median(theirs) / Bench.Median(ours));
        }
    }

    /// <summary>Noise of a linear congruential generator on a triangle wave, in whole numbers, as in features.js.</summary>
    private static float[] Audio(int count)
    {
        var samples = new float[count];
        var state = 7u;
        for (var i = 0; i < count; i++)
        {
            state = unchecked((state * 1664525) + 1013904223);
            var triangle = Math.Abs(((int)((long)i * 440 % 16000)) - 8000) - 4000;
            samples[i] = (triangle + (((int)(state >> 16) - 32768) >> 5)) / 32768f;
        }

        return samples;
    }
}
