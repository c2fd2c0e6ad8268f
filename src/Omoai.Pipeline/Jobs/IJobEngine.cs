namespace Omoai.Pipeline.Jobs;

/// <summary>What <see cref="Jobs"/> needs of an engine that runs orchestrations.</summary>
public interface IJobEngine
{
    /// <summary>Accepts a job; once this returns the job is not lost.</summary>
    /// <returns>False when there is a job of that id already; it stays as it was.</returns>
    Task<bool> TryCreateAsync(TranscriptionJob job, CancellationToken cancellationToken);

    /// <summary>A job and how it is doing; null when there is none of that id.</summary>
    Task<JobRecord?> FindAsync(string id, CancellationToken cancellationToken);

    /// <inheritdoc cref="IJobs.ListAsync"/>
    Task<JobPage> ListAsync(JobStatus? status, int limit, string? continuation, CancellationToken cancellationToken);

    /// <summary>Raises the <c>cancel</c> event of a job; does nothing when it has ended or isn't there.</summary>
    Task RaiseCancelAsync(string id, CancellationToken cancellationToken);

    /// <summary>Forgets an ended job; does nothing when it hasn't ended or isn't there.</summary>
    Task DeleteAsync(string id, CancellationToken cancellationToken);
}

/// <summary>What an engine knows of a job.</summary>
public sealed record JobRecord(TranscriptionJob Job, JobState State);
