using System.Globalization;
using System.Text;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Formats;

namespace Omoai.Transcripts.Tests;

public sealed class FormatTests
{
    private static readonly Transcript Standup = Make.Transcript(
        0.35,
        (0, "Good morning everyone."),
        (0, "This is the Tuesday standup for the transcription team."),
        (1, "The upload service went live last night, and nothing broke.")) with
    {
        Summary = Make.Summary,
    };

    [Fact]
    public void Every_format_has_its_own_file_and_the_names_that_people_ask_for()
    {
        Assert.Equal(
            ["final.json", "transcript.txt", "transcript.srt", "transcript.vtt", "transcript.md", "summary.md"],
            TranscriptFormats.All.Select(format => format.FileName));
        Assert.Equal(
            ["json", "txt", "srt", "vtt", "md", "md"], TranscriptFormats.All.Select(format => format.Name));
    }

    [Fact]
    public void The_bytes_are_the_same_in_any_culture_and_the_stream_stays_open()
    {
        var before = CultureInfo.CurrentCulture;
        try
        {
            foreach (var format in TranscriptFormats.All)
            {
                CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
                var expected = Bytes(Standup, format);
                var odd = (CultureInfo)CultureInfo.InvariantCulture.Clone();
                (odd.NumberFormat.NumberDecimalSeparator, odd.NumberFormat.NegativeSign) = (",", "~");
                CultureInfo.CurrentCulture = odd;
                Assert.Equal(expected, Bytes(Standup, format));
            }
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Files_have_no_byte_order_mark_no_carriage_return_and_end_with_a_newline()
    {
        foreach (var format in TranscriptFormats.All)
        {
            var bytes = Bytes(Standup, format);
            Assert.NotEqual(0xEF, bytes[0]);
            Assert.DoesNotContain((byte)'\r', bytes);
            Assert.Equal((byte)'\n', bytes[^1]);
        }
    }

    [Fact]
    public void Text_is_wrapped_by_paragraphs()
    {
        Assert.Equal(
            """
            Good morning everyone. This is the Tuesday standup for the transcription team.

            The upload service went live last night, and nothing broke.

            """,
            Text(Standup, TranscriptFormats.Text));
    }

    [Fact]
    public void Words_are_never_broken_and_a_long_one_has_a_line_to_itself()
    {
        using var writer = new StringWriter { NewLine = "\n" };

        TextFormat.Write(Make.Transcript(1, "ab cd unbreakable ef việt"), writer, width: 7);

        Assert.Equal("ab cd\nunbreakable\nef việt\n", writer.ToString());
    }

    [Fact]
    public void Srt_is_numbered_cues()
    {
        Assert.Equal(
            """
            1
            00:00:00,000 --> 00:00:01,050
            Good morning everyone.

            2
            00:00:01,050 --> 00:00:04,200
            This is the Tuesday standup
            for the transcription team.

            3
            00:00:04,200 --> 00:00:07,700
            The upload service went live last night,
            and nothing broke.

            """,
            Text(Standup, TranscriptFormats.Srt));
    }

    [Fact]
    public void Whoever_begins_to_speak_on_a_channel_of_their_own_is_named()
    {
        var spoken = Make.Transcript(0.5, (0, "Hello there."), (0, "Who is it?"), (1, "Me."));
        var call = spoken with
        {
            Segments = [.. spoken.Segments.Select(segment => segment with { Channel = segment.Paragraph })],
        };

        Assert.Equal("[1] Hello there. Who is it?\n\n[2] Me.\n", Text(call, TranscriptFormats.Text));
        Assert.Contains("\n[1] Hello there.", Text(call, TranscriptFormats.Srt), StringComparison.Ordinal);
        Assert.Contains("\n[2] Me.", Text(call, TranscriptFormats.Vtt), StringComparison.Ordinal);
        Assert.Contains(@"\[2\] Me.", Text(call, TranscriptFormats.Markdown), StringComparison.Ordinal);
    }

    [Fact]
    public void Vtt_text_is_escaped()
    {
        var transcript = Make.Words(("<b>Q&A", 3600 * 123, 3600 * 123 + 1.25), ("-->", 3600 * 123 + 1.25, 3600 * 123 + 2));

        Assert.Equal(
            "WEBVTT\n\n123:00:00.000 --> 123:00:02.000\n&lt;b&gt;Q&amp;A --&gt;\n", Text(transcript, TranscriptFormats.Vtt));
    }

    [Fact]
    public void Srt_text_holds_no_arrow_and_no_blank_line()
    {
        var transcript = Make.Words(("a\n\nb", 0, 1), ("\u0000", 1, 1.2), ("-->", 1.2, 1.5), ("--->>", 1.5, 2));

        Assert.Equal("1\n00:00:00,000 --> 00:00:02,000\na b -> ->>\n", Text(transcript, TranscriptFormats.Srt));
    }

    [Fact]
    public void Markdown_has_title_abstract_points_and_the_transcript_with_times()
    {
        var transcript = Standup with { Warnings = [new Warning("truncated_audio", "The recording ends early.")] };

        Assert.Equal(
            """
            # Release and incident

            > Note: The recording ends early.

            The release went well.

            ## Key points

            - Nothing broke. (00:00:00–01:01:01)

            ## Transcript

            **00:00:00** Good morning everyone. This is the Tuesday standup for the transcription team.

            **00:00:04** The upload service went live last night, and nothing broke.

            """,
            Text(transcript, TranscriptFormats.Markdown));
        Assert.Equal(
            """
            # Release and incident

            The release went well.

            ## Key points

            - Nothing broke. (00:00:00–01:01:01)

            """,
            Text(transcript, TranscriptFormats.Summary));
    }

    [Fact]
    public void Markdown_has_topics_and_chapters_with_times_and_says_what_is_not_borne_out()
    {
        var transcript = Standup with
        {
            Summary = Make.Summary with
            {
                KeyPoints =
                    [
                        new KeyPoint("It went well.", [0], 0, 1, Supported: true), new KeyPoint("It [broke](http://x).", [1], 1, 4, Supported: false),
                        new KeyPoint("It was said.", [1], 1, 4),
                    ],
                Topics = [new Topic("The *team*", 1, 62.9), new Topic("(http://x)", 2, 3600 * 100)],
                Chapters = [new Chapter("Start", 0, 1, 0, 4.2), new Chapter("- Release", 2, 2, 4.2, 7.7)],
            },
        };
        const string Body = """

            The release went well.

            ## Key points

            - It went well. (00:00:00–00:00:01)
            - It \[broke\](http://x). (00:00:01–00:00:04) (not borne out by the recording)
            - It was said. (00:00:01–00:00:04)

            ## Topics

            - [00:01:02] The \*team\*
            - [100:00:00] (http://x)

            ## Chapters

            - 00:00:00–00:00:04 Start
            - 00:00:04–00:00:07 \- Release

            """;

        Assert.Equal("# Release and incident\n" + Body, Text(transcript, TranscriptFormats.Summary));
        Assert.StartsWith("# Release and incident\n" + Body + "\n## Transcript\n", Text(transcript, TranscriptFormats.Markdown), StringComparison.Ordinal);
    }

    [Fact]
    public void Empty_topics_and_chapters_have_no_heading() => Assert.Equal(
        Text(Standup, TranscriptFormats.Summary),
        Text(Standup with { Summary = Make.Summary with { Topics = [], Chapters = [] } }, TranscriptFormats.Summary));

    [Theory]
    [InlineData("# not a heading", "\\# not a heading")]
    [InlineData("- not a list", "\\- not a list")]
    [InlineData("+ not a list", "\\+ not a list")]
    [InlineData("1. not a list", "1\\. not a list")]
    [InlineData("12) not a list", "12\\) not a list")]
    [InlineData("=== ", "\\===")]
    [InlineData("> not a quote", "\\> not a quote")]
    [InlineData("a *b* _c_ `d` ~e~", "a \\*b\\* \\_c\\_ \\`d\\` \\~e\\~")]
    [InlineData("[x](http://y) ![z]", "\\[x\\](http://y) !\\[z\\]")]
    [InlineData("<script>&amp; a|b $c$ \\", "\\<script\\>\\&amp; a\\|b \\$c\\$ \\\\")]
    [InlineData("one\n\n# two", "one \\# two")]
    [InlineData("well-known, 3.5 and (so) on.", "well-known, 3.5 and (so) on.")]
    [InlineData("2026", "2026")]
    public void Text_cannot_become_Markdown(string text, string expected)
    {
        var transcript = Make.Of([]) with { Summary = new Summary("Title", text, [new KeyPoint(text, [0], 0, 1)]) };

        Assert.Equal(
            $"# Title\n\n{expected}\n\n## Key points\n\n- {expected} (00:00:00–00:00:01)\n",
            Text(transcript, TranscriptFormats.Summary));
    }

    [Theory]
    [InlineData(null, "")]
    [InlineData(TimestampStyle.None, "")]
    [InlineData(TimestampStyle.S, "[4s] ")]
    [InlineData(TimestampStyle.Ms, "[4200ms] ")]
    [InlineData(TimestampStyle.Clock, "[00:00:04] ")]
    public void Paragraphs_of_text_begin_with_their_time_where_it_is_asked_for(TimestampStyle? timestamps, string time)
    {
        var text = Text(Standup, TranscriptFormats.Text, new FormatSettings(timestamps));

        Assert.EndsWith($"\n\n{time}The upload service went live last night, and nothing broke.\n", text, StringComparison.Ordinal);
        Assert.All(text.Split('\n'), line => Assert.InRange(line.Length, 0, TextFormat.DefaultWidth));
    }

    [Theory]
    [InlineData(null, "**00:00:04** ")]
    [InlineData(TimestampStyle.None, "")]
    [InlineData(TimestampStyle.S, "**4s** ")]
    [InlineData(TimestampStyle.Ms, "**4200ms** ")]
    [InlineData(TimestampStyle.Clock, "**00:00:04** ")]
    public void Paragraphs_of_Markdown_begin_with_their_time_in_the_style_that_is_asked_for(TimestampStyle? timestamps, string time)
    {
        Assert.EndsWith(
            $"\n\n{time}The upload service went live last night, and nothing broke.\n",
            Text(Standup, TranscriptFormats.Markdown, new FormatSettings(timestamps)), StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_of_paragraphs_and_JSON_leave_the_other_files_as_they_are()
    {
        var settings = new FormatSettings(TimestampStyle.Ms, []);
        foreach (var format in new[] { TranscriptFormats.Srt, TranscriptFormats.Vtt, TranscriptFormats.Summary })
        {
            Assert.Equal(Text(Standup, format), Text(Standup, format, settings));
        }
    }

    [Fact]
    public void HTML_of_a_diff_is_written_as_it_was_escaped()
    {
        // To normalise it would make one character of the bracket and the stroke, and with it an open tag.
        const string Html = "<p>\u0338 onclick=1</p>";
        var json = Text(Standup with { Diff = new TextDiff("", Html) }, TranscriptFormats.Json);

        Assert.Contains(Html, json, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_speech_every_format_is_valid_and_the_readable_ones_say_so()
    {
        var empty = Make.Of([]);

        Assert.Equal("No speech was found.\n", Text(empty, TranscriptFormats.Text));
        Assert.Equal("", Text(empty, TranscriptFormats.Srt));
        Assert.Equal("WEBVTT\n", Text(empty, TranscriptFormats.Vtt));
        Assert.Equal("# talk.wav\n\n## Transcript\n\nNo speech was found.\n", Text(empty, TranscriptFormats.Markdown));
        Assert.Equal("No speech was found.\n", Text(empty, TranscriptFormats.Summary));
        Assert.Contains("\"segments\": []", Text(empty, TranscriptFormats.Json), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_summary_the_summary_says_so_in_one_line()
    {
        Assert.Equal("No summary was made.\n", Text(Standup with { Summary = null }, TranscriptFormats.Summary));
    }

    [Fact]
    public void Text_is_in_NFC_in_every_format()
    {
        const string Nfd = "Vie\u0323\u0302t";
        var transcript = Make.Transcript(1, Nfd) with
        {
            Source = new AudioSource(Nfd, 1, 1, 1, Nfd),
            Models = new ModelsUsed(Nfd, Nfd, Nfd, Nfd),
            LowConfidence = [new UnsureSpan(0, 0, 1, Nfd, 0.1)],
            Suspicions = [new Suspicion("repetition", 0, 1, Nfd, Kept: true)],
            Summary = new Summary(Nfd, Nfd, [new KeyPoint(Nfd, [0], 0, 1, true)], [new Topic(Nfd, 0, 0)], [new Chapter(Nfd, 0, 0, 0, 1)], Nfd),
            Warnings = [new Warning("code", Nfd)],
            Llm = new LlmUse(LlmEngine.Onnx, Nfd, 0, 0, 0),
            Changes = [new SpellingChange(0, 0, Nfd, Nfd)],
            Diff = new TextDiff(Nfd, "Vi\u1EC7t"),
            RawText = Nfd,
        };

        foreach (var format in TranscriptFormats.All)
        {
            var text = Text(transcript, format);
            Assert.Contains("Vi\u1EC7t", text, StringComparison.Ordinal);
            Assert.DoesNotContain('\u0323', text);
        }
    }

    private static string Text(Transcript transcript, TranscriptFormat format, FormatSettings settings)
    {
        using var stream = new MemoryStream();
        TranscriptFormats.Write(transcript, format, settings, stream);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static string Text(Transcript transcript, TranscriptFormat format) =>
        Encoding.UTF8.GetString(Bytes(transcript, format));

    private static byte[] Bytes(Transcript transcript, TranscriptFormat format)
    {
        using var stream = new MemoryStream();
        TranscriptFormats.Write(transcript, format, stream);
        Assert.True(stream.CanWrite);
        return stream.ToArray();
    }
}
