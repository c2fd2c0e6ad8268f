using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json;
using Omoai.Transcripts.Tokenizers;

namespace Omoai.Speech.Whisper;

/// <summary>
/// The tokens of a Whisper model, as its <c>tokenizer.json</c> has them: the bytes of those that are text, and the ids of
/// those that are not. Text tokens come before <see cref="EndOfText"/>, timestamps after all others.
/// </summary>
internal sealed class WhisperTokens
{
    /// <summary>Timestamps: 0 to 30 s, each 0.02 s.</summary>
    public const int TimestampCount = 1501;

    public const double TimestampSeconds = 0.02;

    private const int MaxFileBytes = 64 << 20;
    private const int MaxId = 1_000_000;

    private readonly byte[]?[] _text;
    private readonly FrozenDictionary<string, int> _special;

    private WhisperTokens(byte[]?[] text, FrozenDictionary<string, int> special)
    {
        (_text, _special) = (text, special);
        EndOfText = Require("<|endoftext|>");
        StartOfTranscript = Require("<|startoftranscript|>");
        TimestampBegin = Require("<|notimestamps|>") + 1;
        NoSpeech = Find("<|nospeech|>") ?? Find("<|nocaptions|>");
        Transcribe = Find("<|transcribe|>");
        Translate = Find("<|translate|>");
        Languages = special.Where(token => IsLanguage(token.Key)).ToFrozenDictionary(token => token.Key[2..^2], token => token.Value);

        // Older tokenizers leave the timestamps out: they follow the last token all the same.
        if (Find("<|0.00|>") is { } first && first != TimestampBegin)
        {
            throw new InvalidDataException($"its timestamps begin at {first}, not after <|notimestamps|>");
        }

        if (Find("<|30.00|>") is { } last && last != TimestampBegin + TimestampCount - 1)
        {
            throw new InvalidDataException("its timestamps aren't one for each 0.02 s from 0 to 30 s");
        }

        var others = special.Where(token => !IsTimestamp(token.Key)).Select(token => token.Value).ToList();
        if (others.Max() >= TimestampBegin || others.Min() < EndOfText || Array.FindLastIndex(text, bytes => bytes is not null) >= EndOfText)
        {
            throw new InvalidDataException("its tokens aren't in Whisper's order: text, <|endoftext|>, other special tokens, timestamps");
        }
    }

    public int EndOfText { get; }

    public int StartOfTranscript { get; }

    public int TimestampBegin { get; }

    /// <summary>Null where the model has no such token.</summary>
    public int? NoSpeech { get; }

    /// <summary>Null where the model has no such task.</summary>
    public int? Transcribe { get; }

    /// <summary>Null where the model has no such task.</summary>
    public int? Translate { get; }

    /// <summary>The languages' tokens by Whisper's codes.</summary>
    public FrozenDictionary<string, int> Languages { get; }

    /// <summary>All tokens; scores of higher ids mean nothing.</summary>
    public int Count => TimestampBegin + TimestampCount;

    /// <summary>Reads a <c>tokenizer.json</c>: byte-level BPE, of which only the vocabulary matters here.</summary>
    /// <exception cref="InvalidDataException">It isn't one of Whisper's.</exception>
    public static WhisperTokens Read(Stream stream)
    {
        if (stream.Length > MaxFileBytes)
        {
            throw new InvalidDataException($"it has {stream.Length} bytes, more than {MaxFileBytes}");
        }

        try
        {
            using var json = JsonDocument.Parse(stream);
            var special = new Dictionary<string, int>();
            foreach (var token in json.RootElement.GetProperty("added_tokens").EnumerateArray())
            {
                special[token.GetProperty("content").GetString() ?? ""] = Id(token.GetProperty("id"));
            }

            var vocabulary = json.RootElement.GetProperty("model").GetProperty("vocab").EnumerateObject()
                .Where(token => !special.ContainsKey(token.Name)).Select(token => (token.Name, Id: Id(token.Value))).ToList();
            var text = new byte[]?[vocabulary.Count == 0 ? 0 : vocabulary.Max(token => token.Id) + 1];
            foreach (var (name, id) in vocabulary)
            {
                text[id] = BytesOf(name);
            }

            return new WhisperTokens(text, special.ToFrozenDictionary());
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"it isn't a byte-level tokenizer ({e.Message})", e);
        }
    }

    /// <summary>The bytes of a token; none where it isn't text.</summary>
    public ReadOnlySpan<byte> TextOf(int id) => id < _text.Length ? _text[id] : [];

    public bool IsTimestamp(int id) => id >= TimestampBegin;

    /// <summary>The time of a timestamp, seconds.</summary>
    public double SecondsOf(int timestamp) => (timestamp - TimestampBegin) * TimestampSeconds;

    private static bool IsLanguage(string content) =>
        content.Length is 6 or 7 && content.StartsWith("<|", StringComparison.Ordinal) && content.EndsWith("|>", StringComparison.Ordinal)
        && content[2..^2].All(char.IsAsciiLetterLower);

    private static bool IsTimestamp(string content) =>
        content.Length >= 4 && content.StartsWith("<|", StringComparison.Ordinal) && content.EndsWith("|>", StringComparison.Ordinal)
        && double.TryParse(content[2..^2], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out _);

    private static int Id(JsonElement value) =>
        value.GetInt32() is var id && id is >= 0 and < MaxId ? id : throw new FormatException($"token id {id}");

    private static byte[] BytesOf(string token) => Array.ConvertAll(
        token.ToCharArray(), c => ByteAlphabet.TryRead(c, out var value) ? value : throw new FormatException($"token '{token}'"));

    private int? Find(string content) => _special.TryGetValue(content, out var id) ? id : null;

    private int Require(string content) =>
        Find(content) ?? throw new InvalidDataException($"it has no {content}, so it isn't Whisper's");
}
