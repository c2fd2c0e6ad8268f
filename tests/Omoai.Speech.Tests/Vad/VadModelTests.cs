using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Speech.Tests.Audio;
using Omoai.Speech.Vad;
using Omoai.Tests;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Tests.Vad;

/// <summary>Voice-activity models of few nodes, whose results can be worked out.</summary>
public sealed class VadModelTests
{
    private static readonly VadSettings NoContext = new("") { ContextSamples = 0 };

    [Theory]
    [InlineData(64, 1)]
    [InlineData(64, 7)]
    [InlineData(0, 512)]
    [InlineData(64, 100_000)]
    public void Each_frame_is_run_with_what_came_before_it_and_the_states_of_the_last_run(int context, int block)
    {
        float[] audio = TestAudio.Noise(3, 0.9);
        var expected = new List<double>();
        var (h, c) = (0.0, 0.0);
        float[] padded = [.. new float[context], .. audio];
        for (int at = 0; at + context + 512 <= padded.Length; at += 512)
        {
            double mean = padded.Skip(at).Take(context + 512).Average(sample => (double)sample);
            expected.Add(1 / (1 + Math.Exp(-(16 * mean + h + c))));
            (h, c) = (h / 2 + 16 * mean, c + 16 * mean);
        }

        var settings = new VadSettings("") { ContextSamples = context };
        using var folder = new VadFolder(Remembering(context + 512), settings);
        using VadModel model = VadModel.Load(folder.Path);
        // A stream beside this one has states of its own.
        using IFrameClassifier other = model.CreateClassifier();
        using IFrameClassifier classifier = model.CreateClassifier();
        var frames = new List<FrameActivity>();
        for (int at = 0; at < audio.Length; at += block)
        {
            classifier.Process(audio.AsSpan(at, Math.Min(block, audio.Length - at)), frames);
            other.Process(audio.AsSpan(0, 99), []);
        }
        classifier.Finish(frames);

        Assert.Equal(93, frames.Count);
        Assert.All(frames.Zip(expected), pair => Assert.Equal(pair.Second, pair.First.Strength, 1e-5));
        Assert.True(expected.Max() > 0.6 && expected.Min() < 0.4);
    }

    [Fact]
    public void Speech_begins_at_one_probability_and_stays_down_to_a_lower_one()
    {
        double[] probabilities = [0.4, 0.49, 0.51, 0.36, 0.4, 0.34, 0.36, 0.49, 0.51];

        using var folder = new VadFolder(Mean(512), NoContext);
        using VadModel model = VadModel.Load(folder.Path);
        using IFrameClassifier classifier = model.CreateClassifier();
        var frames = new List<FrameActivity>();
        classifier.Process([.. probabilities.SelectMany(p => Enumerable.Repeat((float)p, 512))], frames);

        Assert.Equal([false, false, true, true, true, false, false, false, true], frames.Select(frame => frame.IsSpeech));
    }

    [Fact]
    public void Windows_are_made_as_of_energy()
    {
        // 32 ms a frame: speech of 1 s, a pause that is bridged, 1 s, a pause that is not, a click, and 45 s.
        float[] audio =
        [
            .. Level(0, 62), .. Level(0.9, 31), .. Level(0.1, 8), .. Level(0.9, 31), .. Level(0.1, 40), .. Level(0.9, 3),
            .. Level(0.1, 30), .. Level(0.9, 400), .. Level(0.5, 5), .. Level(0.9, 1000), .. Level(0, 100),
        ];

        using var folder = new VadFolder(Mean(512), NoContext);
        using VadModel model = VadModel.Load(folder.Path);
        var windows = Detection.Windows(model.CreateClassifier(), audio);

        // The first 20 s are split in the five weaker frames, 400 after their start: in the middle of the first three.
        Assert.Equal((54 * 512, 140 * 512), (windows[0].Start, windows[0].End));
        Assert.Equal(197 * 512, windows[1].Start);
        Assert.Equal((205 + 401) * 512, windows[1].End);
        Assert.Equal(windows[1].End, windows[2].Start);
        Assert.Equal((205 + 1405 + 8) * 512, windows[^1].End);
        Assert.All(windows, window => Assert.InRange(window.End - window.Start, 16_000, 20 * 16_000));

        static IEnumerable<float> Level(double level, int frames) => Enumerable.Repeat((float)level, frames * 512);
    }

    [Fact]
    public void Settings_that_make_no_sense_are_refused()
    {
        VadSettings[] wrong =
        [
            NoContext with { FrameSamples = 0 }, NoContext with { FrameSamples = -512 }, NoContext with { FrameSamples = int.MaxValue },
            NoContext with { ContextSamples = -1 }, NoContext with { ContextSamples = int.MaxValue },
            NoContext with { StartProbability = 0 }, NoContext with { StartProbability = 1 }, NoContext with { StartProbability = 1e300 },
            NoContext with { StayProbability = 0 }, NoContext with { StayProbability = 0.6 },
        ];
        Assert.All(wrong, settings => AssertRefused(Mean(512), settings, "in its model.json"));
        AssertRefused(Mean(512), NoContext, "sampleRate", sampleRate: 8000);
        AssertRefused(Mean(512), NoContext with { FrameSamples = 256 }, "no 'input' of float32 [1, 256]");
    }

    [Fact]
    public void Graphs_that_are_something_else_are_refused()
    {
        Refuse(Graph().Input("samples", TensorElementType.Float, 1, 512).Node("ReduceMean", ["samples"], ["output"]), "no 'input'");
        Refuse(Graph().Input("input", TensorElementType.Float, 1, 1, 512).Node("ReduceMean", ["input"], ["output"]), "no 'input'");
        Refuse(Audio("p").Output("p", TensorElementType.Float, 1, 1), "'output'");
        Refuse(Audio("output", "Identity").Output("output", TensorElementType.Float, 1, "many"), "'output'");
        Refuse(Audio("output").Output("output", TensorElementType.Float, 1, 1)
            .Input("sr", TensorElementType.Float, 1).Node("Identity", ["sr"], ["unused"]), "'sr'");
        Refuse(Audio("output").Output("output", TensorElementType.Float, 1, 1)
            .Input("state", TensorElementType.Float, 1, 1), "states");
        Refuse(State(1 << 16, 1 << 16), "states");
        Refuse(State("a", int.MaxValue), "states");
        // The next state has another shape than the state.
        Refuse(
            Audio("output").Output("output", TensorElementType.Float, 1, 1).Input("state", TensorElementType.Float, 1, 4)
                .Output("stateN", TensorElementType.Float, "a", "b").Node("ReduceMean", ["state"], ["stateN"]),
            "'stateN'");
        AssertRefused("not a graph"u8.ToArray(), NoContext, "can't be loaded");

        static OnnxGraph Graph() => new OnnxGraph().Output("output", TensorElementType.Float, 1, 1);

        static OnnxGraph Audio(string output, string operation = "ReduceMean") =>
            new OnnxGraph().Input("input", TensorElementType.Float, 1, 512).Node(operation, ["input"], [output]);

        static OnnxGraph State(params object[] shape) =>
            Audio("output").Output("output", TensorElementType.Float, 1, 1).Input("state", TensorElementType.Float, shape)
                .Output("stateN", TensorElementType.Float, shape).Node("Identity", ["state"], ["stateN"]);

        void Refuse(OnnxGraph graph, string why) => AssertRefused(graph.ToModel(), NoContext, why);
    }

    [Theory]
    [InlineData(1.5f)]
    [InlineData(-0.5f)]
    public void What_is_no_probability_is_no_result(float level)
    {
        using var folder = new VadFolder(Mean(512), NoContext);
        using VadModel model = VadModel.Load(folder.Path);
        using IFrameClassifier classifier = model.CreateClassifier();

        var error = Assert.Throws<MissingRequirementException>(
            () => classifier.Process([.. Enumerable.Repeat(level, 512)], []));

        Assert.Contains("no probability", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_kind_of_model_and_a_damaged_one_are_refused()
    {
        using var tones = new ToneModel();
        Assert.Contains("not a vad model", Refusal(tones.Folder), StringComparison.Ordinal);

        using var folder = new VadFolder(Mean(512), NoContext);
        string graph = Directory.GetFiles(folder.Path, "*.onnx")[0];
        byte[] content = File.ReadAllBytes(graph);
        content[^1] ^= 1;
        File.WriteAllBytes(graph, content);
        Assert.Contains("damaged", Refusal(folder.Path), StringComparison.Ordinal);

        Assert.Contains("There is no vad model", Refusal(Path.Combine(folder.Path, "none")), StringComparison.Ordinal);
    }

    /// <summary>A frame's probability is the mean of its samples.</summary>
    internal static byte[] Mean(int samples) => new OnnxGraph()
        .Input("input", TensorElementType.Float, "batch", samples)
        .Output("output", TensorElementType.Float, "batch", 1)
        .Node("ReduceMean", ["input"], ["output"])
        .ToModel();

    /// <summary>A graph with a sampling rate and two states of the shapes of silero's.</summary>
    private static byte[] Remembering(int samples) => new OnnxGraph()
        .Input("input", TensorElementType.Float, "batch", samples)
        .Input("sr", TensorElementType.Int64)
        .Input("h", TensorElementType.Float, 2, "batch", 64)
        .Input("c", TensorElementType.Float, 2, "batch", 64)
        .Output("output", TensorElementType.Float, "batch", 1)
        .Output("hn", TensorElementType.Float, 2, "batch", 64)
        .Output("cn", TensorElementType.Float, 2, "batch", 64)
        .Constant("gain", new float[,] { { 0.001f } })
        .Constant("half", [0.5f])
        .Constant("axes", 0)
        .Node("Cast", ["sr"], ["rate"], ("to", 1))
        .Node("ReduceMean", ["input"], ["average"])
        .Node("Mul", ["rate", "gain"], ["scale"])
        .Node("Mul", ["average", "scale"], ["mean"])
        .Node("ReduceMean", ["h"], ["hCube"])
        .Node("Squeeze", ["hCube", "axes"], ["hMean"])
        .Node("ReduceMean", ["c"], ["cCube"])
        .Node("Squeeze", ["cCube", "axes"], ["cMean"])
        .Node("Add", ["mean", "hMean"], ["some"])
        .Node("Add", ["some", "cMean"], ["sum"])
        .Node("Sigmoid", ["sum"], ["output"])
        .Node("Mul", ["h", "half"], ["halved"])
        .Node("Add", ["halved", "mean"], ["hn"])
        .Node("Add", ["c", "mean"], ["cn"])
        .ToModel();

    private static void AssertRefused(byte[] graph, VadSettings settings, string why, int sampleRate = 16_000)
    {
        using var folder = new VadFolder(graph, settings, sampleRate);
        string message = Refusal(folder.Path);
        Assert.True(message.Contains(why, StringComparison.Ordinal), message);
    }

    private static string Refusal(string folder) =>
        Assert.Throws<MissingRequirementException>(() => VadModel.Load(folder).Dispose()).Message;
}
