using Microsoft.DurableTask;
using Microsoft.Extensions.Logging;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Orchestration;

namespace Omoai.Functions.Orchestration;

/// <summary>What an orchestrator may use, on Durable Functions.</summary>
internal sealed class DurableOrchestration(TaskOrchestrationContext context) : IOrchestration
{
    private JobProgress? _progress;

    public string InstanceId => context.InstanceId;

    public DateTimeOffset UtcNow => Utc(context.CurrentUtcDateTime);

    /// <summary>When the orchestration began.</summary>
    public DateTimeOffset StartedAt { get; } = Utc(context.CurrentUtcDateTime);

    public ILogger Logger { get; } = context.CreateReplaySafeLogger(FunctionNames.TranscriptionOrchestrator);

    public Task CancelRequested { get; } = context.WaitForExternalEvent<object?>(DurableJobEngine.CancelEvent);

    public async Task<ActivityResult<TOutput>> CallActivityAsync<TOutput>(string activity, ActivityCall call)
    {
        try
        {
            return await context.CallActivityAsync<ActivityResult<TOutput>>(activity, call);
        }
        catch (TaskFailedException e)
        {
            return new ActivityResult<TOutput>(
                default, new ActivityFailure(FailureClass.Internal, Retryable: true, ActivityFailure.OneLine(e.FailureDetails.ErrorMessage)));
        }
    }

    public Task DelayAsync(TimeSpan delay, CancellationToken cancellationToken) =>
        context.CreateTimer(context.CurrentUtcDateTime + delay, cancellationToken);

    public void SetProgress(JobProgress progress) => context.SetCustomStatus(new DurableStatus(_progress = progress, StartedAt));

    /// <summary>Shows how the job ended. The instance completes only once every activity that was called has answered, and one whose
    /// worker died without a word may never do so.</summary>
    public void SetEnd(JobResult result) =>
        context.SetCustomStatus(new DurableStatus(_progress, StartedAt, new DurableEnd(result.Status, result.Failure, UtcNow)));

    private static DateTimeOffset Utc(DateTime time) => new(DateTime.SpecifyKind(time, DateTimeKind.Utc));
}

/// <summary>An instance's custom status.</summary>
/// <param name="Progress">Null before the first.</param>
/// <param name="StartedAt">When the orchestration began.</param>
/// <param name="End">Set when the job has ended, whether or not the instance has completed.</param>
internal sealed record DurableStatus(JobProgress? Progress, DateTimeOffset StartedAt, DurableEnd? End = null);

/// <summary>How a job ended: small, for a custom status has at most 16 KiB.</summary>
internal sealed record DurableEnd(JobStatus Status, ActivityFailure? Failure, DateTimeOffset EndedAt);
