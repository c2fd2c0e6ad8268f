using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Shared;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Vad;

/// <summary>
/// A voice-activity model, loaded, for any number of streams; see <see cref="VadSettings"/> for what it computes. It runs on
/// the processor, on one thread: a frame is too little work for more. Its folder is checked against its manifest before
/// anything in it is used. Not for several threads at once.
/// </summary>
public sealed class VadModel : IDisposable
{
    private const string Input = "input";
    private const string SampleRateInput = "sr";
    private const string Output = "output";
    private const int MaxStates = 8;
    private const int MaxStateValues = 1 << 20;

    private readonly ModelSession session;
    private readonly string[] inputNames;
    private readonly string[] outputNames;
    private readonly long[][] stateShapes;
    private readonly long[]? sampleRateShape;
    private readonly long[] outputShape;

    private VadModel(ModelManifest manifest, VadSettings settings, ModelSession session, Graph graph)
    {
        (Manifest, Settings, this.session) = (manifest, settings, session);
        (stateShapes, sampleRateShape, outputShape) = (graph.StateShapes, graph.SampleRateShape, graph.OutputShape);
        inputNames = [Input, .. graph.States, .. sampleRateShape is null ? [] : (string[])[SampleRateInput]];
        outputNames = [Output, .. graph.NextStates];
    }

    public ModelManifest Manifest { get; }

    internal VadSettings Settings { get; }

    /// <summary>Loads a model.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <exception cref="MissingRequirementException">There is no whole, undamaged model of kind <c>vad</c> that this version
    /// can run, or no library to run it.</exception>
    /// <exception cref="OutOfMemoryException">There is not enough memory for it, now.</exception>
    public static VadModel Load(string folder)
    {
        var manifest = ModelSession.ReadManifest(folder, ModelKinds.Vad);
        VadSettings settings = Checked(manifest);
        Graph graph = default;
        var session = ModelSession.Load(
            folder, manifest, settings.Model, threads: 1, cuda: null,
            loaded => graph = new Graph(manifest, settings, loaded));
        var model = new VadModel(manifest, settings, session, graph);
        try
        {
            model.CheckRun();
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>A classifier for one stream, which is to be disposed of before the model.</summary>
    public IFrameClassifier CreateClassifier() => new ModelVad(this);

    public void Dispose() => session.Dispose();

    /// <summary>Values for one stream: the audio, states at their start, twice as they take turns, and what comes
    /// out.</summary>
    internal Values CreateValues() => new(this);

    private static VadSettings Checked(ModelManifest manifest)
    {
        VadSettings settings = manifest.Vad ?? throw ModelSession.Unusable(manifest, "its model.json has no 'vad'");
        string? wrong = settings switch
        {
            _ when manifest.SampleRate != VoiceActivityDetector.SampleRate => "sampleRate is not 16000",
            { FrameSamples: < 160 or > 16_000 } => "frameSamples is not 160 to 16000",
            _ when settings.ContextSamples < 0 || settings.ContextSamples > settings.FrameSamples =>
                "contextSamples is not 0 to frameSamples",
            { StartProbability: not (> 0 and < 1) } => "startProbability is not between 0 and 1",
            _ when !(settings.StayProbability > 0 && settings.StayProbability <= settings.StartProbability) =>
                "stayProbability is not above 0 and at most startProbability",
            _ => null,
        };
        return wrong is null ? settings : throw ModelSession.Unusable(manifest, $"in its model.json {wrong}");
    }

    /// <summary>Runs a frame of silence, so that a graph that can't run is found out before the audio is read.</summary>
    private void CheckRun()
    {
        using Values values = CreateValues();
        try
        {
            session.Run(inputNames, values.Inputs(0), outputNames, outputs =>
            {
                for (int i = 0; i < outputs.Count; i++)
                {
                    long[] expected = i == 0 ? outputShape : stateShapes[i - 1];
                    OrtTensorTypeAndShapeInfo actual = outputs[i].GetTensorTypeAndShape();
                    if (actual.ElementDataType != TensorElementType.Float || !actual.Shape.SequenceEqual(expected))
                    {
                        throw ModelSession.Unusable(Manifest, $"its graph's '{outputNames[i]}' has not the shape that it should");
                    }
                }
                return true;
            });
        }
        catch (OnnxRuntimeException e)
        {
            throw ModelSession.Unusable(Manifest, $"its graph can't be run ({e.Message})", e);
        }
    }

    /// <summary>What the graph takes and gives.</summary>
    private readonly struct Graph
    {
        public Graph(ModelManifest manifest, VadSettings settings, InferenceSession session)
        {
            int samples = settings.ContextSamples + settings.FrameSamples;
            var inputs = session.InputMetadata;
            var outputs = session.OutputMetadata;
            if (!inputs.TryGetValue(Input, out var input) || input.ElementDataType != TensorElementType.Float
                || input.Dimensions is not [var batch, var width] || batch is not (< 0 or 1) || (width >= 0 && width != samples))
            {
                throw ModelSession.Unusable(manifest, $"its graph has no '{Input}' of float32 [1, {samples}]");
            }

            if (inputs.TryGetValue(SampleRateInput, out var rate))
            {
                SampleRateShape = Shape(rate.Dimensions);
                if (rate.ElementDataType != TensorElementType.Int64 || Count(SampleRateShape) != 1)
                {
                    throw ModelSession.Unusable(manifest, $"its graph's '{SampleRateInput}' isn't one int64");
                }
            }

            if (!outputs.TryGetValue(Output, out var output) || output.ElementDataType != TensorElementType.Float
                || Count(OutputShape = Shape(output.Dimensions)) != 1)
            {
                throw ModelSession.Unusable(manifest, $"its graph's '{Output}' isn't one float32");
            }

            States = [.. session.InputNames.Where(name => name is not (Input or SampleRateInput))];
            NextStates = [.. session.OutputNames.Where(name => name != Output)];
            StateShapes = [.. States.Select(name => Shape(inputs[name].Dimensions))];
            if (States.Length > MaxStates || States.Length != NextStates.Length
                || States.Any(name => inputs[name].ElementDataType != TensorElementType.Float)
                || StateShapes.Any(shape => Count(shape) > MaxStateValues))
            {
                throw ModelSession.Unusable(
                    manifest, "its graph's states aren't float32 tensors of bounded size, each with a next one among the outputs");
            }
        }

        public string[] States { get; }

        public string[] NextStates { get; }

        public long[][] StateShapes { get; }

        public long[]? SampleRateShape { get; } = null;

        public long[] OutputShape { get; } = [];

        /// <summary>A dimension that is left open is the batch.</summary>
        private static long[] Shape(int[] dimensions) => [.. dimensions.Select(dimension => dimension < 0 ? 1L : dimension)];

        private static double Count(long[] shape) => shape.Aggregate(1.0, (product, dimension) => product * dimension);
    }

    /// <summary>The values that the graph is run on for one stream, over and over: nothing is made anew for a
    /// frame.</summary>
    internal sealed class Values : IDisposable
    {
        private readonly VadModel model;
        private readonly List<OrtValue> all = [];
        private readonly OrtValue[][] inputs;
        private readonly OrtValue[][] outputs;
        private readonly float[] probability = [0];
        private int turn;

        public Values(VadModel model)
        {
            this.model = model;
            Samples = new float[model.Settings.ContextSamples + model.Settings.FrameSamples];
            OrtValue audio = Create(Samples, [1, Samples.Length]);
            OrtValue[] rate = model.sampleRateShape is { } shape ? [Create([(long)VoiceActivityDetector.SampleRate], shape)] : [];
            OrtValue output = Create(probability, model.outputShape);
            OrtValue[][] states = [States(), States()];
            inputs = [[audio, .. states[0], .. rate], [audio, .. states[1], .. rate]];
            outputs = [[output, .. states[1]], [output, .. states[0]]];

            OrtValue[] States() =>
                [.. model.stateShapes.Select(shape => Create(new float[shape.Aggregate(1L, (a, b) => a * b)], shape))];
        }

        /// <summary>The audio: the context, then the frame.</summary>
        public float[] Samples { get; }

        public OrtValue[] Inputs(int turn) => inputs[turn];

        /// <summary>Runs the graph on <see cref="Samples"/> and the states that the last run left.</summary>
        public double Run()
        {
            model.session.Run(model.inputNames, inputs[turn], model.outputNames, outputs[turn]);
            turn = 1 - turn;
            return probability[0] is >= 0 and <= 1 and var value
                ? value
                : throw ModelSession.Unusable(model.Manifest, $"its graph gave {probability[0]}, which is no probability");
        }

        public void Dispose() => all.ForEach(value => value.Dispose());

        private OrtValue Create<T>(T[] memory, long[] shape)
            where T : unmanaged
        {
            var value = OrtValue.CreateTensorValueFromMemory(memory, shape);
            all.Add(value);
            return value;
        }
    }
}
