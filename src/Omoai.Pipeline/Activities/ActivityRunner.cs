using Microsoft.Extensions.Logging;
using Omoai.Isolation;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Telemetry;

namespace Omoai.Pipeline.Activities;

/// <summary>
/// What every engine does around the body of an activity: it keeps the ledger, stops the activity when the job's marker
/// of cancellation appears, turns an exception into a failure, and tells of all that in spans, metrics and a log scope.
/// </summary>
public sealed partial class ActivityRunner(
    ActivityBody body, AttemptLedger ledger, IArtifactStore store, TimeProvider time, ILogger<ActivityRunner> logger)
{
    private static readonly TimeSpan MarkerInterval = TimeSpan.FromSeconds(1);

    /// <inheritdoc cref="ActivityBody"/>
    /// <remarks>Never throws.</remarks>
    public Task<ActivityResult> RunAsync(string activity, ActivityCall call, CancellationToken cancellationToken) =>
        OmoaiTelemetry.ObserveAsync(activity, call, time, logger, () => GuardAsync(activity, call, cancellationToken));

    private async Task<ActivityResult> GuardAsync(string activity, ActivityCall call, CancellationToken cancellationToken)
    {
        try
        {
            // How a job ended is written down and told whatever its budget, and also when it was cancelled.
            return activity is PipelineActivities.RecordFailure or PipelineActivities.Notify
                ? await body(activity, call, cancellationToken)
                : await AttemptAsync(activity, call, cancellationToken);
        }
        catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested)
        {
            return Failed(FailureClass.Cancelled, e.Message);
        }
        catch (ArtifactStoreException e)
        {
            // An attempt that has begun stays without an end in the ledger, and so counts as lost there too.
            return Failed(FailureClass.Lost, e.Message);
        }
        catch (Exception e)
        {
            LogBug(logger, activity, call.Job.Id, e);
            return Failed(FailureClass.Internal, $"{activity} went wrong: {e.Message}");
        }
    }

    private async Task<ActivityResult> AttemptAsync(string activity, ActivityCall call, CancellationToken cancellationToken)
    {
        var marker = ArtifactNames.CancelMarker(call.Job.Id);
        if (await store.ExistsAsync(marker, cancellationToken))
        {
            return Failed(FailureClass.Cancelled, "The job was cancelled.");
        }

        var (attempt, spent) = await ledger.BeginAsync(activity, call, cancellationToken);
        if (attempt is null)
        {
            return new ActivityResult<object>(null, spent);
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var watch = WatchAsync(marker, stop, ended.Token);
        ActivityResult result;
        try
        {
            result = await body(activity, call, stop.Token);
        }
        catch (OperationCanceledException e) when (stop.IsCancellationRequested)
        {
            result = Failed(FailureClass.Cancelled, e.Message);
        }
        catch (Exception e) when (e is not ArtifactStoreException)
        {
            LogBug(logger, activity, call.Job.Id, e);
            result = Failed(FailureClass.Internal, $"{activity} went wrong: {e.Message}");
        }
        finally
        {
            await ended.CancelAsync();
            await watch;
        }

        if (result.Failure is { } failure)
        {
            await ledger.EndAsync(attempt, failure);
        }

        return result;
    }

    private async Task WatchAsync(string marker, CancellationTokenSource stop, CancellationToken ended)
    {
        using var tick = new PeriodicTimer(MarkerInterval, time);
        while (!ended.IsCancellationRequested)
        {
            try
            {
                await tick.WaitForNextTickAsync(ended);
                if (await store.ExistsAsync(marker, ended))
                {
                    await stop.CancelAsync();
                    return;
                }
            }
            catch (OperationCanceledException) when (ended.IsCancellationRequested)
            {
                return;
            }
            catch (IOException e)
            {
                // The store may be back in a second; the activity goes on.
                LogUnreadable(logger, marker, e.Message);
            }
        }
    }

    private static ActivityResult<object> Failed(FailureClass @class, string reason) =>
        new(null, new ActivityFailure(@class, Retryable: true, ActivityFailure.OneLine(reason)));

    [LoggerMessage(Level = LogLevel.Error, Message = "{Activity} of job {JobId} threw")]
    private static partial void LogBug(ILogger logger, string activity, string jobId, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The marker {Marker} can't be looked for: {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string marker, string reason);
}
