using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Omoai.Isolation;
using Omoai.Local.Journal;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Telemetry;

namespace Omoai.Local.Tests.Journal;

public sealed class JournalTelemetryTests : EngineFixture
{
    [Fact]
    public async Task Jobs_that_wait_and_run_are_counted_until_they_end()
    {
        Options.MaxJobs = 1;
        var begun = HoldIn(PipelineActivities.Prepare);
        using var listener = new JobsListener();
        var engine = await StartEngineAsync();
        Assert.Equal([("queued", 0), ("running", 0)], listener.Measure(engine));

        foreach (var id in new[] { "a", "b", "c" })
        {
            await engine.TryCreateAsync(Job(id), default);
        }

        await begun;
        Assert.Equal([("queued", 2), ("running", 1)], listener.Measure(engine));

        await engine.RaiseCancelAsync("c", default);
        Assert.Equal([("queued", 1), ("running", 1)], listener.Measure(engine));

        Body = (activity, call, _) => Task.FromResult(Answer(activity, call));
        await engine.RaiseCancelAsync("a", default);
        await EndAsync(engine, "a");
        await EndAsync(engine, "b");
        Assert.Equal([("queued", 0), ("running", 0)], listener.Measure(engine));

        await engine.StopAsync(default);
        Assert.Empty(listener.Measure(engine));
    }

    [Fact]
    public async Task Each_way_to_end_is_counted_once()
    {
        Options.MaxJobs = 1;
        Body = (activity, call, _) => Task.FromResult(
            call.Job.Id == "bad" && activity == PipelineActivities.Prepare
                ? new ActivityResult<object>(null, new ActivityFailure(FailureClass.BadInput, Retryable: false, "no audio"))
                : Answer(activity, call));
        var orchestrator = Orchestrator;
        Orchestrator = (orchestration, job) =>
            job.Id == "broken" ? throw new InvalidOperationException("a bug") : orchestrator(orchestration, job);
        using var listener = new EndsListener();
        var engine = await StartEngineAsync();

        foreach (var id in new[] { "good", "bad", "broken" })
        {
            await engine.TryCreateAsync(Job(id), default);
            await EndAsync(engine, id);
        }

        var begun = HoldIn(PipelineActivities.Prepare);
        await engine.TryCreateAsync(Job("running"), default);
        await begun;
        await engine.TryCreateAsync(Job("queued"), default);
        await engine.RaiseCancelAsync("queued", default);
        await engine.RaiseCancelAsync("queued", default);
        await engine.RaiseCancelAsync("running", default);
        await EndAsync(engine, "running");
        await engine.StopAsync(default);

        Assert.Equal(["cancelled", "cancelled", "failed", "failed", "succeeded"], listener.Ends.Order());
    }

    /// <summary>Listens to the current jobs of one engine; the meters of others have other scopes.</summary>
    private sealed class JobsListener : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly List<(object? Engine, string Status, long Count)> _measured = [];

        public JobsListener()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "omoai.jobs.current")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
                _measured.Add((instrument.Meter.Scope, (string)tags[0].Value!, value)));
            _listener.Start();
        }

        public void Dispose() => _listener.Dispose();

        public List<(string Status, long Count)> Measure(JournalEngine engine)
        {
            _measured.Clear();
            _listener.RecordObservableInstruments();
            return [.. _measured.Where(measured => measured.Engine == engine).Select(measured => (measured.Status, measured.Count))];
        }
    }

    /// <summary>Listens to the ends of the jobs of this test, which are counted in the flow that started its engine.</summary>
    private sealed class EndsListener : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly AsyncLocal<bool> _mine = new() { Value = true };

        public EndsListener()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == OmoaiTelemetry.Name && instrument.Name == "omoai.jobs.ended")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((_, _, tags, _) =>
            {
                if (_mine.Value)
                {
                    Ends.Enqueue((string)tags[0].Value!);
                }
            });
            _listener.Start();
        }

        public ConcurrentQueue<string> Ends { get; } = new();

        public void Dispose() => _listener.Dispose();
    }
}
