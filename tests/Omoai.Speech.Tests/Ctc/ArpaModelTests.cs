using System.Text;
using Omoai.Speech.Ctc;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Tests.Ctc;

public sealed class ArpaModelTests
{
    private const string Trigrams = """
        made by hand

        \data\
        ngram 1=6
        ngram 2=3
        ngram 3=1

        \1-grams:
        -99	<s>	-0.5
        -1.0	</s>
        -2.0	<unk>	-0.05
        -0.7	the	-0.3
        -1.2	red	-0.4
        -1.3	door

        \2-grams:
        -0.2	<s> the	-0.1
        -0.6	the red	-0.25
        -0.3	red door

        \3-grams:
        -0.15	<s> the red

        \end\
        """;

    [Fact]
    public void Known_n_grams_score_as_they_stand_and_others_back_off()
    {
        var model = Read(Trigrams);
        var (the, red, door) = (model.WordId("the"), model.WordId("red"), model.WordId("door"));

        Assert.Equal(3, model.Order);
        AssertLog10(-0.2, model.Score(model.Start, the, out var afterThe));
        AssertLog10(-0.15, model.Score(afterThe, red, out var afterRed));
        // 'the red door' is unknown, 'red door' known: the back-off of 'the red' is paid.
        AssertLog10(-0.25 - 0.3, model.Score(afterRed, door, out var afterDoor));
        // Neither 'red door the' nor 'door the' is known, and neither has a back-off weight.
        AssertLog10(-0.7, model.Score(afterDoor, the, out _));
        // '<s> the door', 'the door': the back-offs of '<s> the' and of 'the'.
        AssertLog10(-0.1 - 0.3 - 1.3, model.Score(afterThe, door, out _));
        AssertLog10(-0.6, model.Score(StateAfter(model, "the"), red, out _));
    }

    [Fact]
    public void Unknown_words_score_as_unk()
    {
        var model = Read(Trigrams);

        Assert.Equal(model.WordId("<unk>"), model.WordId("window"));
        AssertLog10(-0.5 - 2.0, model.Score(model.Start, model.WordId("window"), out var next));
        AssertLog10(-0.05 - 1.2, model.Score(next, model.WordId("red"), out _));
    }

    [Fact]
    public void Without_unk_an_unknown_word_is_all_but_impossible_and_forgets_the_history()
    {
        var model = Read("""
            \data\
            ngram 1=1
            \1-grams:
            -0.5 yes
            \end\
            """);

        Assert.Equal(ArpaModel.Empty, model.Start);
        AssertLog10(-10, model.Score(model.Start, model.WordId("no"), out var next));
        Assert.Equal(ArpaModel.Empty, next);
    }

    [Theory]
    [InlineData("", "\\end\\")]
    [InlineData("{\"not\": \"arpa\"}", "\\end\\")]
    [InlineData("\\data\\\n\\end\\", "no counts")]
    [InlineData("\\data\\\nngram 2=1\n", "'ngram 2=1'")]
    [InlineData("\\data\\\nngram 1=-1\n", "'ngram 1=-1'")]
    [InlineData("\\data\\\nngram 1=1\n\\2-grams:\n", "line 3")]
    [InlineData("\\data\\\nngram 1=2000000000\n\\1-grams:\n-1 a\n\\end\\", "too short")]
    [InlineData("\\data\\\nngram 1=1\n\\1-grams:\n-1 a\n-1 b\n\\end\\", "more than the 1 1-grams")]
    [InlineData("\\data\\\nngram 1=1\n\\1-grams:\n-1 a -1 b\n\\end\\", "line 4")]
    [InlineData("\\data\\\nngram 1=2\n\\1-grams:\n-1 a\n\\end\\", "has 1 1-grams and says 2")]
    [InlineData("\\data\\\nngram 1=1\n\\1-grams:\n-1 a\n", "before \\end\\")]
    [InlineData("\\data\\\nngram 1=1\n\\1-grams:\nminus a\n\\end\\", "line 4")]
    [InlineData("\\data\\\nngram 1=1\n\\1-grams:\n1.5 a\n\\end\\", "line 4")]
    [InlineData("\\data\\\nngram 1=1\n\\1-grams:\n-1 a nan\n\\end\\", "line 4")]
    [InlineData("\\data\\\nngram 1=1\n\\1-grams:\n-1\n\\end\\", "line 4")]
    [InlineData("\\data\\\nngram 1=2\n\\1-grams:\n-1 a\n-1 a\n\\end\\", "twice")]
    [InlineData("\\data\\\nngram 1=1\nngram 2=1\n\\1-grams:\n-1 a\n\\2-grams:\n-1 b a\n\\end\\", "line 7")]
    [InlineData("\\data\\\nngram 1=1\nngram 2=1\n\\1-grams:\n-1 a\n\\2-grams:\n-1 a b\n\\end\\", "'b' isn't among the 1-grams")]
    public void What_isnt_a_whole_model_is_refused(string text, string named)
    {
        var e = Assert.Throws<MissingRequirementException>(() => Read(text));

        Assert.Contains("bigrams.arpa", e.Message, StringComparison.Ordinal);
        Assert.Contains(named, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Words_and_numbers_are_read_in_any_of_their_forms()
    {
        // Bytes before the header and at the ends of lines; exponents, signs, digits that no double has; and ẹ composed or not.
        var model = Read("\uFEFF\\data\\\r\nngram 1=3\r\nngram 2=2\r\n\r\n\\1-grams:\r\n-1.5e0\tkh\u1EB9\t-5E-1\r\n-.25 b\r\n"
            + "  -0.12345678901234567  c\t+0.5 \r\n\\2-grams:\r\n-0.5 khe\u0323 b\r\n-0 b khe\u0323\r\n\\end\\\r\nwhat follows");

        var (word, b, c) = (model.WordId("kh\u1EB9"), model.WordId("b"), model.WordId("c"));
        AssertLog10(-1.5, model.Score(ArpaModel.Empty, word, out var after));
        AssertLog10(-0.5, model.Score(after, b, out after));
        AssertLog10(0, model.Score(after, word, out after));
        AssertLog10(-0.5 - 0.12345678901234567, model.Score(after, c, out after));
        AssertLog10(0.5 - 0.25, model.Score(after, b, out _));
    }

    private static ArpaModel Read(string text) => ArpaModel.Read(Encoding.UTF8.GetBytes(text), "bigrams.arpa");

    private static int StateAfter(ArpaModel model, string word)
    {
        model.Score(ArpaModel.Empty, model.WordId(word), out var next);
        return next;
    }

    private static void AssertLog10(double expected, double actual) => Assert.Equal(expected * Math.Log(10), actual, 1e-9);
}
