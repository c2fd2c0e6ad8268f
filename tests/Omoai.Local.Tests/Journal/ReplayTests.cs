using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;

namespace Omoai.Local.Tests.Journal;

public sealed class ReplayTests : EngineFixture
{
    private static readonly string[] Stages =
        ["Prepare 0", "Transcribe 0", "Transcribe 1", "Transcribe 2", "PostProcess 0", "Publish 0"];

    [Fact]
    public async Task A_job_runs_to_its_end_and_its_state_says_so()
    {
        var engine = await StartEngineAsync();

        Assert.True(await engine.TryCreateAsync(Job("a"), default));
        var state = await EndAsync(engine, "a");

        Assert.Equal(JobStatus.Succeeded, state.Status);
        Assert.Equal(("Publish", 1.0), (state.Stage, state.Progress));
        Assert.Null(state.Error);
        Assert.Equal(Stages, Ended.Order(StringComparer.Ordinal).OrderBy(name => Array.IndexOf(Stages, name)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("https://receiver.example/")]
    public async Task After_a_crash_behind_any_entry_of_the_history_the_job_goes_on_and_repeats_nothing_that_had_ended(string? webhook)
    {
        string[] stages = webhook is null ? Stages : [.. Stages, "Notify 0"];

        // One part at a time, so that the whole history is known.
        var first = await StartEngineAsync();
        await first.TryCreateAsync(Job("a", parallel: 1, webhook), default);
        await EndAsync(first, "a");
        await first.StopAsync(default);
        var entries = (int)Count("SELECT COUNT(*) FROM entries");
        Assert.Equal(stages, Ended);
        Edit("CREATE TABLE saved AS SELECT * FROM entries");

        // A turn is written as a whole: only the points before an event from outside can be met with.
        var events = 0;
        for (var kept = 0; kept < entries; kept++)
        {
            if (Count($"SELECT COUNT(*) FROM saved WHERE number = {kept} AND kind IN (1, 4, 6)") == 0)
            {
                continue;
            }

            events++;
            Edit($"""
                DELETE FROM entries; INSERT INTO entries SELECT * FROM saved WHERE number < {kept};
                UPDATE instances SET status = 'running', ended_at = NULL, error = NULL, progress = 0, stage = NULL;
                """);
            var ended = (int)Count("SELECT COUNT(*) FROM entries WHERE kind = 4");
            var before = Ended.Count;

            var next = await StartEngineAsync();
            var state = await EndAsync(next, "a");
            await next.StopAsync(default);

            Assert.Equal(JobStatus.Succeeded, state.Status);
            Assert.Equal(stages[ended..], Ended.Skip(before));
            Assert.Equal(entries, Count("SELECT COUNT(*) FROM entries"));
        }

        Assert.Equal(1 + stages.Length, events);
    }

    [Fact]
    public async Task A_stopped_engine_leaves_the_running_activity_to_the_next_one()
    {
        var begun = HoldIn(PipelineActivities.PostProcess);
        var first = await StartEngineAsync();
        await first.TryCreateAsync(Job("a"), default);
        await begun;
        await first.StopAsync(default);
        Body = (activity, call, _) => Task.FromResult(Answer(activity, call));

        var second = await StartEngineAsync();
        var state = await EndAsync(second, "a");

        Assert.Equal(JobStatus.Succeeded, state.Status);
        Assert.Equal(Stages.Length, Ended.Count);
    }

    [Fact]
    public async Task What_ends_within_the_grace_of_a_stop_is_kept_and_nothing_new_starts()
    {
        var begun = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        Options.DrainGrace = TimeSpan.FromMinutes(1);
        Body = async (activity, call, _) =>
        {
            begun.TrySetResult();
            await release.Task;
            return Answer(activity, call);
        };
        var first = await StartEngineAsync();
        await first.TryCreateAsync(Job("a"), default);
        await begun.Task;
        var stopping = first.StopAsync(default);
        release.SetResult();
        await stopping;

        Assert.Equal(["Prepare 0"], Ended);
        Assert.Equal(1, Count("SELECT COUNT(*) FROM entries WHERE kind = 4"));

        var second = await StartEngineAsync();
        await EndAsync(second, "a");
        Assert.Equal(1, Ended.Count(name => name == "Prepare 0"));
    }

    [Fact]
    public async Task Code_that_makes_another_call_than_the_journal_has_fails_the_job_and_says_which()
    {
        var begun = HoldIn(PipelineActivities.Prepare);
        var first = await StartEngineAsync();
        await first.TryCreateAsync(Job("a"), default);
        await begun;
        await first.StopAsync(default);

        Body = (activity, call, _) => Task.FromResult(Answer(activity, call));
        Orchestrator = async (orchestration, job) =>
        {
            await orchestration.CallActivityAsync<PublishFacts>(
                PipelineActivities.Publish, new ActivityCall(job, orchestration.UtcNow));
            return new JobResult(JobStatus.Succeeded, null, null);
        };
        var second = await StartEngineAsync();
        var state = await EndAsync(second, "a");

        Assert.Equal(JobStatus.Failed, state.Status);
        Assert.Equal(FailureClass.Internal, state.Error!.Class);
        Assert.Contains("Publish, part 0", state.Error.Reason, StringComparison.Ordinal);
        Assert.Contains("Prepare, part 0", state.Error.Reason, StringComparison.Ordinal);
        Assert.Equal(["RecordFailure 0"], Ended);
    }

    [Fact]
    public async Task An_orchestrator_that_waits_for_something_else_fails_its_job()
    {
        Orchestrator = async (_, _) =>
        {
            await new TaskCompletionSource().Task;
            return new JobResult(JobStatus.Succeeded, null, null);
        };
        var engine = await StartEngineAsync();
        await engine.TryCreateAsync(Job("a"), default);

        var state = await EndAsync(engine, "a");

        Assert.Contains("isn't in the journal", state.Error!.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_delay_goes_on_where_it_was_when_the_engine_stopped()
    {
        await StopInARetryDelayAsync();

        Time.Advance(TimeSpan.FromSeconds(7));
        var second = await StartEngineAsync();
        await EventuallyAsync(() => Time.TimersIn(TimeSpan.FromSeconds(3)) == 1);
        Assert.Equal(JobStatus.Running, (await StateAsync(second, "a")).Status);
        Time.Advance(TimeSpan.FromSeconds(3));

        Assert.Equal(JobStatus.Succeeded, (await EndAsync(second, "a")).Status);
    }

    [Fact]
    public async Task A_delay_that_was_over_while_no_engine_ran_ends_at_once()
    {
        await StopInARetryDelayAsync();

        Time.Advance(TimeSpan.FromDays(1));
        var second = await StartEngineAsync();

        Assert.Equal(JobStatus.Succeeded, (await EndAsync(second, "a")).Status);
    }

    /// <summary>A job whose first attempt failed, stopped with 10 s to go until the second.</summary>
    private async Task StopInARetryDelayAsync()
    {
        var failures = 1;
        Body = (activity, call, _) => Task.FromResult(
            activity == PipelineActivities.Prepare && Interlocked.Decrement(ref failures) >= 0
                ? Failure(FailureClass.Crashed) : Answer(activity, call));
        var first = await StartEngineAsync();
        await first.TryCreateAsync(Job("a"), default);
        await EventuallyAsync(() => Time.TimersIn(TimeSpan.FromSeconds(10)) == 1);
        await first.StopAsync(default);
    }
}
