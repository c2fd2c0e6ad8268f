using System.Text;
using Omoai.Speech.Ctc;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Tests.Ctc;

public sealed class TokenFileTests
{
    [Theory]
    [InlineData("tokens.txt", "<blank>\n<space>\na\n")]
    [InlineData("tokens.txt", "\uFEFF<blank>\r\n<space>\r\na")]
    [InlineData("units.txt", "<blank> 0\n<space> 1\na 2\n")]
    [InlineData("units.txt", "a\t2\n<blank>  0\n<space> 1\n")]
    [InlineData("tokens.txt", "<blank> 0\n<space> 1\na 2\n#0 3\n#1 4\n")]
    [InlineData("vocab.json", "{\"a\": 2, \"<blank>\": 0, \"<space>\": 1}")]
    [InlineData("tokens.json", "[\"<blank>\", \"<space>\", \"a\"]")]
    public void All_kinds_of_file_are_read(string name, string content) => Assert.Equal(["<blank>", "<space>", "a"], Read(name, content));

    [Fact]
    public void A_space_may_be_a_token()
    {
        Assert.Equal([" ", "a", "<blk>"], Read("tokens.txt", "  0\na 1\n<blk> 2\n"));
        Assert.Equal([" ", "a", "<blk>"], Read("tokens.txt", " \na\n<blk>\n"));
    }

    [Fact]
    public void Numbers_may_be_tokens() => Assert.Equal(["<blk>", "1", "2"], Read("tokens.txt", "<blk>\n1\n2\n"));

    [Theory]
    [InlineData("tokens.txt", "", "0 tokens")]
    [InlineData("tokens.txt", "<blank> 0\na 2\n", "no token 1")]
    [InlineData("tokens.txt", "<blank> 0\na 0\n", "no token 1")]
    [InlineData("tokens.txt", "<blank> 0\na 99999999999999999\n", "no token 1")]
    [InlineData("vocab.json", "{", "isn't an object")]
    [InlineData("vocab.json", "{\"a\": \"b\"}", "isn't an object")]
    [InlineData("vocab.json", "{\"a\": {\"b\": 0}}", "isn't an object")]
    [InlineData("vocab.json", "[1]", "isn't an object")]
    [InlineData("vocab.json", "7", "isn't an object")]
    [InlineData("vocab.json", "{\"a\": 1e99}", "isn't an object")]
    [InlineData("vocab.json", "{\"a\": -1}", "no token 0")]
    public void Other_files_are_refused(string name, string content, string named)
    {
        var e = Assert.Throws<MissingRequirementException>(() => Read(name, content));

        Assert.Contains(name, e.Message, StringComparison.Ordinal);
        Assert.Contains(named, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_thousand_damaged_files_give_a_list_or_a_clear_error()
    {
        string[] files =
        [
            "<blank> 0\n<unk> 1\n▁xin 2\n▁ch 3\nào 4\n<0xE1> 5\n<sos/eos> 6\n#0 7\n", "<blank>\n<space>\na\nb\nđ\n'\n",
            "{\"<pad>\": 0, \"|\": 1, \"a\": 2, \"b\": 3}", "[\"<blank>\", \"▁\", \"你\", \"好\"]",
        ];
        var random = new Random(2026);
        var (read, refused) = (0, 0);
        for (var i = 0; i < 1000; i++)
        {
            var file = random.Next(files.Length);
            var bytes = Encoding.UTF8.GetBytes(files[file]).ToList();
            for (var change = random.Next(1, 5); change > 0 && bytes.Count > 0; change--)
            {
                var at = random.Next(bytes.Count);
                switch (random.Next(5))
                {
                    case 0: bytes[at] = (byte)random.Next(256); break;
                    case 1: bytes.RemoveAt(at); break;
                    case 2: bytes.Insert(at, " \n\t\"{}[]9<>"u8[random.Next(11)]); break;
                    case 3: bytes.InsertRange(at, bytes.Slice(at, Math.Min(random.Next(20), bytes.Count - at))); break;
                    default: bytes.RemoveRange(at, Math.Min(random.Next(20), bytes.Count - at)); break;
                }
            }

            try
            {
                var tokens = new TokenList(
                    TokenFile.Read(bytes.ToArray(), file < 2 ? "tokens.txt" : "vocab.json"), 0,
                    (string[])["space", "sentencepiece", "characters"] is var schemes ? schemes[random.Next(3)] : "", random.Next(2) == 0 ? "<space>" : "|");
                // Whatever the list is, all of it can be written.
                Assert.All(tokens.Words([.. Enumerable.Range(0, tokens.Count)]), range => Assert.True(range.End.Value <= tokens.Count));
                _ = tokens.Text([.. Enumerable.Range(0, tokens.Count)]);
                _ = new HotWords(["a b", "xin chào", "你好"], tokens, 1);
                read++;
            }
            catch (MissingRequirementException e)
            {
                Assert.NotEmpty(e.Message);
                refused++;
            }
        }

        Assert.InRange(read, 100, 900);
        Assert.InRange(refused, 100, 900);
    }

    private static IReadOnlyList<string> Read(string name, string content) => TokenFile.Read(Encoding.UTF8.GetBytes(content), name);
}
