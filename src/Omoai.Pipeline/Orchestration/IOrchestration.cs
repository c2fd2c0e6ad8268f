using Microsoft.Extensions.Logging;
using Omoai.Pipeline.Activities;

namespace Omoai.Pipeline.Orchestration;

/// <summary>
/// What an orchestrator may use. Orchestrator code can run many times over the same recorded results, so everything it
/// sees comes through here and it awaits nothing else.
/// </summary>
public interface IOrchestration
{
    /// <summary>The job's id.</summary>
    string InstanceId { get; }

    /// <summary>The time, the same in every replay.</summary>
    DateTimeOffset UtcNow { get; }

    /// <summary>Writes nothing while replaying.</summary>
    ILogger Logger { get; }

    /// <summary>Completes when the <c>cancel</c> event arrives.</summary>
    Task CancelRequested { get; }

    /// <summary>Runs an activity somewhere, at least once. An activity that throws is answered as a failure of class
    /// <c>internal</c> here, never as an exception.</summary>
    /// <param name="activity">One of <see cref="PipelineActivities"/>.</param>
    /// <param name="call">Its input.</param>
    Task<ActivityResult<TOutput>> CallActivityAsync<TOutput>(string activity, ActivityCall call);

    /// <summary>A durable timer.</summary>
    Task DelayAsync(TimeSpan delay, CancellationToken cancellationToken);

    /// <summary>Shown to whoever asks how the job is doing.</summary>
    void SetProgress(JobProgress progress);
}
