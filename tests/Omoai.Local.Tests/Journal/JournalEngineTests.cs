using Omoai.Isolation;
using Omoai.Local.Journal;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Artifacts;

namespace Omoai.Local.Tests.Journal;

public sealed class JournalEngineTests : EngineFixture
{
    [Fact]
    public async Task The_same_id_is_the_same_job()
    {
        var engine = await StartEngineAsync();

        Assert.True(await engine.TryCreateAsync(Job("a"), default));
        Assert.False(await engine.TryCreateAsync(Job("a"), default));
        await EndAsync(engine, "a");

        Assert.False(await engine.TryCreateAsync(Job("a"), default));
        Assert.Equal(6, Ended.Count);
    }

    [Fact]
    public async Task Five_hundred_jobs_at_once_all_end_and_no_limit_is_passed()
    {
        Options.MaxActivities = 3;
        Options.MaxTranscribe = 2;
        Options.MaxJobs = 8;
        var gate = new Lock();
        var now = new Dictionary<string, int>();
        var jobs = new HashSet<string>();
        var begun = new HashSet<string>();
        var (mostTranscribe, mostHosts, mostJobs) = (0, 0, 0);
        Body = async (activity, call, _) =>
        {
            lock (gate)
            {
                now[activity] = now.GetValueOrDefault(activity) + 1;
                jobs.Add(call.Job.Id);
                begun.Add(call.Job.Id);
                mostTranscribe = Math.Max(mostTranscribe, now.GetValueOrDefault(PipelineActivities.Transcribe));
                mostHosts = Math.Max(mostHosts, now.Where(kind => kind.Key != PipelineActivities.Publish).Sum(kind => kind.Value));
                mostJobs = Math.Max(mostJobs, jobs.Count);
            }

            await Task.Yield();
            lock (gate)
            {
                now[activity]--;
                if (activity == PipelineActivities.Publish)
                {
                    jobs.Remove(call.Job.Id);
                }
            }

            return Answer(activity, call);
        };
        var engine = await StartEngineAsync();

        var created = await Task.WhenAll(
            Enumerable.Range(0, 500).Select(i => Task.Run(() => engine.TryCreateAsync(Job($"{i:D3}"), default))));
        Assert.All(created, Assert.True);
        await EventuallyAsync(async () => await NoneAsync(JobStatus.Queued) && await NoneAsync(JobStatus.Running));

        Assert.Equal(500, (await engine.ListAsync(JobStatus.Succeeded, 1000, null, default)).Jobs.Count);
        Assert.Equal(500, begun.Count);
        Assert.Equal(500 * 6, Ended.Count);
        Assert.InRange(mostTranscribe, 1, 2);
        Assert.InRange(mostHosts, 1, 3);
        Assert.InRange(mostJobs, 1, 8);

        async Task<bool> NoneAsync(JobStatus status) => (await engine.ListAsync(status, 1, null, default)).Jobs.Count == 0;
    }

    [Fact]
    public async Task Slow_webhooks_keep_nothing_waiting_but_other_webhooks()
    {
        Options.MaxActivities = Options.MaxPrepare = Options.MaxTranscribe = Options.MaxPostProcess = Options.MaxPublish = 1;
        Options.MaxNotify = 2;
        var release = new TaskCompletionSource();
        var (now, most) = (0, 0);
        Body = async (activity, call, _) =>
        {
            if (activity == PipelineActivities.Notify)
            {
                most = Math.Max(most, Interlocked.Increment(ref now));
                await release.Task;
                Interlocked.Decrement(ref now);
            }

            return Answer(activity, call);
        };
        var engine = await StartEngineAsync();
        for (var i = 0; i < 5; i++)
        {
            await engine.TryCreateAsync(Job($"told {i}", webhook: "https://receiver.example/"), default);
        }

        await EventuallyAsync(() => Volatile.Read(ref now) == 2 && Ended.Count(name => name == "Publish 0") == 5);
        await engine.TryCreateAsync(Job("other"), default);

        Assert.Equal(JobStatus.Succeeded, (await EndAsync(engine, "other")).Status);
        var slow = await StateAsync(engine, "told 0");
        Assert.Equal((JobStatus.Running, PipelineActivities.Notify, 1.0), (slow.Status, slow.Stage, slow.Progress));
        release.SetResult();
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(JobStatus.Succeeded, (await EndAsync(engine, $"told {i}")).Status);
        }

        Assert.Equal(2, most);
    }

    [Fact]
    public async Task A_cancellation_does_not_stop_a_webhook_that_is_under_way()
    {
        var begun = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        Body = async (activity, call, stop) =>
        {
            if (activity == PipelineActivities.Notify)
            {
                begun.TrySetResult();
                await release.Task.WaitAsync(stop);
            }

            return Answer(activity, call);
        };
        var engine = await StartEngineAsync();
        await engine.TryCreateAsync(Job("a", webhook: "https://receiver.example/"), default);
        await begun.Task;

        await engine.RaiseCancelAsync("a", default);
        await EventuallyAsync(() => Count("SELECT COUNT(*) FROM entries WHERE kind = 2") == 1);
        release.SetResult();

        Assert.Equal(JobStatus.Succeeded, (await EndAsync(engine, "a")).Status);
        Assert.Equal(1, Ended.Count(name => name == "Notify 0"));
    }

    [Fact]
    public async Task A_job_with_a_webhook_that_is_cancelled_before_it_began_still_tells_it()
    {
        Options.MaxJobs = 1;
        var begun = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        JobResult? told = null;
        Body = async (activity, call, _) =>
        {
            if (call.Job.Id == "first")
            {
                begun.TrySetResult();
                await release.Task;
            }

            told = call.Outcome ?? told;
            return Answer(activity, call);
        };
        var engine = await StartEngineAsync();
        await engine.TryCreateAsync(Job("first"), default);
        await begun.Task;
        await engine.TryCreateAsync(Job("told", webhook: "https://receiver.example/"), default);
        await engine.TryCreateAsync(Job("other"), default);

        await engine.RaiseCancelAsync("told", default);
        await engine.RaiseCancelAsync("other", default);

        Assert.Equal(JobStatus.Cancelled, (await StateAsync(engine, "other")).Status);
        Assert.Equal(JobStatus.Queued, (await StateAsync(engine, "told")).Status);
        release.SetResult();
        Assert.Equal(JobStatus.Cancelled, (await EndAsync(engine, "told")).Status);
        Assert.Equal(JobStatus.Cancelled, told!.Status);
    }

    [Fact]
    public async Task Publish_does_not_wait_behind_a_long_transcribe()
    {
        Options.MaxActivities = 1;
        var transcribing = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        Body = async (activity, call, _) =>
        {
            if (activity == PipelineActivities.Transcribe)
            {
                transcribing.TrySetResult();
                await release.Task;
            }

            return Answer(activity, call);
        };
        var engine = await StartEngineAsync();
        await engine.TryCreateAsync(Job("long"), default);
        await transcribing.Task;
        Orchestrator = async (orchestration, job) =>
        {
            await orchestration.CallActivityAsync<PublishFacts>(
                PipelineActivities.Publish, new ActivityCall(job, orchestration.UtcNow));
            return new JobResult(JobStatus.Succeeded, null, null);
        };

        await engine.TryCreateAsync(Job("short"), default);

        Assert.Equal(JobStatus.Succeeded, (await EndAsync(engine, "short")).Status);
        Assert.Equal(JobStatus.Running, (await StateAsync(engine, "long")).Status);
        release.SetResult();
        await EndAsync(engine, "long");
    }

    [Fact]
    public async Task Cancel_stops_the_running_activity_and_what_waits_for_a_slot()
    {
        Options.MaxTranscribe = 1;
        var begun = HoldIn(PipelineActivities.Transcribe);
        var engine = await StartEngineAsync();
        await engine.TryCreateAsync(Job("a"), default);
        await begun;

        await engine.RaiseCancelAsync("a", default);
        var state = await EndAsync(engine, "a");

        Assert.Equal(JobStatus.Cancelled, state.Status);
        Assert.Equal(FailureClass.Cancelled, state.Error!.Class);
        Assert.Equal(["Prepare 0", "RecordFailure 0"], Ended);
    }

    [Fact]
    public async Task Cancel_ends_a_delay_between_attempts()
    {
        Body = (activity, call, _) => Task.FromResult(
            activity == PipelineActivities.Prepare ? Failure(FailureClass.Crashed) : Answer(activity, call));
        var engine = await StartEngineAsync();
        await engine.TryCreateAsync(Job("a"), default);
        await EventuallyAsync(() => Time.TimersIn(TimeSpan.FromSeconds(10)) == 1);

        await engine.RaiseCancelAsync("a", default);

        Assert.Equal(JobStatus.Cancelled, (await EndAsync(engine, "a")).Status);
        Assert.Equal(0, Time.TimersIn(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task A_job_that_waits_for_its_turn_is_cancelled_at_once_and_never_begins()
    {
        Options.MaxJobs = 1;
        var begun = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        Body = async (activity, call, _) =>
        {
            begun.TrySetResult();
            await release.Task;
            return Answer(activity, call);
        };
        var engine = await StartEngineAsync();
        await engine.TryCreateAsync(Job("first"), default);
        await begun.Task;
        await engine.TryCreateAsync(Job("second"), default);

        await engine.RaiseCancelAsync("second", default);

        var state = await StateAsync(engine, "second");
        Assert.Equal(JobStatus.Cancelled, state.Status);
        Assert.Null(state.StartedAt);
        release.SetResult();
        await EndAsync(engine, "first");
        Assert.Equal(6, Ended.Count);
    }

    [Fact]
    public async Task A_cancellation_that_the_job_had_not_taken_when_the_engine_died_is_taken_by_the_next()
    {
        var begun = HoldIn(PipelineActivities.Prepare);
        var first = await StartEngineAsync();
        await first.TryCreateAsync(Job("a"), default);
        await begun;
        await first.StopAsync(default);
        Edit("UPDATE instances SET cancel = 1");
        _ = HoldIn(PipelineActivities.Prepare);

        var second = await StartEngineAsync();

        Assert.Equal(JobStatus.Cancelled, (await EndAsync(second, "a")).Status);
    }

    [Fact]
    public async Task An_activity_that_throws_is_an_attempt_and_not_the_end_of_the_engine()
    {
        var failures = 1;
        Body = (activity, call, _) => activity == PipelineActivities.PostProcess && Interlocked.Decrement(ref failures) >= 0
            ? throw new InvalidOperationException("a bug") : Task.FromResult(Answer(activity, call));
        var engine = await StartEngineAsync();
        await engine.TryCreateAsync(Job("a"), default);
        await EventuallyAsync(() => Time.TimersIn(TimeSpan.FromSeconds(10)) == 1);
        Time.Advance(TimeSpan.FromSeconds(10));

        Assert.Equal(JobStatus.Succeeded, (await EndAsync(engine, "a")).Status);
    }

    [Fact]
    public async Task Jobs_are_listed_the_newest_first_page_by_page_and_by_status()
    {
        var engine = await StartEngineAsync();
        foreach (var id in new[] { "a", "b", "c", "d", "e" })
        {
            await engine.TryCreateAsync(Job(id), default);
            await EndAsync(engine, id);
        }

        var first = await engine.ListAsync(null, 2, null, default);
        var second = await engine.ListAsync(null, 2, first.Continuation, default);
        var third = await engine.ListAsync(null, 2, second.Continuation, default);

        Assert.Equal(["e", "d"], first.Jobs.Select(job => job.Id));
        Assert.Equal(["c", "b"], second.Jobs.Select(job => job.Id));
        Assert.Equal(["a"], third.Jobs.Select(job => job.Id));
        Assert.Null(third.Continuation);
        Assert.Empty((await engine.ListAsync(JobStatus.Failed, 10, null, default)).Jobs);
        Assert.Equal(5, (await engine.ListAsync(JobStatus.Succeeded, 5, null, default)).Jobs.Count);
        await Assert.ThrowsAsync<FormatException>(() => Task.Run(() => engine.ListAsync(null, 2, "x'", default)));
    }

    [Fact]
    public async Task Old_ended_jobs_are_forgotten_with_their_work_and_younger_ones_are_not()
    {
        var engine = await StartEngineAsync();
        await engine.TryCreateAsync(Job("old"), default);
        await EndAsync(engine, "old");
        await CommitAsync(ArtifactNames.CancelMarker("old"));
        await CommitAsync(ArtifactNames.Output("old", "final.json"));
        Time.Advance(Options.KeepEnded);
        await engine.TryCreateAsync(Job("young"), default);
        await EndAsync(engine, "young");
        Time.Advance(TimeSpan.FromSeconds(1));

        await engine.PurgeAsync(default);

        Assert.Null(await engine.FindAsync("old", default));
        Assert.NotNull(await engine.FindAsync("young", default));
        Assert.Null(await Store.OpenReadAsync(ArtifactNames.CancelMarker("old"), default));
        await using var output = await Store.OpenReadAsync(ArtifactNames.Output("old", "final.json"), default);
        Assert.NotNull(output);
        await engine.StopAsync(default);
        Assert.Equal(0, Count("SELECT COUNT(*) FROM entries WHERE instance NOT IN (SELECT seq FROM instances)"));
    }

    [Fact]
    public async Task Only_ended_jobs_can_be_deleted()
    {
        _ = HoldIn(PipelineActivities.Prepare);
        var engine = await StartEngineAsync();
        await engine.TryCreateAsync(Job("a"), default);

        await engine.DeleteAsync("a", default);

        Assert.NotNull(await engine.FindAsync("a", default));
    }

    [Fact]
    public async Task A_journal_that_is_in_use_is_refused_until_it_is_free()
    {
        var first = await StartEngineAsync();
        var second = CreateEngine();

        var refused = await Assert.ThrowsAsync<JournalException>(() => Task.Run(() => second.StartAsync(default)));
        Assert.Contains("in use by another process", refused.Message, StringComparison.Ordinal);

        await first.StopAsync(default);
        await second.StartAsync(default);
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_refused_and_left_as_it_is()
    {
        await File.WriteAllTextAsync(Options.File, new string('x', 5000));

        var refused = await Assert.ThrowsAsync<JournalException>(() => Task.Run(() => CreateEngine().StartAsync(default)));

        Assert.Contains("can't be read", refused.Message, StringComparison.Ordinal);
        Assert.Equal(5000, new FileInfo(Options.File).Length);
    }

    [Fact]
    public async Task A_journal_of_a_newer_version_is_refused()
    {
        await (await StartEngineAsync()).StopAsync(default);
        Edit("PRAGMA user_version = 2");

        var refused = await Assert.ThrowsAsync<JournalException>(() => Task.Run(() => CreateEngine().StartAsync(default)));

        Assert.Contains("newer omoai (schema 2", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_of_somebody_else_is_refused()
    {
        Edit("CREATE TABLE theirs (a)");

        var refused = await Assert.ThrowsAsync<JournalException>(() => Task.Run(() => CreateEngine().StartAsync(default)));

        Assert.Contains("not a journal", refused.Message, StringComparison.Ordinal);
    }

    private async Task CommitAsync(string artifact)
    {
        var file = Path.Combine(Path.GetDirectoryName(Options.File)!, "some.txt");
        await File.WriteAllTextAsync(file, "some");
        Assert.True(await Store.CommitAsync(artifact, file, default));
    }
}
