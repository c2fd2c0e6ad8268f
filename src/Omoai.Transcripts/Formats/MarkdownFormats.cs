using System.Text;

namespace Omoai.Transcripts.Formats;

/// <summary>Markdown (CommonMark): the summary, and the transcript with it.</summary>
internal static class MarkdownFormats
{
    /// <summary>What a key point says that its segments don't bear out.</summary>
    private const string NotBorneOut = " (not borne out by the recording)";

    private const string Anywhere = @"\`*_[]<>&~|$#";

    public static void WriteTranscript(Transcript transcript, FormatSettings settings, TextWriter writer)
    {
        WriteHeading(transcript.Summary is { } summary ? summary.Title : "", transcript, writer);
        foreach (var warning in transcript.Warnings)
        {
            writer.WriteLine();
            writer.WriteLine("> Note: " + Escape(warning.Message));
        }

        if (transcript.Summary is not null)
        {
            WriteBody(transcript.Summary, writer);
        }

        writer.WriteLine();
        writer.WriteLine("## Transcript");
        var any = false;
        foreach (var (start, text) in Lines.Paragraphs(transcript))
        {
            writer.WriteLine();
            var time = Timestamps.InStyle(settings.Timestamps ?? TimestampStyle.Clock, start);
            writer.WriteLine(time is null ? Escape(text) : $"**{time}** {Escape(text)}");
            any = true;
        }

        if (!any)
        {
            writer.WriteLine();
            writer.WriteLine(Lines.NoSpeech);
        }
    }

    public static void WriteSummary(Transcript transcript, TextWriter writer)
    {
        if (transcript.Summary is { } summary)
        {
            WriteHeading(summary.Title, transcript, writer);
            WriteBody(summary, writer);
        }
        else
        {
            writer.WriteLine(Lines.Paragraphs(transcript).Any() ? "No summary was made." : Lines.NoSpeech);
        }
    }

    private static void WriteHeading(string title, Transcript transcript, TextWriter writer)
    {
        var heading = Escape(string.IsNullOrWhiteSpace(title) ? transcript.Source.Name : title);
        writer.WriteLine("# " + (heading.Length > 0 ? heading : "Transcript"));
    }

    private static void WriteBody(Summary summary, TextWriter writer)
    {
        if (Escape(summary.Abstract) is { Length: > 0 } text)
        {
            writer.WriteLine();
            writer.WriteLine(text);
        }

        WriteList(
            "Key points",
            summary.KeyPoints.Select(point =>
                $"{Escape(point.Text)} ({Span(point.Start, point.End)}){(point.Supported == false ? NotBorneOut : "")}"),
            writer);
        // Brackets that hold a time alone, and a space after them, make no link: no text can define one, for its brackets are escaped.
        WriteList("Topics", (summary.Topics ?? []).Select(topic => $"[{Timestamps.Clock(topic.Start)}] {Escape(topic.Text)}"), writer);
        WriteList("Chapters", (summary.Chapters ?? []).Select(chapter => $"{Span(chapter.Start, chapter.End)} {Escape(chapter.Title)}"), writer);
    }

    private static void WriteList(string heading, IEnumerable<string> items, TextWriter writer)
    {
        var lines = items.ToList();
        if (lines.Count > 0)
        {
            writer.WriteLine();
            writer.WriteLine($"## {heading}");
            writer.WriteLine();
            lines.ForEach(line => writer.WriteLine($"- {line}"));
        }
    }

    private static string Span(double start, double end) => $"{Timestamps.Clock(start)}–{Timestamps.Clock(end)}";

    /// <summary>
    /// Text on one line that means itself in CommonMark and its GitHub dialect: what could begin markup has a
    /// backslash, and so has what only means something at the start of a line. Bare addresses may still show as links
    /// to themselves. </summary>
    public static string Escape(string text)
    {
        var line = Lines.OneLine(text);
        var result = new StringBuilder(line.Length + 8);
        var digits = 0;
        while (digits < line.Length && char.IsAsciiDigit(line[digits]))
        {
            digits++;
        }

        for (var i = 0; i < line.Length; i++)
        {
            var startsLine = (i == 0 && line[i] is '-' or '+' or '=' or ':')
                || (i == digits && digits > 0 && line[i] is '.' or ')');
            if (startsLine || Anywhere.Contains(line[i], StringComparison.Ordinal))
            {
                result.Append('\\');
            }

            result.Append(line[i]);
        }

        return result.ToString();
    }
}
