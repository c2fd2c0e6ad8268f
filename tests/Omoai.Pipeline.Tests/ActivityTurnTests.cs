using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Omoai.Isolation;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Artifacts;
using Omoai.Storage;
using Omoai.Tests;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Pipeline.Tests;

/// <summary>Where one host runs at once, an activity fetches what its host needs when it is its turn. There is no activity host
/// here: whoever gets that far fails.</summary>
public sealed class ActivityTurnTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;
    private readonly string _scratch;
    private readonly ServiceProvider _services;
    private readonly DirectoryArtifactStore _store;
    private readonly FlakyStore _watched;
    private readonly TranscriptionActivities _activities;

    public ActivityTurnTests()
    {
        _scratch = Directory.CreateDirectory(Path.Combine(_folder, "scratch")).FullName;
        var settings = new Dictionary<string, string?>
        {
            ["Omoai:Isolation:HostPath"] = "/nowhere/Omoai.ActivityHost",
            ["Omoai:Isolation:Devices"] = "",
            ["Omoai:Isolation:CpuHosts"] = "1",
            ["Omoai:Isolation:LeaseFolder"] = Path.Combine(_folder, "leases"),
            ["Omoai:Isolation:LeaseWait"] = "00:00:00",
            // Else the pool may hold the only slot for a moment, for a host that can't be started.
            ["Omoai:Isolation:StandbyHosts"] = "0",
            ["Omoai:Pipeline:ScratchFolder"] = _scratch,
            ["Omoai:Models:Folders:0"] = Path.Combine(TestPaths.Repository, "models"),
        };
        _services = new ServiceCollection()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(settings).Build())
            .AddLogging()
            .AddOmoaiPipeline()
            .AddOmoaiDirectoryStorage(Path.Combine(_folder, "store"))
            .BuildServiceProvider();
        _store = _services.GetRequiredService<DirectoryArtifactStore>();
        _watched = new FlakyStore(_store);
        _activities = ActivatorUtilities.CreateInstance<TranscriptionActivities>(_services, _watched);
    }

    public void Dispose()
    {
        _services.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(PipelineActivities.Prepare)]
    [InlineData(PipelineActivities.Transcribe)]
    [InlineData(PipelineActivities.PostProcess)]
    public async Task An_activity_that_gets_no_turn_is_busy_and_has_fetched_nothing(string activity)
    {
        var call = await ReadyAsync(activity);
        using var taken = (await WaitForTurnAsync()).Turn!;

        var result = await _activities.RunAsync(activity, call, default);

        Assert.Equal((FailureClass.Busy, true), (result.Failure!.Class, result.Failure.Retryable));
        Assert.Empty(_watched.Fetched);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_scratch));
    }

    [Theory]
    [InlineData(PipelineActivities.Prepare)]
    [InlineData(PipelineActivities.Transcribe)]
    [InlineData(PipelineActivities.PostProcess)]
    public async Task An_activity_runs_its_host_with_the_turn_that_it_has_taken_and_gives_it_back(string activity)
    {
        var call = await ReadyAsync(activity);

        // With another turn to wait for, it would be busy.
        var result = await _activities.RunAsync(activity, call, default);

        Assert.Equal(FailureClass.ModelMissing, result.Failure!.Class);
        Assert.Contains("/nowhere/Omoai.ActivityHost", result.Failure.Reason, StringComparison.Ordinal);
        Assert.Single(_watched.Fetched);
        await AssertFreeAsync();
    }

    [Theory]
    [InlineData(PipelineActivities.Prepare, FailureClass.BadInput)]
    [InlineData(PipelineActivities.Transcribe, FailureClass.Internal)]
    [InlineData(PipelineActivities.PostProcess, FailureClass.Internal)]
    public async Task An_activity_that_can_not_fetch_what_it_needs_gives_its_turn_back(string activity, FailureClass expected)
    {
        var call = await ReadyAsync(activity, isThere: false);

        var result = await _activities.RunAsync(activity, call, default);

        Assert.Equal(expected, result.Failure!.Class);
        Assert.Single(_watched.Fetched);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_scratch));
        await AssertFreeAsync();
    }

    [Fact]
    public void A_host_that_decodes_needs_no_GPU_and_those_with_a_model_are_got_ready_with_it()
    {
        var models = _services.GetRequiredService<Models.ModelCatalog>();
        var (speech, punctuation) = (models.FindSpeech(null), models.FindPunctuation());

        var (prepare, transcribe, postProcess) = (
            HostedActivities.PrepareNeed(null), _services.GetRequiredService<HostedActivities>().TranscribeNeed(speech, 2),
            _services.GetRequiredService<HostedActivities>().PostProcessNeed(new PostProcessModels(punctuation)));

        Assert.Equal((false, true, true), (prepare.Gpu, transcribe.Gpu, postProcess.Gpu));
        Assert.Equal(speech.Manifest!.MemoryMb, transcribe.MemoryMb);
        Assert.Equal(
            new TranscribeWarmUp(speech.Folder, 2, new CudaSettings()), transcribe.WarmUp!.Input.Deserialize<TranscribeWarmUp>(OmoaiJson.Compact));
        Assert.Equal(
            new PostProcessWarmUp(punctuation.Folder), postProcess.WarmUp!.Input.Deserialize<PostProcessWarmUp>(OmoaiJson.Compact));
        Assert.Equal(punctuation.Stamp(), postProcess.WarmUp.Stamp);
        Assert.All([prepare, transcribe, postProcess], need => Assert.False(need.Network));
    }

    /// <summary>Stores what an activity looks at before it fetches anything, and what it fetches where that is to be there.</summary>
    private async Task<ActivityCall> ReadyAsync(string activity, bool isThere = true)
    {
        if (activity == PipelineActivities.Transcribe)
        {
            var part = new AudioPart(0, "part-0000.wav", 0, 1, [new Interval(0, 1)]);
            await CommitAsync(ArtifactNames.Plan("job"), new PrepareOutput(1, 16000, 1, "pcm_s16le", [part], []));
        }

        if (isThere)
        {
            await CommitAsync(
                activity switch
                {
                    PipelineActivities.Prepare => "audio-api/job",
                    PipelineActivities.Transcribe => ArtifactNames.PartAudio("job", "part-0000.wav"),
                    _ => ArtifactNames.PartWords("job", 0),
                },
                new RecognizedPart(0, []));
        }

        var job = new TranscriptionJob("job", "audio-api/job", "a.wav", new TranscriptionOptions(), JobSettingsExamples.Some);
        return new ActivityCall(job, new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), Parts: 1);
    }

    private async Task CommitAsync<T>(string artifact, T value) =>
        Assert.True(await _store.CommitTextAsync(artifact, JsonSerializer.Serialize(value, OmoaiJson.Compact), default));

    private async Task AssertFreeAsync()
    {
        var (turn, failure) = await WaitForTurnAsync();
        Assert.Null(failure);
        turn!.Dispose();
    }

    private Task<(HostTurn? Turn, ActivityFailure? Failure)> WaitForTurnAsync() =>
        _services.GetRequiredService<HostedActivities>().WaitForTurnAsync("any", new HostNeed(), default);
}
