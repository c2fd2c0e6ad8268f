using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Orchestration;
using Omoai.Transcripts;

namespace Omoai.Local.Journal;

/// <summary>An activity that was called and has not ended.</summary>
/// <param name="Number">The call's number.</param>
/// <param name="Activity">One of <see cref="PipelineActivities"/>.</param>
/// <param name="Call">Its input.</param>
/// <param name="Cancellable">False for what ends the job: what was called after the job was cancelled, and Notify, which comes
/// when cancelling is too late.</param>
/// <param name="Complete">Gives the orchestrator the result.</param>
internal sealed record PendingActivity(
    int Number, string Activity, ActivityCall Call, bool Cancellable, Action<string> Complete);

/// <summary>
/// Runs an orchestrator in turns: each takes one event and lets the orchestrator run, on the caller's thread, until it
/// waits for the next. The same events in the same order so give the same calls in the same order.
/// </summary>
internal sealed class JournalOrchestration(
    TranscriptionJob job, Func<IOrchestration, TranscriptionJob, Task<JobResult>> orchestrator, ILogger logger) : IOrchestration
{
    private readonly TurnScheduler _scheduler = new();
    private readonly TaskCompletionSource _cancel = new();
    private readonly Dictionary<int, PendingActivity> _activities = [];
    private readonly Dictionary<int, (DateTimeOffset Due, TaskCompletionSource Source)> _timers = [];
    private List<JournalEntry> _made = [];
    private int _calls;
    private bool _replaying;
    private Task<JobResult>? _run;

    public string InstanceId => job.Id;

    public DateTimeOffset UtcNow { get; private set; }

    public ILogger Logger => _replaying ? NullLogger.Instance : logger;

    public Task CancelRequested => _cancel.Task;

    /// <summary>The last that was reported.</summary>
    public JobProgress? Progress { get; private set; }

    /// <summary>Completed when the orchestrator has ended.</summary>
    public Task<JobResult>? Run => _run is { IsCompleted: true } ? _run : null;

    /// <summary>Whether nothing that the engine does can wake the orchestrator.</summary>
    public bool IsStuck => Run is null && _activities.Count == 0 && _timers.Count == 0;

    public IReadOnlyCollection<PendingActivity> Activities => _activities.Values;

    /// <summary>The timers that run, with the time when they are due.</summary>
    public IEnumerable<(int Number, DateTimeOffset Due)> Timers => _timers.Select(timer => (timer.Key, timer.Value.Due));

    public Task<ActivityResult<TOutput>> CallActivityAsync<TOutput>(string activity, ActivityCall call)
    {
        var source = new TaskCompletionSource<ActivityResult<TOutput>>();

        // Not the whole input: a later version may write it in another way, and is still the same call.
        var name = string.Create(CultureInfo.InvariantCulture, $"{activity}, part {call.Part}, attempt {call.Attempt}");
        var number = Make(JournalEntryKind.ActivityCalled, name, null);
        _activities.Add(number, new PendingActivity(
            number, activity, call, !_cancel.Task.IsCompleted && activity != PipelineActivities.Notify,
            json => source.SetResult(JsonSerializer.Deserialize<ActivityResult<TOutput>>(json, OmoaiJson.Compact)!)));
        return source.Task;
    }

    public Task DelayAsync(TimeSpan delay, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled(cancellationToken);
        }

        var source = new TaskCompletionSource();
        var due = UtcNow + delay;
        var number = Make(JournalEntryKind.TimerSet, null, due);
        _timers.Add(number, (due, source));
        cancellationToken.Register(() =>
        {
            _timers.Remove(number);
            source.TrySetCanceled(cancellationToken);
        });
        return source.Task;
    }

    public void SetProgress(JobProgress progress) => Progress = progress;

    /// <summary>Whether an event still concerns the orchestrator: a timer may have been cancelled meanwhile.</summary>
    public bool Expects(JournalEntry entry) => entry.Kind switch
    {
        JournalEntryKind.Started => _run is null,
        JournalEntryKind.CancelRequested => !_cancel.Task.IsCompleted,
        JournalEntryKind.ActivityEnded => _activities.ContainsKey(entry.Call),
        JournalEntryKind.TimerFired => _timers.ContainsKey(entry.Call),
        _ => false,
    };

    /// <summary>Takes one event.</summary>
    /// <returns>The calls that the orchestrator made on it, in order.</returns>
    public IReadOnlyList<JournalEntry> Turn(JournalEntry entry)
    {
        _made = [];
        if (entry.At > UtcNow)
        {
            UtcNow = entry.At.Value;
        }

        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            Take(entry);
            _scheduler.RunAll();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }

        return _made;
    }

    /// <summary>Brings the orchestrator where the history ends.</summary>
    /// <exception cref="NonDeterminismException">It doesn't do what the history says.</exception>
    public void Replay(IReadOnlyList<JournalEntry> history)
    {
        _replaying = true;
        for (var next = 0; next < history.Count;)
        {
            var entry = history[next++];
            if (!Expects(entry))
            {
                throw new NonDeterminismException($"The journal has {entry}, which this version doesn't wait for.");
            }

            IReadOnlyList<JournalEntry> made;
            try
            {
                made = Turn(entry);
            }
            catch (JsonException e)
            {
                throw new NonDeterminismException($"The journal's result of call {entry.Call} can't be read: {e.Message}", e);
            }

            foreach (var call in made)
            {
                var recorded = next < history.Count && history[next].IsCall ? history[next++] : null;
                if (recorded != call)
                {
                    throw new NonDeterminismException(
                        $"This version makes {call} where the journal has {recorded?.ToString() ?? "no call"}.");
                }
            }

            if (next < history.Count && history[next].IsCall)
            {
                throw new NonDeterminismException($"The journal has {history[next]}, which this version doesn't make.");
            }
        }

        _replaying = false;
    }

    private void Take(JournalEntry entry)
    {
        switch (entry.Kind)
        {
            case JournalEntryKind.Started:
                _run = Task.Factory.StartNew(
                    () => orchestrator(this, job), CancellationToken.None, TaskCreationOptions.None, _scheduler).Unwrap();
                break;
            case JournalEntryKind.CancelRequested:
                _cancel.SetResult();
                break;
            case JournalEntryKind.ActivityEnded:
                _activities.Remove(entry.Call, out var activity);
                activity!.Complete(entry.Data!);
                break;
            case JournalEntryKind.TimerFired:
                _timers.Remove(entry.Call, out var timer);
                timer.Source.SetResult();
                break;
            default:
                throw new ArgumentException($"{entry.Kind} isn't an event.", nameof(entry));
        }
    }

    private int Make(JournalEntryKind kind, string? name, DateTimeOffset? at)
    {
        _made.Add(new JournalEntry(kind, _calls, name, null, at));
        return _calls++;
    }

    /// <summary>Keeps tasks until <see cref="RunAll"/> runs them, one after the other.</summary>
    private sealed class TurnScheduler : TaskScheduler
    {
        private readonly ConcurrentQueue<Task> _tasks = new();

        public override int MaximumConcurrencyLevel => 1;

        public void RunAll()
        {
            while (_tasks.TryDequeue(out var task))
            {
                TryExecuteTask(task);
            }
        }

        protected override void QueueTask(Task task) => _tasks.Enqueue(task);

        // Only RunAll runs anything: whoever completes a task would else run the orchestrator on its own thread.
        protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

        protected override IEnumerable<Task> GetScheduledTasks() => [.. _tasks];
    }
}
