using Omoai.Transcripts.Formats;

namespace Omoai.Local.Tests;

public sealed class OutputFolderTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void One_recording_goes_into_the_folder_that_was_asked_for()
    {
        Assert.Equal(["out"], OutputFolder.Plan(["a/x.wav"], "out", Now));
    }

    [Fact]
    public void Several_recordings_get_folders_of_their_names_and_those_of_the_same_name_different_ones()
    {
        Assert.Equal(
            ["out/x", "out/y", "out/x-2", "out/X-3"],
            OutputFolder.Plan(["mon/x.wav", "mon/y.wav", "tue/x.mp3", "wed/X.wav"], "out", Now));
    }

    [Fact]
    public void Without_a_folder_they_are_named_after_recording_and_time()
    {
        Assert.Equal(["x-20260102-030405", "x-20260102-030405-2"], OutputFolder.Plan(["mon/x.wav", "tue/x.wav"], null, Now));
    }

    [Theory]
    [InlineData("a/...wav")]
    [InlineData("a/.wav")]
    public void A_name_without_a_stem_leads_nowhere_else(string recording)
    {
        Assert.Equal(["out/audio", "out/x"], OutputFolder.Plan([recording, "x.wav"], "out", Now));
    }

    [Fact]
    public void What_an_earlier_job_left_goes_away_and_what_is_not_ours_stays()
    {
        Write("out/error.json", "old");
        Write("out/transcript.vtt", "old");
        Write("out/notes.txt", "mine");
        Write("made/transcript.txt", "new");
        Write("made/transcript.srt", "new");
        Write("made/run.json", "new");

        var files = OutputFolder.Create(Path.Combine(_folder, "out"))
            .TakeFrom(Path.Combine(_folder, "made"), [TranscriptFormats.Text]);

        Assert.Equal(["run.json", "transcript.txt"], files.Names);
        Assert.Equal("new", files.Text);
        Assert.Null(files.Summary);
        Assert.Equal(
            ["notes.txt", "run.json", "transcript.txt"],
            Directory.EnumerateFiles(Path.Combine(_folder, "out")).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
        Assert.Equal("new", File.ReadAllText(Path.Combine(_folder, "out", "transcript.txt")));
    }

    private void Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
