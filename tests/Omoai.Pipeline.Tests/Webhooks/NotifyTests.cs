using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Omoai.Isolation;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Artifacts;
using Omoai.Storage;
using Omoai.Transcripts;

namespace Omoai.Pipeline.Tests.Webhooks;

/// <summary>The activity as an engine runs it, against a receiver on this machine.</summary>
public sealed class NotifyTests : IDisposable
{
    private static readonly DateTimeOffset StartedAt = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private static readonly JobResult Succeeded = new(JobStatus.Succeeded, null, new JobFacts(12.5, 42, ["final.json", "run.json"], []));

    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;
    private readonly ServiceProvider _services;
    private readonly DirectoryArtifactStore _store;
    private readonly ActivityRunner _runner;

    public NotifyTests()
    {
        var settings = new Dictionary<string, string?>
        {
            ["Omoai:Pipeline:ScratchFolder"] = Directory.CreateDirectory(Path.Combine(_folder, "scratch")).FullName,
            ["Omoai:Webhook:Secret"] = "a secret of the tests",
            ["Omoai:Webhook:AllowPrivateNetworks"] = "true",
        };
        _services = new ServiceCollection()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(settings).Build())
            .AddLogging()
            .AddOmoaiPipeline()
            .AddOmoaiDirectoryStorage(Path.Combine(_folder, "store"))
            .BuildServiceProvider();
        _store = _services.GetRequiredService<DirectoryArtifactStore>();
        _runner = _services.GetRequiredService<ActivityRunner>();
    }

    public void Dispose()
    {
        _services.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_success_is_told_without_what_was_said()
    {
        await using var receiver = new Receiver(Receiver.Status(200));

        Assert.Null((await NotifyAsync(receiver, Succeeded)).Failure);

        Assert.Equal(
            """{"type":"transcription.succeeded","id":"job","status":"succeeded","endedAt":"2026-01-02T03:14:05+00:00","duration":12.5,"words":42,"outputs":["final.json","run.json"],"error":null}""",
            Assert.Single(receiver.Requests).Body);
    }

    [Theory]
    [InlineData(JobStatus.Failed, FailureClass.BadInput, "failed", "bad_input")]
    [InlineData(JobStatus.Cancelled, FailureClass.Cancelled, "cancelled", "cancelled")]
    public async Task What_went_wrong_is_told(JobStatus status, FailureClass @class, string name, string error)
    {
        await using var receiver = new Receiver(Receiver.Status(200));

        await NotifyAsync(receiver, new JobResult(status, new ActivityFailure(@class, Retryable: false, "So it is."), null));

        Assert.Equal(
            $$$"""{"type":"transcription.{{{name}}}","id":"job","status":"{{{name}}}","endedAt":"2026-01-02T03:14:05+00:00","duration":null,"words":null,"outputs":[],"error":{"class":"{{{error}}}","retryable":false,"reason":"So it is."}}""",
            receiver.Requests[0].Body);
    }

    [Fact]
    public async Task Each_attempt_has_the_same_id_and_body_and_what_was_delivered_is_not_sent_again()
    {
        await using var receiver = new Receiver(Receiver.Status(503), Receiver.Status(200));

        Assert.True((await NotifyAsync(receiver, Succeeded)).Failure!.Retryable);
        Assert.False(await IsThereAsync(ArtifactNames.WebhookSent("job")));
        var second = await NotifyAsync(receiver, Succeeded, attempt: 2);
        var third = await NotifyAsync(receiver, Succeeded, attempt: 3);

        Assert.Null(second.Failure);
        Assert.Equal(second, third);
        Assert.True(await IsThereAsync(ArtifactNames.WebhookSent("job")));
        Assert.False(await IsThereAsync(ArtifactNames.WebhookFailed("job")));
        Assert.Equal(2, receiver.Requests.Count);
        Assert.Equal(receiver.Requests[0].Body, receiver.Requests[1].Body);
        Assert.Equal("job", receiver.Requests[0].Headers["webhook-id"]);
        Assert.Equal("job", receiver.Requests[1].Headers["webhook-id"]);
    }

    [Theory]
    [InlineData(503, 1, false)]
    [InlineData(503, 6, true)]
    [InlineData(404, 1, true)]
    public async Task That_it_was_given_up_is_written_down(int status, int attempt, bool givenUp)
    {
        await using var receiver = new Receiver(Receiver.Status(status));

        var result = await NotifyAsync(receiver, Succeeded, attempt);

        Assert.Equal(givenUp, await IsThereAsync(ArtifactNames.WebhookFailed("job")));
        if (givenUp)
        {
            await using var stream = await _store.OpenReadAsync("omoai-work/job/webhook-failed.json", default);
            Assert.Equal(result.Failure, await JsonSerializer.DeserializeAsync<ActivityFailure>(stream!, OmoaiJson.Compact));
        }
    }

    [Fact]
    public async Task Neither_a_cancellation_nor_what_was_spent_keeps_it_from_being_told()
    {
        await using var receiver = new Receiver(
            [.. Enumerable.Repeat(Receiver.Status(503), 5), Receiver.Status(200)]);
        using var marker = new MemoryStream();
        await _store.CommitAsync(ArtifactNames.CancelMarker("job"), marker, default);

        for (var attempt = 1; attempt <= 5; attempt++)
        {
            Assert.Contains("503", (await NotifyAsync(receiver, Succeeded, attempt)).Failure!.Reason, StringComparison.Ordinal);
        }

        Assert.Null((await NotifyAsync(receiver, Succeeded, attempt: 6)).Failure);
    }

    private Task<ActivityResult> NotifyAsync(Receiver receiver, JobResult outcome, int attempt = 1)
    {
        var job = new TranscriptionJob(
            "job", "audio-api/job", "a.wav", new TranscriptionOptions { Webhook = receiver.Url }, JobSettingsExamples.Some);
        var call = new ActivityCall(job, StartedAt, attempt, Outcome: outcome, EndedAt: StartedAt.AddMinutes(10));

        // Through JSON, as engines give it.
        var given = JsonSerializer.Deserialize<ActivityCall>(JsonSerializer.Serialize(call, OmoaiJson.Compact), OmoaiJson.Compact)!;
        return _runner.RunAsync(PipelineActivities.Notify, given, default);
    }

    private async Task<bool> IsThereAsync(string artifact) => await _store.FindAsync(artifact, default) is not null;
}
