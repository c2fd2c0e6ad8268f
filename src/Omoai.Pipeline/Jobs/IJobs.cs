using Omoai.Isolation;
using Omoai.Transcripts.Activities;

namespace Omoai.Pipeline.Jobs;

/// <summary>The client side of jobs, whatever engine runs them: what the HTTP API and the triggers use.</summary>
public interface IJobs
{
    /// <summary>Starts a job, or finds the one that is there: the same input, version and options are the same job.
    /// Other options on the same version are a conflict, unless <see cref="JobRequest.Rerun"/> asks for another run.</summary>
    /// <exception cref="MissingRequirementException">A model that it needs isn't installed.</exception>
    Task<JobStart> StartAsync(JobRequest request, CancellationToken cancellationToken);

    /// <summary>How a job is doing; null when there is none of that id.</summary>
    Task<JobState?> FindAsync(string id, CancellationToken cancellationToken);

    /// <summary>A page of jobs, the newest first.</summary>
    /// <param name="status">Only jobs of this status; null gives all.</param>
    /// <param name="limit">Jobs in the page at most, 1 to 1000.</param>
    /// <param name="continuation">As the page before gave it; null starts with the newest.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="FormatException">The continuation is none.</exception>
    Task<JobPage> ListAsync(JobStatus? status, int limit, string? continuation, CancellationToken cancellationToken);

    /// <summary>The state of a job now and after each change, until it ends; nothing when there is none of that id.</summary>
    IAsyncEnumerable<JobState> WatchAsync(string id, CancellationToken cancellationToken);

    /// <summary>Asks for a job to be cancelled. It is <c>cancelled</c> when everything of it has ended; a job that has
    /// ended stays as it is.</summary>
    /// <returns>The job as it is now; null when there is none of that id.</returns>
    Task<JobState?> CancelAsync(string id, CancellationToken cancellationToken);

    /// <summary>Runs the input of a job again, as a new job with the next run number.</summary>
    /// <param name="id">A job on that input.</param>
    /// <param name="options">What is asked for now; null asks for the same.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The new job; null when there is none of that id.</returns>
    /// <exception cref="MissingRequirementException">A model that it needs isn't installed.</exception>
    Task<JobState?> RerunAsync(string id, TranscriptionOptions? options, CancellationToken cancellationToken);

    /// <summary>Deletes what is kept of an ended job: its outputs, its work, with <paramref name="input"/> its recording,
    /// and at last its record.</summary>
    /// <returns>The job as it was: when it hasn't ended nothing was deleted. Null when there is none of that id.</returns>
    Task<JobState?> PurgeAsync(string id, bool input, CancellationToken cancellationToken);
}

/// <summary>What a job is started with.</summary>
/// <param name="Input">The recording, as an artifact name (<c>container/name</c>).</param>
/// <param name="Version">Its ETag, with or without quotes.</param>
/// <param name="InputName">Its file name as people know it; only ever shown.</param>
/// <param name="Options">What is asked for.</param>
/// <param name="Rerun">Whether other options on the same version start another run instead of being a conflict.</param>
/// <param name="Refusal">Why the recording can't be used, where that is plain already.</param>
public sealed record JobRequest(
    string Input, string Version, string InputName, TranscriptionOptions Options, bool Rerun = false,
    ActivityFailure? Refusal = null);

/// <summary>What became of a request to start a job.</summary>
public enum StartOutcome
{
    /// <summary>A new job was accepted.</summary>
    Created,

    /// <summary>The job was there already.</summary>
    Existing,

    /// <summary>There is a job with other options on the same version of the input; nothing was started.</summary>
    Conflict,
}

/// <summary>The answer to a request to start a job.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="Job">The job; at a conflict the one in the way.</param>
public sealed record JobStart(StartOutcome Outcome, JobState Job);

/// <summary>How a job is doing, as the HTTP API shows it.</summary>
/// <param name="Id">See <see cref="JobId"/>.</param>
/// <param name="Status">Queued until it has begun.</param>
/// <param name="Stage">The activity under way or, once ended, the last one; null before the first.</param>
/// <param name="Progress">0 to 1, of the whole job; never falls.</param>
/// <param name="CreatedAt">When it was accepted.</param>
/// <param name="StartedAt">When it began; null while it is queued.</param>
/// <param name="EndedAt">When it ended; null before that.</param>
/// <param name="Error">Set when it failed or was cancelled.</param>
public sealed record JobState(
    string Id, JobStatus Status, string? Stage, double Progress, DateTimeOffset CreatedAt, DateTimeOffset? StartedAt,
    DateTimeOffset? EndedAt, ActivityFailure? Error);

/// <summary>A page of jobs.</summary>
/// <param name="Jobs">The newest first.</param>
/// <param name="Continuation">Asks for the next page; null when this is the last.</param>
public sealed record JobPage(IReadOnlyList<JobState> Jobs, string? Continuation);
