using Omoai.Transcripts;
using Omoai.Transcripts.Formats;

namespace Omoai.Local.Terminal;

/// <summary>Prints what a person wants to read first: the transcript and its summary.</summary>
internal static class TranscriptPrinter
{
    public static void Print(Transcript transcript, string folder, IReadOnlyList<string> files)
    {
        var output = Console.Out;
        using var text = new MemoryStream();
        TranscriptFormats.Write(transcript, TranscriptFormats.Text, text);
        output.WriteLine();
        output.WriteLine(System.Text.Encoding.UTF8.GetString(text.ToArray()).TrimEnd());
        if (transcript.Summary is { } summary)
        {
            output.WriteLine();
            output.WriteLine($"Summary: {summary.Title}");
            output.WriteLine(summary.Abstract);
            foreach (var point in summary.KeyPoints)
            {
                output.WriteLine($"  [{TimeSpan.FromSeconds(point.Start):hh\\:mm\\:ss}] {point.Text}");
            }
        }

        output.WriteLine();
        output.WriteLine($"In {folder}: {string.Join(' ', files)}");
    }
}
