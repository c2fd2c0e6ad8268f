using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Omoai.Tests;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Tokenizers;

namespace Omoai.Transcripts.Tests;

public sealed class TokenizerTests
{
    private static readonly string[] Names = ["phi-2", "phi-3-mini", "whisper-large-v3", "phowhisper-tiny"];
    private static readonly string References =
        Path.Combine(TestPaths.Repository, "tests", "Omoai.Transcripts.Tests", "References", "Tokenizers");

    /// <summary>References/Tokenizers/make-references.mjs says where they come from.</summary>
    [SharedDataTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_thousand_difficult_strings_have_the_ids_and_texts_of_the_reference(int tokenizer)
    {
        var reference = Load(Names[tokenizer]);
        var lines = File.ReadLines(Path.Combine(References, "references.txt")).Where(line => line[0] != '#').ToList();
        var wrong = new List<string>();
        foreach (var (text, line) in Strings(Pieces()).Zip(lines))
        {
            var ids = reference.Encode(text);
            string[] texts = [reference.Decode(ids), reference.Decode(ids, skipSpecial: true), reference.Decode(Middle(ids))];
            var expected = line.Split(' ')[(2 * tokenizer)..((2 * tokenizer) + 2)];
            if (Hash(ids) != expected[0] || Hash(string.Join('\n', texts).Select(unit => (int)unit)) != expected[1])
            {
                wrong.Add($"{JsonSerializer.Serialize(text)}: {string.Join(' ', ids)}: {JsonSerializer.Serialize(texts)}");
            }
        }

        Assert.Equal(1000, lines.Count);
        Assert.True(wrong.Count == 0, $"{wrong.Count} differ\n{string.Join('\n', wrong.Take(5))}");
    }

    [SharedDataFact]
    public void Special_tokens_have_ids_and_leave_no_text()
    {
        var whisper = Load("whisper-large-v3");

        Assert.Equal((50257, 50258, 51865), (whisper.IdOf("<|endoftext|>"), whisper.IdOf("<|startoftranscript|>"), whisper.IdOf("<|30.00|>")));
        Assert.Equal(51866, whisper.Count);
        Assert.Equal("<|vi|>", whisper.TokenOf(50278));
        Assert.True(whisper.IsSpecial(50278));
        Assert.False(whisper.IsSpecial(51865));
        Assert.Null(whisper.IdOf("<|xx|>"));
        Assert.Null(whisper.TokenOf(51866));
        Assert.Null(whisper.TokenOf(-1));
        var ids = whisper.Encode("<|vi|><|0.00|> xin chào<|endoftext|>").Append(51866).Append(-1).ToList();
        Assert.Equal("<|vi|><|0.00|> xin chào<|endoftext|>", whisper.Decode(ids));
        Assert.Equal("<|0.00|> xin chào", whisper.Decode(ids, skipSpecial: true));
    }

    [Fact]
    public void Pairs_are_merged_in_the_order_of_the_list_and_from_the_left()
    {
        var tokenizer = Read(Bytes);

        Assert.Equal(["abc", "a"], Tokens(tokenizer, "abca"));
        Assert.Equal(["ab", "ab", "b"], Tokens(tokenizer, "ababb"));
        // 'cc' comes before 'bc' in the list, the left one of two.
        Assert.Equal(["ab", "cc", "c"], Tokens(tokenizer, "abccc"));
        // Words don't merge with each other; what isn't in the vocabulary is left out.
        Assert.Equal(["ab", "Ġ", "abc"], Tokens(tokenizer, "ab abcxyz"));
        Assert.Empty(tokenizer.Encode(""));
        Assert.Equal("", tokenizer.Decode([]));
    }

    [Fact]
    public void Merges_may_be_written_as_pairs()
    {
        var tokenizer = Read(Bytes.Replace("\"a b\"", "[\"a\", \"b\"]", StringComparison.Ordinal));

        Assert.Equal(["abc", "a"], Tokens(tokenizer, "abca"));
    }

    [Fact]
    public void A_whole_word_may_go_before_the_merges()
    {
        Assert.Equal(["ab", "cc", "b"], Tokens(Read(Bytes), "abccb"));
        Assert.Equal(["abccb"], Tokens(Read(Bytes.Replace("\"BPE\"", "\"BPE\", \"ignore_merges\": true", StringComparison.Ordinal)), "abccb"));
    }

    [Fact]
    public void Added_tokens_take_the_white_space_beside_them_where_they_say_so()
    {
        var tokenizer = Read(Bytes);

        Assert.Equal(["a", "<left>", "Ġ", "b"], Tokens(tokenizer, "a \n<left> b"));
        Assert.Equal(["a", "Ġ", "<right>", "b"], Tokens(tokenizer, "a <right>\n  b"));
        Assert.Equal(["<right>", "<left>"], Tokens(tokenizer, "<right>  <left>"));
        Assert.Equal(["<right>", "<right>>"], Tokens(tokenizer, "<right><right>>"));
    }

    [Fact]
    public void Tokens_and_texts_are_encoded_as_if_they_were_written_in_one()
    {
        var tokenizer = Read(Bytes);
        TokenizerPiece[] pieces = [new("a \n"), new("<left>", true), new(" "), new("b"), new("<right>", true), new(" \n b"), new("ab", true)];

        Assert.Equal(tokenizer.Encode("a \n<left> b<right> \n b").Append(4), tokenizer.Encode(pieces));
        Assert.Equal(["a", "<left>", "Ġ", "b", "<right>", "b", "ab"], tokenizer.Encode(pieces).Select(tokenizer.TokenOf));
        Assert.Contains("'<middle>'", Assert.Throws<MissingRequirementException>(() => tokenizer.Encode([new("<middle>", true)])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_looks_like_a_token_in_a_text_is_text()
    {
        // Merges that make a special token, as of Llama 2's '<' and 's>'.
        var tokenizer = Read(Bytes.Replace("\"<left>\"", "\"abc\"", StringComparison.Ordinal).Replace("\"id\": 20", "\"id\": 7", StringComparison.Ordinal));

        Assert.Equal([7, 21], tokenizer.Encode("abc<right>"));
        Assert.Equal(["ab", "c"], tokenizer.EncodeText("abc<right>").Select(tokenizer.TokenOf));
        // A word is none of them: 'aaa' is an added token, too.
        Assert.Equal(["aaa", "Ġ", "b"], tokenizer.EncodeText("aaa b").Select(tokenizer.TokenOf));
    }

    [Fact]
    public void A_space_is_put_before_the_first_text_only_where_the_file_says_so()
    {
        var file = Characters.Replace("\"Prepend\", \"prepend\": \"▁\"", "\"NFC\"", StringComparison.Ordinal);
        Tokenizer With(string scheme) => Read(file.Replace(
            "\"decoder\"", $$"""
            "added_tokens": [{ "id": 9, "content": "<s>", "special": true }],
            "pre_tokenizer": { "type": "Metaspace", "replacement": "▁", {{scheme}} }, "decoder"
            """, StringComparison.Ordinal));

        Assert.Equal(["▁a", "<s>", "▁a"], Tokens(With("\"prepend_scheme\": \"always\""), "a<s>a"));
        Assert.Equal(["▁a", "<s>", "a"], Tokens(With("\"prepend_scheme\": \"first\""), "a<s>a"));
        Assert.Equal(["a", "<s>", "a"], Tokens(With("\"prepend_scheme\": \"never\""), "a<s>a"));
        Assert.Equal(["▁a", "<s>", "▁a"], Tokens(With("\"split\": false"), "a<s>a"));
        Assert.Equal(["a", "<s>", "a"], Tokens(With("\"add_prefix_space\": false"), "a<s>a"));
        Assert.Equal(["▁a", "▁", "▁a"], Tokens(With("\"prepend_scheme\": \"first\""), " a  a"));
        var first = With("\"prepend_scheme\": \"first\"");
        Assert.Equal(["<s>", "a"], first.Encode([new("<s>", true), new("a")]).Select(first.TokenOf));
        Assert.Equal(["▁a"], first.EncodeText("a").Select(first.TokenOf));
    }

    /// <summary>The words are those of the Rust library.</summary>
    [Theory]
    [InlineData("Removed", false, "x x x")]
    [InlineData("Removed", true, "y y y")]
    [InlineData("Isolated", false, "x y y x y x")]
    [InlineData("MergedWithPrevious", false, "xy y xy x")]
    [InlineData("MergedWithPrevious", true, "x y yx yx")]
    [InlineData("MergedWithNext", false, "x y yx yx")]
    [InlineData("Contiguous", false, "x yy x y x")]
    public void Matches_are_words_or_belong_to_those_beside_them(string behavior, bool invert, string words)
    {
        var vocabulary = string.Join(", ", new[] { "x", "y", "xy", "yx", "yy", "xyy", "yxy", "yyx", "xyyx" }.Index().Select(token => $"\"{token.Item}\": {token.Index}"));
        var tokenizer = Read($$"""
            {
              "pre_tokenizer": { "type": "Split", "pattern": { "String": "y" }, "behavior": "{{behavior}}", "invert": {{(invert ? "true" : "false")}} },
              "model": { "type": "BPE", "ignore_merges": true, "vocab": { {{vocabulary}} }, "merges": [] }
            }
            """);

        Assert.Equal(words, string.Join(' ', Tokens(tokenizer, "xyyxyx")));
    }

    [Theory]
    [InlineData("\\\\[[ab]")]
    [InlineData("[\\\\[b]&&")]
    [InlineData("\\\\\\\\[ab]|[^abc]")]
    public void Brackets_outside_of_sets_and_escaped_ones_are_read(string expression)
    {
        var tokenizer = Read(Bytes.Replace(
            "{ \"type\": \"ByteLevel\", \"add_prefix_space\": false }", Split(expression), StringComparison.Ordinal));

        Assert.Equal(["ab", "cc"], Tokens(tokenizer, "abcc"));
    }

    [Fact]
    public void An_expression_that_takes_too_long_is_given_up()
    {
        var tokenizer = Read(Bytes.Replace(
            "{ \"type\": \"ByteLevel\", \"add_prefix_space\": false }", Split("(a|aa)+$"), StringComparison.Ordinal));

        var e = Assert.Throws<MissingRequirementException>(() => tokenizer.EncodeText(new string('a', 1000) + "b"));

        Assert.Contains("(a|aa)+$", e.Message, StringComparison.Ordinal);
    }

    private static string Split(string expression) =>
        $$"""{ "type": "Sequence", "pretokenizers": [{ "type": "Split", "pattern": { "Regex": "{{expression}}" } }, { "type": "ByteLevel", "add_prefix_space": false }] }""";

    [Fact]
    public void An_added_token_that_is_a_word_is_none_within_another()
    {
        var tokenizer = Read(Bytes);

        Assert.Equal(["b", "Ġ", "aaa", "Ġ", "b"], Tokens(tokenizer, "b aaa b"));
        Assert.Equal(["aaa"], Tokens(tokenizer, "aaa"));
        Assert.Equal(["a", "a", "ab"], Tokens(tokenizer, "aaab"));
        Assert.Equal(["b", "a", "a", "a"], Tokens(tokenizer, "baaa"));
        Assert.Equal(["a", "a", "a"], Tokens(tokenizer, "𝔘aaa"));
    }

    [Fact]
    public void Missing_characters_are_bytes_or_unknown()
    {
        var tokenizer = Read(Characters);

        Assert.Equal(["▁a", "<0xC3>", "<0xA9>", "<unk>", "▁", "b"], Tokens(tokenizer, "aéüü b"));
        Assert.Equal("aé<unk> b", tokenizer.Decode(tokenizer.Encode("aéüü b")));
        Assert.Equal("a\ufffdb", tokenizer.Decode([tokenizer.IdOf("▁a")!.Value, tokenizer.IdOf("<0xC3>")!.Value, tokenizer.IdOf("b")!.Value]));
    }

    /// <summary>A merge that looks at all pairs again after each merge would take hours here.</summary>
    [Theory]
    [InlineData("ab")]
    [InlineData("a")]
    [InlineData("abcc")]
    [InlineData("<")]
    [InlineData("\n")]
    public void A_megabyte_without_a_space_is_encoded(string piece)
    {
        var text = string.Concat(Enumerable.Repeat(piece, 1_000_000 / piece.Length));
        var tokenizer = Read(Bytes);

        Assert.Equal(piece is "<" or "\n" ? "" : text, tokenizer.Decode(tokenizer.Encode(text)));
        Assert.NotEmpty(Read(Characters).Encode(text));
    }

    [Theory]
    [InlineData("", "", "JSON")]
    [InlineData("{", "[", "")]
    [InlineData("\"model\"", "\"modem\"", "")]
    [InlineData("\"BPE\"", "\"Unigram\"", "'Unigram'")]
    [InlineData("\"BPE\"", "\"BPE\", \"dropout\": 0.1", "random")]
    [InlineData("\"BPE\"", "\"BPE\", \"end_of_word_suffix\": \"</w>\"", "end_of_word_suffix")]
    [InlineData("\"BPE\"", "\"BPE\", \"unk_token\": \"<none>\"", "'<none>'")]
    [InlineData("\"BPE\"", "5", "")]
    [InlineData("\"a\": 0", "\"a\": -1", "-1")]
    [InlineData("\"a\": 0", "\"a\": 2097152", "2097152")]
    [InlineData("\"a\": 0", "\"a\": 1e99", "")]
    [InlineData("\"a\": 0", "\"a\": null", "")]
    [InlineData("\"a\": 0", "\"a\": 0, \"a\": 7", "twice")]
    [InlineData("\"a b\"", "\"ab\"", "merge 0")]
    [InlineData("\"a b\"", "\"a x\"", "merge 0")]
    [InlineData("\"a b\"", "\"b a\"", "merge 0")]
    [InlineData("\"a b\"", "[\"a\"]", "")]
    [InlineData("\"a b\"", "\"\\ud800 b\"", "")]
    [InlineData("\"ByteLevel\", \"add_prefix_space\"", "\"Whitespace\", \"add_prefix_space\"", "pre-tokenizer 'Whitespace'")]
    [InlineData("\"ByteLevel\", \"add_prefix_space\"", "\"Split\", \"pattern\": {\"Regex\": \"(\"}, \"add_prefix_space\"", "can't read: ( (")]
    [InlineData("\"ByteLevel\", \"add_prefix_space\"", "\"Split\", \"pattern\": {\"Regex\": \"\\\\p{Han}+\"}, \"add_prefix_space\"", "can't read: \\p{Han}+")]
    [InlineData("\"ByteLevel\", \"add_prefix_space\"", "\"Split\", \"pattern\": {\"Regex\": \"[a-z&&[^x]]\"}, \"add_prefix_space\"", "can't read: [a-z&&[^x]]")]
    [InlineData("\"ByteLevel\", \"add_prefix_space\"", "\"Split\", \"pattern\": {\"Regex\": \"[^[:alpha:]]+\"}, \"add_prefix_space\"", "can't read: [^[:alpha:]]+")]
    [InlineData("\"ByteLevel\", \"add_prefix_space\"", "\"Split\", \"pattern\": {\"Regex\": \"b|[a[b]]\"}, \"add_prefix_space\"", "can't read: b|[a[b]]")]
    [InlineData("\"ByteLevel\", \"add_prefix_space\"", "\"Split\", \"pattern\": {\"Regex\": \"[a-z-[b]]\"}, \"add_prefix_space\"", "can't read: [a-z-[b]]")]
    [InlineData("\"ByteLevel\", \"add_prefix_space\"", "\"Split\", \"pattern\": {\"Regex\": \"[]a[b]]\"}, \"add_prefix_space\"", "can't read: []a[b]]")]
    [InlineData("\"ByteLevel\", \"add_prefix_space\"", "\"Split\", \"pattern\": {\"Regex\": \"[^]a[b]]\"}, \"add_prefix_space\"", "can't read: [^]a[b]]")]
    [InlineData("\"ByteLevel\", \"add_prefix_space\"", "\"Split\", \"add_prefix_space\"", "")]
    [InlineData("\"ByteLevel\", \"add_prefix_space\"", "\"Split\", \"pattern\": {}, \"add_prefix_space\"", "text")]
    [InlineData("\"ByteLevel\", \"add_prefix_space\"", "\"Split\", \"pattern\": {\"Regex\": \"a\"}, \"behavior\": \"Kept\", \"add_prefix_space\"", "split behaviour 'Kept'")]
    [InlineData("\"ByteLevel\", \"add_prefix_space\"", "\"Metaspace\", \"replacement\": \"__\", \"add_prefix_space\"", "more than a letter")]
    [InlineData("\"ByteLevel\", \"add_prefix_space\"", "\"Metaspace\", \"prepend_scheme\": \"last\", \"add_prefix_space\"", "prepend scheme 'last'")]
    [InlineData("{ \"type\": \"ByteLevel\", \"add_prefix_space\": false }", "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"ByteLevel\"}, {\"type\": \"Digits\"}]}", "isn't the last one")]
    [InlineData("{ \"type\": \"ByteLevel\", \"add_prefix_space\": false }", "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Sequence\", \"pretokenizers\": []}]}", "pre-tokenizer 'Sequence'")]
    [InlineData("\"normalizer\": null", "\"normalizer\": {\"type\": \"Lowercase\"}", "normalizer 'Lowercase'")]
    [InlineData("\"normalizer\": null", "\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"Regex\": \"(a+)+$\"}, \"content\": \"\"}", "text")]
    [InlineData("\"normalizer\": null", "\"normalizer\": {\"type\": \"Prepend\", \"prepend\": \"01234567890123456\"}", "prepend")]
    [InlineData("\"normalizer\": null", "\"normalizer\": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "depth")]
    [InlineData("\"content\": \"<left>\"", "\"content\": \"\"", "empty")]
    [InlineData("\"content\": \"<left>\"", "\"content\": 5", "")]
    public void A_file_that_is_none_or_asks_for_something_unknown_is_refused(string part, string by, string named)
    {
        var e = Assert.Throws<MissingRequirementException>(() => Read(part.Length == 0 ? by : Bytes.Replace(part, by, StringComparison.Ordinal)));

        Assert.Contains("tokenizer.json", e.Message, StringComparison.Ordinal);
        Assert.Contains(named, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_thousand_broken_files_are_used_or_refused()
    {
        string[] values = ["null", "0", "-1", "8", "2147483647", "1e308", "0.5", "true", "\"\"", "[]", "{}", "\"a\"", "[\"a\", \"b\"]", "\"\\ud800\""];
        var (used, refused) = (0, 0);
        for (var seed = 0; seed < 1000; seed++)
        {
            var random = new Random(seed);
            var file = random.Next(2) == 0 ? Bytes : Characters;
            // A value or a name gives way to another one, or a piece goes missing.
            var tokens = Regex.Matches(file, "\"[^\"]*\"|[0-9]+|true|false|null");
            var token = tokens[random.Next(tokens.Count)];
            var broken = random.Next(4) == 0
                ? file.Remove(token.Index, Math.Min(random.Next(1, 20), file.Length - token.Index))
                : file.Remove(token.Index, token.Length).Insert(
                    token.Index, random.Next(2) == 0 ? values[random.Next(values.Length)] : tokens[random.Next(tokens.Count)].Value);
            try
            {
                var tokenizer = Read(broken);
                tokenizer.Decode(tokenizer.Encode("ab abc <left> aaa é ü ccb"));
                used++;
            }
            catch (MissingRequirementException)
            {
                refused++;
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"seed {seed}: {e.Message}\n{broken}", e);
            }
        }

        Assert.True(used > 100 && refused > 100, $"{used} used, {refused} refused");
    }

    [Fact]
    public void A_long_expression_is_refused()
    {
        var e = Assert.Throws<MissingRequirementException>(() => Read(Bytes.Replace(
            "{ \"type\": \"ByteLevel\", \"add_prefix_space\": false }", Split(new string('a', 4097)), StringComparison.Ordinal)));

        Assert.Contains("4096", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_without_end_is_refused()
    {
        var e = Assert.Throws<MissingRequirementException>(() => Tokenizer.Read(new EndlessStream()));

        Assert.Contains("64 MiB", e.Message, StringComparison.Ordinal);
    }

    private const string Bytes =
        """
        {
          "added_tokens": [
            { "id": 20, "content": "<left>", "special": true, "lstrip": true, "normalized": false },
            { "id": 21, "content": "<right>", "special": true, "rstrip": true, "normalized": false },
            { "id": 22, "content": "<right>>", "special": true, "normalized": false },
            { "id": 23, "content": "aaa", "single_word": true }
          ],
          "normalizer": null,
          "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false },
          "decoder": { "type": "ByteLevel" },
          "model": {
            "type": "BPE",
            "vocab": { "a": 0, "b": 1, "c": 2, "Ġ": 3, "ab": 4, "cc": 5, "bc": 6, "abc": 7, "abccb": 8 },
            "merges": ["a b", "c c", "b c", "ab c"]
          }
        }
        """;

    private const string Characters =
        """
        {
          "normalizer": { "type": "Sequence", "normalizers": [
            { "type": "Prepend", "prepend": "▁" },
            { "type": "Replace", "pattern": { "String": " " }, "content": "▁" }
          ] },
          "decoder": { "type": "Sequence", "decoders": [
            { "type": "Replace", "pattern": { "String": "▁" }, "content": " " },
            { "type": "ByteFallback" },
            { "type": "Fuse" },
            { "type": "Strip", "content": " ", "start": 1, "stop": 0 }
          ] },
          "model": {
            "type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
            "vocab": { "<unk>": 0, "<0xC3>": 1, "<0xA9>": 2, "▁": 3, "a": 4, "b": 5, "▁a": 6 },
            "merges": ["▁ a"]
          }
        }
        """;

    private static Tokenizer Read(string json) => Tokenizer.Read(new MemoryStream(Encoding.UTF8.GetBytes(json)));

    private static IEnumerable<string?> Tokens(Tokenizer tokenizer, string text) => tokenizer.Encode(text).Select(tokenizer.TokenOf);

    private sealed class EndlessStream : MemoryStream
    {
        public override int Read(Span<byte> buffer) => buffer.Length;

        public override int Read(byte[] buffer, int offset, int count) => count;
    }

    private static IEnumerable<int> Middle(IReadOnlyList<int> ids) => ids.Skip(1).SkipLast(1);

    private static Tokenizer Load(string name)
    {
        using var stream = File.OpenRead(Path.Combine(TestPaths.SharedData!, "tokenizers", name, "tokenizer.json"));
        return Tokenizer.Read(stream);
    }

    private static string[][] Pieces()
    {
        using var file = File.OpenRead(Path.Combine(References, "pieces.json"));
        return [.. JsonSerializer.Deserialize<Dictionary<string, string[]>>(file)!.Values];
    }

    /// <summary>The strings of make-references.mjs.</summary>
    /// <param name="groups">What they are made of.</param>
    internal static IEnumerable<string> Strings(string[][] groups)
    {
        var state = 20261125u;
        for (var i = 0; i < 1000; i++)
        {
            var main = groups[i % groups.Length];
            var text = new StringBuilder();
            for (var left = 1 + Below(12); left > 0; left--)
            {
                var group = Below(3) == 0 ? groups[Below(groups.Length)] : main;
                text.Append(group[Below(group.Length)]);
            }

            yield return text.Replace('\ue000', '\ud83d').Replace('\ue001', '\ude00').ToString();
        }

        int Below(int n)
        {
            state = unchecked((state * 1664525) + 1013904223);
            return (int)((state >> 8) % (uint)n);
        }
    }

    internal static string Hash(IEnumerable<int> numbers) => numbers
        .Aggregate(2166136261u, (value, number) => unchecked((value ^ (uint)number) * 16777619))
        .ToString("x8", CultureInfo.InvariantCulture);
}
