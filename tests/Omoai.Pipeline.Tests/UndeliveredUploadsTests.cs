using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Jobs;
using Omoai.Pipeline.Models;
using Omoai.Pipeline.Webhooks;
using Omoai.Storage;
using Omoai.Tests.Jobs;
using Omoai.Transcripts;

namespace Omoai.Pipeline.Tests;

public sealed class UndeliveredUploadsTests : IDisposable
{
    private static readonly byte[] Audio = "RIFF\0\0\0\0WAVEfmt "u8.ToArray();
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;
    private readonly FakeEngine _engine = new();
    private readonly FlakyStore _store;
    private readonly Levels _log = new();

    public UndeliveredUploadsTests() => _store = new FlakyStore(new DirectoryArtifactStore(_folder));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_poisoned_upload_gets_a_job_and_a_record()
    {
        var upload = await UploadAsync("talks/a b.wav");

        await Create().RecordPoisonedAsync(Poison("talks/a b.wav", $"\"{upload.Version}\""), default);

        var job = Assert.Single(_engine.Jobs.Values).Job;
        Assert.Equal(("audio-in/talks/a b.wav", upload.Version, "a b.wav"), (job.Input, job.InputVersion, job.InputName));
        var record = Assert.Single(await RecordsAsync());
        Assert.Equal(
            new UndeliveredUpload(
                "audio-in/talks/a b.wav", upload.Version, UndeliveredSource.PoisonQueue, "Host.Functions.AudioUploaded failed every time",
                UndeliveredOutcome.Started, job.Id, null, Now),
            record);
        Assert.Equal(LogLevel.Warning, Assert.Single(_log.Seen));
    }

    [Fact]
    public async Task A_dead_lettered_upload_gets_a_job_and_a_record()
    {
        // Not encoded in the subject: what looks like an escape is part of the name.
        var upload = await UploadAsync("blobs/100%20 á.wav");

        await DeadLetterAsync($"[{Event("blobs/100%20 á.wav", upload.Version)}]");

        var record = Assert.Single(await RecordsAsync());
        Assert.Equal(
            new UndeliveredUpload(
                "audio-in/blobs/100%20 á.wav", upload.Version, UndeliveredSource.DeadLetter,
                "MaxDeliveryAttemptsExceeded (the last time: NotFound)", UndeliveredOutcome.Started,
                Assert.Single(_engine.Jobs).Key, null, Now),
            record);
    }

    [Fact]
    public async Task A_record_is_JSON_for_people_and_its_name_is_nobodys()
    {
        await Create().RecordPoisonedAsync(Poison("../evil.wav", "v"), default);

        var artifact = Assert.Single(await NamesAsync());
        Assert.Matches("^omoai-work/undelivered/[0-9a-f]{32}\\.json$", artifact);
        var json = JsonNode.Parse(await ReadAsync(artifact))!.AsObject();
        Assert.Equal(["blob", "version", "source", "reason", "outcome", "detail", "recordedAt"], json.Select(property => property.Key));
        Assert.Equal(("poison_queue", "failed"), ((string?)json["source"], (string?)json["outcome"]));
        Assert.Equal("2026-01-02T03:04:05+00:00", (string?)json["recordedAt"]);
        Assert.Equal(LogLevel.Error, Assert.Single(_log.Seen));
    }

    [Fact]
    public async Task Each_event_of_a_file_is_taken_in_for_itself()
    {
        var a = await UploadAsync("a.wav");
        var b = await UploadAsync("b.wav");

        await DeadLetterAsync($"[{Event("a.wav", a.Version)},7,{Event("c.wav", "v")},{Event("b.wav", b.Version)}]");

        Assert.Equal(
            [UndeliveredOutcome.Started, UndeliveredOutcome.Started, UndeliveredOutcome.Gone, UndeliveredOutcome.Failed],
            (await RecordsAsync()).Select(record => record.Outcome).Order());
        Assert.Equal(["a.wav", "b.wav"], _engine.Jobs.Values.Select(record => record.Job.InputName).Order());
    }

    [Theory]
    [InlineData("eventType")]
    [InlineData("type")]
    public async Task Both_schemas_of_events_and_a_single_event_are_understood(string type)
    {
        var upload = await UploadAsync("a.wav");
        var json = JsonNode.Parse(Event("a.wav", upload.Version))!.AsObject();
        json.Remove("eventType");
        json[type] = "Microsoft.Storage.BlobCreated";

        await DeadLetterAsync(json.ToJsonString());

        Assert.Equal(UndeliveredOutcome.Started, Assert.Single(await RecordsAsync()).Outcome);
    }

    [Fact]
    public async Task The_URL_says_the_name_where_the_subject_has_it_spoilt()
    {
        var upload = await UploadAsync("talk 🎙.wav");
        var said = Event("talk \uFFFD\uFFFD.wav", upload.Version, "https://account.example/audio-in/talk%20%F0%9F%8E%99.wav");

        await DeadLetterAsync($"[{said}]");

        var record = Assert.Single(await RecordsAsync());
        Assert.Equal(("audio-in/talk 🎙.wav", UndeliveredOutcome.Started), (record.Blob, record.Outcome));
    }

    [Fact]
    public async Task The_URL_leads_to_no_other_container()
    {
        await CommitAsync("audio-api/a.wav");
        await CommitAsync("omoai-work/a.wav");

        await DeadLetterAsync($"[{Event("b.wav", "v", "https://account.example/omoai-work/a.wav")}]");
        await DeadLetterAsync($"[{Event("c.wav", "v", "https://account.example/audio-in/../omoai-work/a.wav")}]");

        Assert.All(await RecordsAsync(), record => Assert.Equal(UndeliveredOutcome.Gone, record.Outcome));
        Assert.Empty(_engine.Jobs);
    }

    [Fact]
    public async Task An_upload_that_has_its_job_gets_no_other()
    {
        var upload = await UploadAsync("a.wav");
        await Create().RecordPoisonedAsync(Poison("a.wav", upload.Version), default);
        await Create().RecordPoisonedAsync(Poison("a.wav", upload.Version), default);

        var record = Assert.Single(await RecordsAsync());
        Assert.Equal((UndeliveredOutcome.Existing, Assert.Single(_engine.Jobs).Key), (record.Outcome, record.JobId));
        Assert.Equal([LogLevel.Warning, LogLevel.Warning], _log.Seen);
    }

    [Fact]
    public async Task So_does_one_whose_job_has_other_options()
    {
        var upload = await UploadAsync("a.wav");
        await Receiver().ReceiveAsync(upload, null, new TranscriptionOptions { MaxKeyPoints = 3 }, rerun: false, default);

        await Create().RecordPoisonedAsync(Poison("a.wav", upload.Version), default);

        var record = Assert.Single(await RecordsAsync());
        Assert.Equal((UndeliveredOutcome.Existing, Assert.Single(_engine.Jobs).Key), (record.Outcome, record.JobId));
    }

    [Fact]
    public async Task An_upload_that_is_gone_is_recorded_as_that()
    {
        await Create().RecordPoisonedAsync(Poison("a.wav", "v"), default);

        var record = Assert.Single(await RecordsAsync());
        Assert.Equal((UndeliveredOutcome.Gone, null), (record.Outcome, record.JobId));
        Assert.Equal(LogLevel.Error, Assert.Single(_log.Seen));
    }

    [Fact]
    public async Task An_upload_that_was_overwritten_is_received_as_it_is_now()
    {
        var upload = await UploadAsync("a.wav");

        await DeadLetterAsync($"[{Event("a.wav", "0x8D83FACDC0C3402")}]");

        var record = Assert.Single(await RecordsAsync());
        var job = Assert.Single(_engine.Jobs.Values).Job;
        Assert.Equal(("0x8D83FACDC0C3402", UndeliveredOutcome.Replaced, job.Id), (record.Version, record.Outcome, record.JobId));
        Assert.Contains(upload.Version, record.Detail, StringComparison.Ordinal);
        Assert.Equal(upload.Version, job.InputVersion);
        Assert.Equal(LogLevel.Warning, Assert.Single(_log.Seen));
    }

    [Fact]
    public async Task Without_a_version_any_is_the_one()
    {
        await UploadAsync("a.wav");

        await DeadLetterAsync($"[{Event("a.wav", null)}]");

        var record = Assert.Single(await RecordsAsync());
        Assert.Equal((null, UndeliveredOutcome.Started), (record.Version, record.Outcome));
    }

    [Fact]
    public async Task What_keeps_a_job_from_starting_is_recorded_until_it_is_put_right()
    {
        var upload = await UploadAsync("a.wav");
        var message = Poison("a.wav", upload.Version);

        await Create(installed: false).RecordPoisonedAsync(message, default);

        var failed = Assert.Single(await RecordsAsync());
        Assert.Equal((UndeliveredOutcome.Failed, "audio-in/a.wav"), (failed.Outcome, failed.Blob));
        Assert.Contains("demo-en", failed.Detail, StringComparison.Ordinal);
        Assert.Equal(LogLevel.Error, Assert.Single(_log.Seen));

        await Create().RecordPoisonedAsync(message, default);
        Assert.Equal(UndeliveredOutcome.Started, Assert.Single(await RecordsAsync()).Outcome);
    }

    [Fact]
    public async Task A_storage_that_is_away_is_left_to_another_try()
    {
        var upload = await UploadAsync("a.wav");
        _store.IsAway = true;

        await Assert.ThrowsAsync<ArtifactStoreException>(() => Create().RecordPoisonedAsync(Poison("a.wav", upload.Version), default));
        await Assert.ThrowsAsync<ArtifactStoreException>(() => DeadLetterAsync($"[{Event("a.wav", upload.Version)}]"));
        await Assert.ThrowsAsync<ArtifactStoreException>(() => Create().RecordPoisonedAsync("{", default));

        _store.IsAway = false;
        Assert.Empty(await RecordsAsync());
        Assert.Empty(_log.Seen);
    }

    [Fact]
    public async Task So_is_one_that_was_away_for_a_moment()
    {
        var upload = await UploadAsync("a.wav");
        _engine.BeforeCreate = _ => throw new ArtifactStoreException("away");

        await Assert.ThrowsAsync<ArtifactStoreException>(() => Create().RecordPoisonedAsync(Poison("a.wav", upload.Version), default));

        Assert.Empty(await RecordsAsync());
    }

    [Fact]
    public async Task Whoever_is_stopped_records_nothing()
    {
        var upload = await UploadAsync("a.wav");
        using var stop = new CancellationTokenSource();
        _engine.BeforeCreate = _ =>
        {
            stop.Cancel();
            stop.Token.ThrowIfCancellationRequested();
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Create().RecordPoisonedAsync(Poison("a.wav", upload.Version), stop.Token));

        Assert.Empty(await RecordsAsync());
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("secret content")]
    [InlineData("{\"ContainerName\":\"audio-in\"}")]
    [InlineData("{\"ContainerName\":\"audio-in\",\"BlobName\":\"\"}")]
    [InlineData("{\"ContainerName\":\"audio-in\",\"BlobName\":7}")]
    [InlineData("{\"ContainerName\":\"audio-in\",\"BlobName\":\"\\ud800\"}")]
    [InlineData("{\"ContainerName\":\"audio-api\",\"BlobName\":\"a.wav\",\"ETag\":\"v\"}")]
    [InlineData("{\"ContainerName\":\"audio-in/..\",\"BlobName\":\"a.wav\",\"ETag\":\"v\"}")]
    [InlineData("{\"BlobName\":\"a.wav\",\"ETag\":\"v\"}")]
    public async Task A_message_that_cant_be_used_is_recorded_with_what_is_wrong(string message)
    {
        await CommitAsync("audio-api/a.wav");
        await UploadAsync("a.wav");

        await Create().RecordPoisonedAsync(message, default);

        AssertUnusable(Assert.Single(await RecordsAsync()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("secret content")]
    [InlineData("null")]
    [InlineData("[7]")]
    [InlineData("{}")]
    [InlineData("[{\"subject\":\"/blobServices/default/containers/audio-in/blobs/a.wav\",\"eventType\":\"Microsoft.Storage.BlobDeleted\"}]")]
    [InlineData("[{\"subject\":\"/blobServices/default/containers/audio-in/blobs/\",\"eventType\":\"Microsoft.Storage.BlobCreated\"}]")]
    [InlineData("[{\"subject\":\"/blobServices/default/containers/audio-in\",\"eventType\":\"Microsoft.Storage.BlobCreated\"}]")]
    [InlineData("[{\"subject\":\"/blobServices/default/containers/audio-api/blobs/a.wav\",\"eventType\":\"Microsoft.Storage.BlobCreated\"}]")]
    [InlineData("[{\"subject\":\"audio-in/a.wav\",\"eventType\":\"Microsoft.Storage.BlobCreated\"}]")]
    [InlineData("[{\"subject\":7,\"eventType\":\"Microsoft.Storage.BlobCreated\"}]")]
    public async Task A_file_that_cant_be_used_is_recorded_with_what_is_wrong(string content)
    {
        await CommitAsync("audio-api/a.wav");
        await UploadAsync("a.wav");

        await DeadLetterAsync(content);

        AssertUnusable(Assert.Single(await RecordsAsync()));
    }

    [Fact]
    public async Task What_is_absurdly_large_is_not_taken_in()
    {
        var endless = new Endless();
        await Create().RecordDeadLetteredAsync("endless.json", endless, default);
        Assert.InRange(endless.Given, 8 << 20, 9 << 20);
        await DeadLetterAsync($"[{string.Join(',', Enumerable.Repeat("7", 1001))}]", "many.json");
        await DeadLetterAsync(new string('[', 100_000), "deep.json");
        await DeadLetterAsync($"[{Event(new string('a', 1025), "v")}]", "name.json");
        await Create().RecordPoisonedAsync(Poison("a.wav", new string('v', 129)), default);
        await Create().RecordPoisonedAsync(Poison(new string('a', 1 << 16), "v"), default);

        var records = await RecordsAsync();
        Assert.Equal(6, records.Count);
        Assert.All(records, AssertUnusable);
        Assert.Single(records, record => record.Detail!.Contains("1001 events", StringComparison.Ordinal));
    }

    private void AssertUnusable(UndeliveredUpload record)
    {
        Assert.Equal((null, null, UndeliveredOutcome.Failed), (record.Blob, record.Version, record.Outcome));
        Assert.InRange(record.Detail!.Length, 10, 400);
        Assert.DoesNotContain("secret", record.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("Omoai.", record.Detail, StringComparison.Ordinal);
        Assert.Empty(_engine.Jobs);
        Assert.All(_log.Seen, level => Assert.Equal(LogLevel.Error, level));
    }

    private static string Poison(string name, string etag) => JsonSerializer.Serialize(new
    {
        Type = "BlobTrigger",
        FunctionId = "Host.Functions.AudioUploaded",
        BlobType = "BlockBlob",
        ContainerName = "audio-in",
        BlobName = name,
        ETag = etag,
    });

    private static string Event(string name, string? etag, string url = "https://account.example/other") => JsonSerializer.Serialize(new
    {
        topic = "/subscriptions/0/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/account",
        subject = $"/blobServices/default/containers/audio-in/blobs/{name}",
        eventType = "Microsoft.Storage.BlobCreated",
        id = "831e1650-001e-001b-66ab-eeb76e069631",
        data = new { api = "PutBlob", eTag = etag, contentLength = 5, url },
        deadLetterReason = "MaxDeliveryAttemptsExceeded",
        deliveryAttempts = 30,
        lastDeliveryOutcome = "NotFound",
        publishTime = "2026-01-01T00:00:00Z",
    });

    private UploadReceiver Receiver(bool installed = true)
    {
        var options = Options.Create(new PipelineOptions());
        var models = installed ? JobSettingsExamples.ShippedModels
            : new ModelCatalog(Options.Create(new ModelOptions { Folders = { _folder } }));
        return new UploadReceiver(
            new Jobs.Jobs(
                _engine, _store, models, options, Options.Create(new LlmOptions()), Options.Create(new WebhookOptions()), TimeProvider.System),
            _store, options,
            NullLogger<UploadReceiver>.Instance);
    }

    private UndeliveredUploads Create(bool installed = true) =>
        new(_store, Receiver(installed), new FixedTime(), _log);

    private Task DeadLetterAsync(string content, string name = "2026/01/02/1.json") =>
        Create().RecordDeadLetteredAsync(name, new MemoryStream(Encoding.UTF8.GetBytes(content)), default);

    private async Task<ArtifactInfo> UploadAsync(string name)
    {
        await CommitAsync($"audio-in/{name}");
        return (await _store.FindAsync($"audio-in/{name}", default))!;
    }

    private Task CommitAsync(string artifact) => _store.CommitAsync(artifact, new MemoryStream(Audio), default);

    private async Task<List<string>> NamesAsync() =>
        await _store.ListAsync(ArtifactNames.Undelivered, default).Select(artifact => artifact.Name).ToListAsync();

    private async Task<List<UndeliveredUpload>> RecordsAsync()
    {
        var records = new List<UndeliveredUpload>();
        foreach (var name in await NamesAsync())
        {
            var json = JsonNode.Parse(await ReadAsync(name))!.AsObject();
            foreach (var absent in new[] { "blob", "version", "reason", "jobId", "detail" })
            {
                json.TryAdd(absent, null);
            }

            records.Add(json.Deserialize<UndeliveredUpload>(OmoaiJson.Compact)!);
        }

        return records;
    }

    private async Task<string> ReadAsync(string artifact)
    {
        using var reader = new StreamReader((await _store.OpenReadAsync(artifact, default))!);
        return await reader.ReadToEndAsync();
    }

    private sealed class FixedTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => Now.ToOffset(TimeSpan.FromHours(7));
    }

    private sealed class Levels : ILogger<UndeliveredUploads>
    {
        public List<LogLevel> Seen { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Seen.Add(logLevel);
    }

    /// <summary>Spaces without end.</summary>
    private sealed class Endless : MemoryStream
    {
        public long Given { get; private set; }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            buffer.Span.Fill((byte)' ');
            Given += buffer.Length;
            return ValueTask.FromResult(buffer.Length);
        }
    }
}
