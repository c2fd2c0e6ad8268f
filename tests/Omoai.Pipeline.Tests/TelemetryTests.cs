using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Omoai.Isolation;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Telemetry;
using Omoai.Storage;
using Omoai.Tests;
using Omoai.Transcripts;

namespace Omoai.Pipeline.Tests;

public sealed class TelemetryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;
    private readonly TestTrace _trace = new();
    private readonly ScopedLogger _log = new();

    public void Dispose()
    {
        _trace.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task An_attempt_is_a_span_of_the_trace_of_its_job_whoever_runs_it()
    {
        var call = Call(part: 3) with { Attempt = 2 };
        TestTrace.Leave();
        string? during = null;

        await RunAsync(call, () =>
        {
            during = Activity.Current?.Id;
            return new ActivityResult<TranscribeFacts>(new TranscribeFacts(3, 5), null);
        });

        var span = Assert.Single(_trace.Spans);
        Assert.Equal(span.Id, during);
        Assert.Equal(PipelineActivities.Transcribe, span.DisplayName);
        Assert.Equal(ActivityKind.Consumer, span.Kind);
        Assert.Equal(_trace.RootSpan, span.ParentSpanId);
        Assert.Equal("job", span.GetTagItem("omoai.job.id"));
        Assert.Equal(PipelineActivities.Transcribe, span.GetTagItem("omoai.activity"));
        Assert.Equal(3, span.GetTagItem("omoai.part"));
        Assert.Equal(2, span.GetTagItem("omoai.attempt"));
        Assert.Equal("succeeded", span.GetTagItem("omoai.outcome"));
        Assert.Equal(ActivityStatusCode.Unset, span.Status);
    }

    [Fact]
    public async Task A_failure_is_an_error_with_its_class()
    {
        await RunAsync(Call(), () => Failed(FailureClass.OutOfMemory));

        var span = Assert.Single(_trace.Spans);
        Assert.Equal(ActivityStatusCode.Error, span.Status);
        Assert.Equal("OutOfMemory", span.StatusDescription);
        Assert.Equal("out_of_memory", span.GetTagItem("error.type"));
        Assert.Equal("out_of_memory", span.GetTagItem("omoai.outcome"));
    }

    [Fact]
    public async Task An_exception_is_an_error_too()
    {
        await RunAsync(Call(), () => throw new InvalidOperationException("a bug"));

        var span = Assert.Single(_trace.Spans);
        Assert.Equal(ActivityStatusCode.Error, span.Status);
        Assert.Equal("internal", span.GetTagItem("error.type"));
    }

    [Fact]
    public async Task What_was_cancelled_is_no_error()
    {
        await RunAsync(Call(), () => Failed(FailureClass.Cancelled));

        var span = Assert.Single(_trace.Spans);
        Assert.Equal(ActivityStatusCode.Unset, span.Status);
        Assert.Equal("cancelled", span.GetTagItem("omoai.outcome"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("00-garbage")]
    public async Task A_job_without_a_trace_is_a_span_of_whoever_runs_it(string? traceParent)
    {
        var call = Call();

        await RunAsync(call with { Job = call.Job with { TraceParent = traceParent } }, () => Failed(FailureClass.Busy));

        Assert.Equal(_trace.RootSpan, Assert.Single(_trace.Spans).ParentSpanId);
    }

    [Fact]
    public async Task The_time_of_an_attempt_is_measured_by_activity_and_outcome()
    {
        await RunAsync(Call(), () => new ActivityResult<TranscribeFacts>(new TranscribeFacts(0, 5), null));
        await RunAsync(Call(), () => Failed(FailureClass.Timeout));

        Assert.Equal(
            ["omoai.activity.duration{activity=Transcribe,outcome=succeeded}", "omoai.activity.duration{activity=Transcribe,outcome=timeout}"],
            _trace.Measurements.Select(measurement => measurement.Name));
        Assert.All(_trace.Measurements, measurement => Assert.InRange(measurement.Value, 0, 60));
    }

    [Fact]
    public async Task What_is_logged_within_an_attempt_carries_its_job_and_its_stage()
    {
        IReadOnlyList<KeyValuePair<string, object?>>? during = null;

        await RunAsync(Call(part: 3) with { Attempt = 2 }, () =>
        {
            during = _log.Scope;
            return Failed(FailureClass.Crashed);
        });

        Assert.Equal(
            [new("JobId", "job"), new("Stage", "Transcribe"), new("Part", 3), new("Attempt", 2)],
            during!.Where(field => field.Key != "{OriginalFormat}"));
        Assert.Null(_log.Scope);
    }

    [Fact]
    public void A_jobs_end_is_counted_and_its_time_set_against_its_audio()
    {
        OmoaiTelemetry.CountEnded(
            new JobResult(JobStatus.Succeeded, null, new JobFacts(120, 1, [], [])), TimeSpan.FromSeconds(30));
        OmoaiTelemetry.CountEnded(
            new JobResult(JobStatus.Failed, new ActivityFailure(FailureClass.Crashed, true, "r"), null), TimeSpan.FromSeconds(5));
        OmoaiTelemetry.CountEnded(new JobResult(JobStatus.Succeeded, null, new JobFacts(0, 0, [], [])), TimeSpan.FromSeconds(5));

        Assert.Equal(
            [
                ("omoai.jobs.ended{status=succeeded}", 1), ("omoai.realtime_factor{}", 0.25), ("omoai.jobs.ended{status=failed}", 1),
                ("omoai.jobs.ended{status=succeeded}", 1),
            ],
            _trace.Measurements);
    }

    [Fact]
    public void A_job_of_an_older_journal_has_no_trace_and_that_of_a_newer_one_keeps_its()
    {
        var job = Call().Job;
        var json = JsonSerializer.SerializeToNode(job, OmoaiJson.Compact)!.AsObject();
        Assert.Equal(job.TraceParent, json.Deserialize<TranscriptionJob>(OmoaiJson.Compact)!.TraceParent);

        Assert.True(json.Remove("traceParent"));

        var older = json.Deserialize<TranscriptionJob>(OmoaiJson.Compact)!;
        Assert.Null(older.TraceParent);
        Assert.Equal(job.Id, older.Id);
    }

    private static ActivityResult Failed(FailureClass @class) =>
        new ActivityResult<TranscribeFacts>(null, new ActivityFailure(@class, Retryable: true, @class.ToString()));

    private ActivityCall Call(int part = 0) => new(
        new TranscriptionJob(
            "job", "audio-api/job", "a.wav", new TranscriptionOptions(), JobSettingsExamples.Some, TraceParent: _trace.TraceParent),
        new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), Part: part);

    private Task<ActivityResult> RunAsync(ActivityCall call, Func<ActivityResult> body)
    {
        var store = new DirectoryArtifactStore(Path.Combine(_folder, "store"));
        var ledger = new AttemptLedger(store, TimeProvider.System);
        var runner = new ActivityRunner((_, _, _) => Task.FromResult(body()), ledger, store, TimeProvider.System, _log);
        return runner.RunAsync(PipelineActivities.Transcribe, call, default);
    }

    private sealed class ScopedLogger : ILogger<ActivityRunner>
    {
        private readonly AsyncLocal<IReadOnlyList<KeyValuePair<string, object?>>?> _scope = new();

        public IReadOnlyList<KeyValuePair<string, object?>>? Scope => _scope.Value;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
        {
            _scope.Value = (IReadOnlyList<KeyValuePair<string, object?>>)state;
            return new Ending(() => _scope.Value = null);
        }

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
        }

        private sealed class Ending(Action end) : IDisposable
        {
            public void Dispose() => end();
        }
    }
}
