using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Omoai.Isolation;
using Omoai.Pipeline.Activities;

namespace Omoai.Pipeline.Telemetry;

/// <summary>
/// What jobs and activities tell of themselves to whoever listens; see docs/observability.md. An orchestrator, which
/// replays, calls nothing here; an engine that has only it to tell of an end does so outside of replays.
/// </summary>
public static class OmoaiTelemetry
{
    /// <summary>Name of the source of spans, and of the meter.</summary>
    public const string Name = "Omoai";

    /// <summary>The outcome of an activity that didn't fail; otherwise it is the class of the failure.</summary>
    private const string Succeeded = "succeeded";

    private static readonly ActivitySource Source = new(Name);
    private static readonly Meter Meter = new(Name);

    private static readonly Counter<long> JobsAccepted = Meter.CreateCounter<long>(
        "omoai.jobs.accepted", "{job}", "Jobs that were accepted.");

    private static readonly Counter<long> JobsEnded = Meter.CreateCounter<long>(
        "omoai.jobs.ended", "{job}", "Jobs that ended, by how.");

    private static readonly Histogram<double> ActivityDuration = Meter.CreateHistogram(
        "omoai.activity.duration", "s", "One attempt of one activity.", tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600] });

    private static readonly Histogram<double> RealTimeFactor = Meter.CreateHistogram(
        "omoai.realtime_factor", "1", "Seconds from a job's start to its end, for each second of audio.", tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10] });

    private static readonly Func<ILogger, string, string, int, int, IDisposable?> Scope =
        LoggerMessage.DefineScope<string, string, int, int>("Job {JobId}, {Stage}, part {Part}, attempt {Attempt}");

    /// <summary>A span around handing a job to an engine: the trace of a job hangs from it.</summary>
    internal static Activity? StartAccepting(string jobId) =>
        Source.StartActivity("accept job", ActivityKind.Producer)?.SetTag("omoai.job.id", jobId);

    /// <summary>Counts a new job.</summary>
    internal static void CountAccepted() => JobsAccepted.Add(1);

    /// <summary>Counts a job that ended. For engines, which call it once, when the end has been written down.</summary>
    /// <param name="result">How it ended.</param>
    /// <param name="running">Since it began; zero when it never did.</param>
    public static void CountEnded(JobResult result, TimeSpan running)
    {
        ArgumentNullException.ThrowIfNull(result);
        JobsEnded.Add(1, new KeyValuePair<string, object?>("status", result.Status.ToString().ToLowerInvariant()));
        if (result.Facts is { Duration: > 0 and var audio })
        {
            RealTimeFactor.Record(running.TotalSeconds / audio);
        }
    }

    /// <summary>Observes how many jobs wait and run.</summary>
    /// <param name="count">Counts them; asked whenever metrics are collected.</param>
    /// <returns>Ends it. Its <see cref="Meter.Scope"/> is <paramref name="count"/>'s target.</returns>
    public static IDisposable ObserveJobs(Func<IReadOnlyDictionary<JobStatus, long>> count)
    {
        ArgumentNullException.ThrowIfNull(count);

        // A meter of its own: it can be disposed, an instrument can't.
        var meter = new Meter(new MeterOptions(Name) { Scope = count.Target });
        meter.CreateObservableUpDownCounter("omoai.jobs.current", Measure, "{job}", "Jobs that haven't ended, by status.");
        return meter;

        IEnumerable<Measurement<long>> Measure()
        {
            var jobs = count();
            return from status in new[] { JobStatus.Queued, JobStatus.Running }
                   select new Measurement<long>(
                       jobs.GetValueOrDefault(status),
                       new KeyValuePair<string, object?>("status", status.ToString().ToLowerInvariant()));
        }
    }

    /// <summary>Runs one attempt of an activity in a span of the job's trace and a log scope, and takes its time.</summary>
    /// <param name="activity">One of <see cref="PipelineActivities"/>.</param>
    /// <param name="call">Its input.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Any logger: scopes hold for all.</param>
    /// <param name="body">The attempt.</param>
    public static async Task<TResult> ObserveAsync<TResult>(
        string activity, ActivityCall call, TimeProvider time, ILogger logger, Func<Task<TResult>> body)
        where TResult : ActivityResult
    {
        var job = call.Job;
        using var scope = Scope(logger, job.Id, activity, call.Part, call.Attempt);

        // The job was accepted in another request, perhaps in another process; without a trace of its own the attempt hangs
        // from whatever called it.
        System.Diagnostics.ActivityContext.TryParse(job.TraceParent, null, isRemote: true, out var parent);
        using var span = Source.StartActivity(activity, ActivityKind.Consumer, parent);
        span?.SetTag("omoai.job.id", job.Id).SetTag("omoai.activity", activity).SetTag("omoai.attempt", call.Attempt)
            .SetTag("omoai.part", activity == PipelineActivities.Transcribe ? call.Part : null);

        var start = time.GetTimestamp();
        var outcome = FailureClass.Internal.ToText();
        try
        {
            var result = await body();
            outcome = result.Failure?.Class.ToText() ?? Succeeded;
            if (result.Failure is { } failure)
            {
                span?.SetFailure(failure);
            }

            return result;
        }
        catch (Exception e)
        {
            span?.SetFailure(new ActivityFailure(FailureClass.Internal, Retryable: true, ActivityFailure.OneLine(e.Message)));
            throw;
        }
        finally
        {
            span?.SetTag("omoai.outcome", outcome);
            ActivityDuration.Record(
                time.GetElapsedTime(start).TotalSeconds, new("activity", activity), new KeyValuePair<string, object?>("outcome", outcome));
        }
    }
}
