using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Shared;
using Omoai.Speech.Features;
using Omoai.Speech.Guards;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Whisper;

/// <summary>
/// A Whisper model as Hugging Face Optimum exports it, loaded: features, encoder, decoder. Every stretch is a window of its
/// own, without the text before it. Not for several threads at once.
/// </summary>
public sealed class WhisperModel : ISpeechModel
{
    private const int SampleRate = 16000;
    private const int WindowSeconds = 30;
    private const int WindowSamples = WindowSeconds * SampleRate;
    private const int MaxEncoderFrames = 6000;
    private const string EncoderInput = "input_features";
    private const string EncoderOutput = "last_hidden_state";

    private readonly IFeatureExtractor _features;
    private readonly ModelSession _encoder;
    private readonly TensorElementType _encoderType;
    private readonly WhisperDecoder _decoder;
    private readonly WhisperTokens _tokens;
    private readonly TokenDecoding _decoding;

    // The languages that may be detected or asked for, by Whisper's codes; null for a model of English only.
    private readonly IReadOnlyDictionary<string, int>? _languages;
    private readonly int _task;

    private WhisperModel(
        ModelManifest manifest, IFeatureExtractor features, ModelSession encoder, TensorElementType encoderType, WhisperDecoder decoder,
        WhisperTokens tokens, TokenDecoding decoding, IReadOnlyDictionary<string, int>? languages, int task)
    {
        Manifest = manifest;
        (_features, _encoder, _encoderType, _decoder) = (features, encoder, encoderType, decoder);
        (_tokens, _decoding, _languages, _task) = (tokens, decoding, languages, task);
    }

    public ModelManifest Manifest { get; }

    public string ExecutionProvider => _decoder.Provider.Name;

    public string ExecutionProviderReason => _decoder.Provider.Reason;

    /// <summary>All: Whisper can't be told any.</summary>
    public IReadOnlyList<string> IgnoredOf(IReadOnlyList<string> hotWords) => hotWords;

    public int BatchSize => Manifest.Whisper!.Batch;

    /// <summary>The features of the WhisperFeatureExtractor, for a model whose manifest gives none.</summary>
    /// <param name="bins">80, or 128 from large-v3 on.</param>
    public static FeatureSettings Features(int bins) => new()
    {
        Type = "log-mel",
        Window = "hann",
        WindowLength = 400,
        HopLength = 160,
        FftLength = 400,
        Edges = "center-reflect",
        Bins = bins,
        MelScale = "slaney",
        MelAreaNormalize = true,
        LowHz = 0,
        HighHz = 8000,
        Log = "log10",
        LogFloor = 1e-10,
        ClampToFloor = true,
        DropLastFrame = true,
        DynamicRange = 8,
        Scale = 0.25,
        Offset = 1,
    };

    /// <summary>Loads a model whose files were checked; see <see cref="SpeechModels.Load"/>.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="manifest">Its manifest.</param>
    /// <param name="threads">Threads that run the graphs on the processor.</param>
    /// <param name="cuda">How to use CUDA.</param>
    /// <param name="createFeatures">Makes the features; null for <see cref="FeatureExtractors.Create"/>.</param>
    internal static WhisperModel Load(
        string folder, ModelManifest manifest, int threads, CudaSettings cuda,
        Func<FeatureSettings, IFeatureExtractor>? createFeatures = null)
    {
        if (manifest.Whisper is not { Task: "transcribe" or "translate", Batch: >= 1 and <= 64 } settings)
        {
            throw Unusable(manifest, "its model.json has no 'whisper', or one with a task or a batch that is out of range");
        }

        if (manifest.SampleRate != SampleRate)
        {
            throw Unusable(manifest, $"its sample rate is {manifest.SampleRate}, not {SampleRate}");
        }

        if (manifest.Confidence is { } confidence && !Calibration.IsSound(confidence))
        {
            throw Unusable(manifest, "its confidence's slope isn't above 0, or its offset isn't a number");
        }

        createFeatures ??= asked => FeatureExtractors.Create(
            asked, SampleRate, name => File.OpenRead(ModelSession.PathOf(folder, manifest, name)));
        var tokens = ReadFile(folder, manifest, settings.Tokenizer, WhisperTokens.Read);
        var generation = settings.Generation is { } file
            ? ReadFile(folder, manifest, file, GenerationSettings.Read) : GenerationSettings.None;
        if (generation.Suppressed.Any(id => id < 0 || id >= tokens.Count))
        {
            throw Unusable(manifest, $"{settings.Generation} suppresses tokens that aren't in {settings.Tokenizer}");
        }

        if (generation.AlignmentHeads.Any(head => head.Layer < 0 || head.Head < 0))
        {
            throw Unusable(manifest, $"{settings.Generation} has alignment heads below 0");
        }

        var (languages, task) = Languages(manifest, settings, tokens, generation);
        IFeatureExtractor? features = null;
        var encoderType = TensorElementType.Float;
        var encoder = ModelSession.Load(
            folder, manifest, settings.Encoder, threads, cuda,
            graph => (features, encoderType) = CheckEncoder(graph, manifest, settings.Encoder, createFeatures));
        try
        {
            var decoder = WhisperDecoder.Load(folder, manifest, settings, generation.AlignmentHeads, tokens.Count, threads, cuda);
            return new WhisperModel(
                manifest, features!, encoder, encoderType, decoder, tokens,
                new TokenDecoding(decoder, tokens, new LogitRules(tokens, generation.Suppressed)), languages, task);
        }
        catch
        {
            encoder.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    /// <remarks>Hot words are not looked at.</remarks>
    /// <exception cref="ArgumentException">A stretch is longer than Whisper's window of 30 s.</exception>
    public IReadOnlyList<RecognizedStretch> Recognize(
        IReadOnlyList<float[]> stretches, RecognitionRequest request, CancellationToken cancellationToken) =>
        Recognize(stretches, [.. stretches.Select(_ => new StepBudget())], LanguageOf(request), cancellationToken);

    public void Dispose()
    {
        _encoder.Dispose();
        _decoder.Dispose();
    }

    private RecognizedStretch[] Recognize(
        IReadOnlyList<float[]> stretches, IReadOnlyList<StepBudget> budgets, string? language, CancellationToken cancellationToken)
    {
        if (stretches.Any(samples => samples.Length > WindowSamples))
        {
            throw new ArgumentException($"A stretch is longer than {WindowSeconds} s.", nameof(stretches));
        }

        var results = new RecognizedStretch[stretches.Count];
        foreach (var batch in Enumerable.Range(0, stretches.Count).Where(i => stretches[i].Length > 0).Chunk(BatchSize))
        {
            var durations = Array.ConvertAll(batch, i => (double)stretches[i].Length / SampleRate);
            try
            {
                var recognized = RecognizeBatch(
                    [.. batch.Select(i => stretches[i])], Array.ConvertAll(batch, i => budgets[i]), durations, language, cancellationToken);
                foreach (var (i, (result, spoken, rest)) in batch.Zip(recognized))
                {
                    results[i] = rest is { } seconds
                        ? Continue(result, stretches[i], seconds, budgets[i], spoken, cancellationToken) : result;
                }
            }
            catch (InvalidDataException e)
            {
                throw ModelSession.Unusable(Manifest, e.Message, e);
            }
        }

        return Array.ConvertAll(results, result => result ?? new RecognizedStretch([]));
    }

    /// <summary>Recognises what the model left for a next window, and puts its words behind those before.</summary>
    private RecognizedStretch Continue(
        RecognizedStretch before, float[] samples, double from, StepBudget budget, string language, CancellationToken cancellationToken)
    {
        var rest = Recognize([samples[(int)(from * SampleRate)..]], [budget], language, cancellationToken)[0];
        return Join(before, rest, from);
    }

    /// <summary>Puts the words of a next window, which begins at a time, behind those before.</summary>
    internal static RecognizedStretch Join(RecognizedStretch before, RecognizedStretch rest, double from)
    {
        // A doubt of the words before goes on to the end.
        var doubted = before.Doubt is null && rest is { Doubt: not null, Words.Count: > 0 };
        return before with
        {
            Words =
            [
                .. before.Words, .. rest.Words.Select(word => word with { Start = word.Start + from, End = word.End + from }),
            ],
            Doubt = doubted ? rest.Doubt : before.Doubt,
            DoubtFrom = doubted ? before.Words.Count + rest.DoubtFrom : before.DoubtFrom,
        };
    }

    private static MissingRequirementException Unusable(ModelManifest manifest, string why) => ModelSession.Unusable(manifest, why);

    private static T ReadFile<T>(string folder, ModelManifest manifest, string name, Func<Stream, T> read)
    {
        using var stream = File.OpenRead(ModelSession.PathOf(folder, manifest, name));
        try
        {
            return read(stream);
        }
        catch (InvalidDataException e)
        {
            throw ModelSession.Unusable(manifest, $"{name}: {e.Message}", e);
        }
    }

    /// <summary>The languages that the manifest allows, and the task's token.</summary>
    private static (IReadOnlyDictionary<string, int>? Languages, int Task) Languages(
        ModelManifest manifest, WhisperSettings settings, WhisperTokens tokens, GenerationSettings generation)
    {
        // The models of English only have one token less, and the languages' tokens in their list all the same.
        const int MultilingualTokens = 51865;
        if (!(generation.Multilingual ?? tokens.Count >= MultilingualTokens))
        {
            return settings.Task == "transcribe" && manifest.Languages is null or [_]
                ? (null, 0)
                : throw Unusable(manifest, "it is a model of one language, which neither knows others nor translates");
        }

        var task = (settings.Task == "translate" ? tokens.Translate : tokens.Transcribe)
            ?? throw Unusable(manifest, $"{settings.Tokenizer} has no <|{settings.Task}|>");
        IReadOnlyList<string> allowed =
            manifest.Languages ?? (manifest.Language == "mul" ? [.. tokens.Languages.Keys] : [manifest.Language]);
        var languages = new Dictionary<string, int>();

        // A list's elements may be null whatever its type says.
        foreach (var language in allowed.Select(language => language ?? ""))
        {
            languages[WhisperCode(language)] = tokens.Languages.TryGetValue(WhisperCode(language), out var id)
                ? id : throw Unusable(manifest, $"{settings.Tokenizer} has no token for the language '{language}'");
        }

        return languages.Count > 0 ? (languages, task) : throw Unusable(manifest, "it has no languages");
    }

    private static (IFeatureExtractor Features, TensorElementType Type) CheckEncoder(
        InferenceSession graph, ModelManifest manifest, string file, Func<FeatureSettings, IFeatureExtractor> createFeatures)
    {
        if (graph.InputMetadata.Count != 1 || !graph.InputMetadata.TryGetValue(EncoderInput, out var input)
            || !graph.OutputMetadata.TryGetValue(EncoderOutput, out var output))
        {
            throw Unusable(manifest, $"{file} doesn't turn '{EncoderInput}' alone into '{EncoderOutput}'");
        }

        foreach (var tensor in (NodeMetadata[])[input, output])
        {
            if (!tensor.IsTensor || tensor.ElementDataType is not (TensorElementType.Float or TensorElementType.Float16)
                || tensor.Dimensions.Length != 3)
            {
                throw Unusable(manifest, $"{file}'s input or output isn't a tensor of float32 or float16 with 3 dimensions");
            }
        }

        // A dimension that is left open is negative.
        var (bins, frames) = (input.Dimensions[1], input.Dimensions[2]);
        if (bins is 0 or > 1024 || (bins < 0 && manifest.Features is null))
        {
            throw Unusable(manifest, $"{file} doesn't say how many bins it takes, and model.json has no 'features'");
        }

        var features = createFeatures(manifest.Features ?? Features(bins));
        return (bins < 0 || bins == features.Width) && (frames < 0 || frames == features.FrameCount(WindowSamples))
            ? (features, input.ElementDataType)
            : throw Unusable(
                manifest, $"{file} takes {bins} bins and {frames} frames, its features are {features.Width} bins and {features.FrameCount(WindowSamples)} frames");
    }

    /// <summary>Whisper's code for a BCP 47 tag.</summary>
    private static string WhisperCode(string tag)
    {
        var language = tag.Split('-')[0].ToLowerInvariant();
        return language switch { "jv" => "jw", "nb" => "no", "fil" => "tl", "cmn" => "zh", _ => language };
    }

    private static string TagOf(string code) => code == "jw" ? "jv" : code;

    /// <summary>The language that is asked for, in Whisper's code; null to detect it.</summary>
    private string? LanguageOf(RecognitionRequest request)
    {
        if (_languages is null)
        {
            return request.Language is null || WhisperCode(request.Language) == WhisperCode(Manifest.Language)
                ? WhisperCode(Manifest.Language) : throw Refused(Manifest.Language);
        }

        var code = request.Language is { } tag ? WhisperCode(tag) : _languages.Count == 1 ? _languages.Keys.Single() : null;
        return code is null || _languages.ContainsKey(code) ? code : throw Refused(string.Join(", ", _languages.Keys.Order().Select(TagOf)));

        MissingRequirementException Refused(string known) => new(
            $"The speech model '{Manifest.Name}' doesn't know the language '{request.Language}', but {known}. Use another model.");
    }

    /// <summary>Recognises stretches together: for each its words, the language in Whisper's code, and where a rest begins, if any.</summary>
    private (RecognizedStretch Result, string Language, double? RestFrom)[] RecognizeBatch(
        List<float[]> stretches, StepBudget[] budgets, double[] durations, string? language, CancellationToken cancellationToken)
    {
        var states = new List<float[]>();
        var frames = 0;
        foreach (var samples in stretches)
        {
            cancellationToken.ThrowIfCancellationRequested();
            (var encoded, frames) = Encode(samples);
            states.Add(encoded);
        }

        cancellationToken.ThrowIfCancellationRequested();
        var (greedy, languages, noSpeech) = Greedy(states, frames, language, cancellationToken);
        return
        [
            .. greedy.Select((hypothesis, row) =>
            {
                var best = TokenDecoding.IsTriedAgain(hypothesis, noSpeech[row], budgets[row])
                    ? FallBack(states[row], frames, languages[row], hypothesis, noSpeech[row], budgets[row], cancellationToken) : hypothesis;
                var result = Result(
                    best, languages[row], language is null, noSpeech[row], durations[row], (double)WindowSeconds / frames);
                var ends = result.Words.Count == 0 || result.Doubt == InventionGuard.NoSpeech;
                return (result, languages[row], ends ? null : RestOf(best, durations[row]));
            }),
        ];
    }

    private (IReadOnlyList<Hypothesis> Hypotheses, string[] Languages, double[] NoSpeech) Greedy(
        List<float[]> states, int frames, string? language, CancellationToken cancellationToken)
    {
        using var run = _decoder.Begin(states, frames);
        var (start, languages, noSpeech) = Prompt(run, states.Count, language);
        using (start)
        {
            return (_decoding.Greedy(run, start, cancellationToken), languages, noSpeech);
        }
    }

    private Hypothesis FallBack(
        float[] states, int frames, string language, Hypothesis greedy, double noSpeech, StepBudget budget,
        CancellationToken cancellationToken)
    {
        using var run = _decoder.Begin([.. Enumerable.Repeat(states, TokenDecoding.BestOf)], frames);
        using var start = Prompt(run, TokenDecoding.BestOf, language).Start;
        return _decoding.FallBack(run, start, greedy, noSpeech, budget, cancellationToken);
    }

    /// <summary>
    /// Where a model ends with two timestamps it has heard that something else begins there, and leaves it to the next window.
    /// </summary>
    private double? RestOf(Hypothesis hypothesis, double duration)
    {
        // So that each window gets on, and is worth one.
        const double Least = 1;
        return hypothesis.Tokens is [.., var end, var next] && _tokens.IsTimestamp(end) && _tokens.IsTimestamp(next)
            && _tokens.SecondsOf(next) is var time && time >= Least && time <= duration - Least
            ? time : null;
    }

    private RecognizedStretch Result(
        Hypothesis hypothesis, string language, bool detected, double noSpeech, double duration, double frameSeconds)
    {
        // What is translated is English, whatever was spoken.
        var translated = Manifest.Whisper!.Task == "translate";
        var tag = translated ? "en" : detected ? TagOf(language) : null;
        var words = TokenWords.Of(hypothesis, _tokens, translated ? "en" : language, duration, _decoder.HeadCount, frameSeconds)
            .ConvertAll(word => word with { Confidence = Calibration.Apply(Manifest.Confidence, word.Confidence) });
        return new RecognizedStretch(
            words, tag, hypothesis.IsSilence(noSpeech) ? InventionGuard.NoSpeech : hypothesis.IsSound ? null : "decoder_failed");
    }

    /// <summary>The encoder's states for one stretch, [frames, width], and their frames.</summary>
    private (float[] States, int Frames) Encode(float[] samples)
    {
        var padded = new float[WindowSamples];
        samples.CopyTo(padded, 0);
        var features = _features.Compute(padded);
        var (bins, count) = (_features.Width, features.Length / _features.Width);
        var transposed = new float[features.Length];
        Transposition.Transpose(features, bins, transposed);
        using var input = TensorValues.Floats(transposed, _encoderType, 1, bins, count);
        return _encoder.Run([EncoderInput], [input], [EncoderOutput], outputs =>
        {
            var shape = outputs[0].GetTensorTypeAndShape().Shape;
            return shape is [1, >= 1 and <= MaxEncoderFrames, >= 1 and <= 1 << 16]
                ? (TensorValues.Read(outputs[0], 0, (int)(shape[1] * shape[2])), (int)shape[1])
                : throw Unusable(Manifest, $"its encoder's output is [{string.Join(", ", shape)}], not [1, frames, width]");
        });
    }

    /// <summary>The step after the prompt, each row's language, and each row's probability that nobody spoke.</summary>
    private (WhisperDecoder.Step Start, string[] Languages, double[] NoSpeech) Prompt(WhisperDecoder.Run run, int rows, string? language)
    {
        int[] prompt = _languages is null ? [_tokens.StartOfTranscript]
            : language is null ? [_tokens.StartOfTranscript]
            : [_tokens.StartOfTranscript, _languages[language], _task];
        var step = run.Start([.. Enumerable.Repeat(prompt, rows)]);
        try
        {
            var noSpeech = step.FirstLogits.ConvertAll(NoSpeechProbability).ToArray();
            if (language is not null)
            {
                return (step, [.. Enumerable.Repeat(language, rows)], noSpeech);
            }

            // All languages' probabilities have the same divisor.
            var found = step.FirstLogits.ConvertAll(logits => _languages!.MaxBy(known => logits[known.Value]).Key).ToArray();
            foreach (var tokens in (int[][])[Array.ConvertAll(found, code => _languages![code]), [.. Enumerable.Repeat(_task, rows)]])
            {
                var next = run.Next(step, tokens);
                step.Dispose();
                step = next;
            }

            return (step, found, noSpeech);
        }
        catch
        {
            step.Dispose();
            throw;
        }
    }

    private double NoSpeechProbability(float[] logits) => _tokens.NoSpeech is { } id
        ? Math.Exp(logits[id] - LogitRules.LogSumExp(logits.AsSpan(0, _tokens.Count)))
        : 0;
}
