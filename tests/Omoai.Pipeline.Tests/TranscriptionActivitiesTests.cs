using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Omoai.Isolation;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Artifacts;
using Omoai.Storage;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Pipeline.Tests;

/// <summary>What the activities do around their processes. There is no activity host here: whoever starts one fails.</summary>
public sealed class TranscriptionActivitiesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;
    private readonly ServiceProvider _services;
    private readonly DirectoryArtifactStore _store;
    private readonly TranscriptionActivities _activities;

    public TranscriptionActivitiesTests()
    {
        var settings = new Dictionary<string, string?>
        {
            ["Omoai:Isolation:HostPath"] = "/nowhere/Omoai.ActivityHost",
            ["Omoai:Pipeline:ScratchFolder"] = Directory.CreateDirectory(Path.Combine(_folder, "scratch")).FullName,
            ["Omoai:Models:Folders:0"] = _folder,
        };
        _services = new ServiceCollection()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(settings).Build())
            .AddLogging()
            .AddOmoaiPipeline()
            .AddOmoaiDirectoryStorage(Path.Combine(_folder, "store"))
            .BuildServiceProvider();
        _store = _services.GetRequiredService<DirectoryArtifactStore>();
        _activities = _services.GetRequiredService<TranscriptionActivities>();
        File.WriteAllText(Path.Combine(_folder, "a.wav"), "");
        _store.AddLink("audio-api/job", Path.Combine(_folder, "a.wav"));
    }

    public void Dispose()
    {
        _services.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task What_was_prepared_before_is_answered_without_a_process()
    {
        await CommitAsync(ArtifactNames.Plan("job"), new PrepareOutput(12.5, 16000, 1, "pcm_s16le", [], []));

        var result = await _activities.PrepareAsync(Call(), default);

        Assert.Equal(new PrepareFacts(12.5, 0), result.Output);
    }

    [Fact]
    public async Task What_was_transcribed_before_is_answered_without_a_process()
    {
        await CommitAsync(ArtifactNames.PartWords("job", 3), new RecognizedPart(3, [new Word("one", 0, 1, 1), new Word("two", 1, 2, 1)]));

        var result = await _activities.TranscribeAsync(Call() with { Part = 3 }, default);

        Assert.Equal(new TranscribeFacts(3, 2), result.Output);
    }

    [Fact]
    public async Task A_process_that_can_not_start_is_a_failure_with_evidence_and_leaves_no_scratch()
    {
        var result = await _activities.PrepareAsync(Call() with { Attempt = 2 }, default);

        Assert.Null(result.Output);
        Assert.Contains("/nowhere/Omoai.ActivityHost", result.Failure!.Reason, StringComparison.Ordinal);
        var evidence = await ReadAsync<AttemptRecord>(await SingleAsync(ArtifactNames.EvidencePrefix("job")));
        Assert.Equal(result.Failure, evidence.Failure);
        Assert.Equal(2, evidence.Attempt);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(_folder, "scratch")));
    }

    [Fact]
    public async Task A_recording_that_is_gone_is_bad_input()
    {
        var call = Call();

        var result = await _activities.PrepareAsync(call with { Job = call.Job with { Input = "audio-api/other" } }, default);

        Assert.Equal(FailureClass.BadInput, result.Failure!.Class);
        Assert.False(result.Failure.Retryable);
    }

    [Fact]
    public async Task A_recording_that_was_overwritten_is_bad_input()
    {
        var call = Call();

        var result = await _activities.PrepareAsync(call with { Job = call.Job with { InputVersion = "an-older-one" } }, default);

        Assert.Equal(FailureClass.BadInput, result.Failure!.Class);
        Assert.False(result.Failure.Retryable);
    }

    [Fact]
    public async Task A_model_that_is_not_installed_is_named()
    {
        var call = Call();

        var result = await _activities.TranscribeAsync(
            call with { Job = call.Job with { Settings = call.Job.Settings with { SpeechModel = "whisper" } } }, default);

        Assert.Equal(FailureClass.ModelMissing, result.Failure!.Class);
        Assert.Contains("'whisper'", result.Failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failure_is_recorded_with_all_attempts_and_the_recording_stays()
    {
        await _activities.PrepareAsync(Call(), default);
        await _activities.PrepareAsync(Call() with { Attempt = 2 }, default);
        var failure = new ActivityFailure(FailureClass.Crashed, Retryable: true, "It crashed.");

        await _activities.RecordFailureAsync(Call() with { Failure = failure }, default);

        var record = await ReadAsync<ErrorRecord>(ArtifactNames.Output("job", "error.json"));
        Assert.Equal(failure, record.Error);
        Assert.Equal([1, 2], record.Activities.Select(attempt => attempt.Attempt));
        Assert.True(File.Exists(Path.Combine(_folder, "a.wav")));
    }

    [Fact]
    public async Task A_store_that_is_away_is_no_fault_of_the_recording()
    {
        var store = new FlakyStore(_store) { IsAway = true };
        var activities = ActivatorUtilities.CreateInstance<TranscriptionActivities>(_services, store);
        var lost = new ActivityFailure(FailureClass.Lost, Retryable: true, FlakyStore.Message);
        var failure = new ActivityFailure(FailureClass.Crashed, Retryable: true, "It crashed.");

        Assert.Equal(lost, (await activities.PrepareAsync(Call(), default)).Failure);
        Assert.Equal(lost, (await activities.TranscribeAsync(Call(), default)).Failure);
        Assert.Equal(lost, (await activities.PostProcessAsync(Call(), default)).Failure);
        Assert.Equal(lost, (await activities.PublishAsync(Call(), default)).Failure);
        Assert.Equal(lost, (await activities.RecordFailureAsync(Call() with { Failure = failure }, default)).Failure);
    }

    private static ActivityCall Call() => new(
        new TranscriptionJob("job", "audio-api/job", "a.wav", new TranscriptionOptions(), JobSettingsExamples.Some),
        new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));

    private async Task CommitAsync<T>(string artifact, T value)
    {
        var file = Path.Combine(_folder, "value.json");
        File.WriteAllText(file, JsonSerializer.Serialize(value, OmoaiJson.Compact));
        Assert.True(await _store.CommitAsync(artifact, file, default));
    }

    private async Task<string> SingleAsync(string prefix)
    {
        var artifacts = new List<string>();
        await foreach (var artifact in _store.ListAsync(prefix, default))
        {
            artifacts.Add(artifact.Name);
        }

        return Assert.Single(artifacts);
    }

    private async Task<T> ReadAsync<T>(string artifact)
    {
        await using var stream = await _store.OpenReadAsync(artifact, default);
        return (await JsonSerializer.DeserializeAsync<T>(stream!, OmoaiJson.Compact))!;
    }
}
