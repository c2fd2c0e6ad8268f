using System.Text.Json;
using System.Text.RegularExpressions;
using Omoai.Transcripts.Activities;

namespace Omoai.Transcripts.Tokenizers;

/// <summary>Reads <c>tokenizer.json</c>. The file isn't trusted: its size, its numbers and its names are checked.</summary>
internal static class TokenizerJson
{
    /// <summary>More bytes than this are refused.</summary>
    public const int MaxBytes = 64 * 1024 * 1024;

    /// <summary>Ids are lower than this.</summary>
    public const int MaxTokens = 1 << 21;

    /// <summary>No token is longer than this, in UTF-16.</summary>
    public const int MaxTokenLength = 1024;

    /// <summary>Nothing that is put into a text is longer than this, in UTF-16.</summary>
    public const int MaxAffixLength = 16;

    public static Tokenizer Read(Stream stream, string name)
    {
        try
        {
            using var document = JsonDocument.Parse(ReadBounded(stream));
            return Read(document.RootElement);
        }
        // What JsonElement throws where a value is of another type, or a number too large, or a text no Unicode.
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new MissingRequirementException(
                $"The tokenizer {name} can't be used: {e.Message.TrimEnd('.')}. Get the model again, or use another one.", e);
        }
    }

    private static ReadOnlyMemory<byte> ReadBounded(Stream stream)
    {
        var buffer = new MemoryStream();
        var block = new byte[64 * 1024];
        for (int read; (read = stream.Read(block)) > 0;)
        {
            Require(buffer.Length + read <= MaxBytes, $"it has more than {MaxBytes >> 20} MiB");
            buffer.Write(block, 0, read);
        }

        return buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
    }

    private static Tokenizer Read(JsonElement root)
    {
        RequireKind(root, JsonValueKind.Object, "it");
        var preTokenizers = Steps(Optional(root, "pre_tokenizer"), "pretokenizers").ToList();
        // What comes after it would see bytes.
        var byteLevel = preTokenizers.FindIndex(step => Type(step) == "ByteLevel");
        Require(byteLevel < 0 || byteLevel == preTokenizers.Count - 1, "its pre-tokenizer 'ByteLevel' isn't the last one");
        var preTokenizer = new PreTokenizerSequence([.. preTokenizers.Select(PreTokenizer).OfType<IPreTokenizer>()]);
        return new Tokenizer(
            Model(root.GetProperty("model"), byteLevel >= 0), [.. Normalizers(Optional(root, "normalizer"))],
            preTokenizer, AddedTokens(Optional(root, "added_tokens")), [.. Decoders(Optional(root, "decoder"))]);
    }

    private static BytePairModel Model(JsonElement model, bool byteLevel)
    {
        RequireKind(model, JsonValueKind.Object, "its model");
        Require(Type(model, "BPE") == "BPE", $"its model is of type '{Type(model, "BPE")}' (known: BPE)");
        Require(Optional(model, "dropout") is not { } dropout || dropout.GetDouble() == 0, "its model drops merges at random");
        foreach (var affix in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
        {
            Require(string.IsNullOrEmpty(Text(model, affix, "")), $"its model has a {affix}");
        }

        var ids = new Dictionary<string, int>();
        var count = 0;
        foreach (var entry in model.GetProperty("vocab").EnumerateObject())
        {
            Require(ids.TryAdd(Token(entry.Name), Id(entry.Value)), $"it has the token '{entry.Name}' twice");
            count = Math.Max(count, ids[entry.Name] + 1);
        }

        var unknown = Text(model, "unk_token", null);
        Require(unknown is null || ids.ContainsKey(unknown), $"its vocabulary lacks its unknown token '{unknown}'");
        return new BytePairModel(ids, count, Merges(model.GetProperty("merges"), ids), new BytePairOptions(
            byteLevel, Flag(model, "byte_fallback"), unknown is null ? null : ids[unknown], Flag(model, "fuse_unk"),
            Flag(model, "ignore_merges")));
    }

    private static Dictionary<long, (int Rank, int Id)> Merges(JsonElement merges, Dictionary<string, int> ids)
    {
        var byPair = new Dictionary<long, (int, int)>(merges.GetArrayLength());
        var lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        Span<char> joined = stackalloc char[2 * MaxTokenLength];
        var rank = 0;
        foreach (var merge in merges.EnumerateArray())
        {
            string text;
            int leftLength, rightStart;
            if (merge.ValueKind == JsonValueKind.Array && merge.GetArrayLength() == 2)
            {
                // ["left", "right"], since 2024.
                var left = Token(merge[0].GetString() ?? "");
                text = left + Token(merge[1].GetString() ?? "");
                leftLength = rightStart = left.Length;
            }
            else
            {
                // "left right".
                text = merge.GetString() ?? "";
                leftLength = text.IndexOf(' ', StringComparison.Ordinal);
                rightStart = leftLength + 1;
                Require(leftLength > 0 && text.Length <= joined.Length, $"its merge {rank} is no pair of tokens");
            }

            text.AsSpan(0, leftLength).CopyTo(joined);
            text.AsSpan(rightStart).CopyTo(joined[leftLength..]);
            if (!lookup.TryGetValue(text.AsSpan(0, leftLength), out var leftId)
                || !lookup.TryGetValue(text.AsSpan(rightStart), out var rightId)
                || !lookup.TryGetValue(joined[..(leftLength + text.Length - rightStart)], out var id))
            {
                throw new FormatException($"its merge {rank}, '{text}', isn't of tokens of its vocabulary");
            }

            byPair[BytePairModel.Pair(leftId, rightId)] = (rank++, id);
        }

        return byPair;
    }

    private static List<AddedToken> AddedTokens(JsonElement? tokens)
    {
        var added = new List<AddedToken>();
        foreach (var token in tokens?.EnumerateArray() ?? default)
        {
            RequireKind(token, JsonValueKind.Object, "an added token");
            var content = Token(token.GetProperty("content").GetString() ?? "");
            Require(content.Length > 0, "one of its added tokens is empty");
            var special = Flag(token, "special");
            added.Add(new AddedToken(
                Id(token.GetProperty("id")), content, special, Flag(token, "normalized", !special),
                Flag(token, "single_word"), Flag(token, "lstrip"), Flag(token, "rstrip")));
        }

        return added;
    }

    private static IEnumerable<INormalizer> Normalizers(JsonElement? normalizer) => Steps(normalizer, "normalizers")
        .Select(INormalizer (step) => Type(step) switch
        {
            "NFC" => new NfcNormalizer(),
            "Prepend" => new PrependNormalizer(Affix(step, "prepend")),
            "Replace" => new ReplaceNormalizer(Pattern(step), Affix(step, "content")),
            var type => throw Unknown("normalizer", type, "NFC, Prepend, Replace, Sequence"),
        });

    /// <summary>A step; null for one that splits nothing.</summary>
    private static IPreTokenizer? PreTokenizer(JsonElement step) => Type(step) switch
    {
        "ByteLevel" => (Flag(step, "add_prefix_space", true), Flag(step, "use_regex", true)) is var (space, regex) && (space || regex)
            ? new ByteLevelPreTokenizer(space, regex)
            : null,
        "Split" => new SplitPreTokenizer(Expression(step), Behavior(step), Flag(step, "invert")),
        "Digits" => new SplitPreTokenizer(
            @"\p{N}", Flag(step, "individual_digits") ? SplitBehavior.Isolated : SplitBehavior.Contiguous, invert: false),
        "Punctuation" => new SplitPreTokenizer(@"[\p{P}$+<=>^`|~]", Behavior(step), invert: false),
        "Metaspace" => new MetaspacePreTokenizer(Replacement(step), Prepend(step), Flag(step, "split", true)),
        var type => throw Unknown("pre-tokenizer", type, "ByteLevel, Split, Digits, Punctuation, Metaspace, Sequence"),
    };

    private static string Expression(JsonElement step) =>
        Text(step.GetProperty("pattern"), "Regex", null) is { Length: > 0 } regex ? regex : Regex.Escape(Pattern(step));

    private static SplitBehavior Behavior(JsonElement step) => Text(step, "behavior", "Isolated") switch
    {
        "Removed" => SplitBehavior.Removed,
        "Isolated" => SplitBehavior.Isolated,
        "MergedWithPrevious" => SplitBehavior.MergedWithPrevious,
        "MergedWithNext" => SplitBehavior.MergedWithNext,
        "Contiguous" => SplitBehavior.Contiguous,
        var behavior => throw Unknown("split behaviour", behavior, "Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous"),
    };

    private static char Replacement(JsonElement step) => Text(step, "replacement", "▁") is [var replacement]
        ? replacement
        : throw new FormatException("its spaces are written with more than a letter");

    /// <summary>Files before 2024 have a flag only.</summary>
    private static PrependScheme Prepend(JsonElement step) => Text(step, "prepend_scheme", null) switch
    {
        "always" => PrependScheme.Always,
        "first" => PrependScheme.First,
        "never" => PrependScheme.Never,
        null => Flag(step, "add_prefix_space", true) ? PrependScheme.Always : PrependScheme.Never,
        var scheme => throw Unknown("prepend scheme", scheme, "always, first, never"),
    };

    private static IEnumerable<ITokenDecoder> Decoders(JsonElement? decoder) => Steps(decoder, "decoders")
        .Select(ITokenDecoder (step) => Type(step) switch
        {
            "ByteLevel" => new ByteLevelDecoder(),
            "Replace" => new ReplaceDecoder(Pattern(step), Affix(step, "content")),
            "ByteFallback" => new ByteFallbackDecoder(),
            "Fuse" => new FuseDecoder(),
            "Metaspace" => new MetaspaceDecoder(Replacement(step), Prepend(step)),
            "Strip" when Text(step, "content", "") is { Length: 1 } content =>
                new StripDecoder(content[0], Number(step, "start"), Number(step, "stop")),
            var type => throw Unknown("decoder", type, "ByteLevel, Replace, ByteFallback, Fuse, Metaspace, Strip, Sequence"),
        });

    /// <summary>The steps of a sequence, the one step that isn't a sequence, or none.</summary>
    private static IEnumerable<JsonElement> Steps(JsonElement? step, string listName) => step is not { } one ? []
        : Type(one) == "Sequence" ? one.GetProperty(listName).EnumerateArray()
        : [one];

    private static string Pattern(JsonElement step) =>
        Text(step.GetProperty("pattern"), "String", null) is { Length: > 0 } pattern
            ? pattern
            : throw new FormatException("it looks for something else than a text");

    private static string Affix(JsonElement step, string name)
    {
        var text = Text(step, name, "")!;
        Require(text.Length <= MaxAffixLength, $"its {name} has more than {MaxAffixLength} characters");
        return text;
    }

    private static string Token(string text)
    {
        Require(text.Length <= MaxTokenLength, $"it has a token of more than {MaxTokenLength} characters");
        return text;
    }

    private static int Id(JsonElement value)
    {
        var id = value.GetInt32();
        Require(id is >= 0 and < MaxTokens, $"it has the id {id} (0 to {MaxTokens - 1})");
        return id;
    }

    private static string? Type(JsonElement step, string? ifMissing = null)
    {
        RequireKind(step, JsonValueKind.Object, "one of its steps");
        return Text(step, "type", ifMissing);
    }

    private static JsonElement? Optional(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static string? Text(JsonElement parent, string name, string? ifMissing) =>
        Optional(parent, name) is { } value ? value.GetString() : ifMissing;

    private static bool Flag(JsonElement parent, string name, bool ifMissing = false) =>
        Optional(parent, name) is { } value ? value.GetBoolean() : ifMissing;

    private static int Number(JsonElement parent, string name) => Optional(parent, name) is { } value ? value.GetInt32() : 0;

    private static void Require(bool fine, string otherwise)
    {
        if (!fine)
        {
            throw new FormatException(otherwise);
        }
    }

    private static void RequireKind(JsonElement value, JsonValueKind kind, string what) =>
        Require(value.ValueKind == kind, $"{what} is no {kind}");

    private static FormatException Unknown(string what, string? type, string known) =>
        new($"its {what} '{type}' is not known to this version (known: {known})");
}
