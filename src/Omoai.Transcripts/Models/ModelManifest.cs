using System.Security.Cryptography;
using System.Text.Json;
using Omoai.Transcripts.Activities;

namespace Omoai.Transcripts.Models;

/// <summary>
/// A model folder's <c>model.json</c>. A model file is never trusted: names are plain file names inside the folder, and
/// <see cref="Verify"/> checks every file's size and SHA-256 before it is loaded.
/// </summary>
public sealed record ModelManifest
{
    public const string FileName = "model.json";
    public const int CurrentSchema = 1;

    public required int Schema { get; init; }

    /// <summary>What people call it: <c>--asr NAME</c>.</summary>
    public required string Name { get; init; }

    /// <summary><see cref="ModelKinds"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>BCP 47.</summary>
    public required string Language { get; init; }

    /// <summary>SPDX identifier.</summary>
    public required string Licence { get; init; }

    public string Description { get; init; } = "";

    /// <summary>Memory the loaded model takes, on the device where it runs on one; MiB.</summary>
    public int MemoryMb { get; init; }

    /// <summary>Samples per second that a speech model wants.</summary>
    public int SampleRate { get; init; }

    public FeatureSettings? Features { get; init; }
    public CtcSettings? Ctc { get; init; }
    public DecoderSettings? Decoder { get; init; }
    public ConfidenceSettings? Confidence { get; init; }
    public PunctuationSettings? Punctuation { get; init; }

    /// <summary>Every file of the model, by plain name.</summary>
    public required IReadOnlyDictionary<string, ModelFile> Files { get; init; }

    /// <summary>Reads and checks a manifest.</summary>
    /// <exception cref="MissingRequirementException">It isn't one, or not one this version understands.</exception>
    public static ModelManifest Read(Stream stream)
    {
        ModelManifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize<ModelManifest>(stream, OmoaiJson.Compact)
                ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new MissingRequirementException($"{FileName} can't be read: {e.Message}", e);
        }

        if (manifest.Schema != CurrentSchema)
        {
            throw new MissingRequirementException($"{FileName} has schema {manifest.Schema}; this version reads schema {CurrentSchema}.");
        }

        if (manifest.Files.Keys.FirstOrDefault(name => !IsPlainName(name)) is { } bad)
        {
            throw new MissingRequirementException($"{FileName} names the file '{bad}', which isn't a plain file name.");
        }

        if (manifest.Files.FirstOrDefault(file => !IsSound(file.Value)).Key is { } unsound)
        {
            throw new MissingRequirementException($"{FileName} doesn't give the size and SHA-256 of '{unsound}'.");
        }

        return manifest;
    }

    /// <summary>Checks that every file is there with the size and SHA-256 that the manifest states.</summary>
    /// <param name="open">Opens a file of the model by its plain name; throws <see cref="IOException"/> where it can't.</param>
    /// <exception cref="MissingRequirementException">A file is missing or isn't what the manifest says.</exception>
    public void Verify(Func<string, Stream> open)
    {
        foreach (var (name, expected) in Files)
        {
            try
            {
                using var stream = open(name);
                if (stream.CanSeek && stream.Length != expected.Bytes)
                {
                    throw new MissingRequirementException(
                        $"Model '{Name}': {name} has {stream.Length} bytes, {FileName} says {expected.Bytes}. Get the model again.");
                }

                var actual = Convert.ToHexStringLower(SHA256.HashData(stream));
                if (!string.Equals(actual, expected.Sha256, StringComparison.OrdinalIgnoreCase))
                {
                    throw new MissingRequirementException(
                        $"Model '{Name}': {name} is damaged (its SHA-256 is not the one in {FileName}). Get the model again.");
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new MissingRequirementException($"Model '{Name}': {name} can't be read: {e.Message}", e);
            }
        }
    }

    /// <summary>A value of the dictionary may be null whatever its type says.</summary>
    private static bool IsSound(ModelFile? file) =>
        file is { Bytes: >= 0, Sha256.Length: 64 } && file.Sha256.All(char.IsAsciiHexDigit);

    private static bool IsPlainName(string name) =>
        name.Length is > 0 and <= 255 && name is not ("." or "..") && name.AsSpan().IndexOfAny("/\\\0:") < 0;
}

/// <summary>The kinds of model that this version runs.</summary>
public static class ModelKinds
{
    public const string SpeechCtc = "speech-ctc";
    public const string Punctuation = "punctuation";
}

/// <summary>A file's size and lower-case hexadecimal SHA-256.</summary>
public sealed record ModelFile(long Bytes, string Sha256);

/// <summary>How audio becomes log-mel features. Lengths in samples, frequencies in hertz.</summary>
public sealed record FeatureSettings
{
    public required string Type { get; init; }
    public string Window { get; init; } = "hann";
    public required int WindowLength { get; init; }
    public required int HopLength { get; init; }
    public required int FftLength { get; init; }
    public required int Bins { get; init; }
    public string MelScale { get; init; } = "kaldi";
    public double LowHz { get; init; } = 20;
    public required double HighHz { get; init; }

    /// <summary>Added to the energy before the logarithm.</summary>
    public double LogFloor { get; init; } = 1e-6;

    /// <summary>Values lower than the maximum less this are raised to it (natural logarithm); null to leave them.</summary>
    public double? DynamicRange { get; init; }

    /// <summary>Each bin's mean over the window is subtracted.</summary>
    public bool MeanNormalize { get; init; }

    /// <summary>Multiplies every value, last.</summary>
    public double Scale { get; init; } = 1;
}

/// <summary>A CTC model: a graph from features to log-probabilities of tokens.</summary>
/// <param name="Model">File of the ONNX graph.</param>
/// <param name="Input">Name of the input, float32 [batch, frames, bins].</param>
/// <param name="Output">Name of the output, float32 [batch, ceil(frames / subsampling), tokens], natural logarithms.</param>
/// <param name="Tokens">File of tokens, one a line; <c>&lt;space&gt;</c> is the word boundary.</param>
/// <param name="Blank">Id of the blank.</param>
/// <param name="Subsampling">Feature frames for each output frame.</param>
public sealed record CtcSettings(string Model, string Input, string Output, string Tokens, int Blank, int Subsampling);

/// <summary>The prefix beam search of a CTC model.</summary>
/// <param name="Words">File of the words it may write, one a line; null for open vocabulary.</param>
/// <param name="Ngram">File of an n-gram model in ARPA format; null for none.</param>
/// <param name="Beam">Prefixes kept; 1 without words and n-gram is greedy decoding.</param>
/// <param name="LmWeight">Multiplies the natural logarithm of the n-gram probability.</param>
/// <param name="WordBonus">Added for each word, to balance what the n-grams take from it; without n-grams nothing is.</param>
public sealed record DecoderSettings(
    string? Words = null, string? Ngram = null, int Beam = 32, double LmWeight = 0.8, double WordBonus = 1.5);

/// <summary>
/// Makes of a word's raw confidence c a probability that it is right: 1 / (1 + exp(-(slope · ln(c / (1 - c)) + offset))),
/// fitted on speech whose words are known (Platt, "Probabilistic outputs for support vector machines", 1999).
/// </summary>
/// <param name="Slope">Above 0, so that the order of words stays.</param>
/// <param name="Offset">Any.</param>
public sealed record ConfidenceSettings(double Slope, double Offset);

/// <summary>A tagger that gives each word a mark after it and a case.</summary>
/// <param name="Model">File of the ONNX graph: <c>chars</c> int64 [words, <paramref name="WordLength"/>], <c>pauses</c> float32
/// [words] in seconds; <c>punctuation</c> float32 [words, marks] and <c>case</c> float32 [words, cases], logits.</param>
/// <param name="Alphabet">A character's id is 1 + its index here; 0 pads, anything else is the length + 1.</param>
/// <param name="WordLength">Characters of a word that are looked at.</param>
/// <param name="MaxWords">Words in one call, at most.</param>
/// <param name="Marks">The marks, in the order of the logits; empty for none.</param>
/// <param name="Cases"><c>lower</c>, <c>capitalised</c>, <c>upper</c>, in the order of the logits.</param>
public sealed record PunctuationSettings(
    string Model, string Alphabet, int WordLength, int MaxWords, IReadOnlyList<string> Marks, IReadOnlyList<string> Cases);
