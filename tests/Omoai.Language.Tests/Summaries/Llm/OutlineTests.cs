using Omoai.Language.Summaries.Llm;
using Omoai.Transcripts;

namespace Omoai.Language.Tests.Summaries.Llm;

public sealed class OutlineTests
{
    [Fact]
    public void Topics_are_in_order_of_time_at_segments_that_there_are()
    {
        var topics = Outline.Topics(
            [new("Fix", [5, 9]), new("Cause", [], 43), new("Late", [], 4000), new("None", []), new("Past", [11]), new("Again", [5]), new("Start", [0])],
            Talk.Incident);
        Assert.Equal([new Topic("Start", 0, 0), new Topic("Cause", 4, 40), new Topic("Fix", 5, 50)], topics);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(9, 0)]
    [InlineData(19, 1)]
    [InlineData(20, 2)]
    [InlineData(109, 10)]
    [InlineData(111, null)]
    public void A_time_is_in_the_segment_that_is_spoken_then(double seconds, int? segment) =>
        Assert.Equal(segment, Outline.SegmentAt(seconds, Talk.Incident));

    [Fact]
    public void A_clock_that_leaves_out_the_fraction_finds_the_segment_that_begins_in_that_second()
    {
        var talk = Talk.Of("One.\nTwo.").Select(segment => segment with { Start = segment.Start + 0.7 }).ToArray();
        Assert.Equal(1, Outline.SegmentAt(10, talk));
    }

    [Fact]
    public void Chapters_follow_each_other_and_cover_the_whole()
    {
        var chapters = Outline.Chapters([new("Fix", [6]), new("Intro", [1]), new("Fix again", [6]), new("Nowhere", [99]), new("Plan", [8])], Talk.Incident)!;
        Assert.Equal(
            [new Chapter("Intro", 0, 5, 0, 59), new Chapter("Fix", 6, 7, 60, 79), new Chapter("Plan", 8, 10, 80, 109)], chapters);
        Assert.Null(Outline.Chapters([new("Nowhere", [99])], Talk.Incident));
    }

    [Fact]
    public void Any_chapters_become_a_bounded_number_that_covers_the_whole()
    {
        var random = new Random(3);
        var talk = Talk.Of(string.Join('\n', Enumerable.Repeat("Something was said.", 300)));
        for (var n = 0; n < 200; n++)
        {
            var chapters = Outline.Chapters(
                [.. Enumerable.Range(0, random.Next(1, 200)).Select(i => new CitedText($"C{i}", [random.Next(-5, 310)])), new("C", [7])], talk)!;
            Assert.InRange(chapters.Count, 1, Outline.MaxChapters);
            Assert.Equal((0, 299), (chapters[0].FirstSegment, chapters[^1].LastSegment));
            Assert.All(chapters.Zip(chapters.Skip(1)), pair => Assert.Equal(pair.First.LastSegment + 1, pair.Second.FirstSegment));
            Assert.All(chapters, chapter => Assert.True(chapter.FirstSegment <= chapter.LastSegment && chapter.Start < chapter.End));
        }
    }
}
