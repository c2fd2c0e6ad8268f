using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Omoai.Isolation;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Orchestration;

namespace Omoai.Pipeline.Tests;

public sealed class TranscriptionOrchestratorTests
{
    private static readonly ActivityFailure Crash = new(FailureClass.Crashed, Retryable: true, "crashed");
    private static readonly ActivityFailure Busy = new(FailureClass.Busy, Retryable: true, "busy");
    private static readonly ActivityFailure Lost = new(FailureClass.Lost, Retryable: true, "lost");
    private static readonly ActivityFailure BadAudio = new(FailureClass.BadInput, Retryable: false, "not audio");

    [Fact]
    public async Task A_job_prepares_transcribes_every_part_once_post_processes_and_publishes()
    {
        var orchestration = new FakeOrchestration(parts: 3);

        var result = await orchestration.RunAsync();

        Assert.Equal(JobStatus.Succeeded, result.Status);
        Assert.Null(result.Failure);
        Assert.Equal(42, result.Facts!.Words);
        Assert.Equal(
            ["Prepare 0", "Transcribe 0", "Transcribe 1", "Transcribe 2", "PostProcess 0", "Publish 0"], orchestration.Calls);
    }

    [Fact]
    public async Task A_recording_without_speech_is_published_without_transcribing()
    {
        var orchestration = new FakeOrchestration(parts: 0);

        var result = await orchestration.RunAsync();

        Assert.Equal(JobStatus.Succeeded, result.Status);
        Assert.Equal(["Prepare 0", "PostProcess 0", "Publish 0"], orchestration.Calls);
    }

    [Fact]
    public async Task A_recording_that_was_refused_fails_at_once_and_is_recorded()
    {
        var orchestration = new FakeOrchestration(parts: 1) { Refusal = BadAudio };

        var result = await orchestration.RunAsync();

        Assert.Equal((JobStatus.Failed, BadAudio), (result.Status, result.Failure));
        Assert.Equal(["RecordFailure 0"], orchestration.Calls);
        Assert.Equal(BadAudio, orchestration.Recorded);
    }

    [Fact]
    public async Task No_more_parts_run_at_once_than_the_limit()
    {
        var orchestration = new FakeOrchestration(parts: 20, maxParallelParts: 3);

        await orchestration.RunAsync();

        Assert.Equal(3, orchestration.MostAtOnce);
    }

    [Fact]
    public async Task A_failure_that_another_attempt_can_help_is_tried_again_after_a_growing_delay()
    {
        var orchestration = new FakeOrchestration(parts: 1) { Failures = { ["Transcribe 0"] = [Crash, Crash] } };

        var result = await orchestration.RunAsync();

        Assert.Equal(JobStatus.Succeeded, result.Status);
        Assert.Equal(3, orchestration.Calls.Count(call => call == "Transcribe 0"));
        Assert.Equal([TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2)], orchestration.Delays);
    }

    [Fact]
    public async Task A_failure_that_no_attempt_can_help_ends_the_job_at_once_and_is_recorded()
    {
        var orchestration = new FakeOrchestration(parts: 1) { Failures = { ["Prepare 0"] = [BadAudio] } };

        var result = await orchestration.RunAsync();

        Assert.Equal(JobStatus.Failed, result.Status);
        Assert.Equal(BadAudio, result.Failure);
        Assert.Equal(["Prepare 0", "RecordFailure 0"], orchestration.Calls);
        Assert.Equal(BadAudio, orchestration.Recorded);
    }

    [Fact]
    public async Task Attempts_are_limited()
    {
        var orchestration = new FakeOrchestration(parts: 1) { Failures = { ["Transcribe 0"] = [.. Enumerable.Repeat(Crash, 10)] } };

        var result = await orchestration.RunAsync();

        Assert.Equal(JobStatus.Failed, result.Status);
        Assert.Equal(3, orchestration.Calls.Count(call => call == "Transcribe 0"));
    }

    [Fact]
    public async Task Lost_workers_have_their_own_larger_budget()
    {
        var orchestration = new FakeOrchestration(parts: 1) { Failures = { ["Transcribe 0"] = [Lost, Lost, Lost, Lost, Crash, Crash] } };

        var result = await orchestration.RunAsync();

        Assert.Equal(JobStatus.Succeeded, result.Status);
        Assert.Equal(7, orchestration.Calls.Count(call => call == "Transcribe 0"));
    }

    [Fact]
    public async Task Waiting_for_a_turn_is_tried_again_by_timer_and_spends_no_attempt()
    {
        var orchestration = new FakeOrchestration(parts: 1)
        {
            Failures = { ["Transcribe 0"] = [.. Enumerable.Repeat(Busy, 50), Crash, Crash] },
        };

        var result = await orchestration.RunAsync();

        Assert.Equal(JobStatus.Succeeded, result.Status);
        Assert.Equal(53, orchestration.Calls.Count(call => call == "Transcribe 0"));
        // A failure after that is the first one.
        Assert.Equal(
            [1, 2, 4, 8, 16, .. Enumerable.Repeat(30.0, 45), 1, 2], orchestration.Delays.Select(delay => delay.TotalSeconds));
    }

    [Fact]
    public async Task Attempts_are_numbered_from_one()
    {
        var orchestration = new FakeOrchestration(parts: 1) { Failures = { ["PostProcess 0"] = [Crash] } };

        await orchestration.RunAsync();

        Assert.Equal([1, 2], orchestration.Attempts["PostProcess 0"]);
    }

    [Fact]
    public async Task A_worker_that_never_answers_costs_an_attempt_and_not_the_job()
    {
        var orchestration = new FakeOrchestration(parts: 1) { Silent = { "Prepare 0" } };

        var result = await orchestration.RunAsync();

        Assert.Equal(JobStatus.Succeeded, result.Status);
        Assert.Equal([1, 2], orchestration.Attempts["Prepare 0"]);
    }

    [Fact]
    public async Task When_a_part_fails_no_further_part_starts_and_those_under_way_are_waited_for()
    {
        var orchestration = new FakeOrchestration(parts: 10, maxParallelParts: 2) { Failures = { ["Transcribe 0"] = [BadAudio] } };

        var result = await orchestration.RunAsync();

        Assert.Equal(JobStatus.Failed, result.Status);
        Assert.Equal(["Prepare 0", "Transcribe 0", "Transcribe 1", "RecordFailure 0"], orchestration.Calls);
        Assert.Equal(0, orchestration.AtOnce);
    }

    [Fact]
    public async Task A_cancelled_job_starts_nothing_more_and_is_cancelled_and_not_failed()
    {
        var orchestration = new FakeOrchestration(parts: 5, maxParallelParts: 1) { CancelAfter = "Transcribe 1" };

        var result = await orchestration.RunAsync();

        Assert.Equal(JobStatus.Cancelled, result.Status);
        Assert.Equal(FailureClass.Cancelled, result.Failure!.Class);
        Assert.Equal(["Prepare 0", "Transcribe 0", "Transcribe 1", "RecordFailure 0"], orchestration.Calls);
    }

    [Fact]
    public async Task A_worker_that_is_stopped_without_anybody_having_cancelled_the_job_is_lost_and_not_cancelled()
    {
        var stopped = new ActivityFailure(FailureClass.Cancelled, Retryable: true, "stopped");
        var orchestration = new FakeOrchestration(parts: 1) { Failures = { ["Transcribe 0"] = [stopped, stopped, stopped, stopped] } };

        var result = await orchestration.RunAsync();

        Assert.Equal(JobStatus.Succeeded, result.Status);
    }

    [Fact]
    public async Task Delays_between_attempts_stay_bounded()
    {
        var orchestration = new FakeOrchestration(parts: 1, maxLostAttempts: 100)
        {
            Failures = { ["Transcribe 0"] = [.. Enumerable.Repeat(Lost, 99)] },
        };

        var result = await orchestration.RunAsync();

        Assert.Equal(JobStatus.Succeeded, result.Status);
        Assert.Equal(
            Enumerable.Range(0, 99).Select(power => Math.Min(Math.Pow(2, power), 300)), orchestration.Delays.Select(delay => delay.TotalSeconds));
    }

    [Fact]
    public async Task That_a_failure_could_not_be_recorded_is_tried_again_and_does_not_change_how_the_job_ended()
    {
        var orchestration = new FakeOrchestration(parts: 1)
        {
            Failures = { ["Prepare 0"] = [BadAudio], ["RecordFailure 0"] = [Crash, Crash, Crash] },
        };

        var result = await orchestration.RunAsync();

        Assert.Equal(BadAudio, result.Failure);
        Assert.Equal(3, orchestration.Calls.Count(call => call == "RecordFailure 0"));
        Assert.Equal([TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2)], orchestration.Delays);
    }

    [Fact]
    public async Task A_failure_is_recorded_also_after_an_outage_of_the_store()
    {
        var orchestration = new FakeOrchestration(parts: 1)
        {
            Failures = { ["Prepare 0"] = [BadAudio], ["RecordFailure 0"] = [.. Enumerable.Repeat(Lost, 9)] },
        };

        var result = await orchestration.RunAsync();

        Assert.Equal(BadAudio, result.Failure);
        Assert.Equal(BadAudio, orchestration.Recorded);
        Assert.Equal(10, orchestration.Calls.Count(call => call == "RecordFailure 0"));
        Assert.Equal(Enumerable.Range(0, 9).Select(power => TimeSpan.FromSeconds(Math.Min(1 << power, 300))), orchestration.Delays);
    }

    [Fact]
    public async Task That_a_job_was_cancelled_is_recorded_after_an_outage_too_and_no_try_is_made_without_waiting()
    {
        var stopped = new ActivityFailure(FailureClass.Cancelled, Retryable: true, "stopped");
        var orchestration = new FakeOrchestration(parts: 1)
        {
            CancelAfter = "Prepare 0",
            Failures = { ["RecordFailure 0"] = [stopped, Lost, Lost, stopped] },
        };

        var result = await orchestration.RunAsync();

        Assert.Equal(JobStatus.Cancelled, result.Status);
        Assert.Equal(["Prepare 0", .. Enumerable.Repeat("RecordFailure 0", 5)], orchestration.Calls);
        Assert.Equal([1, 2, 4, 8], orchestration.Delays.Select(delay => delay.TotalSeconds));
    }

    [Fact]
    public async Task Progress_never_falls_and_ends_at_one()
    {
        var orchestration = new FakeOrchestration(parts: 4);

        await orchestration.RunAsync();

        Assert.Equal(orchestration.Fractions.Order(), orchestration.Fractions);
        Assert.Equal(0, orchestration.Fractions[0]);
        Assert.Equal(1, orchestration.Fractions[^1]);
    }

    [Fact]
    public async Task A_job_without_a_webhook_tells_nobody()
    {
        var orchestration = new FakeOrchestration(parts: 1);

        await orchestration.RunAsync();

        Assert.DoesNotContain("Notify 0", orchestration.Calls);
        Assert.Equal(PipelineActivities.Publish, orchestration.Stages[^1]);
    }

    [Fact]
    public async Task A_webhook_is_told_once_after_the_outputs_are_there()
    {
        var orchestration = new FakeOrchestration(parts: 1) { Webhook = "https://receiver.example/" };

        var result = await orchestration.RunAsync();

        Assert.Equal(["Prepare 0", "Transcribe 0", "PostProcess 0", "Publish 0", "Notify 0"], orchestration.Calls);
        Assert.Same(result, orchestration.Notified!.Outcome);
        Assert.Equal(JobStatus.Succeeded, result.Status);
        Assert.Equal(orchestration.UtcNow, orchestration.Notified.EndedAt);
        Assert.Equal((PipelineActivities.Notify, 1.0), (orchestration.Stages[^1], orchestration.Fractions[^1]));
    }

    [Fact]
    public async Task A_webhook_is_told_of_a_failure_after_it_was_recorded()
    {
        var orchestration = new FakeOrchestration(parts: 1)
        {
            Webhook = "https://receiver.example/",
            Failures = { ["Prepare 0"] = [BadAudio] },
        };

        await orchestration.RunAsync();

        Assert.Equal(["Prepare 0", "RecordFailure 0", "Notify 0"], orchestration.Calls);
        Assert.Equal(new JobResult(JobStatus.Failed, BadAudio, null), orchestration.Notified!.Outcome);
    }

    [Fact]
    public async Task A_webhook_is_told_of_a_cancellation()
    {
        var orchestration = new FakeOrchestration(parts: 1) { Webhook = "https://receiver.example/", CancelAfter = "Prepare 0" };

        await orchestration.RunAsync();

        Assert.Equal(["Prepare 0", "RecordFailure 0", "Notify 0"], orchestration.Calls);
        Assert.Equal(JobStatus.Cancelled, orchestration.Notified!.Outcome!.Status);
    }

    [Fact]
    public async Task A_webhook_is_tried_again_after_growing_delays_and_given_up_without_changing_how_the_job_ended()
    {
        var orchestration = new FakeOrchestration(parts: 1)
        {
            Webhook = "https://receiver.example/",
            Failures = { ["Notify 0"] = [.. Enumerable.Repeat(Crash, 10)] },
        };

        var result = await orchestration.RunAsync();

        Assert.Equal(JobStatus.Succeeded, result.Status);
        Assert.Null(result.Failure);
        Assert.Equal([1, 2, 3, 4], orchestration.Attempts["Notify 0"]);
        Assert.Equal([1, 2, 4], orchestration.Delays.Select(delay => delay.TotalSeconds));
    }

    [Fact]
    public async Task A_webhook_that_no_attempt_can_help_is_given_up_at_once()
    {
        var orchestration = new FakeOrchestration(parts: 1)
        {
            Webhook = "https://receiver.example/",
            Failures = { ["Notify 0"] = [BadAudio] },
        };

        Assert.Equal(JobStatus.Succeeded, (await orchestration.RunAsync()).Status);
        Assert.Equal([1], orchestration.Attempts["Notify 0"]);
    }

    [Fact]
    public async Task A_cancellation_while_the_webhook_is_told_comes_too_late()
    {
        var orchestration = new FakeOrchestration(parts: 1)
        {
            Webhook = "https://receiver.example/",
            Failures = { ["Notify 0"] = [Crash] },
            CancelAfter = "Notify 0",
        };

        Assert.Equal(JobStatus.Succeeded, (await orchestration.RunAsync()).Status);
        Assert.Equal([1, 2], orchestration.Attempts["Notify 0"]);
        Assert.Equal([TimeSpan.FromSeconds(1)], orchestration.Delays);
    }

    /// <summary>Answers calls in the order they were made, one turn of the scheduler later, and remembers them.</summary>
    private sealed class FakeOrchestration(int parts, int maxParallelParts = 2, int maxLostAttempts = 10) : IOrchestration
    {
        private readonly TaskCompletionSource _cancel = new();
        private bool _lastIsSilent;

        public List<string> Calls { get; } = [];
        public Dictionary<string, List<int>> Attempts { get; } = [];
        public Dictionary<string, Queue<ActivityFailure>> FailureQueues { get; } = [];
        public Dictionary<string, ActivityFailure[]> Failures { get; } = [];
        public HashSet<string> Silent { get; } = [];
        public List<TimeSpan> Delays { get; } = [];
        public List<double> Fractions { get; } = [];
        public List<string> Stages { get; } = [];
        public string? Webhook { get; init; }
        public ActivityFailure? Refusal { get; init; }
        public ActivityCall? Notified { get; private set; }
        public string? CancelAfter { get; init; }
        public ActivityFailure? Recorded { get; private set; }
        public int AtOnce { get; private set; }
        public int MostAtOnce { get; private set; }

        public string InstanceId => "job";
        public DateTimeOffset UtcNow { get; } = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        public ILogger Logger => NullLogger.Instance;
        public Task CancelRequested => _cancel.Task;

        /// <summary>On one thread at a time, as orchestrators run.</summary>
        public Task<JobResult> RunAsync()
        {
            var job = new TranscriptionJob(
                "job", "audio-api/job", "a.wav", new TranscriptionOptions { Webhook = Webhook },
                JobSettingsExamples.Some with
                {
                    MaxParallelParts = maxParallelParts,
                    MaxLostAttempts = maxLostAttempts,
                    RetryDelay = TimeSpan.FromSeconds(1),
                    MaxWebhookAttempts = 4,
                },
                Refusal: Refusal);
            return Task.Factory.StartNew(
                () => TranscriptionOrchestrator.RunAsync(this, job), CancellationToken.None, TaskCreationOptions.None,
                new ConcurrentExclusiveSchedulerPair().ExclusiveScheduler).Unwrap();
        }

        public async Task<ActivityResult<TOutput>> CallActivityAsync<TOutput>(string activity, ActivityCall call)
        {
            var name = $"{activity} {call.Part}";
            Calls.Add(name);
            (Attempts.TryGetValue(name, out var attempts) ? attempts : Attempts[name] = []).Add(call.Attempt);
            _lastIsSilent = Silent.Remove(name);
            if (_lastIsSilent)
            {
                await new TaskCompletionSource().Task;
            }

            MostAtOnce = Math.Max(MostAtOnce, ++AtOnce);
            await Task.Yield();
            AtOnce--;
            Recorded = call.Failure;
            Notified = activity == PipelineActivities.Notify ? call : Notified;
            if (name == CancelAfter)
            {
                _cancel.TrySetResult();
            }

            var queue = FailureQueues.TryGetValue(name, out var known)
                ? known
                : FailureQueues[name] = new Queue<ActivityFailure>(Failures.GetValueOrDefault(name, []));
            return queue.TryDequeue(out var failure)
                ? new ActivityResult<TOutput>(default, failure)
                : new ActivityResult<TOutput>((TOutput)Output(activity, call), null);
        }

        public Task DelayAsync(TimeSpan delay, CancellationToken cancellationToken)
        {
            if (delay == JobSettingsExamples.Some.ActivityTimeout)
            {
                // Each call is followed by its own timer; only that of the call that never answers fires.
                return _lastIsSilent ? Task.CompletedTask : new TaskCompletionSource().Task;
            }

            Delays.Add(delay);
            return Task.CompletedTask;
        }

        public void SetProgress(JobProgress progress)
        {
            Stages.Add(progress.Stage);
            Fractions.Add(progress.Fraction);
        }

        private object Output(string activity, ActivityCall call) => activity switch
        {
            PipelineActivities.Prepare => new PrepareFacts(60, parts),
            PipelineActivities.Transcribe => new TranscribeFacts(call.Part, 14),
            PipelineActivities.PostProcess => new PostProcessFacts(3, 42),
            PipelineActivities.Notify => new NotifyFacts(UtcNow),
            _ => new PublishFacts(42, ["final.json"], []),
        };
    }
}
