using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using Omoai.Speech;
using Omoai.Speech.Features;
using Omoai.Transcripts.Models;

namespace Omoai.Recognition;

/// <summary>
/// The same graph, the same stretches of speech, one thread: our recogniser, sherpa-onnx and a plain script for onnxruntime-node, in
/// turn. Ours gives word times and confidence too. Loading isn't timed.
/// </summary>
internal sealed class Peers(Bench bench)
{
    public async Task RunAsync()
    {
        var rounds = bench.Quick ? 5 : 21;
        var stretches = await Stretches.ReadAsync(bench, bench.Quick ? 120 : 600);
        var seconds = Stretches.Seconds(stretches);
        var file = Stretches.Write(bench, stretches);
        Console.WriteLine($"peers: {stretches.Count} stretches, {seconds:F0} s of speech, one thread, {rounds} rounds in turn; seconds: median (least), hours of audio in a second");

        using var greedy = SpeechModels.Load(bench.GreedyModel(), threads: 1);
        using var beam = SpeechModels.Load(bench.Model, threads: 1);
        List<(string Name, string Figure, Func<Task<double>> RunAsync, List<double> Times)> ways =
        [
            ("ours, greedy", "ours", () => Timed(() => Recognize(greedy, stretches)), []),
            ("ours, beam of 32, words, n-grams", "ours_beam", () => Timed(() => Recognize(beam, stretches)), []),
        ];
        await using var sherpa = await Peer.TryStartAsync(bench, "sherpa.js", bench.Model, bench.Work, file);
        await using var node = await Peer.TryStartAsync(
            bench, "onnxruntime.js", Path.Combine(bench.Repository, "eng/partial-feed/node_modules/onnxruntime-node"), bench.Model, file);
        foreach (var (name, figure, peer) in new[] { ("sherpa-onnx, greedy", "sherpa", sherpa), ("onnxruntime-node, greedy", "onnxruntime_node", node) })
        {
            if (peer is not null)
            {
                ways.Add((name, figure, async () => (await peer.RunAsync()).Seconds, []));
            }
        }

        // The first round is for what happens once.
        for (var round = 0; round <= rounds; round++)
        {
            for (var turn = 0; turn < ways.Count; turn++)
            {
                var way = ways[(round + turn) % ways.Count];
                var time = await way.RunAsync();
                if (round > 0)
                {
                    way.Times.Add(time);
                }
            }
        }

        var ours = Bench.Median(ways[0].Times);
        foreach (var way in ways)
        {
            var median = Bench.Median(way.Times);
            Console.WriteLine($"  {way.Name,-36} {median,8:F3} ({way.Times.Min():F3})  {seconds / 3600 / median,7:F3}  {median / ours,6:F2} of ours");
            bench.Figure($"speech_rtf_{way.Figure}", median / seconds);
        }

        if (ways.Count > 2)
        {
            // Of the fastest peer.
            bench.Figure("speed_over_peer", ways.Skip(2).Min(way => Bench.Median(way.Times)) / ours);
        }

        Breakdown(stretches, seconds, rounds);
    }

    private static void Recognize(ISpeechModel model, IReadOnlyList<float[]> stretches)
    {
        foreach (var batch in stretches.Chunk(model.BatchSize))
        {
            model.Recognize(batch, new RecognitionRequest(), default);
        }
    }

    private static Task<double> Timed(Action work)
    {
        var began = Stopwatch.GetTimestamp();
        work();
        return Task.FromResult(Stopwatch.GetElapsedTime(began).TotalSeconds);
    }

    /// <summary>Where the time goes: features and inference by themselves; decoding is what is left of the whole.</summary>
    private void Breakdown(List<float[]> stretches, double seconds, int rounds)
    {
        using var stream = File.OpenRead(Path.Combine(bench.Model, ModelManifest.FileName));
        var manifest = ModelManifest.Read(stream);
        var extractor = FeatureExtractors.Create(manifest.Features!, manifest.SampleRate, name => File.OpenRead(Path.Combine(bench.Model, name)));
        using var options = new SessionOptions { IntraOpNumThreads = 1, InterOpNumThreads = 1 };
        using var session = new InferenceSession(Path.Combine(bench.Model, manifest.Ctc!.Model), options);
        using var run = new RunOptions();
        using var greedy = SpeechModels.Load(bench.GreedyModel(), threads: 1);
        using var beam = SpeechModels.Load(bench.Model, threads: 1);
        var times = new Dictionary<string, List<double>>();
        for (var round = 0; round <= rounds; round++)
        {
            var features = new List<float[]>();
            Keep("features", () => features.AddRange(stretches.Select(samples => extractor.Compute(samples))));
            Keep("inference", () =>
            {
                foreach (var values in features)
                {
                    using var input = OrtValue.CreateTensorValueFromMemory(values, [1, values.Length / extractor.Width, extractor.Width]);
                    using var outputs = session.Run(run, [manifest.Ctc.Input], [input], [manifest.Ctc.Output]);
                }
            });
            Keep("greedy", () => Recognize(greedy, stretches));
            Keep("beam", () => Recognize(beam, stretches));

            void Keep(string what, Action work)
            {
                var time = Timed(work).Result;
                if (round > 0)
                {
                    (times.TryGetValue(what, out var list) ? list : times[what] = []).Add(time);
                }
            }
        }

        double Of(string what) => Bench.Median(times[what]) / seconds * 1e6;
        var rest = Of("features") + Of("inference");
        Console.WriteLine($"  where it goes, microseconds for each second of speech: features {Of("features"):F0}, inference {Of("inference"):F0}, "
            + $"greedy decoding with word times {Of("greedy") - rest:F0}, or beam search with word times {Of("beam") - rest:F0}");
        bench.Figure("speech_features_us", Of("features"));
        bench.Figure("speech_inference_us", Of("inference"));
        bench.Figure("speech_beam_us", Of("beam") - rest);
    }
}
