using Omoai.Shared;
using Omoai.Speech.Features;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Ctc;

/// <summary>
/// A CTC speech model, loaded: features, graph, decoder. Its folder is checked against its manifest before anything in
/// it is used. Not for several threads at once.
/// </summary>
public sealed class CtcModel : ISpeechModel
{
    /// <summary>The narrowest beam that hot words are searched with.</summary>
    private const int HotWordBeam = 32;

    private readonly CtcSettings _settings;
    private readonly IFeatureExtractor _features;
    private readonly TokenList _tokens;
    private readonly CtcGraph _graph;
    private readonly DecoderSettings? _decoder;
    private readonly string[]? _words;
    private readonly ArpaModel? _ngrams;

    // A job's hot words are the same for all its stretches.
    private IReadOnlyList<string> _hotWords = [];
    private PrefixBeamSearch? _search;

    private CtcModel(string folder, ModelManifest manifest, CtcSettings settings, IFeatureExtractor features, TokenList tokens, int threads,
        CudaSettings cuda)
    {
        (Manifest, _settings, _features, _tokens, _decoder) = (manifest, settings, features, tokens, manifest.Decoder);
        if (_decoder is { } decoder)
        {
            Check(manifest, decoder);
            _words = decoder.Words is { } words ? File.ReadAllLines(ModelSession.PathOf(folder, manifest, words)) : null;
            _ngrams = decoder.Ngram is { } ngrams
                ? ArpaModel.Read(File.ReadAllBytes(ModelSession.PathOf(folder, manifest, ngrams)), ngrams)
                : null;
        }

        _search = CreateSearch([]);
        _graph = CtcGraph.Load(folder, manifest, settings, features.Width, tokens.Count, threads, cuda);
    }

    public ModelManifest Manifest { get; }

    public string ExecutionProvider => _graph.Provider.Name;

    public string ExecutionProviderReason => _graph.Provider.Reason;

    public int BatchSize => _graph.MixesLengths ? _graph.BatchSize : 1;

    /// <summary>Loads a model whose files were checked; see <see cref="SpeechModels.Load"/>.</summary>
    internal static CtcModel Load(string folder, ModelManifest manifest, int threads, CudaSettings cuda)
    {
        if (manifest is not { Ctc: { } settings, Features: { } featureSettings })
        {
            throw Unusable(manifest, "its model.json has no 'ctc' or no 'features'");
        }

        if (manifest.Confidence is { } confidence && !Calibration.IsSound(confidence))
        {
            throw Unusable(manifest, "its confidence's slope isn't above 0, or its offset isn't a number");
        }

        var features = FeatureExtractors.Create(
            featureSettings, manifest.SampleRate, name => File.OpenRead(ModelSession.PathOf(folder, manifest, name)));
        var tokens = new TokenList(
            TokenFile.Read(File.ReadAllBytes(ModelSession.PathOf(folder, manifest, settings.Tokens)), settings.Tokens), settings.Blank,
            settings.Words, settings.Space, settings.Lowercase);
        return new CtcModel(folder, manifest, settings, features, tokens, threads, cuda);
    }

    public IReadOnlyList<string> IgnoredOf(IReadOnlyList<string> hotWords) =>
        [.. hotWords.Where(phrase => !HotWords.CanWrite(phrase, _tokens))];

    /// <inheritdoc/>
    /// <exception cref="BadInputException">There are too many hot words, or one is too long (<see cref="HotWords"/>).</exception>
    public IReadOnlyList<RecognizedStretch> Recognize(
        IReadOnlyList<float[]> stretches, RecognitionRequest request, CancellationToken cancellationToken)
    {
        UseHotWords(request.HotWords ?? []);
        var language = LanguageValue(request.Language);
        var results = new RecognizedStretch[stretches.Count];
        for (var next = 0; next < stretches.Count;)
        {
            // As many neighbours as can be run together.
            var batch = new List<(int Index, float[] Features)>();
            for (; next < stretches.Count && batch.Count < _graph.BatchSize; next++)
            {
                var frames = _features.FrameCount(stretches[next].Length);
                if (frames < _settings.MinFrames)
                {
                    results[next] = new RecognizedStretch([]);
                    continue;
                }

                if (batch.Count > 0 && !_graph.MixesLengths && frames * _features.Width != batch[0].Features.Length)
                {
                    break;
                }

                batch.Add((next, _features.Compute(stretches[next])));
            }

            if (batch.Count > 0)
            {
                var outputs = _graph.Run(batch.ConvertAll(item => item.Features), language, cancellationToken);
                for (var i = 0; i < batch.Count; i++)
                {
                    results[batch[i].Index] = new RecognizedStretch(Words(outputs[i], stretches[batch[i].Index].Length));
                }
            }
        }

        return results;
    }

    public void Dispose() => _graph.Dispose();

    private List<Transcripts.Word> Words(LogProbabilities logProbabilities, int samples)
    {
        var sequence = _search?.Decode(logProbabilities) ?? GreedyDecoder.Decode(logProbabilities, _tokens);
        var duration = (double)samples / Manifest.SampleRate;
        var frame = (double)_settings.Subsampling * _features.HopSamples / Manifest.SampleRate;
        return
        [
            .. ForcedAlignment.Words(logProbabilities, sequence, _tokens).Select(word => new Transcripts.Word(
                word.Text, Math.Min(word.FirstFrame * frame, duration), Math.Min(word.EndFrame * frame, duration),
                Calibration.Apply(Manifest.Confidence, word.Confidence))),
        ];
    }

    private void UseHotWords(IReadOnlyList<string> hotWords)
    {
        if (!hotWords.SequenceEqual(_hotWords))
        {
            HotWords.Check(hotWords);
            _search = CreateSearch(hotWords);
            _hotWords = [.. hotWords];
        }
    }

    /// <summary>The value of the language that is asked for; null where the graph isn't told one, or none is asked for.</summary>
    private long? LanguageValue(string? tag)
    {
        if (tag is null || _settings.LanguageInput is null)
        {
            return null;
        }

        var values = _settings.LanguageValues ?? new Dictionary<string, long>();
        foreach (var (known, value) in values)
        {
            if (string.Equals(known, tag, StringComparison.OrdinalIgnoreCase)
                || tag.StartsWith(known + "-", StringComparison.OrdinalIgnoreCase))
            {
                return value;
            }
        }

        throw new MissingRequirementException(
            $"The speech model '{Manifest.Name}' can't be asked for the language '{tag}', only for {string.Join(", ", values.Keys)}. Use another model.");
    }

    /// <summary>The search that the manifest and the hot words ask for; null for greedy decoding.</summary>
    private PrefixBeamSearch? CreateSearch(IReadOnlyList<string> phrases)
    {
        var decoder = _decoder ?? new DecoderSettings(Beam: 1);
        var hotWords = phrases.Count > 0 ? new HotWords(phrases, _tokens, decoder.HotWordBonus) : null;
        hotWords = hotWords is { Words.Count: > 0 } ? hotWords : null;
        if (hotWords is null && decoder is { Words: null, Ngram: null, Beam: 1 })
        {
            return null;
        }

        var lexicon = _words is null
            ? null
            : new Lexicon([.. _words, .. hotWords?.Words.SelectMany(phrase => phrase.Split(' ')) ?? []], _tokens);
        return new PrefixBeamSearch(
            _tokens, hotWords is null ? decoder.Beam : Math.Max(decoder.Beam, HotWordBeam), lexicon, _ngrams, decoder.LmWeight,
            decoder.WordBonus, hotWords);
    }

    private static void Check(ModelManifest manifest, DecoderSettings settings)
    {
        if (settings.Beam is < 1 or > 4096 || !double.IsFinite(settings.LmWeight) || !double.IsFinite(settings.WordBonus)
            || settings.HotWordBonus is not (>= 0 and <= 20))
        {
            throw Unusable(manifest, "its decoder's beam isn't 1 to 4096, a weight isn't a number, or its hotWordBonus isn't 0 to 20");
        }
    }

    private static MissingRequirementException Unusable(ModelManifest manifest, string why) =>
        ModelSession.Unusable(manifest, why);
}
