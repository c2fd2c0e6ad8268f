namespace Omoai.Local.Terminal;

/// <summary>Prints what a person wants to read first: the transcript and its summary.</summary>
internal static class TranscriptPrinter
{
    public static void Print(TextWriter output, JobFiles files, string folder)
    {
        output.WriteLine();
        output.WriteLine(files.Text?.TrimEnd());
        if (files.Summary is { } summary)
        {
            output.WriteLine();
            output.WriteLine($"Summary: {summary.Title}");
            output.WriteLine(summary.Abstract);
            foreach (var point in summary.KeyPoints)
            {
                var doubt = point.Supported == false ? " (not borne out by the recording)" : "";
                output.WriteLine($"  [{TimeSpan.FromSeconds(point.Start):hh\\:mm\\:ss}] {point.Text}{doubt}");
            }
        }

        output.WriteLine();
        output.WriteLine($"In {folder}: {string.Join(' ', files.Names)}");
    }
}
