using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Orchestration;
using Omoai.Pipeline.Telemetry;

namespace Omoai.Local.Journal;

/// <summary>One job under way: its events arrive in a mailbox and are taken one turn after the other.</summary>
/// <param name="unfinished">The job.</param>
/// <param name="database">Its history.</param>
/// <param name="orchestrator">Its code.</param>
/// <param name="begin">Starts an activity; its result is given on as JSON, unless the engine stops before there is one.</param>
/// <param name="recordFailure">Writes down why the engine gave the job up.</param>
/// <param name="time">The clock and the timers.</param>
/// <param name="logger">For the orchestrator.</param>
internal sealed class JournalInstance(
    Unfinished unfinished, JournalDatabase database, Func<IOrchestration, TranscriptionJob, Task<JobResult>> orchestrator,
    Action<PendingActivity, CancellationToken, Action<string>> begin, Func<TranscriptionJob, ActivityFailure, Task> recordFailure,
    TimeProvider time, ILogger logger)
{
    private readonly Channel<JournalEntry> _mailbox = Channel.CreateUnbounded<JournalEntry>(new() { SingleReader = true });
    private readonly JournalOrchestration _orchestration = new(unfinished.Job, orchestrator, logger);
    private readonly CancellationTokenSource _cancelled = new();
    private readonly HashSet<int> _begun = [];
    private readonly Dictionary<int, ITimer> _timers = [];
    private int _entries;
    private DateTimeOffset _startedAt;

    public string Id => unfinished.Job.Id;

    public void RequestCancel() => Post(JournalEntryKind.CancelRequested);

    /// <summary>Takes no more events; <see cref="RunAsync"/> ends when those that are there have been taken.</summary>
    public void Close() => _mailbox.Writer.TryComplete();

    /// <summary>Ends with the job, or after <see cref="Close"/>.</summary>
    public async Task RunAsync()
    {
        try
        {
            if (!await ReplayAsync())
            {
                return;
            }

            await foreach (var entry in _mailbox.Reader.ReadAllAsync())
            {
                if (_orchestration.Expects(entry) && await TakeAsync(entry))
                {
                    return;
                }
            }
        }
        finally
        {
            foreach (var timer in _timers.Values)
            {
                await timer.DisposeAsync();
            }

            // Whom nobody waits for any more: an activity that the orchestrator has given up.
            await _cancelled.CancelAsync();
        }
    }

    /// <returns>False when the job had to be given up.</returns>
    private async Task<bool> ReplayAsync()
    {
        var history = database.History(unfinished.Sequence);
        _entries = history.Count;
        _startedAt = history.Count > 0 ? history[0].At!.Value : time.GetUtcNow();
        try
        {
            _orchestration.Replay(history);
        }
        catch (NonDeterminismException e)
        {
            await GiveUpAsync($"The job can't be continued by this version of omoai. {e.Message}");
            return false;
        }

        if (history.Count == 0)
        {
            Post(JournalEntryKind.Started);
        }

        if (_orchestration.CancelRequested.IsCompleted)
        {
            await _cancelled.CancelAsync();
        }
        else if (unfinished.CancelRequested)
        {
            RequestCancel();
        }

        Begin();
        return true;
    }

    /// <returns>True when the job has ended.</returns>
    private async Task<bool> TakeAsync(JournalEntry entry)
    {
        var calls = _orchestration.Turn(entry);
        if (_orchestration.Run is { IsCompletedSuccessfully: false } broken)
        {
            await GiveUpAsync($"The orchestrator went wrong: {broken.Exception?.InnerException?.Message ?? "it was cancelled."}");
            return true;
        }

        if (_orchestration.IsStuck)
        {
            await GiveUpAsync("The orchestrator waits for something that isn't in the journal.");
            return true;
        }

        var result = _orchestration.Run?.Result;
        database.Append(unfinished.Sequence, _entries, [entry, .. calls], new InstanceUpdate(
            result?.Status ?? JobStatus.Running, _orchestration.Progress, _startedAt,
            result is null ? null : time.GetUtcNow(), result?.Failure));
        _entries += 1 + calls.Count;
        if (entry.Kind == JournalEntryKind.CancelRequested)
        {
            await _cancelled.CancelAsync();
        }

        if (result is null)
        {
            Begin();
            return false;
        }

        OmoaiTelemetry.CountEnded(result, time.GetUtcNow() - _startedAt);
        return true;
    }

    /// <summary>Starts what the orchestrator has called for, and stops the timers that it no longer wants.</summary>
    private void Begin()
    {
        foreach (var activity in _orchestration.Activities)
        {
            if (_begun.Add(activity.Number))
            {
                begin(
                    activity, activity.Cancellable ? _cancelled.Token : CancellationToken.None,
                    result => Post(JournalEntryKind.ActivityEnded, activity.Number, result));
            }
        }

        var wanted = _orchestration.Timers.ToDictionary(timer => timer.Number, timer => timer.Due);
        foreach (var number in _timers.Keys.Except(wanted.Keys).ToList())
        {
            _timers.Remove(number, out var timer);
            timer!.Dispose();
        }

        foreach (var (number, due) in wanted)
        {
            if (!_timers.ContainsKey(number))
            {
                var wait = due - time.GetUtcNow();
                _timers.Add(number, time.CreateTimer(
                    _ => Post(JournalEntryKind.TimerFired, number), null, wait > TimeSpan.Zero ? wait : TimeSpan.Zero,
                    Timeout.InfiniteTimeSpan));
            }
        }
    }

    private async Task GiveUpAsync(string reason)
    {
        var failure = new ActivityFailure(FailureClass.Internal, Retryable: false, ActivityFailure.OneLine(reason));
        await recordFailure(unfinished.Job, failure);
        database.Append(unfinished.Sequence, _entries, [], new InstanceUpdate(
            JobStatus.Failed, _orchestration.Progress, _startedAt, time.GetUtcNow(), failure));
        OmoaiTelemetry.CountEnded(new JobResult(JobStatus.Failed, failure, null), time.GetUtcNow() - _startedAt);
    }

    private void Post(JournalEntryKind kind, int call = -1, string? data = null) =>
        _mailbox.Writer.TryWrite(new JournalEntry(kind, call, null, data, time.GetUtcNow()));
}
