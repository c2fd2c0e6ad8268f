using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Jobs;
using Omoai.Pipeline.Models;
using Omoai.Pipeline.Webhooks;
using Omoai.Storage;
using Omoai.Tests.Jobs;

namespace Omoai.Pipeline.Tests;

public sealed class UploadReceiverTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;
    private readonly FakeEngine _engine = new();
    private readonly DirectoryArtifactStore _store;
    private readonly UploadReceiver _receiver;

    public UploadReceiverTests()
    {
        var options = Options.Create(new PipelineOptions { MaxRecordingBytes = 2000 });
        _store = new DirectoryArtifactStore(_folder);
        _receiver = new UploadReceiver(
            new Jobs.Jobs(
                _engine, _store, JobSettingsExamples.ShippedModels, options, Options.Create(new LlmOptions()),
                Options.Create(new WebhookOptions()), TimeProvider.System),
            _store, options,
            NullLogger<UploadReceiver>.Instance);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_recording_gets_a_job_named_after_its_version()
    {
        var upload = await UploadAsync("RIFF\0\0\0\0WAVEfmt "u8.ToArray());

        var start = await _receiver.ReceiveAsync(upload, null, new TranscriptionOptions(), rerun: false, default);

        Assert.Equal(StartOutcome.Created, start.Outcome);
        Assert.Equal(JobId.Create("audio-in", "talk/a.wav", upload.Version, 1), start.Job.Id);
        var job = _engine.Jobs[start.Job.Id].Job;
        Assert.Null(job.Refusal);
        Assert.Equal("a.wav", job.InputName);
        Assert.Equal(upload.Version, job.InputVersion);
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("%PDF-1.7\0\0\0 and so on", "PDF")]
    [InlineData("PK\u0003\u0004 and so on", "ZIP")]
    [InlineData("Dear all,\nhere are the notes of the meeting; Grüße, Tiếng Việt.", "text")]
    [InlineData("#EXTM3U\nhttp://127.0.0.1/secret.ts\n", "text")]
    public async Task What_plainly_is_no_recording_gets_a_job_that_fails_with_the_reason(string content, string reason)
    {
        var refusal = await RefusalAsync(Encoding.UTF8.GetBytes(content));

        Assert.Equal(FailureClass.BadInput, refusal!.Class);
        Assert.False(refusal.Retryable);
        Assert.Contains(reason, refusal.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_recording_over_the_limit_is_refused_unread()
    {
        // An artifact that isn't there can't be read.
        var start = await _receiver.ReceiveAsync(
            new ArtifactInfo("audio-in/big.wav", "v", 2001), null, new TranscriptionOptions(), rerun: false, default);

        Assert.Contains("2001 bytes", _engine.Jobs[start.Job.Id].Job.Refusal!.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("fLaC\0\0\0\u0022 and so on, and on")]
    [InlineData("ID3\u0004\0\0\0 and so on, and on")]
    [InlineData("OggS\0 and so on, and on and on")]
    [InlineData("#!AMR\n short")]
    [InlineData("nobody knows what \u0001 this is")]
    public async Task What_may_be_a_recording_is_left_to_Prepare(string content)
    {
        Assert.Null(await RefusalAsync(Encoding.UTF8.GetBytes(content)));
    }

    [Fact]
    public async Task Zeros_and_noise_are_left_to_Prepare()
    {
        var noise = new byte[1500];
        new Random(1).NextBytes(noise);

        Assert.Null(await RefusalAsync(new byte[1500]));
        Assert.Null(await RefusalAsync(noise));
    }

    [Theory]
    [InlineData("../../x.wav", "x.wav")]
    [InlineData("C:\\talks\\a\u0007b.wav", "ab.wav")]
    [InlineData("folder/", "recording")]
    public void A_shown_name_is_the_last_part_without_control_characters(string name, string shown) =>
        Assert.Equal(shown, DisplayName.Of(name));

    [Fact]
    public void A_shown_name_is_bounded_and_breaks_no_letter()
    {
        var shown = DisplayName.Of(string.Concat(Enumerable.Repeat("😀", 500)));

        Assert.Equal(254, shown.Length);
        Assert.False(char.IsHighSurrogate(shown[^1]));
    }

    private async Task<ActivityFailure?> RefusalAsync(byte[] content)
    {
        var start = await _receiver.ReceiveAsync(await UploadAsync(content), null, new TranscriptionOptions(), rerun: false, default);
        return _engine.Jobs[start.Job.Id].Job.Refusal;
    }

    private async Task<ArtifactInfo> UploadAsync(byte[] content)
    {
        var artifact = "audio-in/talk/a.wav";
        await _store.DeleteExactAsync(artifact, null, default);
        await _store.CommitAsync(artifact, new MemoryStream(content), default);
        return (await _store.FindAsync(artifact, default))!;
    }
}
