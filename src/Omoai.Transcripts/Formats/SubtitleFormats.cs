using System.Globalization;

namespace Omoai.Transcripts.Formats;

/// <summary>SubRip and WebVTT, from the same cues.</summary>
internal static class SubtitleFormats
{
    public static void WriteSrt(Transcript transcript, TextWriter writer)
    {
        var number = 0;
        foreach (var cue in Cues.Build(transcript))
        {
            if (number++ > 0)
            {
                writer.WriteLine();
            }

            writer.WriteLine(number.ToString(CultureInfo.InvariantCulture));
            // SubRip can't escape anything, and readers look for the arrow.
            WriteCue(cue, writer, ',', WithoutArrows);
        }
    }

    public static void WriteVtt(Transcript transcript, TextWriter writer)
    {
        writer.WriteLine("WEBVTT");
        foreach (var cue in Cues.Build(transcript))
        {
            writer.WriteLine();
            // Escaping > leaves no arrow either.
            WriteCue(cue, writer, '.', line => line
                .Replace("&", "&amp;", StringComparison.Ordinal)
                .Replace("<", "&lt;", StringComparison.Ordinal)
                .Replace(">", "&gt;", StringComparison.Ordinal));
        }
    }

    /// <summary>Shortening an arrow once may leave another: --->.</summary>
    private static string WithoutArrows(string line)
    {
        while (line.Contains("-->", StringComparison.Ordinal))
        {
            line = line.Replace("-->", "->", StringComparison.Ordinal);
        }

        return line;
    }

    private static void WriteCue(Cue cue, TextWriter writer, char separator, Func<string, string> escape)
    {
        writer.Write(Timestamps.Precise(cue.Start, separator));
        writer.Write(" --> ");
        writer.WriteLine(Timestamps.Precise(cue.End, separator));
        foreach (var line in cue.Lines)
        {
            writer.WriteLine(escape(line));
        }
    }
}
