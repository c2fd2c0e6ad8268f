using System.Text.Json;

namespace Omoai.Speech.Whisper;

/// <summary>What a Whisper model's <c>generation_config.json</c>, or an older one's <c>config.json</c>, says about decoding.</summary>
/// <param name="Suppressed">Tokens that are never written.</param>
/// <param name="AlignmentHeads">The heads of cross-attention that follow the audio; empty where none are named.</param>
/// <param name="Multilingual">Null where it isn't said.</param>
internal sealed record GenerationSettings(
    IReadOnlyList<int> Suppressed, IReadOnlyList<AttentionHead> AlignmentHeads, bool? Multilingual)
{
    private const int MaxFileBytes = 4 << 20;

    // Every head would be too many to keep; the published models name 6 to 23.
    private const int MaxHeads = 64;

    public static GenerationSettings None { get; } = new([], [], null);

    /// <exception cref="InvalidDataException">It isn't such a file.</exception>
    public static GenerationSettings Read(Stream stream)
    {
        if (stream.Length > MaxFileBytes)
        {
            throw new InvalidDataException($"it has {stream.Length} bytes, more than {MaxFileBytes}");
        }

        try
        {
            using var json = JsonDocument.Parse(stream);
            var root = json.RootElement;
            var heads = Items(root, "alignment_heads")
                .Select(pair => pair.GetArrayLength() == 2
                    ? new AttentionHead(pair[0].GetInt32(), pair[1].GetInt32())
                    : throw new FormatException("an alignment head isn't [layer, head]"))
                .ToList();
            if (heads.Count > MaxHeads)
            {
                throw new FormatException($"{heads.Count} alignment heads, more than {MaxHeads}");
            }

            return new GenerationSettings(
                [.. Items(root, "suppress_tokens").Select(id => id.GetInt32())], heads,
                root.TryGetProperty("is_multilingual", out var multilingual) && multilingual.ValueKind != JsonValueKind.Null
                    ? multilingual.GetBoolean() : null);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"it can't be read ({e.Message})", e);
        }
    }

    private static IEnumerable<JsonElement> Items(JsonElement root, string name) =>
        root.TryGetProperty(name, out var list) && list.ValueKind != JsonValueKind.Null ? list.EnumerateArray() : [];
}

/// <summary>A head of attention, counted from 0.</summary>
internal readonly record struct AttentionHead(int Layer, int Head);
