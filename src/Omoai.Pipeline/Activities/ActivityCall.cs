using Omoai.Isolation;
using Omoai.Transcripts;

namespace Omoai.Pipeline.Activities;

/// <summary>The activities an orchestrator calls, by name; shared by caller and callee.</summary>
public static class PipelineActivities
{
    public const string Prepare = "Prepare";
    public const string Transcribe = "Transcribe";
    public const string PostProcess = "PostProcess";
    public const string Publish = "Publish";

    /// <summary>Writes down why a job failed, and what was done.</summary>
    public const string RecordFailure = "RecordFailure";

    /// <summary>Tells the job's webhook how it ended.</summary>
    public const string Notify = "Notify";
}

/// <summary>One call of an activity.</summary>
/// <param name="Job">The job.</param>
/// <param name="StartedAt">When the job started.</param>
/// <param name="Attempt">From 1.</param>
/// <param name="Part">The part to transcribe; 0 for the other activities.</param>
/// <param name="Parts">Parts planned; 0 before Prepare.</param>
/// <param name="Failure">What to record; only for RecordFailure.</param>
/// <param name="Outcome">What to tell; only for Notify.</param>
/// <param name="EndedAt">When the job ended; only for Notify.</param>
public sealed record ActivityCall(
    TranscriptionJob Job, DateTimeOffset StartedAt, int Attempt = 1, int Part = 0, int Parts = 0, ActivityFailure? Failure = null,
    JobResult? Outcome = null, DateTimeOffset? EndedAt = null);

/// <summary>An activity's answer, whatever its output. Expected failures are data.</summary>
/// <param name="Failure">Set when it failed.</param>
public abstract record ActivityResult(ActivityFailure? Failure);

/// <inheritdoc cref="ActivityResult"/>
/// <param name="Output">Set when it succeeded.</param>
/// <param name="Failure">Set when it failed.</param>
public sealed record ActivityResult<TOutput>(TOutput? Output, ActivityFailure? Failure) : ActivityResult(Failure);

/// <summary>Runs one activity by name.</summary>
/// <param name="activity">One of <see cref="PipelineActivities"/>.</param>
/// <param name="call">Its input.</param>
/// <param name="cancellationToken">Stops it; it then answers with a failure of class <c>cancelled</c>.</param>
public delegate Task<ActivityResult> ActivityBody(string activity, ActivityCall call, CancellationToken cancellationToken);

/// <summary>What Prepare answers; the plan itself is an artifact.</summary>
public sealed record PrepareFacts(double Duration, int Parts);

/// <summary>What Transcribe answers; the words are an artifact.</summary>
public sealed record TranscribeFacts(int Part, int Words);

/// <summary>What PostProcess answers; the text is an artifact.</summary>
public sealed record PostProcessFacts(int Segments, int Words);

/// <summary>What Publish and RecordFailure answer.</summary>
public sealed record PublishFacts(int Words, IReadOnlyList<string> Outputs, IReadOnlyList<Warning> Warnings);

/// <summary>What Notify answers.</summary>
/// <param name="SentAt">When the receiver had taken it.</param>
public sealed record NotifyFacts(DateTimeOffset SentAt);
