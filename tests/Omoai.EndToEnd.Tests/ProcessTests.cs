using System.Text.Json;
using Omoai.Transcripts;
using Omoai.Transcripts.Quality;

namespace Omoai.EndToEnd.Tests;

/// <summary><c>omoai process</c> on good recordings, as a newcomer runs it.</summary>
public sealed class ProcessTests : IDisposable
{
    private static readonly string[] AllFiles =
        ["final.json", "run.json", "summary.md", "transcript.md", "transcript.srt", "transcript.txt", "transcript.vtt"];

    // What the sample's first paragraph is, for recordings made of its first seconds.
    private const int FirstSeconds = 9;
    private const string FirstWords = "good morning everyone this is the tuesday standup for the transcription team let us start with the release";

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_sample_becomes_a_transcript_and_a_summary_made_by_models_in_fresh_processes()
    {
        var environment = new Dictionary<string, string?> { ["AzureWebJobsStorage"] = "AccountKey=verysecret", ["AZURE_CLIENT_SECRET"] = "verysecret" };

        var outcome = await OmoaiProgram.RunAsync(["process", OmoaiProgram.Sample, "-o", _folder["out"]], environment, null);

        Assert.True(outcome.ExitCode == 0, outcome.Error);
        Assert.Equal(AllFiles, FilesIn(_folder["out"]));
        var transcript = ReadTranscript(_folder["out"]);
        var errors = WordErrorRate.ComputeUnpunctuated(OmoaiProgram.SampleText, TextOf(transcript));
        Assert.True(errors.Rate <= 0.08, $"The word error rate of the sample is {errors.Rate:P1}.");
        Assert.True(transcript.Segments.Count >= 10, "Sentences were not found.");
        Assert.True(transcript.Segments[^1].Paragraph >= 3, "Paragraphs were not found.");
        Assert.NotEmpty(transcript.Summary!.KeyPoints);
        Assert.All(transcript.Summary.KeyPoints, point => Assert.All(point.Segments, id => Assert.InRange(id, 0, transcript.Segments.Count - 1)));
        Assert.Contains(transcript.Summary.Title, outcome.Output, StringComparison.Ordinal);

        var run = ReadJson("out", "run.json");
        var hosts = run.GetProperty("activities").EnumerateArray().Select(activity => activity.GetProperty("host")).ToList();
        Assert.Equal(["prepare", "transcribe", "post-process"], hosts.Select(host => host.GetProperty("activity").GetString()));
        Assert.Contains(run.GetProperty("activities")[1].GetProperty("executionProvider").GetString(), (string[])["cpu", "cuda"]);
        var pids = hosts.Select(host => host.GetProperty("pid").GetInt32()).Append(run.GetProperty("parentPid").GetInt32()).ToList();
        Assert.Equal(4, pids.Distinct().Count());
        Assert.False(run.GetProperty("parentHadCuda").GetBoolean());
        Assert.False(run.GetProperty("parentHadOnnxRuntime").GetBoolean());
        Assert.All(hosts, host =>
        {
            Assert.Equal("spawn", host.GetProperty("startMethod").GetString());
            // To decode takes no GPU.
            Assert.Equal(host.GetProperty("activity").GetString() == "prepare" ? "-1" : "0", host.GetProperty("device").GetString());
            Assert.True(host.GetProperty("spawnToReadyMs").GetDouble() > 0);
            Assert.True(host.GetProperty("readyToDoneMs").GetDouble() > 0);
            Assert.True(host.GetProperty("peakMemoryBytes").GetInt64() > 1 << 20);
            var variables = host.GetProperty("variables").EnumerateArray().Select(name => name.GetString()).ToList();
            Assert.Contains("VLLM_WORKER_MULTIPROC_METHOD", variables);
            Assert.DoesNotContain("AzureWebJobsStorage", variables);
            Assert.DoesNotContain("AZURE_CLIENT_SECRET", variables);
        });
        Assert.All(AllFiles, file => Assert.DoesNotContain("verysecret", File.ReadAllText(Path.Combine(_folder["out"], file)), StringComparison.Ordinal));
    }

    [FfmpegTheory]
    [InlineData("mp3")]
    [InlineData("m4a")]
    [InlineData("ogg")]
    [InlineData("opus")]
    [InlineData("flac")]
    [InlineData("webm")]
    public async Task Compressed_audio_is_read_through_ffmpeg(string extension)
    {
        var audio = _folder[$"a.{extension}"];
        await Programs.RunAsync("ffmpeg", "-v", "error", "-t", $"{FirstSeconds}", "-i", OmoaiProgram.Sample, audio);

        var outcome = await OmoaiProgram.RunAsync("process", audio, "-o", _folder["out"], "--quiet");

        Assert.True(outcome.ExitCode == 0, outcome.Error);
        AssertFirstWords(ReadTranscript(_folder["out"]));
    }

    [Fact]
    public async Task Eight_channels_are_mixed_down()
    {
        Wav.Write(_folder["a.wav"], FirstSamples(), channels: 8);

        var outcome = await OmoaiProgram.RunAsync("process", _folder["a.wav"], "-o", _folder["out"], "--quiet");

        Assert.True(outcome.ExitCode == 0, outcome.Error);
        var transcript = ReadTranscript(_folder["out"]);
        AssertFirstWords(transcript);
        Assert.Equal(8, transcript.Source.Channels);
    }

    [Fact]
    public async Task What_is_shown_is_the_text_with_its_times_whatever_parts_the_document_has()
    {
        Wav.Write(_folder["a.wav"], FirstSamples());

        var outcome = await OmoaiProgram.RunAsync(
            "process", _folder["a.wav"], "-o", _folder["out"], "--format", "json", "--include", "raw", "--timestamps", "ms", "--quality");

        Assert.True(outcome.ExitCode == 0, outcome.Error);
        Assert.Matches("^\n\\[[0-9]+ms\\] Good morning everyone", outcome.Output.Replace(",", "", StringComparison.Ordinal));
        Assert.Contains("\nSummary: ", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(["final.json", "run.json"], FilesIn(_folder["out"]));
        var document = ReadJson("out", "final.json");
        Assert.False(document.TryGetProperty("segments", out _));
        Assert.False(document.GetProperty("quality").TryGetProperty("per", out _));
    }

    [Fact]
    public async Task Of_a_call_each_channel_is_transcribed_by_itself()
    {
        // The second speaks when the first has ended.
        var said = FirstSamples();
        var silence = new short[said.Length];
        Wav.Write(_folder["a.wav"], [.. said, .. silence], [.. silence, .. said]);

        var outcome = await OmoaiProgram.RunAsync(
            "process", _folder["a.wav"], "-o", _folder["out"], "--quiet", "--channels", "separate", "--hot-words", "standup,日本");

        Assert.True(outcome.ExitCode == 0, outcome.Error);
        var transcript = ReadTranscript(_folder["out"]);
        Assert.Equal([0, 1], transcript.Segments.Select(segment => segment.Channel!.Value).Distinct());
        foreach (var channel in transcript.Segments.GroupBy(segment => segment.Channel))
        {
            AssertFirstWords(transcript with { Segments = [.. channel] });
            Assert.All(channel, segment => Assert.InRange(segment.Start, channel.Key!.Value * FirstSeconds, (channel.Key.Value + 1) * FirstSeconds));
        }

        Assert.Equal("energy", transcript.Models.Vad);
        Assert.Contains("日本", Assert.Single(transcript.Warnings, warning => warning.Code == "hot_words_ignored").Message, StringComparison.Ordinal);
        var text = File.ReadAllText(Path.Combine(_folder["out"], "transcript.txt"));
        Assert.StartsWith("[1] ", text, StringComparison.Ordinal);
        Assert.Contains("\n[2] ", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_a_truncated_recording_what_is_there_is_transcribed_and_a_warning_says_so()
    {
        Wav.Write(_folder["whole.wav"], Wav.Read(OmoaiProgram.Sample));
        var bytes = File.ReadAllBytes(_folder["whole.wav"]).AsSpan(0, Wav.HeaderBytes + (FirstSeconds * Wav.SampleRate * 2)).ToArray();
        File.WriteAllBytes(_folder["a.wav"], bytes);

        var outcome = await OmoaiProgram.RunAsync("process", _folder["a.wav"], "-o", _folder["out"], "--quiet");

        Assert.True(outcome.ExitCode == 0, outcome.Error);
        var transcript = ReadTranscript(_folder["out"]);
        AssertFirstWords(transcript);
        Assert.Contains(transcript.Warnings, warning => warning.Code == "truncated_audio");
        Assert.Contains("warning", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Silence_gives_an_empty_transcript_that_says_so()
    {
        Wav.Write(_folder["a.wav"], new short[30 * Wav.SampleRate]);

        var outcome = await OmoaiProgram.RunAsync("process", _folder["a.wav"], "-o", _folder["out"]);

        Assert.True(outcome.ExitCode == 0, outcome.Error);
        Assert.Equal(AllFiles, FilesIn(_folder["out"]));
        var transcript = ReadTranscript(_folder["out"]);
        Assert.Empty(transcript.Segments);
        Assert.Null(transcript.Summary);
        Assert.Contains(transcript.Warnings, warning => warning.Code == "no_speech");
        Assert.Contains("speech", outcome.Error, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Several_recordings_get_a_folder_each_and_a_bad_one_does_not_stop_the_others()
    {
        Wav.Write(_folder["one.wav"], FirstSamples());
        File.WriteAllText(_folder["two.wav"], "This is not audio.");
        Wav.Write(_folder["three.wav"], FirstSamples());

        var outcome = await OmoaiProgram.RunAsync(
            "process", _folder["one.wav"], _folder["two.wav"], _folder["three.wav"], "-o", _folder["out"], "--json", "--format", "srt,txt");

        Assert.Equal(3, outcome.ExitCode);
        using var json = JsonDocument.Parse(outcome.Output);
        Assert.Equal(["succeeded", "failed", "succeeded"], json.RootElement.EnumerateArray().Select(job => job.GetProperty("status").GetString()));
        Assert.Equal("bad_input", json.RootElement[1].GetProperty("error").GetProperty("class").GetString());
        Assert.Equal(["run.json", "transcript.srt", "transcript.txt"], FilesIn(Path.Combine(_folder["out"], "one")));
        Assert.Equal(["run.json", "transcript.srt", "transcript.txt"], FilesIn(Path.Combine(_folder["out"], "three")));
        Assert.Equal(["error.json"], FilesIn(Path.Combine(_folder["out"], "two")));
    }

    [Fact]
    public async Task The_doctor_finds_this_machine_fit_and_the_rules_of_isolation_kept()
    {
        var outcome = await OmoaiProgram.RunAsync("doctor", "--json");

        Assert.True(outcome.ExitCode == 0, outcome.Output);
        using var json = JsonDocument.Parse(outcome.Output);
        var rules = json.RootElement.EnumerateArray()
            .Where(check => check.GetProperty("name").GetString()!.StartsWith("isolation", StringComparison.Ordinal)).ToList();
        Assert.True(rules.Count >= 5);
        Assert.All(rules, rule => Assert.Equal("pass", rule.GetProperty("mark").GetString()));
    }

    [Fact]
    public async Task Single_stages_hand_on_to_each_other_through_a_folder()
    {
        Wav.Write(_folder["a.wav"], FirstSamples());

        // What an earlier recording left in the folder is not taken for this one's.
        Directory.CreateDirectory(_folder["stages"]);
        File.WriteAllText(Path.Combine(_folder["stages"], "words-0007.json"), "{}");
        foreach (var arguments in (string[][])[
            ["prepare", _folder["a.wav"], "-o", _folder["stages"]], ["transcribe", _folder["stages"]], ["postprocess", _folder["stages"]]])
        {
            var outcome = await OmoaiProgram.RunAsync(arguments);
            Assert.True(outcome.ExitCode == 0, outcome.Error);
        }

        var result = JsonSerializer.Deserialize<Omoai.Transcripts.Activities.PostProcessed>(
            File.ReadAllText(Path.Combine(_folder["stages"], "post-processed.json")), OmoaiJson.Compact)!;
        Assert.False(File.Exists(Path.Combine(_folder["stages"], "words-0007.json")));
        Assert.True(WordErrorRate.ComputeUnpunctuated(FirstWords, string.Join(' ', result.Segments.Select(segment => segment.Text))).Rate <= 0.4);
    }

    private static short[] FirstSamples() => Wav.Read(OmoaiProgram.Sample)[..(FirstSeconds * Wav.SampleRate)];

    private static void AssertFirstWords(Transcript transcript)
    {
        var errors = WordErrorRate.ComputeUnpunctuated(FirstWords, TextOf(transcript));
        Assert.True(errors.Rate <= 0.4, $"Heard: {TextOf(transcript)}");
    }

    private static string TextOf(Transcript transcript) => string.Join(' ', transcript.Segments.Select(segment => segment.Text));

    private static string[] FilesIn(string folder) =>
        [.. Directory.EnumerateFileSystemEntries(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    private static Transcript ReadTranscript(string folder)
    {
        using var stream = File.OpenRead(Path.Combine(folder, "final.json"));
        return Transcripts.Reading.TranscriptJson.Read(stream);
    }

    private JsonElement ReadJson(string folder, string file) =>
        JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(Path.Combine(_folder[folder], file)));
}
