using Omoai.Speech.Ctc;

namespace Omoai.Speech.Tests.Ctc;

public sealed class ForcedAlignmentTests
{
    [Fact]
    public void Words_lie_where_their_letters_are()
    {
        var words = ForcedAlignment.Words(Matrices.Sure("__aa_b_  _cc__c__"), Sequence("ab cc"), Matrices.Letters);

        Assert.Equal([("ab", 2, 6), ("cc", 10, 15)], words.Select(word => (word.Text, word.FirstFrame, word.EndFrame)));
    }

    [Fact]
    public void Spaces_before_after_and_between_words_are_gaps()
    {
        var words = ForcedAlignment.Words(Matrices.Sure(" _ a _ b_ "), Sequence("a b"), Matrices.Letters);

        Assert.Equal([("a", 3, 4), ("b", 7, 8)], words.Select(word => (word.Text, word.FirstFrame, word.EndFrame)));
        Assert.All(words, word => Assert.Equal(0.9, word.Confidence, 1e-6));
    }

    [Fact]
    public void No_text_has_no_words() => Assert.Empty(ForcedAlignment.Words(Matrices.Sure("_a_"), [], Matrices.Letters));

    [Theory]
    [InlineData("a")]
    [InlineData("ab")]
    [InlineData("aa")]
    [InlineData("a b")]
    [InlineData("b aa")]
    public void It_is_the_likeliest_of_all_alignments(string text)
    {
        var tokens = new TokenList(["<blank>", "<space>", "a", "b"], 0);
        for (var seed = 0; seed < 10; seed++)
        {
            var logProbabilities = Matrices.Random(seed, 6, tokens.Count, 4);
            var best = Matrices.Paths(6, tokens.Count).Where(path => tokens.Read(path) == text)
                .Select(path => path.ToArray()).MaxBy(path => path.Select((token, frame) => logProbabilities[frame][token]).Sum())!;

            var path = ForcedAlignment.Align(logProbabilities, Sequence(text), tokens);

            // Where no letter is: -1; spaces too may be gaps.
            Assert.Equal(
                best.Select(token => token > 1 ? token : -1),
                path.Select(state => state % 2 == 1 && Sequence(text)[state / 2] is > 1 and var token ? token : -1));
            Assert.Equal(path.Order(), path);
        }
    }

    [Fact]
    public void A_text_longer_than_the_frames_is_refused()
    {
        Assert.Throws<ArgumentException>(() => ForcedAlignment.Align(Matrices.Sure("aa"), Sequence("aa"), Matrices.Letters));
        Assert.Throws<ArgumentException>(
            () => ForcedAlignment.Align(new LogProbabilities([], 6), Sequence("a"), Matrices.Letters));
    }

    [Fact]
    public void A_word_that_was_heard_otherwise_is_trusted_less()
    {
        // 'a' is clear; of 'b', a letter sounded like 'd'; 'c' is clear, but the 'd' after it is left out of the text.
        var words = ForcedAlignment.Words(Matrices.Sure("aa _bd_ cc_dd"), Sequence("a bb c"), Matrices.Letters);

        Assert.Equal(0.9, words[0].Confidence, 1e-6);
        Assert.InRange(words[1].Confidence, 1e-4, 0.3);
        Assert.InRange(words[2].Confidence, 1e-4, 0.3);
    }

    [Fact]
    public void A_word_is_trusted_less_where_the_model_was_less_sure()
    {
        double Confidence(double probability) =>
            ForcedAlignment.Words(Matrices.Sure("_ab_", probability), Sequence("ab"), Matrices.Letters)[0].Confidence;

        Assert.Equal(0.5, Confidence(0.5), 1e-6);
        Assert.Equal(0.99, Confidence(0.99), 1e-6);
    }

    [Fact]
    public void Confidence_is_above_0_whatever_was_heard() =>
        Assert.InRange(
            ForcedAlignment.Words(
                new LogProbabilities([0, -200, float.NegativeInfinity, -200], 4), [2], new TokenList(["<b>", "<space>", "a", "b"], 0))[0]
                .Confidence,
            1e-5, 1);

    private static int[] Sequence(string text) => [.. text.Select(letter => " abcd".IndexOf(letter, StringComparison.Ordinal) + 1)];
}
