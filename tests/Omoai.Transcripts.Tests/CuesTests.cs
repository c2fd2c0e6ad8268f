using System.Globalization;
using Omoai.Transcripts.Formats;

namespace Omoai.Transcripts.Tests;

public sealed class CuesTests
{
    [Fact]
    public void A_sentence_that_fits_is_one_cue_and_lines_break_after_a_comma()
    {
        var cue = Assert.Single(Cues.Build(Make.Transcript(0.3, "We shipped it, and then the database ran out of space.")));

        Assert.Equal(["We shipped it,", "and then the database ran out of space."], cue.Lines);
    }

    [Fact]
    public void Cues_end_where_segments_end()
    {
        var cues = Cues.Build(Make.Transcript(
            0.4, "No recordings were lost.", "Daniel added an alert today.", "He will write the report."));

        Assert.Equal(
            ["No recordings were lost.", "Daniel added an alert today.", "He will write the report."],
            cues.Select(cue => string.Join(' ', cue.Lines)));
    }

    [Fact]
    public void A_word_on_one_channel_is_shown_when_it_is_said_whatever_goes_on_on_another()
    {
        Segment Of(int id, int channel, params Word[] words) =>
            new(id, id, words[0].Start, words[^1].End, string.Join(' ', words.Select(word => word.Text)), words, channel);
        var call = Make.Of(
        [
            Of(0, 0, [.. Enumerable.Range(0, 10).Select(i => new Word("so", 2 * i, (2 * i) + 1.9, 1))]),
            Of(1, 1, new Word("Yes.", 5, 5.5, 1)),
        ]);

        var cues = Cues.Build(call);

        Assert.Equal((5000, 6000, "[2] Yes."), Assert.Single(
            cues.Where(cue => cue.Lines[0].StartsWith("[2]", StringComparison.Ordinal)).Select(cue => (cue.Start, cue.End, cue.Lines[0]))));
        Assert.Equal(cues.Select(cue => cue.Start).Order(), cues.Select(cue => cue.Start));
    }

    [Fact]
    public void A_long_sentence_is_divided_after_a_comma()
    {
        var cues = Cues.Build(Make.Transcript(
            0.2,
            "The database ran out of disk space on Monday evening, "
            + "so the queue stopped for about twenty minutes in all of the regions."));

        Assert.Equal(2, cues.Count);
        Assert.EndsWith("evening,", cues[0].Lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_segment_too_short_to_be_read_joins_its_neighbour()
    {
        var cues = Cues.Build(Make.Transcript(0.2, "Yes.", "We will do that today, and write a report."));

        Assert.Equal("Yes. We will do that today,", Assert.Single(cues).Lines[0]);
    }

    [Fact]
    public void Paragraphs_and_long_pauses_start_a_cue()
    {
        Assert.Equal(2, Cues.Build(Make.Transcript(0.2, (0, "Good"), (1, "day."))).Count);
        Assert.Equal(2, Cues.Build(Make.Words(("Good", 0, 0.5), ("day", 2.0, 2.5))).Count);
        Assert.Single(Cues.Build(Make.Words(("Good", 0, 0.5), ("day", 1.99, 2.5))));
    }

    [Fact]
    public void A_short_cue_stays_for_a_second_where_there_is_room()
    {
        var cues = Cues.Build(Make.Words(("One", 0, 0.2), ("two", 1.9, 2.0), ("three", 3.6, 3.7)));
        Assert.Equal([(0, 1000), (1900, 2900), (3600, 4600)], cues.Select(cue => ((int)cue.Start, (int)cue.End)));

        var crowded = Cues.Build(Make.Transcript(0.2, (0, "One"), (1, "two")));
        Assert.Equal((0, 200), ((int)crowded[0].Start, (int)crowded[0].End));
    }

    [Fact]
    public void A_word_longer_than_a_line_stays_whole()
    {
        var giant = new string('x', 60);

        var cues = Cues.Build(Make.Transcript(0.5, $"a {giant} b"));

        Assert.Contains(giant, cues.SelectMany(cue => cue.Lines));
    }

    [Fact]
    public void A_word_said_to_last_long_is_not_shown_longer_than_seven_seconds()
    {
        var cue = Assert.Single(Cues.Build(Make.Words(("Aah", 1, 30))));

        Assert.Equal((1000, 8000), ((int)cue.Start, (int)cue.End));
    }

    [Fact]
    public void Rounding_never_makes_cues_overlap()
    {
        var cues = Cues.Build(Make.Transcript(1.0006 / 3, (0, "a b c"), (1, "d e f"), (2, "g h i"), (3, "j k l")));

        Assert.Equal([0L, 1001, 2001, 3002], cues.Select(cue => cue.Start));
        Assert.Equal([1001L, 2001, 3002, 4002], cues.Select(cue => cue.End));
    }

    [Fact]
    public void Whatever_the_words_cues_keep_their_rules_and_lose_nothing()
    {
        var random = new Random(42);
        for (var round = 0; round < 300; round++)
        {
            var transcript = RandomTranscript(random);

            var cues = Cues.Build(transcript);

            Assert.Equal(
                transcript.Segments.SelectMany(segment => segment.Words).Select(word => word.Text),
                cues.SelectMany(cue => cue.Lines).SelectMany(line => line.Split(' ')));
            for (var i = 0; i < cues.Count; i++)
            {
                var cue = cues[i];
                Assert.InRange(cue.Lines.Count, 1, 2);
                Assert.All(cue.Lines, line => Assert.True(
                    new StringInfo(line).LengthInTextElements <= 42 || !line.Contains(' ', StringComparison.Ordinal), line));
                Assert.InRange(cue.End - cue.Start, 1, 7000);
                Assert.True(i + 1 == cues.Count || cue.End <= cues[i + 1].Start, "cues overlap");
            }
        }
    }

    /// <summary>Words of every length, at times that go wrong in every way that a recogniser's can.</summary>
    private static Transcript RandomTranscript(Random random)
    {
        var (segments, time, paragraph) = (new List<Segment>(), 0.0, 0);
        for (var id = random.Next(6); id >= 0; id--)
        {
            var words = new List<Word>();
            for (var count = random.Next(1, 40); count > 0; count--)
            {
                var text = new string('ệ', random.Next(20) == 0 ? random.Next(40, 60) : random.Next(1, 12));
                var mark = random.Next(6) switch { 0 => ",", 1 => ".", _ => "" };
                var (start, end) = (time + ((random.NextDouble() - 0.3) * 0.2), time + random.NextDouble());
                words.Add(random.Next(10) switch
                {
                    0 => new Word(text + mark, time, time, 1),
                    1 => new Word(text + mark, double.NaN, double.PositiveInfinity, 1),
                    _ => new Word(text + mark, start, end, 1),
                });
                time += random.Next(8) switch { 0 => 0, 1 => random.NextDouble() * 9, _ => random.NextDouble() * 0.5 };
            }

            paragraph += random.Next(2);
            segments.Add(new Segment(segments.Count, paragraph, 0, 0, string.Join(' ', words.Select(word => word.Text)), words));
        }

        return Make.Of(segments);
    }
}
