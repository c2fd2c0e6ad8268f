using Microsoft.DurableTask.Protobuf;
using Omoai.Functions.Tests.Support;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;

namespace Omoai.Functions.Tests.Orchestration;

/// <summary>
/// Jobs that began with an earlier build are gone on with by this one: today's orchestrator makes the same decisions on histories
/// that were recorded then (<c>Histories/</c>). Where they must differ, host.json gets another <c>defaultVersion</c> (docs/azure.md)
/// and the histories are recorded anew: <c>OMOAI_RECORD_HISTORIES=1 dotnet test tests/Omoai.Functions.Tests --filter Histories</c>.
/// </summary>
public sealed class ReplayTests
{
    private const string Success = "success-of-three-parts";
    private const string Failure = "failure-after-retries";
    private const string Cancelled = "cancelled-with-webhook";

    public static TheoryData<string, string> Histories => new()
    {
        { Success, "Prepare Transcribe Transcribe Transcribe PostProcess Publish" },
        { Failure, "Prepare Prepare Transcribe Transcribe Transcribe RecordFailure" },
        { Cancelled, "Prepare Transcribe RecordFailure Notify" },
    };

    [Theory]
    [MemberData(nameof(Histories))]
    public void A_recorded_history_leads_to_the_same_decisions(string name, string calls)
    {
        var recorded = RecordedHistory.Load(name);

        var answer = recorded.Replay();

        Assert.Equal(calls, string.Join(' ', Scheduled(recorded).Select(scheduled => scheduled.Name)));
        Assert.Equal(OrchestrationStatus.Completed, Assert.Single(recorded.Response.Actions).CompleteOrchestration.OrchestrationStatus);
        // Nothing but the end: what was asked for before is in the history.
        var end = Assert.Single(answer.Actions).CompleteOrchestration;
        Assert.True(end.OrchestrationStatus == OrchestrationStatus.Completed, end.FailureDetails?.ToString());
        Assert.Equal(recorded.Response.Actions[0].CompleteOrchestration.Result, end.Result);
        Assert.Equal(recorded.Response.CustomStatus, answer.CustomStatus);
    }

    [Theory]
    [MemberData(nameof(Histories))]
    public void Another_decision_would_be_found(string name, string calls)
    {
        for (var i = 0; i < calls.Split(' ').Length; i++)
        {
            var recorded = RecordedHistory.Load(name);
            Scheduled(recorded)[i].Name = "Another";

            var end = Assert.Single(recorded.Replay().Actions, action => action.CompleteOrchestration is not null).CompleteOrchestration;

            Assert.Equal(OrchestrationStatus.Failed, end.OrchestrationStatus);
            Assert.Contains("NonDeterministic", end.FailureDetails.ErrorType, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_timer_that_is_no_longer_asked_for_would_be_found()
    {
        var recorded = RecordedHistory.Load(Success);
        foreach (var timer in recorded.Request.PastEvents.Where(past => past.TimerCreated is not null).Take(1))
        {
            timer.EventId += 1000;
        }

        Assert.Equal(
            OrchestrationStatus.Failed,
            Assert.Single(recorded.Replay().Actions, action => action.CompleteOrchestration is not null).CompleteOrchestration.OrchestrationStatus);
    }

    [RecordingFact]
    public async Task Histories_are_recorded()
    {
        await RecordAsync(Success, new ScriptedActivities(parts: 3), TestJobs.Job(), JobStatus.Succeeded);

        var failing = new ScriptedActivities(parts: 1);
        failing.Do[PipelineActivities.Prepare] = (call, _) =>
            Task.FromResult(call.Attempt == 1 ? new ActivityFailure(FailureClass.OutOfMemory, Retryable: true, "No memory.") : null);
        failing.Do[PipelineActivities.Transcribe] = (_, _) =>
            Task.FromResult<ActivityFailure?>(new ActivityFailure(FailureClass.Crashed, Retryable: true, "It crashed."));
        await RecordAsync(Failure, failing, TestJobs.Job(), JobStatus.Failed);

        var began = new Signal();
        var waiting = new ScriptedActivities(parts: 1);
        waiting.Do[PipelineActivities.Transcribe] = async (_, stop) =>
        {
            began.Give();
            await Task.Delay(Timeout.Infinite, stop);
            return null;
        };
        await RecordAsync(Cancelled, waiting, TestJobs.Job(webhook: "https://example.com/hook"), JobStatus.Cancelled, async hub =>
        {
            await began.WaitAsync();
            await hub.Jobs.CancelAsync(TestJobs.Job().Id, default);
        });
    }

    private static async Task RecordAsync(
        string name, ScriptedActivities activities, TranscriptionJob job, JobStatus status, Func<TestHub, Task>? meanwhile = null)
    {
        var recorder = new HistoryRecorder();
        await using var hub = await TestHub.StartAsync(activities, services: recorder.AddTo);
        await hub.Engine.TryCreateAsync(job, default);
        if (meanwhile is not null)
        {
            await meanwhile(hub);
        }

        Assert.Equal(status, (await hub.EndOfAsync(job.Id)).Status);
        recorder.Last.Save(name);
    }

    private static List<TaskScheduledEvent> Scheduled(RecordedHistory recorded) =>
        [.. recorded.Request.PastEvents.Where(past => past.TaskScheduled is not null).Select(past => past.TaskScheduled)];

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class RecordingFactAttribute : FactAttribute
    {
        public RecordingFactAttribute() =>
            Skip = Environment.GetEnvironmentVariable("OMOAI_RECORD_HISTORIES") is { Length: > 0 } ? null : "OMOAI_RECORD_HISTORIES isn't set.";
    }
}
