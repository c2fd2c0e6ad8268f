using Microsoft.Extensions.Logging.Abstractions;
using Omoai.Isolation;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Artifacts;
using Omoai.Storage;

namespace Omoai.Pipeline.Tests;

public sealed class ActivityRunnerTests : IDisposable
{
    private static readonly JobSettings Settings = JobSettingsExamples.Some with { MaxAttempts = 2, MaxLostAttempts = 3 };

    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;
    private readonly DirectoryArtifactStore _store;
    private int _runs;

    public ActivityRunnerTests() => _store = new DirectoryArtifactStore(Path.Combine(_folder, "store"));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_success_is_given_on()
    {
        var result = await RunAsync(new ActivityResult<TranscribeFacts>(new TranscribeFacts(0, 5), null));

        Assert.Equal(new ActivityResult<TranscribeFacts>(new TranscribeFacts(0, 5), null), result);
    }

    [Fact]
    public async Task Failures_are_counted_whichever_worker_had_them_and_end_the_job_at_the_budget()
    {
        Assert.True((await RunAsync(Failed(FailureClass.Crashed))).Failure!.Retryable);
        Assert.True((await RunAsync(Failed(FailureClass.OutOfMemory))).Failure!.Retryable);

        var spent = await RunAsync(Failed(FailureClass.Timeout));

        Assert.Equal(2, _runs);
        Assert.Equal(new ActivityFailure(FailureClass.OutOfMemory, Retryable: false, "OutOfMemory"), spent.Failure);
    }

    [Fact]
    public async Task Attempts_lost_with_their_worker_have_a_budget_of_their_own()
    {
        await RunAsync(Failed(FailureClass.Crashed));
        await LoseAsync();
        await LoseAsync();
        await RunAsync(Failed(FailureClass.Lost));

        var spent = await RunAsync(Failed(FailureClass.Crashed));

        Assert.Equal(4, _runs);
        Assert.Equal(FailureClass.Lost, spent.Failure!.Class);
        Assert.False(spent.Failure.Retryable);
        Assert.Contains("3 times", spent.Failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_attempt_that_was_stopped_is_lost_and_not_failed()
    {
        for (var i = 0; i < 2; i++)
        {
            using var stop = new CancellationTokenSource();
            var result = await Runner(async (_, _, token) =>
            {
                _runs++;
                await stop.CancelAsync();
                token.ThrowIfCancellationRequested();
                return Failed(FailureClass.Internal);
            }).RunAsync(PipelineActivities.Transcribe, Call(), stop.Token);
            Assert.Equal(FailureClass.Cancelled, result.Failure!.Class);
        }

        await RunAsync(Failed(FailureClass.Crashed));

        Assert.Equal(3, _runs);
    }

    [Fact]
    public async Task That_no_device_was_free_costs_no_attempt()
    {
        for (var i = 0; i < 10; i++)
        {
            await RunAsync(Failed(FailureClass.Busy));
        }

        Assert.Equal(10, _runs);
    }

    [Fact]
    public async Task Parts_and_activities_are_counted_apart()
    {
        await RunAsync(Failed(FailureClass.Crashed));
        await RunAsync(Failed(FailureClass.Crashed));

        await RunAsync(Failed(FailureClass.Crashed), part: 1);
        await RunAsync(Failed(FailureClass.Crashed), activity: PipelineActivities.PostProcess);

        Assert.Equal(4, _runs);
    }

    [Fact]
    public async Task A_failure_is_recorded_whatever_has_been_spent()
    {
        for (var i = 0; i < 5; i++)
        {
            await RunAsync(Failed(FailureClass.Crashed), activity: PipelineActivities.RecordFailure);
        }

        Assert.Equal(5, _runs);
    }

    [Fact]
    public async Task An_exception_is_an_internal_failure_that_counts()
    {
        var runner = Runner((_, _, _) => throw new InvalidOperationException("a\nbug"));

        var first = await runner.RunAsync(PipelineActivities.Transcribe, Call(), default);
        await runner.RunAsync(PipelineActivities.Transcribe, Call(), default);
        var spent = await runner.RunAsync(PipelineActivities.Transcribe, Call(), default);

        Assert.Equal(new ActivityFailure(FailureClass.Internal, Retryable: true, "Transcribe went wrong: a bug"), first.Failure);
        Assert.False(spent.Failure!.Retryable);
    }

    [Fact]
    public async Task Nothing_starts_once_the_marker_of_cancellation_is_there()
    {
        await MarkAsync();

        var result = await RunAsync(Failed(FailureClass.Crashed));

        Assert.Equal(FailureClass.Cancelled, result.Failure!.Class);
        Assert.Equal(0, _runs);
    }

    [Fact]
    public async Task The_marker_of_cancellation_stops_a_running_activity()
    {
        var runner = Runner(async (_, _, stop) =>
        {
            await MarkAsync();
            await Task.Delay(Timeout.Infinite, stop);
            return Failed(FailureClass.Internal);
        });

        var result = await runner.RunAsync(PipelineActivities.Transcribe, Call(), default);

        Assert.Equal(FailureClass.Cancelled, result.Failure!.Class);
    }

    [Fact]
    public async Task While_the_store_is_away_attempts_are_lost_and_cost_the_ledger_nothing()
    {
        var store = new FlakyStore(_store) { IsAway = true };
        var runner = new ActivityRunner(
            (_, _, _) => throw new InvalidOperationException("It ran."), new AttemptLedger(store, TimeProvider.System), store,
            TimeProvider.System, NullLogger<ActivityRunner>.Instance);

        for (var i = 0; i < 5; i++)
        {
            var result = await runner.RunAsync(PipelineActivities.Transcribe, Call(), default);
            Assert.Equal(new ActivityFailure(FailureClass.Lost, Retryable: true, FlakyStore.Message), result.Failure);
        }

        Assert.Null((await RunAsync(new ActivityResult<TranscribeFacts>(new TranscribeFacts(0, 5), null))).Failure);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_activity_under_which_the_store_goes_away_is_lost_and_not_failed(bool throws)
    {
        var store = new FlakyStore(_store);
        var runner = new ActivityRunner(
            (_, _, _) =>
            {
                // It ends with the outage; or it has failed, and the ledger can't be told.
                store.IsAway = true;
                return throws ? throw new ArtifactStoreException(FlakyStore.Message) : Task.FromResult(Failed(FailureClass.Crashed));
            },
            new AttemptLedger(store, TimeProvider.System), store, TimeProvider.System, NullLogger<ActivityRunner>.Instance);

        for (var i = 0; i < Settings.MaxLostAttempts; i++)
        {
            var result = await runner.RunAsync(PipelineActivities.Transcribe, Call(), default);
            Assert.Equal(new ActivityFailure(FailureClass.Lost, Retryable: true, FlakyStore.Message), result.Failure);
            store.IsAway = false;
        }

        var spent = await RunAsync(Failed(FailureClass.Crashed));
        Assert.Equal(0, _runs);
        Assert.Contains("lost with its worker 3 times", spent.Failure!.Reason, StringComparison.Ordinal);
    }

    private static ActivityResult Failed(FailureClass @class) =>
        new ActivityResult<TranscribeFacts>(null, new ActivityFailure(@class, Retryable: true, @class.ToString()));

    private static ActivityCall Call(int part = 0) => new(
        new TranscriptionJob("job", "audio-api/job", "a.wav", new TranscriptionOptions(), Settings),
        new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), Part: part);

    /// <summary>Each run is another worker's: nothing is kept but the store.</summary>
    private Task<ActivityResult> RunAsync(ActivityResult result, string activity = PipelineActivities.Transcribe, int part = 0) =>
        Runner((_, _, _) =>
        {
            _runs++;
            return Task.FromResult(result);
        }).RunAsync(activity, Call(part), default);

    /// <summary>A worker that is killed writes nothing after it began.</summary>
    private async Task LoseAsync()
    {
        _runs++;
        var (attempt, spent) = await Ledger().BeginAsync(PipelineActivities.Transcribe, Call(), default);
        Assert.NotNull(attempt);
        Assert.Null(spent);
    }

    private async Task MarkAsync()
    {
        var file = Path.Combine(_folder, "marker");
        await File.WriteAllTextAsync(file, "");
        await _store.CommitAsync(ArtifactNames.CancelMarker("job"), file, default);
    }

    private AttemptLedger Ledger() => new(_store, TimeProvider.System);

    private ActivityRunner Runner(ActivityBody body) =>
        new(body, Ledger(), _store, TimeProvider.System, NullLogger<ActivityRunner>.Instance);
}
