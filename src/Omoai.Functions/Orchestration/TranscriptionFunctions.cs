using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Orchestration;
using Omoai.Pipeline.Telemetry;

namespace Omoai.Functions.Orchestration;

/// <summary>The orchestration and its activities.</summary>
internal sealed class TranscriptionFunctions(ActivityRunner activities)
{
    [Function(FunctionNames.TranscriptionOrchestrator)]
    public static async Task<JobResult> RunAsync([OrchestrationTrigger] TaskOrchestrationContext context, TranscriptionJob job)
    {
        var orchestration = new DurableOrchestration(context);
        var result = await TranscriptionOrchestrator.RunAsync(orchestration, job);
        orchestration.SetEnd(result);
        if (!context.IsReplaying)
        {
            OmoaiTelemetry.CountEnded(result, orchestration.UtcNow - orchestration.StartedAt);
        }

        return result;
    }

    // The answers are written by what they are, not by what they are declared as.
    [Function(PipelineActivities.Prepare)]
    public async Task<object> PrepareAsync([ActivityTrigger] ActivityCall call, CancellationToken stop) =>
        await activities.RunAsync(PipelineActivities.Prepare, call, stop);

    [Function(PipelineActivities.Transcribe)]
    public async Task<object> TranscribeAsync([ActivityTrigger] ActivityCall call, CancellationToken stop) =>
        await activities.RunAsync(PipelineActivities.Transcribe, call, stop);

    [Function(PipelineActivities.PostProcess)]
    public async Task<object> PostProcessAsync([ActivityTrigger] ActivityCall call, CancellationToken stop) =>
        await activities.RunAsync(PipelineActivities.PostProcess, call, stop);

    [Function(PipelineActivities.Publish)]
    public async Task<object> PublishAsync([ActivityTrigger] ActivityCall call, CancellationToken stop) =>
        await activities.RunAsync(PipelineActivities.Publish, call, stop);

    [Function(PipelineActivities.RecordFailure)]
    public async Task<object> RecordFailureAsync([ActivityTrigger] ActivityCall call, CancellationToken stop) =>
        await activities.RunAsync(PipelineActivities.RecordFailure, call, stop);

    [Function(PipelineActivities.Notify)]
    public async Task<object> NotifyAsync([ActivityTrigger] ActivityCall call, CancellationToken stop) =>
        await activities.RunAsync(PipelineActivities.Notify, call, stop);
}
