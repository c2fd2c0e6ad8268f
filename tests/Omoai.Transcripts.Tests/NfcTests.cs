using Omoai.Transcripts.Normalization;

namespace Omoai.Transcripts.Tests;

public sealed class NfcTests
{
    [Theory]
    [InlineData("plain café", "plain café")]
    [InlineData("Vie\u0323\u0302t", "Vi\u1EC7t")]
    [InlineData("Vie\u0302\u0323t", "Vi\u1EC7t")] // marks are put in order first
    [InlineData("\u00EA\u0323", "\u1EC7")] // composed, but not fully
    [InlineData("d\u01B0\u01A1\u0300ng", "d\u01B0\u1EDDng")]
    [InlineData("\u212A\u2126", "K\u03A9")] // singletons
    [InlineData("\u0958", "\u0915\u093C")] // excluded from composition
    [InlineData("\u1112\u1161\u11AB", "\uD55C")] // Hangul by parts
    [InlineData("\uD558\u11AB", "\uD55C")]
    [InlineData("\uD55C\u11AB", "\uD55C\u11AB")] // a syllable that has its tail takes no other
    [InlineData("a\u0301\u0301", "\u00E1\u0301")] // the second is blocked by nothing but finds no composite
    [InlineData("a\u0327\u0301", "\u00E1\u0327")] // another class in between doesn't block
    [InlineData("a\u0305\u0301", "a\u0305\u0301")] // the same class does
    [InlineData("\u0301a", "\u0301a")]
    [InlineData("\U00011099\U000110BA", "\U0001109A")] // beyond the first plane
    [InlineData("\U0001D15E", "\U0001D157\U0001D165")]
    public void Text_becomes_NFC(string text, string expected)
    {
        Assert.Equal(expected, Nfc.Normalize(text));
        Assert.Equal(expected, Nfc.Normalize(expected));
    }

    [Fact]
    public void Half_a_surrogate_pair_becomes_the_replacement_character()
    {
        // Not a theory's data: attributes can't hold such a string.
        Assert.Equal("a\uFFFDb", Nfc.Normalize("a\uD800b"));
    }

    [Fact]
    public void A_hostile_run_of_marks_is_put_in_order_without_hanging()
    {
        var marks = string.Concat(Enumerable.Repeat("\u0301\u0323", 100_000));

        var result = Nfc.Normalize("x" + marks);

        Assert.Equal("x" + new string('\u0323', 100_000) + new string('\u0301', 100_000), result);
    }
}
