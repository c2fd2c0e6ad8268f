using Omoai.Transcripts.Quality;

namespace Omoai.Transcripts.Tests;

public sealed class PunctuationScoresTests
{
    private const string Reference = "Well, Anna called. Did the API answer? No, it did not.";

    [Fact]
    public void A_text_is_right_about_itself()
    {
        var scores = PunctuationScores.Compare(Reference, Reference);

        Assert.Equal(
            new PunctuationScores(new(3, 3, 3), new(2, 2, 2), new(1, 1, 1), new(2, 2, 2)), scores);
    }

    [Fact]
    public void Each_mark_and_each_capital_counts_where_it_stands()
    {
        // A comma moved, a question mark became a period, one end is missing, one name is lower case.
        var scores = PunctuationScores.Compare(Reference, "Well Anna, called. Did the api answer. No, it did not");

        Assert.Equal(new DetectionScore(2, 2, 3), scores.SentenceEnds);
        Assert.Equal(new DetectionScore(1, 2, 2), scores.Commas);
        Assert.Equal(new DetectionScore(0, 0, 1), scores.Questions);
        Assert.Equal(new DetectionScore(1, 1, 2), scores.InnerCapitals);
    }

    [Fact]
    public void A_word_that_was_misheard_keeps_its_mark_and_its_capital()
    {
        var scores = PunctuationScores.Compare("We met Anna. She left.", "We met Hannah. She lift.");

        Assert.Equal((1, 1, 1), (scores.SentenceEnds.F1, scores.InnerCapitals.F1, scores.Commas.F1));
    }

    [Fact]
    public void A_mark_after_a_word_that_is_too_many_is_none_and_that_of_a_lost_word_is_missed()
    {
        Assert.Equal(new DetectionScore(0, 1, 0), PunctuationScores.Compare("We met him", "We met him so.").SentenceEnds);
        Assert.Equal(new DetectionScore(0, 0, 1), PunctuationScores.Compare("We met today.", "We met").SentenceEnds);
    }

    [Fact]
    public void A_capital_after_a_sentence_end_of_either_text_is_no_inner_one()
    {
        Assert.Equal(default, PunctuationScores.Compare("So it went", "So. It went").InnerCapitals);
        Assert.Equal(default, PunctuationScores.Compare("So. It went", "So it went").InnerCapitals);
    }

    [Fact]
    public void Scores_add_up()
    {
        var sum = PunctuationScores.Compare(Reference, Reference) + PunctuationScores.Compare("a, b", "a b");

        Assert.Equal(new DetectionScore(2, 2, 3), sum.Commas);
        Assert.Equal((1, 2.0 / 3, 0.8), (sum.Commas.Precision, sum.Commas.Recall, sum.Commas.F1));
    }
}
