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

    /// <summary>
    /// The paragraphs that have text, each on one line, with the start of its first segment in seconds.
    /// </summary>
    public static IEnumerable<(double Start, string Text)> Paragraphs(Transcript transcript) =>
        transcript.Segments
            .Where(segment => !string.IsNullOrWhiteSpace(segment.Text))
            .GroupBy(segment => segment.Paragraph)
            .Select(group => (group.First().Start, OneLine(string.Join(' ', group.Select(segment => segment.Text)))))
            .Where(paragraph => paragraph.Item2.Length > 0);
}
