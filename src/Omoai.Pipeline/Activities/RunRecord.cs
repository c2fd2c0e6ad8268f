using Omoai.Isolation;

namespace Omoai.Pipeline.Activities;

/// <summary>The content of <c>run.json</c>: what was run for a job, in which processes, and what that took.</summary>
public sealed record RunRecord
{
    public const string CurrentSchema = "omoai.run/1";

    public string Schema { get; init; } = CurrentSchema;
    public required string JobId { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required DateTimeOffset EndedAt { get; init; }

    /// <summary>Pid of the process that started the activity hosts.</summary>
    public required int ParentPid { get; init; }

    /// <summary>Peak resident memory of that process so far; null where the system doesn't tell.</summary>
    public required long? ParentPeakMemoryBytes { get; init; }

    /// <summary>Whether CUDA was mapped in that process; never, if the house's first rule holds.</summary>
    public required bool ParentHadCuda { get; init; }

    /// <summary>Whether ONNX Runtime was mapped in that process; never, if the house's first rule holds.</summary>
    public required bool ParentHadOnnxRuntime { get; init; }

    /// <summary>Every attempt of every activity that ran in an activity host, in order of its start.</summary>
    public required IReadOnlyList<AttemptRecord> Activities { get; init; }
}

/// <summary>The content of <c>error.json</c>.</summary>
/// <param name="JobId">The job.</param>
/// <param name="Input">The recording, which stays where it is.</param>
/// <param name="EndedAt">When it was given up.</param>
/// <param name="Error">Why.</param>
/// <param name="Activities">As in <c>run.json</c>.</param>
public sealed record ErrorRecord(
    string JobId, string Input, DateTimeOffset EndedAt, ActivityFailure Error, IReadOnlyList<AttemptRecord> Activities);

/// <summary>One attempt of one activity in an activity host.</summary>
/// <param name="Attempt">From 1.</param>
/// <param name="Host">The process it ran in.</param>
/// <param name="Part">The part transcribed; null for the other activities.</param>
/// <param name="ExecutionProvider">What ran the speech model or the language model, <c>cpu</c> or <c>cuda</c>; null where there was neither.</param>
/// <param name="Failure">Null when it succeeded.</param>
/// <param name="ExecutionProviderReason">Why that execution provider.</param>
public sealed record AttemptRecord(
    int Attempt, HostEvidence Host, int? Part = null, string? ExecutionProvider = null, ActivityFailure? Failure = null,
    string? ExecutionProviderReason = null);
