using Omoai.Speech.Ctc;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Tests.Ctc;

public sealed class TokenListTests
{
    [Theory]
    [InlineData("<blank> <space> a", 3)]
    [InlineData("<blank> <space> a", -1)]
    [InlineData("<blank> <space> a", 1)]
    [InlineData("<blank> a", 0)]
    [InlineData("<blank> <space> a a", 0)]
    [InlineData("<blank> <space>  a", 0)]
    public void Lists_that_no_ctc_model_has_are_refused(string tokens, int blank) =>
        Assert.Throws<MissingRequirementException>(() => new TokenList(tokens.Split(' '), blank));

    [Fact]
    public void A_scheme_that_isnt_known_is_refused() =>
        Assert.Throws<MissingRequirementException>(() => new TokenList(["<blank>", "a"], 0, "morphemes"));

    [Fact]
    public void Words_lie_between_spaces() =>
        Assert.Equal([1..3, 5..6], Matrices.Letters.Words([1, 2, 3, 1, 1, 4, 1]));

    [Theory]
    [InlineData("<space>")]
    [InlineData("|")]
    [InlineData(" ")]
    [InlineData("▁")]
    public void Any_token_may_part_the_words(string space)
    {
        var tokens = new TokenList(["<pad>", "<s>", "</s>", "<unk>", space, "A", "B", "'"], 0, "space", space, lowercase: true);

        Assert.Equal(["ab", "b'a"], Read(tokens, "A", "B", space, "B", "'", "A"));
    }

    [Fact]
    public void Pieces_begin_words()
    {
        var tokens = new TokenList(["<blk>", "<unk>", "▁", "▁xin", "▁ch", "ào", "n", "s", "."], 0, "sentencepiece");

        Assert.Equal(-1, tokens.Space);
        Assert.Equal(["xin", "chào", "xin."], Read(tokens, "▁xin", "▁ch", "ào", "▁xin", "."));
        // ▁ alone parts words, and may begin one; what writes nothing neither parts them nor is one.
        Assert.Equal(["s", "ns", "n"], Read(tokens, "▁", "s", "▁", "▁", "n", "<unk>", "s", "▁", "<unk>", "▁", "n", "▁"));
        Assert.Equal([1..2, 3..6], tokens.Words(Ids(tokens, "▁", "s", "▁", "n", "<unk>", "s", "▁")));
    }

    [Fact]
    public void Chinese_characters_are_words_and_letters_join()
    {
        var tokens = new TokenList(
            ["<blank>", "<unk>", "你", "好", "我们", "カ", "▁o", "k", "▁", "，", ".", "3", "5", "<sos/eos>", "<|zh|>"], 0, "characters");

        Assert.Equal(["你", "好，", "ok", "我们", "カ"], Read(tokens, "<|zh|>", "你", "好", "，", "▁o", "k", "我们", "カ", "<sos/eos>"));
        Assert.Equal(["你", "k", "3.5", "k.", "你"], Read(tokens, "你", "k", "▁", "3", ".", "5", "▁", "k", ".", "你"));
    }

    [Fact]
    public void Bytes_make_characters_and_text_is_in_form_c()
    {
        var tokens = new TokenList(["<blk>", "▁", "<0xE1>", "<0xBB>", "<0x87>", "<0x41>", "vi", "e\u0323", "\u0302", "t"], 0, "sentencepiece");

        Assert.Equal(["vi\u1EC7t", "A"], Read(tokens, "▁", "vi", "<0xE1>", "<0xBB>", "<0x87>", "t", "▁", "<0x41>"));
        Assert.Equal(["vi\u1EC7t"], Read(tokens, "vi", "e\u0323", "\u0302", "t"));
        Assert.Equal(["\uFFFDt"], Read(tokens, "<0xE1>", "t"));
    }

    [Fact]
    public void Spelling_takes_any_cut_into_tokens()
    {
        var tokens = new TokenList(["<blk>", "▁hel", "lo", "l", "o", "<unk>", "<0x41>"], 0, "sentencepiece");

        Assert.True(tokens.CanSpell("hello"));
        Assert.True(tokens.CanSpell("lohel"));
        Assert.False(tokens.CanSpell("help"));
        Assert.False(tokens.CanSpell(""));
        Assert.False(tokens.CanSpell("A"));
        Assert.False(tokens.CanSpell("<unk>"));
        Assert.False(tokens.CanSpell(new string('l', 10_000)));
    }

    private static int[] Ids(TokenList tokens, params string[] names) => Array.ConvertAll(names, name =>
    {
        var id = tokens.IndexOf(name);
        Assert.True(id >= 0, name);
        return id;
    });

    private static string[] Read(TokenList tokens, params string[] names)
    {
        var ids = Ids(tokens, names);
        return [.. tokens.Words(ids).Select(range => tokens.Text(ids.AsSpan()[range]))];
    }
}
