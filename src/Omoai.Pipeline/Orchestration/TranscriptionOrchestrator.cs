using Microsoft.Extensions.Logging;
using Omoai.Isolation;
using Omoai.Pipeline.Activities;

namespace Omoai.Pipeline.Orchestration;

/// <summary>
/// Prepare, then Transcribe for each part (a bounded number at once), then PostProcess, then Publish. The only place
/// that retries: the engines' own retry policies are off, so that attempts don't multiply. At last Notify, for a job with a
/// webhook, however it ended.
/// </summary>
public sealed partial class TranscriptionOrchestrator
{
    private static readonly TimeSpan MaxRetryDelay = TimeSpan.FromMinutes(5);

    // What waits for its turn must not sleep while the device has nothing to do.
    private static readonly TimeSpan MaxBusyDelay = TimeSpan.FromSeconds(30);
    private static readonly ActivityFailure Cancelled = new(FailureClass.Cancelled, Retryable: false, "The job was cancelled.");

    private readonly IOrchestration _orchestration;
    private readonly TranscriptionJob _job;
    private readonly DateTimeOffset _startedAt;
    private Task _cancelRequested;
    private JobProgress _progress = new(PipelineActivities.Prepare, 0, 0, 0);

    private TranscriptionOrchestrator(IOrchestration orchestration, TranscriptionJob job)
    {
        _orchestration = orchestration;
        _job = job;
        _startedAt = orchestration.UtcNow;
        _cancelRequested = orchestration.CancelRequested;
    }

    /// <summary>Runs a job to its end. Never throws for what an activity does.</summary>
    public static Task<JobResult> RunAsync(IOrchestration orchestration, TranscriptionJob job) =>
        new TranscriptionOrchestrator(orchestration, job).RunAsync();

    private async Task<JobResult> RunAsync()
    {
        var result = _job.Refusal is { } refusal ? await EndAsync(refusal) : await TranscribeRecordingAsync();
        if (_job.Options.Webhook is not null)
        {
            await NotifyAsync(result);
        }

        return result;
    }

    private async Task<JobResult> TranscribeRecordingAsync()
    {
        try
        {
            Report(PipelineActivities.Prepare, 0, 0, 0);
            var plan = await AttemptAsync<PrepareFacts>(PipelineActivities.Prepare);

            await TranscribeAsync(plan.Parts);

            Report(PipelineActivities.PostProcess, 0.85, plan.Parts, plan.Parts);
            await AttemptAsync<PostProcessFacts>(PipelineActivities.PostProcess, parts: plan.Parts);

            Report(PipelineActivities.Publish, 0.95, plan.Parts, plan.Parts);
            var published = await AttemptAsync<PublishFacts>(PipelineActivities.Publish, parts: plan.Parts);

            Report(PipelineActivities.Publish, 1, plan.Parts, plan.Parts);
            return new JobResult(
                JobStatus.Succeeded, null, new JobFacts(plan.Duration, published.Words, published.Outputs, published.Warnings));
        }
        catch (ActivityFailedException e)
        {
            return await EndAsync(e.Failure);
        }
    }

    /// <summary>Fans out over the parts. After a failure no further part starts, and those under way are waited for.</summary>
    private async Task TranscribeAsync(int parts)
    {
        var running = new List<Task<TranscribeFacts>>();
        var next = 0;
        var done = 0;
        ActivityFailedException? failed = null;

        Report(PipelineActivities.Transcribe, 0.1, 0, parts);
        while (running.Count > 0 || (next < parts && failed is null))
        {
            if (next < parts && failed is null && running.Count < _job.Settings.MaxParallelParts)
            {
                running.Add(AttemptAsync<TranscribeFacts>(PipelineActivities.Transcribe, part: next++, parts: parts));
                continue;
            }

            var ended = await Task.WhenAny(running);
            running.Remove(ended);
            try
            {
                await ended;
                done++;
                Report(PipelineActivities.Transcribe, 0.1 + (0.75 * done / parts), done, parts);
            }
            catch (ActivityFailedException e)
            {
                failed ??= e;
            }
        }

        if (failed is not null)
        {
            throw failed;
        }
    }

    /// <summary>Calls an activity until it succeeds, can't succeed, or has used up its attempts.</summary>
    private async Task<TOutput> AttemptAsync<TOutput>(
        string activity, int part = 0, int parts = 0, ActivityFailure? toRecord = null)
    {
        var failures = 0;
        var losses = 0;
        var waits = 0;
        for (var attempt = 1; ; attempt++)
        {
            if (_cancelRequested.IsCompleted)
            {
                throw new ActivityFailedException(Cancelled);
            }

            var result = await RaceAsync<TOutput>(activity, new ActivityCall(_job, _startedAt, attempt, part, parts, toRecord));
            if (result.Failure is not { } failure)
            {
                return result.Output!;
            }

            LogFailed(_orchestration.Logger, _job.Id, activity, part, attempt, failure.Class, failure.Reason);
            var (count, budget) = failure.Class switch
            {
                FailureClass.Lost => (++losses, _job.Settings.MaxLostAttempts),
                // Nothing was tried yet.
                FailureClass.Busy => (++waits, int.MaxValue),
                _ => (++failures, _job.Settings.MaxAttempts),
            };
            if (!failure.Retryable || count >= budget)
            {
                throw new ActivityFailedException(failure);
            }

            await DelayAsync(RetryDelay(count, failure.Class == FailureClass.Busy ? MaxBusyDelay : MaxRetryDelay));
        }
    }

    /// <summary>Waits before another attempt, but not once the job is cancelled.</summary>
    private async Task DelayAsync(TimeSpan delay)
    {
        using var ended = new CancellationTokenSource();
        await Task.WhenAny(_orchestration.DelayAsync(delay, ended.Token), _cancelRequested);
        ended.Cancel();
    }

    private TimeSpan RetryDelay(int failures, TimeSpan longest)
    {
        var factor = 1L << Math.Min(failures - 1, 30);
        return TimeSpan.FromSeconds(Math.Min(_job.Settings.RetryDelay.TotalSeconds * factor, longest.TotalSeconds));
    }

    /// <summary>A worker that dies without a word costs a bounded wait and an attempt, not the job.</summary>
    private async Task<ActivityResult<TOutput>> RaceAsync<TOutput>(string activity, ActivityCall call)
    {
        using var ended = new CancellationTokenSource();
        var work = _orchestration.CallActivityAsync<TOutput>(activity, call);
        var timer = _orchestration.DelayAsync(_job.Settings.ActivityTimeout, ended.Token);
        if (await Task.WhenAny(work, timer) != work)
        {
            return Lost($"{activity} gave no answer within {_job.Settings.ActivityTimeout:g}.");
        }

        ended.Cancel();
        var result = await work;

        // Nobody cancelled the job: the worker was stopped under it.
        return result.Failure?.Class == FailureClass.Cancelled && !_cancelRequested.IsCompleted
            ? Lost($"{activity} was stopped: {result.Failure.Reason}")
            : result;

        static ActivityResult<TOutput> Lost(string reason) =>
            new(default, new ActivityFailure(FailureClass.Lost, Retryable: true, reason));
    }

    private async Task<JobResult> EndAsync(ActivityFailure failure)
    {
        if (_cancelRequested.IsCompleted)
        {
            failure = Cancelled;
        }

        // The job has ended as it has, whether or not that can be written down; no cancellation changes it any more.
        _cancelRequested = new TaskCompletionSource().Task;
        try
        {
            await AttemptAsync<PublishFacts>(PipelineActivities.RecordFailure, toRecord: failure);
        }
        catch (ActivityFailedException)
        {
            // It is logged.
        }

        return new JobResult(failure == Cancelled ? JobStatus.Cancelled : JobStatus.Failed, failure, null);
    }

    /// <summary>Tells the webhook how the job ended. It has ended like that whether or not anybody takes it, and a
    /// cancellation that comes now is too late to change either.</summary>
    private async Task NotifyAsync(JobResult outcome)
    {
        var endedAt = _orchestration.UtcNow;
        Report(PipelineActivities.Notify, 1, _progress.PartsDone, _progress.Parts);
        for (var attempt = 1; ; attempt++)
        {
            var notified = await RaceAsync<NotifyFacts>(
                PipelineActivities.Notify, new ActivityCall(_job, _startedAt, attempt, Outcome: outcome, EndedAt: endedAt));
            if (notified.Failure is not { } problem)
            {
                return;
            }

            LogFailed(_orchestration.Logger, _job.Id, PipelineActivities.Notify, 0, attempt, problem.Class, problem.Reason);
            if (!problem.Retryable || attempt >= _job.Settings.MaxWebhookAttempts)
            {
                LogUndelivered(_orchestration.Logger, _job.Id, attempt);
                return;
            }

            await _orchestration.DelayAsync(RetryDelay(attempt, MaxRetryDelay), CancellationToken.None);
        }
    }

    private void Report(string stage, double fraction, int done, int parts) =>
        _orchestration.SetProgress(_progress = new JobProgress(stage, fraction, done, parts));

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "Job {JobId}: {Activity} of part {Part} failed in attempt {Attempt}: {Class}: {Reason}")]
    private static partial void LogFailed(
        ILogger logger, string jobId, string activity, int part, int attempt, FailureClass @class, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Job {JobId}: its webhook is given up after {Attempts} attempts")]
    private static partial void LogUndelivered(ILogger logger, string jobId, int attempts);

    private sealed class ActivityFailedException(ActivityFailure failure) : Exception(failure.Reason)
    {
        public ActivityFailure Failure { get; } = failure;
    }
}
