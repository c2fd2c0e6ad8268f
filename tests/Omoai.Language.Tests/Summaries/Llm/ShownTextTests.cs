using Omoai.Language.Summaries.Llm;

namespace Omoai.Language.Tests.Summaries.Llm;

public sealed class ShownTextTests
{
    [Theory]
    [InlineData("  two\n\tlines  ", "two lines")]
    [InlineData("red \u001B[31malert\u001B[0m \u009B1mbold", "red alert bold")]
    [InlineData("a\u001B]8;;http://evil\u0007link\u001B]8;;\u0007b", "alinkb")]
    [InlineData("zero\u200Bwidth\uFEFF, \u202Ereversed\u202C and \u2066isolated\u2069\u0000", "zerowidth, reversed and isolated")]
    [InlineData("<script>alert(1)</script>", "alert(1)")]
    [InlineData("<img src=x onerror=alert(1)", "‹img src=x onerror=alert(1)")]
    [InlineData("5 < 6 > 4", "5 ‹ 6 › 4")]
    [InlineData("see [x](javascript:alert(1)) and ![y](http://z)", "see x and y")]
    [InlineData("at https://evil.example/x or www.evil.example or mailto:a@b.example", "at evil.example/x or evil.example or a@b.example")]
    [InlineData("htt\u200Bps://evil.example and ww\u200Bw.evil.example", "httevil.example and evil.example")]
    [InlineData("**bold** and `code` and __more__", "bold and code and more")]
    [InlineData("Vie\u0323\u0302t", "Vi\u1EC7t")]
    [InlineData("a\uD800b\uFFFD\uE000", "ab")]
    public void Text_is_one_line_with_nothing_that_acts(string text, string expected) => Assert.Equal(expected, ShownText.Clean(text, 200));

    [Fact]
    public void What_is_too_long_is_cut_at_a_word()
    {
        Assert.Equal("one two…", ShownText.Clean("one two, three four", 12));
        Assert.Equal("abcdefghi…", ShownText.Clean("abcdefghijklmnop", 10));
        Assert.Equal("12345678…", ShownText.Clean("12345678\U0001F600\U0001F600", 10));
        Assert.Equal(400, ShownText.Clean(new string('x', 1 << 20), 400).Length);
    }

    [Theory]
    [InlineData("Điểm Chính:", "diemchinh")]
    [InlineData("Y\u0301 CHI\u0301NH", "ychinh")]
    [InlineData("Tiêu đề", "tieude")]
    [InlineData("Những ý nổi bật ở đây", "nhungynoibatoday")]
    public void Labels_are_the_same_without_case_and_diacritics(string text, string expected) =>
        Assert.Equal(expected, ShownText.Fold(text));

    [Theory]
    [InlineData("It grew by 3.5 million. Then it", "It grew by 3.5 million.")]
    [InlineData("It grew by 3.5 mill", "")]
    [InlineData("All of it.", "All of it.")]
    [InlineData("", "")]
    public void Of_a_cut_text_whole_sentences_stay(string text, string expected) => Assert.Equal(expected, ShownText.WholeSentences(text));
}
