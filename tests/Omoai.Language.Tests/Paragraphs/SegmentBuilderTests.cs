using Omoai.Language.Paragraphs;
using Omoai.Language.Punctuation;
using Omoai.Language.Tests.Support;
using Omoai.Transcripts;

namespace Omoai.Language.Tests.Paragraphs;

public sealed class SegmentBuilderTests
{
    [Fact]
    public void A_segment_is_a_sentence_with_the_times_of_its_words()
    {
        var words = Speech.Say("It broke. / We fixed it.");
        var segments = Build(words);
        Assert.Equal(["It broke.", "We fixed it."], segments.Select(segment => segment.Text));
        Assert.Equal([0, 1], segments.Select(segment => segment.Id));
        Assert.Equal((words[2].Start, words[4].End), (segments[1].Start, segments[1].End));
        Assert.Equal(words[2..], segments[1].Words);
    }

    [Theory]
    [InlineData(1.5, "0 0 1")]
    [InlineData(2.5, "0 0 0")]
    [InlineData(0.5, "0 1 2")]
    public void A_silence_of_the_gap_between_sentences_starts_a_paragraph(double gap, string paragraphs) =>
        Assert.Equal(paragraphs, string.Join(' ', Build(Speech.Say("One one. / Two two. // Three three."), gap)
            .Select(segment => segment.Paragraph)));

    [Fact]
    public void A_paragraph_that_ends_without_a_silence_ends_with_a_sentence()
    {
        var words = Speech.Say("One one. Two two. Three three.");
        // After "one", which ends no sentence, and after "two.".
        var segments = SegmentBuilder.Build(
            words, WordPauses.Of(words), i => words[i].Text.EndsWith('.'), 1.5, i => i is 0 or 3);
        Assert.Equal([0, 0, 1], segments.Select(segment => segment.Paragraph));
    }

    [Fact]
    public void A_silence_inside_a_sentence_starts_none() =>
        Assert.Equal([0, 0], Build(Speech.Say("One // one. Two two."), 1.5).Select(segment => segment.Paragraph));

    [Fact]
    public void A_long_run_of_sentences_breaks_at_its_longest_pause()
    {
        // Twelve sentences; 0.7 s after the fifth and nothing elsewhere.
        var text = string.Join(' ', Enumerable.Range(1, 12).Select(i => $"number {i}." + (i == 5 ? " /" : "")));
        var segments = Build(Speech.Say(text), 1.5);
        Assert.Equal(5, segments.Count(segment => segment.Paragraph == 0));
        Assert.Equal(7, segments.Count(segment => segment.Paragraph == 1));
    }

    [Fact]
    public void A_very_long_run_has_no_paragraph_over_the_bound_and_none_of_one_sentence()
    {
        var segments = Build(Speech.Say(string.Join(' ', Enumerable.Range(1, 500).Select(i => $"number {i}."))), 1.5);
        Assert.All(
            segments.GroupBy(segment => segment.Paragraph), group => Assert.InRange(group.Count(), 2, SegmentBuilder.MaxSentences));
    }

    [Fact]
    public void A_sentence_of_too_many_words_breaks_at_a_comma_rather_than_in_the_middle()
    {
        string[] text = [.. Enumerable.Range(0, 80).Select(i => i == 29 ? "w," : i == 79 ? "w." : "w")];
        var segments = Build(Speech.Say(string.Join(' ', text)));
        Assert.Equal([30, 50], segments.Select(segment => segment.Words.Count));
    }

    [Fact]
    public void A_longer_pause_beats_a_comma()
    {
        string[] text = [.. Enumerable.Range(0, 80).Select(i => i switch { 29 => "w,", 49 => "w /", 79 => "w.", _ => "w" })];
        Assert.Equal([50, 30], Build(Speech.Say(string.Join(' ', text))).Select(segment => segment.Words.Count));
    }

    [Fact]
    public void A_sentence_that_lasts_too_long_breaks()
    {
        Word[] words = [.. Enumerable.Range(0, 10).Select(i => new Word(i == 9 ? "w." : "w", i * 4, i * 4 + 3.9, 1))];
        var segments = Build(words);
        Assert.True(segments.Count > 1);
        Assert.All(segments, segment => Assert.True(segment.End - segment.Start <= SegmentBuilder.MaxSeconds));
    }

    [Fact]
    public void The_parts_of_one_sentence_stay_in_one_paragraph()
    {
        var text = string.Join(' ', Enumerable.Range(0, 200).Select(i => i == 100 ? "w //" : "w"));
        Assert.All(Build(Speech.Say(text + " end."), 1.5), segment => Assert.Equal(0, segment.Paragraph));
    }

    [Fact]
    public void One_word_longer_than_the_bound_is_a_segment() =>
        Assert.Single(Build([new Word("w.", 0, 100, 1)]));

    [Fact]
    public void No_words_make_no_segments() => Assert.Empty(Build([]));

    private static IReadOnlyList<Segment> Build(Word[] words, double gap = 1.5) =>
        SegmentBuilder.Build(words, WordPauses.Of(words), i => words[i].Text.EndsWith('.'), gap);
}
