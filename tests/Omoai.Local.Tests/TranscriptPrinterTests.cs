using Omoai.Local.Terminal;
using Omoai.Transcripts;

namespace Omoai.Local.Tests;

public sealed class TranscriptPrinterTests
{
    [Fact]
    public void A_point_that_the_recording_does_not_bear_out_says_so()
    {
        KeyPoint[] points = [new("It rains.", [0], 0, 1, true), new("It snows.", [0], 0, 1, false), new("It thaws.", [0], 0, 1)];
        using var output = new StringWriter();

        TranscriptPrinter.Print(output, new JobFiles([], "It rains.", new Summary("Weather", "All of it.", points)), "out");

        var lines = output.ToString().ReplaceLineEndings("\n").Split('\n').Where(line => line.Contains('[')).ToList();
        Assert.Equal(
            ["  [00:00:00] It rains.", "  [00:00:00] It snows. (not borne out by the recording)", "  [00:00:00] It thaws."], lines);
    }
}
