using System.Collections.Frozen;
using Microsoft.ML.OnnxRuntime;
using Omoai.Shared;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Language.Punctuation;

/// <summary>The tagger of a punctuation model folder, run by ONNX Runtime.</summary>
internal sealed class OnnxWordTagger : IWordTagger, IDisposable
{
    /// <summary>A smaller model has done its work on the processor before a CUDA context is made.</summary>
    private const int WorthADeviceMb = 256;

    private const string Chars = "chars";
    private const string Pauses = "pauses";
    private const string Punctuation = "punctuation";
    private const string Case = "case";

    private static readonly string[] Inputs = [Chars, Pauses];
    private static readonly string[] Outputs = [Punctuation, Case];

    private static readonly FrozenDictionary<string, WordCase> CasesByName = new Dictionary<string, WordCase>
    {
        ["lower"] = WordCase.Lower,
        ["capitalised"] = WordCase.Capitalised,
        ["upper"] = WordCase.Upper,
    }.ToFrozenDictionary();

    private readonly ModelSession session;
    private readonly PunctuationSettings settings;
    private readonly WordCase[] cases;
    private readonly FrozenDictionary<char, long> ids;

    private OnnxWordTagger(ModelManifest manifest, PunctuationSettings settings, WordCase[] cases, ModelSession session)
    {
        this.session = session;
        this.settings = settings;
        this.cases = cases;
        Name = manifest.Name;
        Language = manifest.Language;
        ids = settings.Alphabet.Select((c, index) => (c, id: index + 1L)).DistinctBy(entry => entry.c)
            .ToFrozenDictionary(entry => entry.c, entry => entry.id);
    }

    public string Name { get; }

    public string Language { get; }

    public int MaxWords => settings.MaxWords;

    /// <summary>Reads, verifies and loads a model folder.</summary>
    /// <exception cref="MissingRequirementException">
    /// There is none, it is damaged, it is of another kind, its graph isn't the one the contract of
    /// <see cref="PunctuationSettings"/> describes, or ONNX Runtime's native library is not installed.
    /// </exception>
    public static OnnxWordTagger Load(string folder)
    {
        var manifest = ModelSession.ReadManifest(folder, ModelKinds.Punctuation);
        var settings = manifest.Punctuation ?? throw Unusable(manifest, "its model.json has no 'punctuation'");
        var cases = Check(manifest, settings);
        var session = ModelSession.Load(
            folder, manifest, settings.Model, threads: 1, manifest.MemoryMb >= WorthADeviceMb ? new CudaSettings() : null,
            graph => CheckGraph(manifest, settings, graph));
        return new OnnxWordTagger(manifest, settings, cases, session);
    }

    /// <inheritdoc/>
    /// <exception cref="MissingRequirementException">The graph can't be run, or answers in another shape than it declares.</exception>
    public IReadOnlyList<WordTag> Tag(IReadOnlyList<string> words, IReadOnlyList<float> pauses)
    {
        var chars = new long[words.Count * settings.WordLength];
        for (var i = 0; i < words.Count; i++)
        {
            var word = words[i];
            for (var j = 0; j < word.Length && j < settings.WordLength; j++)
            {
                chars[i * settings.WordLength + j] = ids.GetValueOrDefault(word[j], settings.Alphabet.Length + 1);
            }
        }

        using var charsValue = OrtValue.CreateTensorValueFromMemory(chars, [words.Count, settings.WordLength]);
        using var pausesValue = OrtValue.CreateTensorValueFromMemory<float>([.. pauses], [words.Count]);
        return session.Run(Inputs, [charsValue, pausesValue], Outputs, results =>
        {
            var marks = Logits(results[0], words.Count, settings.Marks.Count);
            var caseLogits = Logits(results[1], words.Count, cases.Length);
            var tags = new WordTag[words.Count];
            for (var i = 0; i < tags.Length; i++)
            {
                tags[i] = new WordTag(
                    settings.Marks[ArgMax(marks.Slice(i * settings.Marks.Count, settings.Marks.Count))],
                    cases[ArgMax(caseLogits.Slice(i * cases.Length, cases.Length))]);
            }

            return tags;
        });
    }

    public void Dispose() => session.Dispose();

    private static WordCase[] Check(ModelManifest manifest, PunctuationSettings settings)
    {
        if (settings is not { WordLength: >= 1 and <= 256, MaxWords: >= 1 and <= 16384 })
        {
            throw Unusable(manifest, "wordLength must be 1 to 256 and maxWords 1 to 16384");
        }

        if (settings.Marks.Count == 0 || settings.Marks.Any(mark => mark is not { Length: <= 4 } || !mark.All(char.IsPunctuation)))
        {
            throw Unusable(manifest, "marks must be punctuation marks, or empty for none");
        }

        if (settings.Cases.Count == 0 || settings.Cases.Any(name => name is null || !CasesByName.ContainsKey(name)))
        {
            throw Unusable(manifest, $"cases must be {string.Join(", ", CasesByName.Keys.Order(StringComparer.Ordinal))}");
        }

        return [.. settings.Cases.Select(name => CasesByName[name])];
    }

    private static void CheckGraph(ModelManifest manifest, PunctuationSettings settings, InferenceSession session)
    {
        Check(session.InputMetadata, Chars, typeof(long), settings.WordLength);
        Check(session.InputMetadata, Pauses, typeof(float));
        Check(session.OutputMetadata, Punctuation, typeof(float), settings.Marks.Count);
        Check(session.OutputMetadata, Case, typeof(float), settings.Cases.Count);
        if (session.InputMetadata.Keys.Except(Inputs).FirstOrDefault() is { } extra)
        {
            throw Unusable(manifest, $"its graph wants an input '{extra}', which nothing gives");
        }

        void Check(IReadOnlyDictionary<string, NodeMetadata> nodes, string name, Type type, params int[] rest)
        {
            if (!nodes.TryGetValue(name, out var node))
            {
                throw Unusable(manifest, $"its graph has no '{name}'");
            }

            // A dimension that isn't fixed is -1. The first is the number of words and mustn't be fixed.
            var dimensions = node.Dimensions;
            var fits = node.ElementType == type && dimensions.Length == rest.Length + 1 && dimensions[0] < 0
                && dimensions.Skip(1).Zip(rest).All(pair => pair.First < 0 || pair.First == pair.Second);
            if (!fits)
            {
                throw Unusable(
                    manifest, $"'{name}' of its graph must be {type.Name} [{string.Join(", ", ["words", .. rest])}], is "
                    + $"{node.ElementType?.Name} [{string.Join(", ", dimensions)}]");
            }
        }
    }

    private ReadOnlySpan<float> Logits(OrtValue value, int words, int classes)
    {
        var logits = value.GetTensorDataAsSpan<float>();
        return logits.Length == words * classes
            ? logits
            : throw new MissingRequirementException(
                $"Model '{Name}' answered {logits.Length} values for {words} words of {classes} classes. Get the model again.");
    }

    /// <summary>The first of the largest; the first of all where nothing can be compared (not a number).</summary>
    private static int ArgMax(ReadOnlySpan<float> values)
    {
        var best = 0;
        for (var i = 1; i < values.Length; i++)
        {
            if (values[i] > values[best])
            {
                best = i;
            }
        }

        return best;
    }

    private static MissingRequirementException Unusable(ModelManifest manifest, string why) =>
        ModelSession.Unusable(manifest, why);
}
