using System.Text.Json;
using Microsoft.Extensions.Logging;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Orchestration;
using Omoai.Pipeline.Telemetry;
using Omoai.Transcripts;

namespace Omoai.Local.Orchestration;

/// <summary>
/// Runs one job in this process and remembers nothing: for the command line, where a job is as long as the command.
/// What goes in and out of an activity passes through JSON, as it does in an engine that keeps a history.
/// </summary>
/// <param name="job">The job.</param>
/// <param name="activities">What it calls.</param>
/// <param name="progress">Told where the job is.</param>
/// <param name="time">The clock and the timers.</param>
/// <param name="logger">For the orchestrator.</param>
/// <param name="cancel">The <c>cancel</c> event; running activities are stopped by it too.</param>
internal sealed partial class InMemoryOrchestration(
    TranscriptionJob job, TranscriptionActivities activities, IProgress<JobProgress> progress, TimeProvider time,
    ILogger<InMemoryOrchestration> logger, CancellationToken cancel) : IOrchestration
{
    public string InstanceId => job.Id;

    public DateTimeOffset UtcNow => time.GetUtcNow();

    public ILogger Logger => logger;

    public Task CancelRequested { get; } = Task.Delay(Timeout.InfiniteTimeSpan, cancel);

    public Task<JobResult> RunAsync() => TranscriptionOrchestrator.RunAsync(this, RoundTrip(job));

    public Task<ActivityResult<TOutput>> CallActivityAsync<TOutput>(string activity, ActivityCall call) =>
        OmoaiTelemetry.ObserveAsync(activity, call, time, logger, () => RunAsync<TOutput>(activity, call));

    private async Task<ActivityResult<TOutput>> RunAsync<TOutput>(string activity, ActivityCall call)
    {
        try
        {
            // A cancelled job is recorded too.
            var stop = activity == PipelineActivities.RecordFailure ? CancellationToken.None : cancel;
            return RoundTrip((ActivityResult<TOutput>)await activities.RunAsync(activity, RoundTrip(call), stop));
        }
        catch (Exception e)
        {
            LogBug(activity, job.Id, e);
            return new ActivityResult<TOutput>(
                default, new ActivityFailure(FailureClass.Internal, Retryable: true, $"{activity} went wrong: {e.Message}"));
        }
    }

    public Task DelayAsync(TimeSpan delay, CancellationToken cancellationToken) => Task.Delay(delay, time, cancellationToken);

    public void SetProgress(JobProgress value) => progress.Report(value);

    private static T RoundTrip<T>(T value) =>
        JsonSerializer.Deserialize<T>(JsonSerializer.SerializeToUtf8Bytes(value, OmoaiJson.Compact), OmoaiJson.Compact)!;

    [LoggerMessage(Level = LogLevel.Error, Message = "{Activity} of job {JobId} threw")]
    private partial void LogBug(string activity, string jobId, Exception exception);
}
