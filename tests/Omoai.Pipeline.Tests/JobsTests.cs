using System.Diagnostics;
using Microsoft.Extensions.Options;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Jobs;
using Omoai.Pipeline.Models;
using Omoai.Pipeline.Webhooks;
using Omoai.Storage;
using Omoai.Tests;
using Omoai.Tests.Jobs;

namespace Omoai.Pipeline.Tests;

public sealed class JobsTests : IDisposable
{
    private static readonly JobRequest Request = new("audio-in/a.wav", "\"0x1\"", "a.wav", new TranscriptionOptions());

    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;
    private readonly FakeEngine _engine = new();
    private readonly DirectoryArtifactStore _store;
    private readonly IJobs _jobs;

    public JobsTests()
    {
        _store = new DirectoryArtifactStore(Path.Combine(_folder, "store"));
        _jobs = new Jobs.Jobs(
            _engine, _store, JobSettingsExamples.ShippedModels, Options.Create(new PipelineOptions()),
            Options.Create(new LlmOptions()), Options.Create(new WebhookOptions { MaxAttempts = 9 }), TimeProvider.System);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_job_keeps_the_webhook_attempts_that_were_configured_when_it_started()
    {
        var started = await _jobs.StartAsync(Request, default);

        Assert.Equal(9, (await _engine.FindAsync(started.Job.Id, default))!.Job.Settings.MaxWebhookAttempts);
    }

    [Fact]
    public async Task The_same_version_with_the_same_options_is_the_same_job()
    {
        var first = await _jobs.StartAsync(Request, default);
        var again = await _jobs.StartAsync(Request with { Version = "0x1", Options = new TranscriptionOptions { Formats = null } }, default);

        Assert.Equal(StartOutcome.Created, first.Outcome);
        Assert.Equal(JobId.Create("audio-in", "a.wav", "0x1", 1), first.Job.Id);
        Assert.Equal(new JobStart(StartOutcome.Existing, first.Job), again);
        Assert.Single(_engine.Jobs);
    }

    [Fact]
    public async Task Options_are_compared_by_what_they_say()
    {
        await _jobs.StartAsync(Request with { Options = new TranscriptionOptions { Formats = ["txt", "srt"] } }, default);

        var again = await _jobs.StartAsync(Request with { Options = new TranscriptionOptions { Formats = ["txt", "srt"] } }, default);

        Assert.Equal(StartOutcome.Existing, again.Outcome);
    }

    [Fact]
    public async Task Other_options_on_the_same_version_are_a_conflict_unless_a_rerun_is_asked_for()
    {
        var first = await _jobs.StartAsync(Request, default);
        var other = Request with { Options = new TranscriptionOptions { MaxKeyPoints = 3 } };

        var conflict = await _jobs.StartAsync(other, default);
        var rerun = await _jobs.StartAsync(other with { Rerun = true }, default);
        var again = await _jobs.StartAsync(other, default);

        Assert.Equal(new JobStart(StartOutcome.Conflict, first.Job), conflict);
        Assert.Equal(StartOutcome.Created, rerun.Outcome);
        Assert.Equal(JobId.Create("audio-in", "a.wav", "0x1", 2), rerun.Job.Id);
        Assert.Equal(StartOutcome.Existing, again.Outcome);
        Assert.Equal(rerun.Job.Id, again.Job.Id);
    }

    [Fact]
    public async Task Another_version_is_another_job()
    {
        var first = await _jobs.StartAsync(Request, default);

        var second = await _jobs.StartAsync(Request with { Version = "0x2" }, default);

        Assert.Equal(StartOutcome.Created, second.Outcome);
        Assert.NotEqual(first.Job.Id, second.Job.Id);
    }

    [Fact]
    public async Task Whoever_is_beaten_to_a_new_job_gets_that_of_the_other()
    {
        _engine.BeforeCreate = job => _engine.Jobs.TryAdd(job.Id, FakeEngine.Record(job));

        var start = await _jobs.StartAsync(Request, default);

        Assert.Equal(StartOutcome.Existing, start.Outcome);
        Assert.Single(_engine.Jobs);
    }

    [Fact]
    public async Task A_rerun_takes_the_next_free_run_number_and_the_options_it_is_given()
    {
        var first = await _jobs.StartAsync(Request, default);

        var second = await _jobs.RerunAsync(first.Job.Id, null, default);
        var third = await _jobs.RerunAsync(first.Job.Id, new TranscriptionOptions { MaxKeyPoints = 3 }, default);

        Assert.Equal(JobId.Create("audio-in", "a.wav", "0x1", 2), second!.Id);
        Assert.Equal(JobId.Create("audio-in", "a.wav", "0x1", 3), third!.Id);
        Assert.Equal(7, _engine.Jobs[second.Id].Job.Options.MaxKeyPoints);
        Assert.Equal(3, _engine.Jobs[third.Id].Job.Options.MaxKeyPoints);
        Assert.Null(await _jobs.RerunAsync("nobody", null, default));
    }

    [Fact]
    public async Task A_new_job_carries_the_trace_of_whoever_asked_for_it_and_is_counted()
    {
        using var trace = new TestTrace();

        var id = (await _jobs.StartAsync(Request, default)).Job.Id;
        await _jobs.StartAsync(Request, default);
        var rerun = (await _jobs.RerunAsync(id, null, default))!.Id;

        Assert.Equal([id, rerun], trace.Spans.Select(span => span.GetTagItem("omoai.job.id")));
        Assert.Equal(trace.Spans.Select(span => span.Id), new[] { id, rerun }.Select(job => _engine.Jobs[job].Job.TraceParent));
        Assert.All(trace.Spans, span => Assert.Equal((trace.RootSpan, ActivityKind.Producer), (span.ParentSpanId, span.Kind)));
        Assert.Equal([("omoai.jobs.accepted{}", 1), ("omoai.jobs.accepted{}", 1)], trace.Measurements);
    }

    [Fact]
    public async Task A_job_of_which_nobody_keeps_a_trace_has_none()
    {
        TestTrace.Leave();

        var id = (await _jobs.StartAsync(Request, default)).Job.Id;

        Assert.Null(_engine.Jobs[id].Job.TraceParent);
    }

    [Fact]
    public async Task A_rerun_of_a_job_about_any_version_is_about_any_version_too()
    {
        var first = _engine.Jobs[(await _jobs.StartAsync(Request, default)).Job.Id].Job with { Id = "local", InputVersion = null };
        _engine.Jobs["local"] = FakeEngine.Record(first);

        var second = await _jobs.RerunAsync("local", null, default);

        Assert.Equal(JobId.Create("audio-in", "a.wav", "", 2), second!.Id);
        Assert.Null(_engine.Jobs[second.Id].Job.InputVersion);
    }

    [Fact]
    public async Task Cancel_raises_the_event_and_sets_the_marker_also_twice()
    {
        var id = (await _jobs.StartAsync(Request, default)).Job.Id;

        await _jobs.CancelAsync(id, default);
        await _jobs.CancelAsync(id, default);

        Assert.Equal([id, id], _engine.Cancelled);
        await using var marker = await _store.OpenReadAsync(ArtifactNames.CancelMarker(id), default);
        Assert.NotNull(marker);
    }

    [Fact]
    public async Task An_ended_job_is_not_cancelled()
    {
        var id = (await _jobs.StartAsync(Request, default)).Job.Id;
        _engine.End(id);

        var state = await _jobs.CancelAsync(id, default);

        Assert.Equal(JobStatus.Succeeded, state!.Status);
        Assert.Empty(_engine.Cancelled);
        Assert.Null(await _store.OpenReadAsync(ArtifactNames.CancelMarker(id), default));
        Assert.Null(await _jobs.CancelAsync("nobody", default));
    }

    [Fact]
    public async Task Watching_shows_each_change_until_the_end()
    {
        var id = (await _jobs.StartAsync(Request, default)).Job.Id;

        var seen = new List<JobStatus>();
        await foreach (var state in _jobs.WatchAsync(id, default))
        {
            seen.Add(state.Status);
            _engine.End(id);
        }

        Assert.Equal([JobStatus.Queued, JobStatus.Succeeded], seen);
    }

    [Fact]
    public async Task Purging_deletes_everything_of_an_ended_job_and_the_recording_only_when_asked()
    {
        var id = (await _jobs.StartAsync(Request, default)).Job.Id;
        await CommitAsync("audio-in/a.wav", ArtifactNames.Output(id, "final.json"), ArtifactNames.CancelMarker(id));
        Assert.Equal(JobStatus.Queued, (await _jobs.PurgeAsync(id, input: true, default))!.Status);
        Assert.Equal(3, await CountAsync());
        _engine.End(id);

        await _jobs.PurgeAsync(id, input: false, default);
        Assert.Equal(1, await CountAsync());
        Assert.Empty(_engine.Jobs);

        var recording = (await _store.FindAsync("audio-in/a.wav", default))!;
        var again = (await _jobs.StartAsync(Request with { Version = recording.Version }, default)).Job.Id;
        _engine.End(again);
        await _jobs.PurgeAsync(again, input: true, default);
        Assert.Equal(0, await CountAsync());
    }

    [Fact]
    public async Task Purging_leaves_a_newer_version_of_the_recording_and_names_that_start_like_it()
    {
        await CommitAsync("audio-in/a.wav", "audio-in/a.wav.bak");
        var older = (await _jobs.StartAsync(Request, default)).Job.Id;
        _engine.End(older);

        await _jobs.PurgeAsync(older, input: true, default);
        Assert.Equal(2, await CountAsync());

        var version = (await _store.FindAsync("audio-in/a.wav", default))!.Version;
        var current = (await _jobs.StartAsync(Request with { Version = version }, default)).Job.Id;
        _engine.End(current);
        await _jobs.PurgeAsync(current, input: true, default);
        Assert.Null(await _store.FindAsync("audio-in/a.wav", default));
        Assert.NotNull(await _store.FindAsync("audio-in/a.wav.bak", default));
    }

    private async Task CommitAsync(params string[] artifacts)
    {
        foreach (var artifact in artifacts)
        {
            var file = Path.Combine(_folder, "some.txt");
            await File.WriteAllTextAsync(file, "some");
            Assert.True(await _store.CommitAsync(artifact, file, default));
        }
    }

    private Task<int> CountAsync() =>
        Task.FromResult(Directory.EnumerateFiles(Path.Combine(_folder, "store"), "*", SearchOption.AllDirectories).Count());
}
