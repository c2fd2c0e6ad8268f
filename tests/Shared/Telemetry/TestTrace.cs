using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Omoai.Tests;

/// <summary>
/// A trace that a test opens, and what is told within it. Listeners are process-wide; what other tests tell meanwhile is of
/// other traces.
/// </summary>
internal sealed class TestTrace : IDisposable
{
    private readonly Activity _root = new("test");
    private readonly ActivityListener _spans;
    private readonly MeterListener _measurements = new();

    public TestTrace()
    {
        _root.SetIdFormat(ActivityIdFormat.W3C).ActivityTraceFlags = ActivityTraceFlags.Recorded;
        _root.Start();
        _spans = new ActivityListener
        {
            ShouldListenTo = source => source.Name.StartsWith("Omoai", StringComparison.Ordinal),
            Sample = (ref ActivityCreationOptions<System.Diagnostics.ActivityContext> options) =>
                options.Parent.TraceId == _root.TraceId ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None,
            ActivityStopped = span =>
            {
                if (span.TraceId == _root.TraceId)
                    Spans.Enqueue(span);
            },
        };
        ActivitySource.AddActivityListener(_spans);
        _measurements.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name.StartsWith("Omoai", StringComparison.Ordinal))
                listener.EnableMeasurementEvents(instrument);
        };
        _measurements.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Hear(instrument, value, tags));
        _measurements.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Hear(instrument, value, tags));
        _measurements.Start();
    }

    public string Id => _root.TraceId.ToHexString();

    public ActivitySpanId RootSpan => _root.SpanId;

    public string TraceParent => _root.Id!;

    /// <summary>The spans that have ended, in that order.</summary>
    public ConcurrentQueue<Activity> Spans { get; } = new();

    /// <summary>What was measured, as <c>instrument{tag=value}</c>, and how much.</summary>
    public ConcurrentQueue<(string Name, double Value)> Measurements { get; } = new();

    /// <summary>Leaves the trace: what is called from now on isn't part of it unless it is told so.</summary>
    public static void Leave() => Activity.Current = null;

    public void Dispose()
    {
        _root.Dispose();
        _spans.Dispose();
        _measurements.Dispose();
    }

    private void Hear(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        // On the thread that measures.
        if (Activity.Current?.TraceId == _root.TraceId)
            Measurements.Enqueue(($"{instrument.Name}{{{string.Join(',', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}"))}}}", value));
    }
}
