using Omoai.Pipeline;
using Omoai.Pipeline.Jobs;

namespace Omoai.Tests.Jobs;

/// <summary>Holds jobs and runs none.</summary>
internal sealed class FakeEngine : IJobEngine
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public Dictionary<string, JobRecord> Jobs { get; } = [];

    public List<string> Cancelled { get; } = [];

    public Action<TranscriptionJob> BeforeCreate { get; set; } = _ => { };

    public static JobRecord Record(TranscriptionJob job) =>
        new(job, new JobState(job.Id, JobStatus.Queued, null, 0, Now, null, null, null));

    public void End(string id) => Jobs[id] = Jobs[id] with
    {
        State = Jobs[id].State with { Status = JobStatus.Succeeded, EndedAt = Now },
    };

    public Task<bool> TryCreateAsync(TranscriptionJob job, CancellationToken cancellationToken)
    {
        BeforeCreate(job);
        return Task.FromResult(Jobs.TryAdd(job.Id, Record(job)));
    }

    public Task<JobRecord?> FindAsync(string id, CancellationToken cancellationToken) =>
        Task.FromResult(Jobs.GetValueOrDefault(id));

    public Task<JobPage> ListAsync(JobStatus? status, int limit, string? continuation, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task RaiseCancelAsync(string id, CancellationToken cancellationToken)
    {
        Cancelled.Add(id);
        return Task.CompletedTask;
    }

    public Task DeleteAsync(string id, CancellationToken cancellationToken)
    {
        Jobs.Remove(id);
        return Task.CompletedTask;
    }
}
