using System.Globalization;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Jobs;

namespace Omoai.Api.Tests.Support;

/// <summary>Holds jobs and runs none: how they are doing is what a test says.</summary>
internal sealed class FakeEngine : IJobEngine
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private readonly Lock _gate = new();
    private readonly List<JobRecord> _jobs = [];
    private readonly List<string> _cancelled = [];

    /// <summary>Thrown by every call, where it is set.</summary>
    public Exception? Fault { get; set; }

    /// <summary>What finding a job waits for, whether or not its caller does.</summary>
    public Task Pause { get; set; } = Task.CompletedTask;

    /// <summary>How often the jobs were listed.</summary>
    public int Listings { get; private set; }

    /// <summary>The oldest first.</summary>
    public IReadOnlyList<JobRecord> Jobs => Locked<IReadOnlyList<JobRecord>>(() => [.. _jobs]);

    public IReadOnlyList<string> Cancelled => Locked<IReadOnlyList<string>>(() => [.. _cancelled]);

    public JobRecord this[string id] => Jobs.Single(record => record.Job.Id == id);

    public void Run(string id, string stage, double progress) => Change(
        id, state => state with { Status = JobStatus.Running, Stage = stage, Progress = progress, StartedAt = Now });

    public void End(string id, JobStatus status = JobStatus.Succeeded, ActivityFailure? error = null) =>
        Change(id, state => state with { Status = status, Progress = 1, EndedAt = Now, Error = error });

    public Task<bool> TryCreateAsync(TranscriptionJob job, CancellationToken cancellationToken) => Answer(() =>
    {
        if (_jobs.Any(record => record.Job.Id == job.Id))
        {
            return false;
        }

        _jobs.Add(new JobRecord(job, new JobState(job.Id, JobStatus.Queued, null, 0, Now, null, null, null)));
        return true;
    });

    public async Task<JobRecord?> FindAsync(string id, CancellationToken cancellationToken)
    {
        await Pause;
        return await Answer(() => _jobs.Find(record => record.Job.Id == id));
    }

    public Task<JobPage> ListAsync(JobStatus? status, int limit, string? continuation, CancellationToken cancellationToken) => Answer(() =>
    {
        Listings++;
        var skip = continuation is null ? 0 : int.Parse(continuation, NumberStyles.None, CultureInfo.InvariantCulture);
        var all = _jobs.Select(record => record.State).Reverse().Where(state => status is null || state.Status == status).ToList();
        var next = skip + limit < all.Count ? (skip + limit).ToString(CultureInfo.InvariantCulture) : null;
        return new JobPage([.. all.Skip(skip).Take(limit)], next);
    });

    public Task RaiseCancelAsync(string id, CancellationToken cancellationToken) => Answer(() =>
    {
        _cancelled.Add(id);
        return true;
    });

    public Task DeleteAsync(string id, CancellationToken cancellationToken) =>
        Answer(() => _jobs.RemoveAll(record => record.Job.Id == id && record.State.EndedAt is not null));

    private void Change(string id, Func<JobState, JobState> change) => Locked(() =>
    {
        var at = _jobs.FindIndex(record => record.Job.Id == id);
        return _jobs[at] = _jobs[at] with { State = change(_jobs[at].State) };
    });

    private Task<T> Answer<T>(Func<T> answer) => Fault is { } fault ? Task.FromException<T>(fault) : Task.FromResult(Locked(answer));

    private T Locked<T>(Func<T> answer)
    {
        lock (_gate)
        {
            return answer();
        }
    }
}
