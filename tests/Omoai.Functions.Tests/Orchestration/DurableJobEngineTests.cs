using Grpc.Core;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Omoai.Functions.Orchestration;
using Omoai.Functions.Tests.Support;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Jobs;

namespace Omoai.Functions.Tests.Orchestration;

/// <summary>The client side of jobs on the Durable runtime.</summary>
public sealed class DurableJobEngineTests
{
    [Fact]
    public async Task A_job_runs_once_however_often_it_is_created()
    {
        var began = new Signal();
        var goOn = new Signal();
        var activities = Waiting(began, goOn);
        await using var hub = await TestHub.StartAsync(activities);
        var job = TestJobs.Job();

        var first = await hub.Engine.TryCreateAsync(job, default);
        await began.WaitAsync();
        var whileItRuns = await hub.Engine.TryCreateAsync(job with { InputName = "another.wav" }, default);
        goOn.Give();
        var ended = await hub.EndOfAsync(job.Id);
        var afterItsEnd = await hub.Engine.TryCreateAsync(job, default);

        Assert.Equal((true, false, false), (first, whileItRuns, afterItsEnd));
        Assert.Equal(ended, await hub.StateOfAsync(job.Id));
        Assert.Equal(job.InputName, (await hub.Engine.FindAsync(job.Id, default))!.Job.InputName);
        Assert.Equal(["Prepare 0", "Transcribe 0", "PostProcess 0", "Publish 0"], activities.Calls);
    }

    [Fact]
    public async Task A_job_that_failed_or_was_terminated_is_not_started_again_by_a_duplicate()
    {
        var began = new Signal();
        var activities = Waiting(began, new Signal());
        await using var hub = await TestHub.StartAsync(activities);

        await hub.Engine.TryCreateAsync(TestJobs.Job(), default);
        await began.WaitAsync();
        await hub.Client.TerminateInstanceAsync(TestJobs.Job().Id);
        await hub.EndOfAsync(TestJobs.Job().Id);

        Assert.False(await hub.Engine.TryCreateAsync(TestJobs.Job(), default));
        Assert.Equal(["Prepare 0"], activities.Calls);
    }

    [Fact]
    public async Task Requests_for_the_same_recording_at_the_same_time_start_one_job()
    {
        var activities = new ScriptedActivities();
        await using var hub = await TestHub.StartAsync(activities);
        var request = new JobRequest("audio-in/talk.wav", "\"version\"", "talk.wav", new TranscriptionOptions());

        var starts = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => hub.Jobs.StartAsync(request, default))));

        Assert.Single(starts.Select(start => start.Job.Id).Distinct());
        Assert.Single(starts, start => start.Outcome == StartOutcome.Created);
        Assert.Equal(7, starts.Count(start => start.Outcome == StartOutcome.Existing));
        Assert.Equal(JobStatus.Succeeded, (await hub.EndOfAsync(starts[0].Job.Id)).Status);
        Assert.Equal(1, activities.Calls.Count(call => call == "Prepare 0"));
        Assert.Single((await hub.Engine.ListAsync(null, 10, null, default)).Jobs);
    }

    [Fact]
    public async Task Jobs_are_listed_the_newest_first_in_pages()
    {
        await using var hub = await TestHub.StartAsync(new ScriptedActivities());
        for (var number = 1; number <= 5; number++)
        {
            await hub.Engine.TryCreateAsync(TestJobs.Job(number), default);
            await hub.EndOfAsync(TestJobs.Job(number).Id);
        }

        var first = await hub.Engine.ListAsync(null, 2, null, default);
        await hub.Engine.TryCreateAsync(TestJobs.Job(6), default);
        var second = await hub.Engine.ListAsync(null, 2, first.Continuation, default);
        var third = await hub.Engine.ListAsync(null, 2, second.Continuation, default);
        var atOnce = await hub.Engine.ListAsync(null, 6, null, default);

        Assert.Equal([Id(5), Id(4)], first.Jobs.Select(job => job.Id));
        Assert.Equal([Id(3), Id(2)], second.Jobs.Select(job => job.Id));
        Assert.Equal([Id(1)], third.Jobs.Select(job => job.Id));
        Assert.NotNull(second.Continuation);
        Assert.Null(third.Continuation);
        Assert.Equal([Id(6), Id(5), Id(4), Id(3), Id(2), Id(1)], atOnce.Jobs.Select(job => job.Id));
        Assert.Null(atOnce.Continuation);
        Assert.Equal(await hub.StateOfAsync(Id(4)), first.Jobs[1]);
    }

    [Fact]
    public async Task Jobs_are_listed_by_status()
    {
        var began = new Signal();
        var activities = new ScriptedActivities();
        activities.Do[PipelineActivities.Prepare] = async (call, stop) =>
        {
            if (call.Job.Id == Id(3))
            {
                began.Give();
                await Task.Delay(Timeout.Infinite, stop);
            }

            return call.Job.Id == Id(2) ? new ActivityFailure(FailureClass.BadInput, Retryable: false, "bad") : null;
        };
        await using var hub = await TestHub.StartAsync(activities);
        foreach (var number in new[] { 1, 2, 4 })
        {
            await hub.Engine.TryCreateAsync(TestJobs.Job(number), default);
            await hub.EndOfAsync(Id(number));
        }

        await hub.Engine.TryCreateAsync(TestJobs.Job(3), default);
        await began.WaitAsync();

        // All three have Completed, as Durable Functions sees it.
        Assert.Equal([Id(4), Id(1)], await IdsAsync(JobStatus.Succeeded));
        Assert.Equal([Id(2)], await IdsAsync(JobStatus.Failed));
        Assert.Equal([Id(3)], await IdsAsync(JobStatus.Running));
        Assert.Empty(await IdsAsync(JobStatus.Cancelled));
        Assert.Empty(await IdsAsync(JobStatus.Queued));
        var page = await hub.Engine.ListAsync(JobStatus.Succeeded, 1, null, default);
        Assert.Equal([Id(1)], (await hub.Engine.ListAsync(JobStatus.Succeeded, 1, page.Continuation, default)).Jobs.Select(job => job.Id));

        async Task<IEnumerable<string>> IdsAsync(JobStatus status) =>
            (await hub.Engine.ListAsync(status, 10, null, default)).Jobs.Select(job => job.Id);
    }

    [Fact]
    public async Task What_can_not_be_read_does_not_keep_the_others_from_being_listed()
    {
        await using var hub = await TestHub.StartAsync(new ScriptedActivities());
        await hub.Engine.TryCreateAsync(TestJobs.Job(1), default);
        await hub.EndOfAsync(Id(1));
        await hub.Client.ScheduleNewOrchestrationInstanceAsync(
            FunctionNames.TranscriptionOrchestrator, "of another version", new StartOrchestrationOptions(Id(2)));
        await hub.Client.WaitForInstanceCompletionAsync(Id(2));

        var listed = await hub.Engine.ListAsync(null, 10, null, default);

        Assert.Equal([Id(1)], listed.Jobs.Select(job => job.Id));
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("1-2-3")]
    [InlineData("-1")]
    [InlineData("999999999999999999999-1")]
    [InlineData("9223372036854775807-1")]
    [InlineData("+5-1")]
    [InlineData("0-x")]
    [InlineData("630822815999999999-x")]
    [InlineData("3155378975999999999-x")]
    public async Task What_is_no_continuation_is_refused(string continuation)
    {
        await using var nobody = TestHub.CreateClientOfNoHub();
        var engine = new DurableJobEngine { Client = nobody.GetRequiredService<DurableTaskClient>() };

        await Assert.ThrowsAsync<FormatException>(() => engine.ListAsync(null, 10, continuation, default));
    }

    [Fact]
    public async Task Only_a_job_that_has_ended_is_deleted()
    {
        var began = new Signal();
        var goOn = new Signal();
        await using var hub = await TestHub.StartAsync(Waiting(began, goOn));

        await hub.Engine.TryCreateAsync(TestJobs.Job(), default);
        await began.WaitAsync();
        await hub.Engine.DeleteAsync(Id(1), default);
        await hub.Engine.DeleteAsync(Id(2), default);
        var running = await hub.Engine.FindAsync(Id(1), default);
        goOn.Give();
        await hub.EndOfAsync(Id(1));
        await hub.Engine.DeleteAsync(Id(1), default);

        Assert.NotNull(running);
        Assert.Null(await hub.Engine.FindAsync(Id(1), default));
        Assert.True(await hub.Engine.TryCreateAsync(TestJobs.Job(), default));
    }

    [Fact]
    public async Task What_is_kept_of_a_job_is_purged_with_its_record()
    {
        await using var hub = await TestHub.StartAsync(new ScriptedActivities());
        await hub.Engine.TryCreateAsync(TestJobs.Job(), default);
        await hub.EndOfAsync(Id(1));
        await hub.Store.CommitTextAsync(ArtifactNames.Output(Id(1), "final.json"), "{}", default);

        Assert.Equal(JobStatus.Succeeded, (await hub.Jobs.PurgeAsync(Id(1), input: false, default))!.Status);

        Assert.False(await hub.Store.ExistsAsync(ArtifactNames.Output(Id(1), "final.json"), default));
        Assert.Empty(await hub.Store.ListAsync(ArtifactNames.Work(Id(1)), default).ToListAsync());
        Assert.Null(await hub.Jobs.FindAsync(Id(1), default));
        Assert.Null(await hub.Jobs.PurgeAsync(Id(1), input: false, default));
    }

    [Fact]
    public async Task A_cancellation_of_a_job_that_is_not_there_or_has_ended_does_nothing()
    {
        await using var hub = await TestHub.StartAsync(new ScriptedActivities());
        await hub.Engine.TryCreateAsync(TestJobs.Job(1), default);
        var ended = await hub.EndOfAsync(Id(1));

        await hub.Engine.RaiseCancelAsync(Id(1), default);
        await hub.Engine.RaiseCancelAsync(Id(2), default);
        await hub.Engine.TryCreateAsync(TestJobs.Job(2), default);

        Assert.Equal(ended, await hub.StateOfAsync(Id(1)));
        Assert.Equal(JobStatus.Succeeded, (await hub.EndOfAsync(Id(2))).Status);
    }

    [Fact]
    public async Task An_instance_of_another_orchestrator_is_no_job()
    {
        const string Other = "Other";
        await using var hub = await TestHub.StartAsync(
            new ScriptedActivities(), more: tasks => tasks.AddOrchestratorFunc<TranscriptionJob, string>(Other, (_, job) => job.Id));

        await hub.Client.ScheduleNewOrchestrationInstanceAsync(Other, TestJobs.Job(), new StartOrchestrationOptions(Id(1)));
        await hub.Client.WaitForInstanceCompletionAsync(Id(1));

        Assert.Null(await hub.Engine.FindAsync(Id(1), default));
        Assert.Null(await hub.Engine.FindAsync(Id(2), default));
        Assert.Empty((await hub.Engine.ListAsync(null, 10, null, default)).Jobs);
    }

    [Fact]
    public async Task A_task_hub_that_does_not_answer_is_an_io_error_as_any_storage_is()
    {
        await using var nobody = TestHub.CreateClientOfNoHub();
        var engine = new DurableJobEngine { Client = nobody.GetRequiredService<DurableTaskClient>() };

        foreach (var call in Calls(engine, default))
        {
            Assert.Contains("task hub", (await Assert.ThrowsAsync<IOException>(call)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_caller_who_goes_away_is_no_io_error()
    {
        await using var nobody = TestHub.CreateClientOfNoHub();
        var engine = new DurableJobEngine { Client = nobody.GetRequiredService<DurableTaskClient>() };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => engine.FindAsync(Id(1), new CancellationToken(canceled: true)));
    }

    [Theory]
    [MemberData(nameof(Cancellations))]
    public async Task A_cancellation_that_is_not_the_callers_is_a_task_hub_that_does_not_answer(Exception cancellation)
    {
        using var caller = new CancellationTokenSource();
        var engine = new DurableJobEngine { Client = new StubClient { Outage = cancellation } };

        foreach (var call in Calls(engine, caller.Token))
        {
            var error = await Assert.ThrowsAsync<IOException>(call);
            Assert.StartsWith("The task hub doesn't answer", error.Message, StringComparison.Ordinal);
            Assert.Same(cancellation, error.InnerException);
        }
    }

    [Theory]
    [MemberData(nameof(Cancellations))]
    public async Task A_cancellation_of_the_callers_stays_one(Exception cancellation)
    {
        var engine = new DurableJobEngine { Client = new StubClient { Outage = cancellation } };

        foreach (var call in Calls(engine, new CancellationToken(canceled: true)))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(call);
        }
    }

    [Fact]
    public async Task An_outage_stays_one_when_the_caller_goes_away()
    {
        var engine = new DurableJobEngine { Client = new StubClient { Outage = Rpc(StatusCode.Unavailable) } };

        await Assert.ThrowsAsync<IOException>(() => engine.FindAsync(Id(1), new CancellationToken(canceled: true)));
    }

    [Theory]
    [InlineData(StatusCode.FailedPrecondition)]
    [InlineData(StatusCode.NotFound)]
    public async Task A_job_that_ends_while_it_is_cancelled_is_not_cancelled(StatusCode status)
    {
        var client = new StubClient(Running()) { Refusal = Rpc(status) };

        await new DurableJobEngine { Client = client }.RaiseCancelAsync(Id(1), default);

        Assert.Single(client.Changes);
    }

    [Theory]
    [InlineData(StatusCode.FailedPrecondition)]
    [InlineData(StatusCode.NotFound)]
    public async Task A_job_whose_instance_ends_while_it_is_deleted_is_deleted(StatusCode status)
    {
        var client = new StubClient(Running(new DurableEnd(JobStatus.Cancelled, null, DateTimeOffset.UnixEpoch))) { Refusal = Rpc(status) };

        await new DurableJobEngine { Client = client }.DeleteAsync(Id(1), default);

        Assert.Equal(["terminate", "purge"], client.Changes);
    }

    [Fact]
    public async Task Another_refusal_to_end_a_job_is_an_io_error()
    {
        var client = new StubClient(Running(new DurableEnd(JobStatus.Cancelled, null, DateTimeOffset.UnixEpoch))) { Refusal = Rpc(StatusCode.Internal) };
        var engine = new DurableJobEngine { Client = client };

        await Assert.ThrowsAsync<IOException>(() => engine.RaiseCancelAsync(Id(1), default));
        await Assert.ThrowsAsync<IOException>(() => engine.DeleteAsync(Id(1), default));
        Assert.DoesNotContain("purge", client.Changes);
    }

    [Fact]
    public async Task Without_a_client_nothing_can_be_asked()
    {
        await Assert.ThrowsAsync<InvalidOperationException>(() => new DurableJobEngine().FindAsync(Id(1), default));
    }

    public static TheoryData<Exception> Cancellations { get; } = new(new OperationCanceledException(), Rpc(StatusCode.Cancelled));

    private static string Id(int number) => TestJobs.Job(number).Id;

    private static RpcException Rpc(StatusCode status) => new(new Status(status, "said the host"));

    private static Func<Task>[] Calls(DurableJobEngine engine, CancellationToken caller) =>
    [
        () => engine.TryCreateAsync(TestJobs.Job(), caller),
        () => engine.FindAsync(Id(1), caller),
        () => engine.ListAsync(null, 10, null, caller),
        () => engine.RaiseCancelAsync(Id(1), caller),
        () => engine.DeleteAsync(Id(1), caller),
    ];

    /// <summary>An instance that hasn't completed, whose job may have ended.</summary>
    private static OrchestrationMetadata Running(DurableEnd? end = null) => new(FunctionNames.TranscriptionOrchestrator, Id(1))
    {
        RuntimeStatus = OrchestrationRuntimeStatus.Running,
        DataConverter = TestHub.Converter,
        SerializedInput = TestHub.Converter.Serialize(TestJobs.Job()),
        SerializedCustomStatus = TestHub.Converter.Serialize(new DurableStatus(null, DateTimeOffset.UnixEpoch, end)),
    };

    /// <summary>Activities of which Prepare waits.</summary>
    private static ScriptedActivities Waiting(Signal began, Signal goOn)
    {
        var activities = new ScriptedActivities();
        activities.Do[PipelineActivities.Prepare] = async (_, stop) =>
        {
            began.Give();
            await goOn.WaitAsync().WaitAsync(stop);
            return null;
        };
        return activities;
    }
}
