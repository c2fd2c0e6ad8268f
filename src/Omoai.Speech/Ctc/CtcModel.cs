using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Shared;
using Omoai.Speech.Features;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Ctc;

/// <summary>
/// A CTC speech model, loaded: features, graph, decoder. Its folder is checked against its manifest before anything in
/// it is used. Not for several threads at once.
/// </summary>
public sealed class CtcModel : IDisposable
{
    private readonly CtcSettings _settings;
    private readonly LogMel _features;
    private readonly TokenList _tokens;
    private readonly PrefixBeamSearch? _search;
    private readonly ModelSession _session;

    private CtcModel(
        ModelManifest manifest, CtcSettings settings, LogMel features, TokenList tokens, PrefixBeamSearch? search,
        ModelSession session)
    {
        Manifest = manifest;
        (_settings, _features, _tokens, _search, _session) = (settings, features, tokens, search, session);
    }

    public ModelManifest Manifest { get; }

    /// <summary>What runs the graph: <c>cuda</c> or <c>cpu</c>.</summary>
    public string ExecutionProvider => _session.ExecutionProvider;

    /// <summary>Loads a model; on the GPU that CUDA_VISIBLE_DEVICES allows where the library can use one.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="threads">Threads for the graph; 0 for one for each core, up to 4.</param>
    /// <exception cref="MissingRequirementException">There is no whole, undamaged speech model that this version can run,
    /// or no library to run it.</exception>
    /// <exception cref="OutOfMemoryException">There is not enough memory for it, now.</exception>
    public static CtcModel Load(string folder, int threads = 0)
    {
        var manifest = ModelSession.ReadManifest(folder, ModelKinds.SpeechCtc);
        if (manifest is not { Ctc: { } settings, Features: { } featureSettings })
        {
            throw Unusable(manifest, "its model.json has no 'ctc' or no 'features'");
        }

        var features = new LogMel(featureSettings, manifest.SampleRate);
        var tokens = new TokenList(ReadLines(folder, manifest, settings.Tokens), settings.Blank);
        if (settings.Subsampling is < 1 or > 1024)
        {
            throw Unusable(manifest, $"its subsampling is {settings.Subsampling}");
        }

        if (manifest.Confidence is { } confidence
            && !(confidence.Slope > 0 && double.IsFinite(confidence.Slope) && double.IsFinite(confidence.Offset)))
        {
            throw Unusable(manifest, "its confidence's slope isn't above 0, or its offset isn't a number");
        }

        var search = CreateSearch(folder, manifest, tokens);
        threads = threads > 0 ? threads : Math.Min(Environment.ProcessorCount, 4);
        var session = ModelSession.Load(
            folder, manifest, settings.Model, threads, mayUseGpu: true,
            graph => CheckGraph(graph, manifest, settings, features.Bins, tokens.Count));
        return new CtcModel(manifest, settings, features, tokens, search, session);
    }

    /// <summary>Recognises one stretch of speech.</summary>
    /// <param name="samples">Mono, in [-1, 1], at the manifest's sample rate; less than a feature window gives no words.</param>
    /// <returns>The words in order, times in seconds from the first sample, inside the stretch.</returns>
    /// <exception cref="MissingRequirementException">The graph doesn't compute what its manifest says.</exception>
    /// <exception cref="OutOfMemoryException">There is not enough memory for it, now.</exception>
    public IReadOnlyList<Transcripts.Word> Recognize(ReadOnlySpan<float> samples)
    {
        if (_features.FrameCount(samples.Length) == 0)
        {
            return [];
        }

        var logProbabilities = Infer(_features.Compute(samples));
        var sequence = _search?.Decode(logProbabilities) ?? GreedyDecoder.Decode(logProbabilities, _tokens);
        var duration = (double)samples.Length / Manifest.SampleRate;
        var frame = (double)_settings.Subsampling * Manifest.Features!.HopLength / Manifest.SampleRate;
        return
        [
            .. ForcedAlignment.Words(logProbabilities, sequence, _tokens).Select(word => new Transcripts.Word(
                word.Text, Math.Min(word.FirstFrame * frame, duration), Math.Min(word.EndFrame * frame, duration),
                Calibrate(word.Confidence))),
        ];
    }

    public void Dispose() => _session.Dispose();

    private double Calibrate(double confidence)
    {
        if (Manifest.Confidence is not { } settings)
        {
            return confidence;
        }

        // A confidence of 1 is as good as one that is a millionth less.
        confidence = Math.Min(confidence, 1 - 1e-6);
        return 1 / (1 + Math.Exp(-((settings.Slope * Math.Log(confidence / (1 - confidence))) + settings.Offset)));
    }

    private LogProbabilities Infer(float[] features)
    {
        var frames = features.Length / _features.Bins;
        var expected = (frames + _settings.Subsampling - 1) / _settings.Subsampling;
        using var input = OrtValue.CreateTensorValueFromMemory(features, [1, frames, _features.Bins]);
        return _session.Run([_settings.Input], [input], [_settings.Output], outputs =>
        {
            var shape = outputs[0].GetTensorTypeAndShape().Shape;
            return shape.SequenceEqual([1, expected, _tokens.Count])
                ? new LogProbabilities(outputs[0].GetTensorDataAsSpan<float>(), _tokens.Count)
                : throw Unusable(
                    Manifest, $"its output is [{string.Join(", ", shape)}], not [1, {expected}, {_tokens.Count}]");
        });
    }

    private static string[] ReadLines(string folder, ModelManifest manifest, string name) =>
        File.ReadAllLines(ModelSession.PathOf(folder, manifest, name));

    /// <summary>The search that the manifest asks for; null for greedy decoding.</summary>
    private static PrefixBeamSearch? CreateSearch(string folder, ModelManifest manifest, TokenList tokens)
    {
        if (manifest.Decoder is not { } settings || settings is { Words: null, Ngram: null, Beam: 1 })
        {
            return null;
        }

        if (settings.Beam is < 1 or > 4096 || !double.IsFinite(settings.LmWeight) || !double.IsFinite(settings.WordBonus))
        {
            throw Unusable(manifest, "its decoder's beam isn't 1 to 4096, or a weight isn't a number");
        }

        var lexicon = settings.Words is { } words ? new Lexicon(ReadLines(folder, manifest, words), tokens) : null;
        ArpaModel? ngrams = null;
        if (settings.Ngram is { } file)
        {
            using var reader = new StreamReader(ModelSession.PathOf(folder, manifest, file));
            ngrams = ArpaModel.Read(reader, file);
        }

        return new PrefixBeamSearch(tokens, settings.Beam, lexicon, ngrams, settings.LmWeight, settings.WordBonus);
    }

    private static void CheckGraph(InferenceSession session, ModelManifest manifest, CtcSettings settings, int bins, int tokens)
    {
        if (session.InputMetadata.Count != 1)
        {
            throw Unusable(manifest, $"its graph has {session.InputMetadata.Count} inputs, not just '{settings.Input}'");
        }

        CheckTensor(session.InputMetadata, settings.Input, bins);
        CheckTensor(session.OutputMetadata, settings.Output, tokens);

        void CheckTensor(IReadOnlyDictionary<string, NodeMetadata> tensors, string name, int width)
        {
            if (!tensors.TryGetValue(name, out var tensor))
            {
                throw Unusable(manifest, $"its graph has no '{name}', but {string.Join(", ", tensors.Keys)}");
            }

            if (tensor.ElementDataType != TensorElementType.Float || tensor.Dimensions.Length != 3)
            {
                throw Unusable(manifest, $"its graph's '{name}' isn't a float32 tensor with 3 dimensions");
            }

            // A dimension that is left open is negative.
            if (tensor.Dimensions[2] >= 0 && tensor.Dimensions[2] != width)
            {
                throw Unusable(manifest, $"its graph's '{name}' has {tensor.Dimensions[2]} values a frame, not {width}");
            }
        }
    }

    private static MissingRequirementException Unusable(ModelManifest manifest, string why) =>
        ModelSession.Unusable(manifest, why);
}
