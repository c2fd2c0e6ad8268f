using System.Text.Json;
using Omoai.Isolation;
using Omoai.Transcripts;

namespace Omoai.Pipeline.Webhooks;

/// <summary>What a webhook says: how a job ended, and nothing of what was said in the recording.</summary>
/// <param name="Type"><c>transcription.succeeded</c>, <c>transcription.failed</c> or <c>transcription.cancelled</c>.</param>
/// <param name="Id">The job.</param>
/// <param name="Status">As in the type.</param>
/// <param name="EndedAt">When the job ended; the same in each attempt to deliver.</param>
/// <param name="Duration">Seconds of audio; null unless it succeeded.</param>
/// <param name="Words">Words in the transcript; null unless it succeeded.</param>
/// <param name="Outputs">File names under the job's output prefix; empty unless it succeeded.</param>
/// <param name="Error">Null when it succeeded.</param>
public sealed record WebhookEvent(
    string Type, string Id, JobStatus Status, DateTimeOffset EndedAt, double? Duration, int? Words,
    IReadOnlyList<string> Outputs, ActivityFailure? Error)
{
    public static WebhookEvent Create(string jobId, JobResult outcome, DateTimeOffset endedAt) => new(
        $"transcription.{JsonNamingPolicy.SnakeCaseLower.ConvertName(outcome.Status.ToString())}", jobId, outcome.Status, endedAt,
        outcome.Facts?.Duration, outcome.Facts?.Words, outcome.Facts?.Outputs ?? [], outcome.Failure);

    /// <summary>The body of the request.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, OmoaiJson.Compact);
}
