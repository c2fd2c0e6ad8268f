using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Jobs;
using Omoai.Pipeline.Orchestration;
using Omoai.Pipeline.Telemetry;
using Omoai.Transcripts;

namespace Omoai.Local.Journal;

/// <summary>
/// Runs jobs durably in this process. Whatever happens to it, the next process on the same file goes on where the last
/// finished activity of each job left it.
/// </summary>
internal sealed partial class JournalEngine(
    JournalOptions options, ActivityBody body, Func<IOrchestration, TranscriptionJob, Task<JobResult>> orchestrator,
    IArtifactStore store, TimeProvider time, ILogger<JournalEngine> logger) : IJobEngine, IHostedService, IDisposable
{
    private static readonly TimeSpan PurgeInterval = TimeSpan.FromHours(1);
    private static readonly ActivityFailure Cancelled = new(FailureClass.Cancelled, Retryable: false, "The job was cancelled.");

    private readonly Lock _gate = new();
    private readonly ActivitySlots _slots = new(options);
    private readonly SemaphoreSlim _jobSlots = new(options.MaxJobs);
    private readonly SemaphoreSlim _arrived = new(0);
    private readonly CancellationTokenSource _draining = new();
    private readonly CancellationTokenSource _killed = new();
    private readonly Dictionary<string, (JournalInstance Instance, Task Run)> _active = [];
    private readonly HashSet<Task> _activities = [];
    private JournalDatabase? _database;
    private IDisposable? _metrics;
    private long _admitted;
    private Task _admitting = Task.CompletedTask;
    private Task _purging = Task.CompletedTask;

    private JournalDatabase Database => _database ?? throw new InvalidOperationException("The journal isn't open.");

    /// <summary>Opens the journal and picks up every job that hasn't ended.</summary>
    /// <exception cref="JournalException">The journal can't be used.</exception>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _database = JournalDatabase.Open(options.File);
        _metrics = OmoaiTelemetry.ObserveJobs(CountUnfinished);
        _admitting = Task.Run(AdmitAsync, CancellationToken.None);
        _purging = Task.Run(PurgeRegularlyAsync, CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <summary>Drains: no activity starts any more; those that run have their grace, are then stopped, and count as lost,
    /// which the next process finds out.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_database is null)
        {
            return;
        }

        await _draining.CancelAsync();
        await Task.WhenAll(_admitting, _purging);
        var running = Task.WhenAll(Running());
        try
        {
            await running.WaitAsync(options.DrainGrace, time, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            LogKilling(logger, options.DrainGrace);
        }

        await _killed.CancelAsync();
        await Task.WhenAll(Running());
        List<(JournalInstance Instance, Task Run)> active;
        lock (_gate)
        {
            active = [.. _active.Values];
        }

        active.ForEach(job => job.Instance.Close());
        await Task.WhenAll(active.Select(job => job.Run));
        Dispose();

        Task[] Running()
        {
            lock (_gate)
            {
                return [.. _activities];
            }
        }
    }

    public void Dispose()
    {
        _metrics?.Dispose();
        lock (_gate)
        {
            _database?.Dispose();
            _database = null;
        }
    }

    public Task<bool> TryCreateAsync(TranscriptionJob job, CancellationToken cancellationToken)
    {
        var created = Database.TryInsert(job, time.GetUtcNow());
        if (created)
        {
            _arrived.Release();
        }

        return Task.FromResult(created);
    }

    public Task<JobRecord?> FindAsync(string id, CancellationToken cancellationToken) => Task.FromResult(Database.Find(id));

    public Task<JobPage> ListAsync(JobStatus? status, int limit, string? continuation, CancellationToken cancellationToken) =>
        Task.FromResult(Database.List(status, limit, continuation));

    public Task RaiseCancelAsync(string id, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            // Written down first: a crash before the job has taken the event doesn't lose it.
            Database.RequestCancel(id);
            if (_active.TryGetValue(id, out var job))
            {
                job.Instance.RequestCancel();
            }
            else if (Database.EndQueued(id, _admitted, time.GetUtcNow(), Cancelled))
            {
                OmoaiTelemetry.CountEnded(new JobResult(JobStatus.Cancelled, Cancelled, null), TimeSpan.Zero);
            }
        }

        return Task.CompletedTask;
    }

    public Task DeleteAsync(string id, CancellationToken cancellationToken)
    {
        Database.Delete(id);
        return Task.CompletedTask;
    }

    /// <summary>How many jobs wait and run. Asked by whoever collects metrics, perhaps just when the journal is closed.</summary>
    internal IReadOnlyDictionary<JobStatus, long> CountUnfinished()
    {
        lock (_gate)
        {
            return _database?.CountUnfinished() ?? [];
        }
    }

    /// <summary>Forgets the jobs that ended too long ago, and deletes their work; their outputs stay.</summary>
    internal async Task PurgeAsync(CancellationToken cancellationToken)
    {
        var before = time.GetUtcNow() - options.KeepEnded;
        while (Database.EndedBefore(before) is { Count: > 0 } ids)
        {
            foreach (var id in ids)
            {
                await store.DeleteAsync(ArtifactNames.Work(id), cancellationToken);
                Database.Delete(id);
            }
        }
    }

    /// <summary>Takes jobs from the database in the order in which they were accepted, as many as may be under way.</summary>
    private async Task AdmitAsync()
    {
        try
        {
            while (true)
            {
                await _jobSlots.WaitAsync(_draining.Token);
                while (!TryAdmit())
                {
                    await _arrived.WaitAsync(_draining.Token);
                }
            }
        }
        catch (OperationCanceledException) when (_draining.IsCancellationRequested)
        {
        }
    }

    private bool TryAdmit()
    {
        lock (_gate)
        {
            if (Database.NextUnfinished(_admitted) is not { } next)
            {
                return false;
            }

            _admitted = next.Sequence;
            var instance = new JournalInstance(next, Database, orchestrator, Begin, RecordFailureAsync, time, logger);
            _active.Add(instance.Id, (instance, Task.Run(() => RunAsync(instance))));
            return true;
        }
    }

    private async Task RunAsync(JournalInstance instance)
    {
        try
        {
            await instance.RunAsync();
        }
        catch (Exception e)
        {
            // A full disk, say. The job is as it was written down last, and the next start goes on with it.
            LogBroken(logger, instance.Id, e);
        }

        lock (_gate)
        {
            _active.Remove(instance.Id);
        }

        _jobSlots.Release();
    }

    private void Begin(PendingActivity activity, CancellationToken cancelled, Action<string> answer)
    {
        lock (_gate)
        {
            Task? run = null;
            _activities.Add(run = Task.Run(TrackedAsync, CancellationToken.None));

            async Task TrackedAsync()
            {
                if (await RunActivityAsync(activity, cancelled) is { } result)
                {
                    answer(result);
                }

                lock (_gate)
                {
                    _activities.Remove(run!);
                }
            }
        }
    }

    private async Task<string?> RunActivityAsync(PendingActivity activity, CancellationToken cancelled)
    {
        try
        {
            using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancelled, _draining.Token);
            using var slot = await _slots.EnterAsync(activity.Activity, waiting.Token);
            waiting.Token.ThrowIfCancellationRequested();
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancelled, _killed.Token);
            var result = await body(activity.Activity, activity.Call, stop.Token);

            // What was stopped under the job isn't an answer: the next process runs it again.
            return _killed.IsCancellationRequested && result.Failure?.Class == FailureClass.Cancelled ? null : ToJson(result);
        }
        catch (OperationCanceledException) when (cancelled.IsCancellationRequested)
        {
            return ToJson(new ActivityResult<object>(null, Cancelled));
        }
        catch (OperationCanceledException) when (_draining.IsCancellationRequested)
        {
            return null;
        }
        catch (Exception e)
        {
            LogBug(logger, activity.Activity, activity.Call.Job.Id, e);
            var reason = ActivityFailure.OneLine($"{activity.Activity} went wrong: {e.Message}");
            return ToJson(new ActivityResult<object>(null, new ActivityFailure(FailureClass.Internal, Retryable: true, reason)));
        }
    }

    /// <summary>The job is given up whether or not that can be written beside its outputs.</summary>
    private async Task RecordFailureAsync(TranscriptionJob job, ActivityFailure failure)
    {
        LogGivenUp(logger, job.Id, failure.Reason);
        try
        {
            await body(
                PipelineActivities.RecordFailure, new ActivityCall(job, time.GetUtcNow(), Failure: failure), CancellationToken.None);
        }
        catch (Exception e)
        {
            LogBug(logger, PipelineActivities.RecordFailure, job.Id, e);
        }
    }

    private async Task PurgeRegularlyAsync()
    {
        using var tick = new PeriodicTimer(PurgeInterval, time);
        try
        {
            do
            {
                try
                {
                    await PurgeAsync(_draining.Token);
                }
                catch (IOException e)
                {
                    LogNotPurged(logger, e.Message);
                }
            }
            while (await tick.WaitForNextTickAsync(_draining.Token));
        }
        catch (OperationCanceledException) when (_draining.IsCancellationRequested)
        {
        }
    }

    private static string ToJson(ActivityResult result) => JsonSerializer.Serialize(result, result.GetType(), OmoaiJson.Compact);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Activity} of job {JobId} threw")]
    private static partial void LogBug(ILogger logger, string activity, string jobId, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "Job {JobId} is given up: {Reason}")]
    private static partial void LogGivenUp(ILogger logger, string jobId, string reason);

    [LoggerMessage(Level = LogLevel.Critical, Message = "Job {JobId} stands still until the next start")]
    private static partial void LogBroken(ILogger logger, string jobId, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Activities still run after {Grace}: they are stopped and will run again")]
    private static partial void LogKilling(ILogger logger, TimeSpan grace);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Old jobs can't be purged now: {Reason}")]
    private static partial void LogNotPurged(ILogger logger, string reason);
}
