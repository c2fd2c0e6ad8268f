using System.Globalization;
using System.Text;

namespace Omoai.Transcripts.Formats;

/// <summary>What the formats share about text.</summary>
internal static class Lines
{
    public const string NoSpeech = "No speech was found.";

    /// <summary>The text on one line: stretches of white space become one space, control characters go.</summary>
    public static string OneLine(string text) => string.Join(' ', Words(text));

    /// <summary>What stands between white space, without control characters.</summary>
    public static IEnumerable<string> Words(string text) =>
        text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
            .Select(word => word.Any(char.IsControl) ? string.Concat(word.Where(c => !char.IsControl(c))) : word)
            .Where(word => word.Length > 0);

    /// <summary>Characters as people count them (grapheme clusters).</summary>
    public static int Width(string text) => Ascii.IsValid(text) ? text.Length : new StringInfo(text).LengthInTextElements;

    /// <summary>Whether there is speech of more than one channel, so that it matters whose it is.</summary>
    public static bool HasSpeakers(Transcript transcript) =>
        transcript.Segments.Select(segment => segment.Channel).Distinct().Take(2).Count() > 1;

    /// <summary>Who speaks, for people, who count from 1; null where the channels were mixed.</summary>
    public static string? Speaker(Segment segment) =>
        segment.Channel is { } channel ? string.Create(CultureInfo.InvariantCulture, $"[{channel + 1}]") : null;

    /// <summary>
    /// The paragraphs that have text, each on one line, the speaker's channel first, with the start of its first segment in seconds.
    /// </summary>
    public static IEnumerable<(double Start, string Text)> Paragraphs(Transcript transcript)
    {
        var hasSpeakers = HasSpeakers(transcript);
        return transcript.Segments
            .Where(segment => !string.IsNullOrWhiteSpace(segment.Text))
            .GroupBy(segment => segment.Paragraph)
            .Select(group => (group.First().Start, Speaker: hasSpeakers ? Speaker(group.First()) : null, Text: OneLine(string.Join(' ', group.Select(segment => segment.Text)))))
            .Where(paragraph => paragraph.Text.Length > 0)
            .Select(paragraph => (paragraph.Start, paragraph.Speaker is { } speaker ? $"{speaker} {paragraph.Text}" : paragraph.Text));
    }
}
