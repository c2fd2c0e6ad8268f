using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Omoai.Isolation;

/// <summary>What the parent tells of its hosts to whoever listens; see docs/observability.md.</summary>
public static class IsolationTelemetry
{
    /// <summary>Name of the source of spans, and of the meter.</summary>
    public const string Name = "Omoai.Isolation";

    internal static readonly ActivitySource Source = new(Name);

    private static readonly Meter Meter = new(Name);

    internal static readonly Histogram<double> SpawnDuration = Meter.CreateHistogram(
        "omoai.host.spawn.duration", "s", "From just before the spawn of an activity host until it said hello.", tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30] });

    internal static readonly Counter<long> Failures = Meter.CreateCounter<long>(
        "omoai.host.failures", "{failure}", "Runs of an activity host that ended in a failure.");

    internal static readonly Counter<long> Standbys = Meter.CreateCounter<long>(
        "omoai.host.standbys", "{activity}", "Activities that could be served by a host that was started ahead of time.");

    /// <summary>The current span as a W3C traceparent; null when there is none.</summary>
    public static string? CurrentTraceParent =>
        Activity.Current is { IdFormat: ActivityIdFormat.W3C } current ? current.Id : null;

    /// <summary>Says on a span how what it stands for failed.</summary>
    public static void SetFailure(this Activity span, ActivityFailure failure)
    {
        ArgumentNullException.ThrowIfNull(span);
        ArgumentNullException.ThrowIfNull(failure);
        span.SetTag("error.type", failure.Class.ToText());
        // What somebody asked for is no error.
        if (failure.Class != FailureClass.Cancelled)
            span.SetStatus(ActivityStatusCode.Error, failure.Reason);
    }
}
