using System.Collections.Concurrent;
using Microsoft.DurableTask.Client;
using Omoai.Functions.Tests.Support;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Artifacts;

namespace Omoai.Functions.Tests.Orchestration;

/// <summary>The orchestrator and the activities on the Durable runtime.</summary>
public sealed class OrchestrationTests
{
    private static readonly ActivityFailure Crash = new(FailureClass.Crashed, Retryable: true, "It crashed.");

    [Fact]
    public async Task A_job_succeeds_and_says_how_it_went()
    {
        var began = new Signal();
        var goOn = new Signal();
        var activities = new ScriptedActivities(parts: 3);
        activities.Do[PipelineActivities.Transcribe] = async (_, _) =>
        {
            began.Give();
            await goOn.WaitAsync();
            return null;
        };
        await using var hub = await TestHub.StartAsync(activities);
        var before = DateTimeOffset.UtcNow.AddSeconds(-1);
        var job = TestJobs.Job();

        Assert.True(await hub.Engine.TryCreateAsync(job, default));
        await began.WaitAsync();
        var running = await hub.StateOfAsync(job.Id);
        goOn.Give();
        var ended = await hub.EndOfAsync(job.Id);

        Assert.Equal((JobStatus.Running, PipelineActivities.Transcribe, 0.1), (running.Status, running.Stage, running.Progress));
        Assert.Null(running.EndedAt);
        Assert.Equal((JobStatus.Succeeded, PipelineActivities.Publish, 1.0), (ended.Status, ended.Stage, ended.Progress));
        Assert.Null(ended.Error);
        Assert.InRange(ended.CreatedAt, before, ended.StartedAt!.Value);
        Assert.InRange(ended.EndedAt!.Value, ended.StartedAt.Value, DateTimeOffset.UtcNow.AddSeconds(1));
        Assert.Equal(running.StartedAt, ended.StartedAt);
        var facts = (await hub.ResultOfAsync(job.Id)).Facts!;
        Assert.Equal((ScriptedActivities.Seconds, ScriptedActivities.Words), (facts.Duration, facts.Words));
        Assert.Equal(["final.json"], facts.Outputs);
        Assert.Equal(
            ["PostProcess 0", "Prepare 0", "Publish 0", "Transcribe 0", "Transcribe 1", "Transcribe 2"], activities.Calls.Order(StringComparer.Ordinal));
        Assert.Equal(job, activities["Publish 0"].Job with { Options = job.Options });
        Assert.Equal(ended.StartedAt, activities["Publish 0"].StartedAt);
        Assert.Equal(job.Input, (await hub.Engine.FindAsync(job.Id, default))!.Job.Input);
    }

    [Fact]
    public async Task A_job_that_no_worker_has_taken_is_queued()
    {
        await using var hub = await TestHub.StartAsync(new ScriptedActivities());
        await hub.StopWorkerAsync();

        await hub.Engine.TryCreateAsync(TestJobs.Job(), default);
        var state = await hub.StateOfAsync(TestJobs.Job().Id);

        Assert.Equal((JobStatus.Queued, null, 0.0), (state.Status, state.Stage, state.Progress));
        Assert.Null(state.StartedAt);
        Assert.Null(state.EndedAt);
        Assert.Single((await hub.Engine.ListAsync(JobStatus.Queued, 10, null, default)).Jobs);
        Assert.Empty((await hub.Engine.ListAsync(JobStatus.Running, 10, null, default)).Jobs);
    }

    [Fact]
    public async Task An_activity_that_failed_is_tried_again()
    {
        var activities = new ScriptedActivities();
        activities.Do[PipelineActivities.Prepare] = (call, _) => Task.FromResult(call.Attempt == 1 ? Crash : null);
        await using var hub = await TestHub.StartAsync(activities);

        await hub.Engine.TryCreateAsync(TestJobs.Job(), default);

        Assert.Equal(JobStatus.Succeeded, (await hub.EndOfAsync(TestJobs.Job().Id)).Status);
        Assert.Equal(["Prepare 0", "Prepare 0", "Transcribe 0", "PostProcess 0", "Publish 0"], activities.Calls);
    }

    [Fact]
    public async Task A_job_whose_attempts_are_used_up_fails_with_the_reason_and_is_recorded()
    {
        var activities = new ScriptedActivities();
        activities.Do[PipelineActivities.PostProcess] = (_, _) => Task.FromResult<ActivityFailure?>(Crash);
        await using var hub = await TestHub.StartAsync(activities);

        await hub.Engine.TryCreateAsync(TestJobs.Job(), default);
        var ended = await hub.EndOfAsync(TestJobs.Job().Id);

        Assert.Equal((JobStatus.Failed, PipelineActivities.PostProcess), (ended.Status, ended.Stage));
        Assert.Equal((Crash.Class, Crash.Reason), (ended.Error!.Class, ended.Error.Reason));
        Assert.NotNull(ended.EndedAt);
        Assert.Equal(3, activities.Calls.Count(call => call == "PostProcess 0"));
        Assert.Equal("RecordFailure 0", activities.Calls[^1]);
        Assert.Equal(Crash.Reason, activities["RecordFailure 0"].Failure!.Reason);
    }

    [Fact]
    public async Task An_activity_whose_worker_is_stopped_is_tried_again_and_spends_no_attempt()
    {
        var began = new ConcurrentQueue<Signal>([new(), new(), new(), new(), new()]);
        var signals = began.ToList();
        var activities = new ScriptedActivities();
        activities.Do[PipelineActivities.Transcribe] = async (_, stop) =>
        {
            // More often than a failure would be forgiven.
            if (began.TryDequeue(out var signal))
            {
                signal.Give();
                await Task.Delay(Timeout.Infinite, stop);
            }

            return null;
        };
        await using var hub = await TestHub.StartAsync(activities);

        await hub.Engine.TryCreateAsync(TestJobs.Job(), default);
        foreach (var signal in signals)
        {
            await signal.WaitAsync();
            await hub.DrainAsync();
        }

        Assert.Equal(JobStatus.Succeeded, (await hub.EndOfAsync(TestJobs.Job().Id)).Status);
        Assert.Equal(signals.Count + 1, activities.Calls.Count(call => call == "Transcribe 0"));
    }

    [Fact]
    public async Task An_activity_that_never_answers_costs_a_bounded_wait_and_not_the_job()
    {
        var silent = new Signal();
        var activities = new ScriptedActivities();
        activities.Do[PipelineActivities.Transcribe] = async (_, stop) =>
        {
            if (!silent.IsGiven)
            {
                silent.Give();
                await Task.Delay(Timeout.Infinite, stop);
            }

            return null;
        };
        await using var hub = await TestHub.StartAsync(activities);
        var job = TestJobs.Job(answerTimeout: TimeSpan.FromSeconds(2));

        await hub.Engine.TryCreateAsync(job, default);

        Assert.Equal(JobStatus.Succeeded, (await hub.EndOfAsync(job.Id)).Status);
        Assert.InRange(activities.Calls.Count(call => call == "Transcribe 0"), 2, 5);
    }

    [Fact]
    public async Task A_job_has_ended_although_Durable_Functions_waits_for_an_activity_that_never_answers()
    {
        var silent = new Signal();
        var activities = new ScriptedActivities();
        activities.Do[PipelineActivities.Prepare] = async (_, stop) =>
        {
            if (!silent.IsGiven)
            {
                silent.Give();
                await Task.Delay(Timeout.Infinite, stop);
            }

            return null;
        };
        await using var hub = await TestHub.StartAsync(activities);
        var job = TestJobs.Job(answerTimeout: TimeSpan.FromSeconds(2));

        await hub.Engine.TryCreateAsync(job, default);
        var ended = await hub.EndOfAsync(job.Id);

        Assert.Equal(OrchestrationRuntimeStatus.Running, (await hub.Client.GetInstanceAsync(job.Id))!.RuntimeStatus);
        Assert.Equal((JobStatus.Succeeded, 1.0), (ended.Status, ended.Progress));
        Assert.Empty((await hub.Engine.ListAsync(JobStatus.Running, 10, null, default)).Jobs);
        Assert.Equal([ended], (await hub.Engine.ListAsync(JobStatus.Succeeded, 10, null, default)).Jobs);
        Assert.Equal(ended, await hub.Jobs.CancelAsync(job.Id, default));
        Assert.False(await hub.Engine.TryCreateAsync(job, default));
        Assert.Equal(ended, await hub.Jobs.PurgeAsync(job.Id, input: false, default));
        Assert.Null(await hub.Engine.FindAsync(job.Id, default));
    }

    [Fact]
    public async Task An_activity_that_throws_is_tried_again()
    {
        var attempts = 0;
        var activities = new ScriptedActivities();
        await using var hub = await TestHub.StartAsync(activities, new Dictionary<string, Func<ActivityCall, Task<object>>>
        {
            [PipelineActivities.Prepare] = _ => ++attempts < 3
                ? throw new InvalidOperationException("It\nthrew.")
                : Task.FromResult<object>(new ActivityResult<PrepareFacts>(new PrepareFacts(1, 1), null)),
        });

        await hub.Engine.TryCreateAsync(TestJobs.Job(), default);

        Assert.Equal(JobStatus.Succeeded, (await hub.EndOfAsync(TestJobs.Job().Id)).Status);
        Assert.Equal(3, attempts);
    }

    [Fact]
    public async Task An_activity_that_always_throws_fails_the_job_as_internal()
    {
        await using var hub = await TestHub.StartAsync(new ScriptedActivities(), new Dictionary<string, Func<ActivityCall, Task<object>>>
        {
            [PipelineActivities.Prepare] = _ => throw new InvalidOperationException("It\nthrew."),
        });

        await hub.Engine.TryCreateAsync(TestJobs.Job(), default);
        var ended = await hub.EndOfAsync(TestJobs.Job().Id);

        Assert.Equal((JobStatus.Failed, FailureClass.Internal, "It threw."), (ended.Status, ended.Error!.Class, ended.Error.Reason));
    }

    [Fact]
    public async Task A_job_is_cancelled_while_an_activity_runs()
    {
        var began = new Signal();
        var stopped = new Signal();
        var activities = new ScriptedActivities();
        activities.Do[PipelineActivities.Transcribe] = async (_, stop) =>
        {
            began.Give();
            try
            {
                await Task.Delay(Timeout.Infinite, stop);
            }
            finally
            {
                stopped.Give();
            }

            return null;
        };
        await using var hub = await TestHub.StartAsync(activities);
        var job = TestJobs.Job();

        await hub.Engine.TryCreateAsync(job, default);
        await began.WaitAsync();
        var asked = await hub.Jobs.CancelAsync(job.Id, default);
        var ended = await hub.EndOfAsync(job.Id);

        Assert.Null(asked!.EndedAt);
        Assert.True(stopped.IsGiven);
        Assert.Equal((JobStatus.Cancelled, FailureClass.Cancelled), (ended.Status, ended.Error!.Class));
        Assert.Equal(["Prepare 0", "Transcribe 0", "RecordFailure 0"], activities.Calls);
        Assert.True(await hub.Store.ExistsAsync(ArtifactNames.CancelMarker(job.Id), default));
        Assert.Equal(ended, await hub.Jobs.CancelAsync(job.Id, default));
    }

    [Fact]
    public async Task A_job_that_an_operator_terminates_is_cancelled()
    {
        var began = new Signal();
        var activities = new ScriptedActivities();
        activities.Do[PipelineActivities.Prepare] = async (_, stop) =>
        {
            began.Give();
            await Task.Delay(Timeout.Infinite, stop);
            return null;
        };
        await using var hub = await TestHub.StartAsync(activities);
        var job = TestJobs.Job();

        await hub.Engine.TryCreateAsync(job, default);
        await began.WaitAsync();
        await hub.Client.TerminateInstanceAsync(job.Id);
        var ended = await hub.EndOfAsync(job.Id);

        Assert.Equal((JobStatus.Cancelled, FailureClass.Cancelled), (ended.Status, ended.Error!.Class));
        Assert.Contains("operator", ended.Error.Reason, StringComparison.Ordinal);
        Assert.NotNull(ended.EndedAt);
        Assert.Equal(job.Id, Assert.Single((await hub.Engine.ListAsync(JobStatus.Cancelled, 10, null, default)).Jobs).Id);
    }

    [Fact]
    public async Task A_job_whose_orchestration_goes_wrong_has_failed()
    {
        await using var hub = await TestHub.StartAsync(new ScriptedActivities(), new Dictionary<string, Func<ActivityCall, Task<object>>>
        {
            [PipelineActivities.Prepare] = _ => Task.FromResult<object>("no answer that anybody understands"),
        });

        await hub.Engine.TryCreateAsync(TestJobs.Job(), default);
        var ended = await hub.EndOfAsync(TestJobs.Job().Id);

        Assert.Equal((JobStatus.Failed, FailureClass.Internal), (ended.Status, ended.Error!.Class));
        Assert.StartsWith("The orchestration went wrong: ", ended.Error.Reason, StringComparison.Ordinal);
        Assert.NotEqual("The orchestration went wrong:", ended.Error.Reason.Trim());
        Assert.False(ended.Error.Retryable);
        Assert.Equal(ended.Id, Assert.Single((await hub.Engine.ListAsync(JobStatus.Failed, 10, null, default)).Jobs).Id);
    }
}
