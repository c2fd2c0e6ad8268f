using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Omoai.Tests;
using Omoai.Transcripts.Tokenizers;

namespace Omoai.Transcripts.Tests;

/// <summary>Small tokenizers that are made as those of families of language models are.</summary>
public sealed class TokenizerFamilyTests
{
    private static readonly string References =
        Path.Combine(TestPaths.Repository, "tests", "Omoai.Transcripts.Tests", "References", "Tokenizers");

    private static readonly JsonObject File = JsonNode.Parse(System.IO.File.ReadAllText(Path.Combine(References, "families.json")))!.AsObject();
    private static readonly string[] Names = [.. File["families"]!.AsObject().Select(family => family.Key)];

    private static readonly string[][] Groups =
    [
        .. new[] { JsonNode.Parse(System.IO.File.ReadAllText(Path.Combine(References, "pieces.json")))!, File["pieces"]! }
            .SelectMany(node => node.AsObject()).Select(group => group.Value.Deserialize<string[]>()!),
    ];

    public static TheoryData<string> Families => [.. Names];

    /// <summary>References/Tokenizers/make-family-references.mjs says where they come from.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void A_thousand_difficult_strings_have_the_ids_and_texts_of_the_reference(string family)
    {
        var tokenizer = Make(family);
        var lines = System.IO.File.ReadLines(Path.Combine(References, "family-references.txt")).Where(line => line[0] != '#').ToList();
        var wrong = new List<string>();
        foreach (var (text, line) in TokenizerTests.Strings(Groups).Zip(lines))
        {
            var (ids, plain) = (tokenizer.Encode(text), tokenizer.EncodeText(text));
            var again = tokenizer.Decode(ids);
            var hash = TokenizerTests.Hash([.. ids, -1, .. plain, -1, .. again.Select(unit => (int)unit)]);
            if (hash != line.Split(' ')[Array.IndexOf(Names, family)])
            {
                wrong.Add($"{JsonSerializer.Serialize(text)}: {string.Join(' ', ids)}: {string.Join(' ', plain)}: {JsonSerializer.Serialize(again)}");
            }
        }

        Assert.Equal(1000, lines.Count);
        Assert.True(wrong.Count == 0, $"{wrong.Count} differ\n{string.Join('\n', wrong.Take(5))}");
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Text_never_has_the_id_of_a_mark(string family)
    {
        var tokenizer = Make(family);
        var marks = Marks(File["families"]![family]!).Select(mark => tokenizer.IdOf(mark)!.Value).ToList();

        foreach (var text in TokenizerTests.Strings(Groups))
        {
            Assert.Empty(tokenizer.EncodeText(text).Intersect(marks));
        }

        Assert.Contains(TokenizerTests.Strings(Groups), text => tokenizer.Encode(text).Intersect(marks).Any());
    }

    private static IEnumerable<string> Tokens(JsonNode family, string list) => family[list].Deserialize<string[]>() ?? [];

    private static IEnumerable<string> Marks(JsonNode family) =>
        [.. Tokens(family, "special"), .. Tokens(family, "rstrip"), .. Tokens(family, "added").Where(token => token.Contains('<'))];

    /// <summary>The tokenizers of make-family-references.mjs.</summary>
    private static Tokenizer Make(string name)
    {
        var family = File["families"]![name]!;
        var byteLevel = family["pre_tokenizer"]!.ToJsonString().Contains("\"ByteLevel\"", StringComparison.Ordinal);
        var vocabulary = new JsonObject();
        var merges = new JsonArray();
        void Add(string token) => vocabulary.TryAdd(token, vocabulary.Count);
        List<string> Symbols(string text) => byteLevel
            ? [.. Encoding.UTF8.GetBytes(text).Select(value => ByteAlphabet.Letter(value).ToString())]
            : [.. text.Replace(' ', '▁').EnumerateRunes().Select(rune => rune.ToString())];

        // Of every third group the letters are missing where letters aren't bytes.
        var known = Groups.Where((_, index) => index % 3 != 2).SelectMany(group => group).ToList();
        if (byteLevel)
        {
            Enumerable.Range(0, 256).ToList().ForEach(value => Add(ByteAlphabet.Letter((byte)value).ToString()));
        }
        else
        {
            Add("<unk>");
            if (family["model"]?["byte_fallback"] is not null)
            {
                Enumerable.Range(0, 256).ToList().ForEach(value => Add($"<0x{value:X2}>"));
            }

            known.SelectMany(Symbols).ToList().ForEach(Add);
        }

        // Words first, then whole pieces, which no token may be of where words are apart.
        foreach (var parts in known.SelectMany(Words).Concat(known).Select(Symbols))
        {
            var left = parts[0];
            foreach (var right in parts.Take(12).Skip(1))
            {
                if (!vocabulary.ContainsKey(left + right))
                {
                    merges.Add(new JsonArray(left, right));
                    Add(left + right);
                }

                left += right;
            }
        }

        var added = new JsonArray();
        foreach (var (content, special, rightStrip) in Tokens(family, "special").Select(token => (token, true, false))
            .Concat(Tokens(family, "rstrip").Select(token => (token, true, true)))
            .Concat(Tokens(family, "added").Select(token => (token, false, false))))
        {
            Add(content);
            added.Add(new JsonObject
            {
                ["id"] = vocabulary[content]!.GetValue<int>(),
                ["content"] = content,
                ["special"] = special,
                ["rstrip"] = rightStrip,
                ["normalized"] = false,
            });
        }

        var model = family["model"]?.DeepClone().AsObject() ?? [];
        (model["type"], model["vocab"], model["merges"]) = ("BPE", vocabulary, merges);
        var json = new JsonObject { ["added_tokens"] = added, ["model"] = model };
        foreach (var step in new[] { "normalizer", "pre_tokenizer", "decoder" })
        {
            json[step] = family[step]?.DeepClone();
        }

        return Tokenizer.Read(new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(json)));

        // Before each space a word begins.
        static IEnumerable<string> Words(string piece)
        {
            var starts = piece.Index().Where(letter => letter.Index == 0 || letter.Item == ' ').Select(letter => letter.Index).Append(piece.Length);
            return starts.Zip(starts.Skip(1), (start, end) => piece[start..end]);
        }
    }
}
