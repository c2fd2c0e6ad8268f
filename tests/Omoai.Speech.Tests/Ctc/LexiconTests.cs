using Omoai.Speech.Ctc;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Tests.Ctc;

public sealed class LexiconTests
{
    [Fact]
    public void Words_are_found_letter_by_letter()
    {
        var lexicon = new Lexicon(["ab", "abc", "ab", " d "], Matrices.Letters);
        var ab = lexicon.Child(lexicon.Child(Lexicon.Root, 2), 3);

        Assert.Equal(3, lexicon.Count);
        Assert.Equal("ab", lexicon.Word(ab));
        Assert.Equal("abc", lexicon.Word(lexicon.Child(ab, 4)));
        Assert.Equal("d", lexicon.Word(lexicon.Child(Lexicon.Root, 5)));
        Assert.Null(lexicon.Word(lexicon.Child(Lexicon.Root, 2)));
        Assert.Equal(-1, lexicon.Child(ab, 5));
    }

    [Fact]
    public void Words_that_the_tokens_cant_spell_are_left_out() =>
        Assert.Equal(1, new Lexicon(["ab", "", "a-b", "Ab", "a b"], Matrices.Letters).Count);

    [Fact]
    public void A_list_without_a_word_is_refused() =>
        Assert.Throws<MissingRequirementException>(() => new Lexicon(["x"], Matrices.Letters));
}
