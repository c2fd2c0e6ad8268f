using System.Text.Json;
using Omoai.Transcripts.Quality;

namespace Omoai.Transcripts.Tests;

public sealed class QualityTests
{
    [Fact]
    public void WER_counts_each_kind_of_edit_over_the_words_of_the_reference()
    {
        // cat -> dog, "down" inserted, "the" deleted; "mat" with and without a full stop differ as written.
        var rate = WordErrorRate.Compute("the cat sat on the mat.", "the dog sat down on mat");

        Assert.Equal(6, rate.ReferenceLength);
        Assert.Equal(4, rate.Errors);
        Assert.Equal(4.0 / 6, rate.Rate, 12);
    }

    [Fact]
    public void WER_as_written_counts_case_and_punctuation_and_the_unpunctuated_one_does_not()
    {
        const string Reference = "Hello, world. It's ten!";
        const string Hypothesis = "hello world it’s ten";

        Assert.Equal(new ErrorRate(4, 0, 0, 4), WordErrorRate.Compute(Reference, Hypothesis));
        Assert.Equal(new ErrorRate(0, 0, 0, 4), WordErrorRate.ComputeUnpunctuated(Reference, Hypothesis));
    }

    [Fact]
    public void Insertions_can_take_a_rate_above_one()
    {
        Assert.Equal(new ErrorRate(0, 3, 0, 1), WordErrorRate.Compute("yes", "yes and yes again"));
        Assert.Equal(3, WordErrorRate.Compute("yes", "yes and yes again").Rate);
    }

    [Fact]
    public void Against_an_empty_reference_the_rate_is_zero_or_one_and_stays_a_JSON_number()
    {
        var nothing = TranscriptQualities.Compare("", " \n");
        var something = TranscriptQualities.Compare("", "well, well");

        Assert.Equal([0.0, 0, 0, 0], Rates(nothing));
        Assert.Equal([1.0, 1, 1, 1], Rates(something));
        Assert.Equal((0, 1), (PunctuationErrorRate.Compute("", " \n").Rate, PunctuationErrorRate.Compute("", "well, well").Rate));
        Assert.Contains("\"rate\":1", JsonSerializer.Serialize(something, OmoaiJson.Compact), StringComparison.Ordinal);

        static double[] Rates(TranscriptQuality quality) =>
            [quality.Wer.Rate, quality.UnpunctuatedWer.Rate, quality.FormattedWer.Rate, quality.Cer.Rate];
    }

    [Fact]
    public void Vietnamese_in_NFD_equals_the_same_in_NFC()
    {
        const string Nfc = "Ti\u1EBFng Vi\u1EC7t, \u0111\u01B0\u1EDDng ph\u1ED1.";
        const string Nfd = "Tie\u0302\u0301ng Vie\u0323\u0302t, \u0111u\u031Bo\u031B\u0300ng pho\u0302\u0301.";

        Assert.Equal(
            new TranscriptQuality(new(0, 0, 0, 4), new(0, 0, 0, 22), new(0, 0, 0, 4), new(0, 0, 0, 6), new(0, 0, 0, 2)),
            TranscriptQualities.Compare(Nfc, Nfd));
        Assert.Equal(0, WordErrorRate.ComputeUnpunctuated("\u0110\u01AF\u1EDCNG", "\u0111u\u031Bo\u031B\u0300ng").Errors);
    }

    [Fact]
    public void Vietnamese_words_that_differ_in_one_tone_are_one_word_and_one_character_apart()
    {
        Assert.Equal(new ErrorRate(1, 0, 0, 2), WordErrorRate.Compute("h\u1ED9i ngh\u1ECB", "h\u1ED9i ngh\u0129"));
        Assert.Equal(new ErrorRate(1, 0, 0, 8), CharacterErrorRate.Compute("h\u1ED9i ngh\u1ECB", "h\u1ED9i ngh\u0129"));
    }

    [Fact]
    public void CER_takes_white_space_as_one_space_and_characters_beyond_the_first_plane_as_one()
    {
        Assert.Equal(new ErrorRate(0, 0, 0, 5), CharacterErrorRate.Compute("a b 😀", " a\n\tb  😀 "));
        Assert.Equal(new ErrorRate(1, 0, 0, 5), CharacterErrorRate.Compute("a b 😀", "a b c"));
        Assert.Equal(new ErrorRate(0, 0, 1, 3), CharacterErrorRate.Compute("a b", "ab"));
    }

    [Theory]
    [InlineData("hello world", "Hello, world.", 1, 2, 0, 2)] // a capital, and two marks
    [InlineData("Hello, world.", "hello world", 1, 0, 2, 4)]
    [InlineData("Hello world.", "Hello world!", 1, 0, 0, 3)]
    [InlineData("it's O'Neill", "it’s o’neill", 1, 0, 0, 2)] // the apostrophe is in the word, whichever it is
    [InlineData("well-known", "well known", 0, 0, 1, 3)]
    [InlineData("“Yes,” he said.", "\"Yes,\" he said.", 2, 0, 0, 7)]
    [InlineData("Stop. Go on", "stop, go on", 3, 0, 0, 4)]
    [InlineData("vi\u1EC7t nam", "Vie\u0323\u0302t Nam.", 2, 1, 0, 2)]
    [InlineData("", "", 0, 0, 0, 0)]
    [InlineData("", "Well.", 0, 2, 0, 0)]
    [InlineData("Well.", " ", 0, 0, 2, 2)]
    public void F_WER_counts_words_in_their_case_and_marks_by_themselves(
        string reference, string hypothesis, int substitutions, int insertions, int deletions, int tokens)
    {
        Assert.Equal(
            new ErrorRate(substitutions, insertions, deletions, tokens), WordErrorRate.ComputeFormatted(reference, hypothesis));
    }

    [Fact]
    public void A_transcript_has_no_PER_where_the_recogniser_wrote_no_marks()
    {
        var bare = TranscriptQualities.Compare("good morning everyone", "Good morning, everyone.", 0.75, default);

        Assert.Null(bare.Per);
        Assert.Equal(0.75, bare.AlignmentConfidence);
        Assert.Equal(new ErrorRate(3, 0, 0, 3), bare.Wer);
        Assert.Equal(new ErrorRate(0, 0, 0, 3), bare.UnpunctuatedWer);
        Assert.Equal(new ErrorRate(1, 2, 0, 3), bare.FormattedWer);
        Assert.Equal(new ErrorRate(1, 2, 0, 21), bare.Cer);
        Assert.Equal(
            new ErrorRate(0, 1, 0, 1), TranscriptQualities.Compare("Good morning.", "Good, morning.").Per);
        Assert.Null(TranscriptQualities.Compare("", "").Per);
    }

    [Theory]
    [InlineData("a well-known dog", false)]
    [InlineData("the dogs\u2019 well\u2010known 'bout state\u2011run", false)] // U+2010 and U+2011 are hyphens
    [InlineData("a well-known dog.", true)]
    [InlineData("well \u2014 known", true)] // a dash
    public void Hyphens_and_apostrophes_alone_make_no_PER_of_a_transcript(string recognised, bool has)
    {
        Assert.Equal(has, TranscriptQualities.Compare(recognised, "It is, well, known. Is it?").Per is not null);
    }

    [Theory]
    [InlineData("Hello, world.", "hello, world.", 0, 0, 0, 2)] // case is no matter
    [InlineData("Hello, world.", "hello world", 0, 0, 2, 2)]
    [InlineData("Hello, world.", "hello. world?", 2, 0, 0, 2)]
    [InlineData("Hello world.", "hello, world.", 0, 1, 0, 1)]
    [InlineData("Good day, all.", "good night, all.", 0, 0, 0, 2)] // a wrong word is no punctuation error
    [InlineData("One. Two three.", "one two. three.", 0, 1, 1, 2)] // a mark in another place is two errors
    [InlineData("Hello. We begin.", "hello uh. we begin.", 0, 0, 0, 2)] // an inserted word lies in the gap
    [InlineData("So, well, we begin.", "so, we begin.", 0, 0, 1, 3)] // so does a deleted one
    [InlineData("“Yes,” he said.", "\"Yes\", he said.", 3, 0, 0, 4)] // “ once, ,” and ", twice
    [InlineData("a well-known it's", "a well known it's", 0, 0, 1, 1)] // an apostrophe in a word is no mark
    [InlineData("Wait...", "Wait.", 0, 0, 2, 3)]
    [InlineData("He said «no» (twice).", "He said \"no\" twice.", 2, 0, 2, 5)]
    [InlineData("", "", 0, 0, 0, 0)]
    [InlineData("", "Well, well.", 0, 2, 0, 0)]
    [InlineData("...", "", 0, 0, 3, 3)]
    public void PER_counts_the_marks_between_aligned_words(
        string reference, string hypothesis, int substitutions, int insertions, int deletions, int marks)
    {
        var rate = PunctuationErrorRate.Compute(reference, hypothesis);

        Assert.Equal(substitutions + insertions + deletions, rate.Errors);
        Assert.Equal(deletions - insertions, rate.Deletions - rate.Insertions);
        Assert.Equal(marks, rate.ReferenceLength);
    }

    [Theory]
    [InlineData("Don’t “shout”—it's O'Neill's dogs' turn.", "don't shout it's o'neill's dogs turn")]
    [InlineData("well-known, 3.5 and 10:30", "well known 3 5 and 10 30")]
    [InlineData("¿Qué? «Oui» ĐÚNG", "qué oui đúng")]
    [InlineData("soft\u00ADhyphen ' alone", "softhyphen alone")]
    [InlineData("$5 + 5%", "$5 + 5")]
    public void Normalized_text_is_the_bare_words(string text, string expected)
    {
        Assert.Equal(expected, new NormalizedText(text).ToString());
    }

    [Fact]
    public void The_samples_true_text_is_no_error_from_itself_and_all_its_marks_from_its_bare_words()
    {
        var truth = File.ReadAllText(Path.Combine(Omoai.Tests.TestPaths.Repository, "samples", "standup.txt"));
        var bare = new NormalizedText(truth).ToString();

        Assert.Equal(0, TranscriptQualities.Compare(truth, truth).Cer.Errors);
        var quality = TranscriptQualities.Compare(truth, bare);
        Assert.Equal(0, quality.UnpunctuatedWer.Errors);
        Assert.Equal(1, quality.Per!.Rate);
        Assert.Equal(truth.Count(c => c is '.' or ',' or '?'), quality.Per.Deletions);
    }
}
