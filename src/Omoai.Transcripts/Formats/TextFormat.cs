namespace Omoai.Transcripts.Formats;

/// <summary>Plain text: the paragraphs, wrapped, with a blank line between.</summary>
public static class TextFormat
{
    public const int DefaultWidth = 80;

    /// <summary>Writes the paragraphs.</summary>
    /// <param name="transcript">The transcript.</param>
    /// <param name="writer">Where to.</param>
    /// <param name="width">Characters in a line, 1 or more. Words are never broken: a longer one has a line to itself.</param>
    /// <param name="timestamps">How the start of each paragraph is written before it, in brackets.</param>
    public static void Write(
        Transcript transcript, TextWriter writer, int width = DefaultWidth, TimestampStyle timestamps = TimestampStyle.None)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        var first = true;
        foreach (var (start, text) in Lines.Paragraphs(transcript))
        {
            if (!first)
            {
                writer.WriteLine();
            }

            WriteWrapped(Timestamps.InStyle(timestamps, start) is { } time ? $"[{time}] {text}" : text, writer, width);
            first = false;
        }

        if (first)
        {
            writer.WriteLine(Lines.NoSpeech);
        }
    }

    private static void WriteWrapped(string text, TextWriter writer, int width)
    {
        var column = 0;
        foreach (var word in text.Split(' '))
        {
            var wordWidth = Lines.Width(word);
            if (column > 0 && column + 1 + wordWidth > width)
            {
                writer.WriteLine();
                column = 0;
            }

            if (column > 0)
            {
                writer.Write(' ');
                column++;
            }

            writer.Write(word);
            column += wordWidth;
        }

        writer.WriteLine();
    }
}
