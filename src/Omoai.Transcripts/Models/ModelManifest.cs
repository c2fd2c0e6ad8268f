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

    /// <summary>BCP 47; <c>mul</c> for a model of several <see cref="Languages"/>.</summary>
    public required string Language { get; init; }

    /// <summary>SPDX identifier.</summary>
    public required string Licence { get; init; }

    public string Description { get; init; } = "";

    /// <summary>Memory the loaded model takes, on the device where it runs on one; MiB.</summary>
    public int MemoryMb { get; init; }

    /// <summary>Samples per second that a speech model wants.</summary>
    public int SampleRate { get; init; }

    /// <summary>The model writes case and punctuation itself, so that none is added.</summary>
    public bool Punctuated { get; init; }

    /// <summary>The languages a speech model can be asked for, as BCP 47; null where <see cref="Language"/> is the only one.</summary>
    public IReadOnlyList<string>? Languages { get; init; }

    public FeatureSettings? Features { get; init; }
    public CtcSettings? Ctc { get; init; }
    public WhisperSettings? Whisper { get; init; }
    public VadSettings? Vad { get; init; }
    public DecoderSettings? Decoder { get; init; }
    public ConfidenceSettings? Confidence { get; init; }
    public PunctuationSettings? Punctuation { get; init; }
    public CausalSettings? Causal { get; init; }

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

/// <summary>A file's size and lower-case hexadecimal SHA-256.</summary>
public sealed record ModelFile(long Bytes, string Sha256);
