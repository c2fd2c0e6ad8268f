using System.Globalization;

namespace Omoai.Pipeline.Artifacts;

/// <summary>The containers and the names of artifacts in them.</summary>
public static class ArtifactNames
{
    /// <summary>Recordings that people put there themselves; watched.</summary>
    public const string InputContainer = "audio-in";

    /// <summary>Recordings that came through the API or the command line; no trigger watches it.</summary>
    public const string ApiContainer = "audio-api";

    /// <summary>Intermediate artifacts, by job.</summary>
    public const string WorkContainer = "omoai-work";

    /// <summary>Outputs, by job.</summary>
    public const string OutputContainer = "transcripts";

    /// <summary>Prefix of everything intermediate of a job.</summary>
    public static string Work(string jobId) => $"{WorkContainer}/{jobId}/";

    /// <summary>Prefix of the receipts: one for each version of an upload that a job was started for.</summary>
    public const string Receipts = $"{WorkContainer}/receipts/";

    /// <summary>Prefix of the records of uploads that Azure gave up delivering.</summary>
    public const string Undelivered = $"{WorkContainer}/undelivered/";

    /// <summary>There when the job is to be cancelled.</summary>
    public static string CancelMarker(string jobId) => Work(jobId) + "cancel";

    /// <summary>Prefix of the ledger entries of one activity, or of one part of it.</summary>
    public static string Attempts(string jobId, string activity, int part) =>
        string.Create(CultureInfo.InvariantCulture, $"{Work(jobId)}attempts/{activity}-{part:D4}-");

    /// <summary>The plan of parts: committed last by Prepare, so that it being there means that the parts are.</summary>
    public static string Plan(string jobId) => $"{WorkContainer}/{jobId}/plan.json";

    /// <summary>The audio of one part; <paramref name="file"/> as the plan names it.</summary>
    public static string PartAudio(string jobId, string file) => $"{WorkContainer}/{jobId}/{file}";

    public static string PartWords(string jobId, int part) =>
        string.Create(CultureInfo.InvariantCulture, $"{WorkContainer}/{jobId}/words-{part:D4}.json");

    public static string PostProcessed(string jobId) => $"{WorkContainer}/{jobId}/post-processed.json";

    /// <summary>Prefix of the evidence of a job's activity hosts.</summary>
    public static string EvidencePrefix(string jobId) => $"{WorkContainer}/{jobId}/evidence/";

    /// <summary>Evidence of one process: an engine may run the same attempt more than once.</summary>
    public static string Evidence(string jobId, string activity, int part, int attempt, DateTimeOffset startedAt, int pid) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{EvidencePrefix(jobId)}{activity}-{part:D4}-{attempt:D2}-{startedAt.UtcDateTime:yyyyMMddHHmmssfff}-{pid}.json");

    /// <summary>There when the job's webhook was delivered.</summary>
    public static string WebhookSent(string jobId) => Work(jobId) + "webhook-sent";

    /// <summary>Why the job's webhook was given up.</summary>
    public static string WebhookFailed(string jobId) => Work(jobId) + "webhook-failed.json";

    /// <summary>An output file of a job.</summary>
    public static string Output(string jobId, string file) => $"{OutputContainer}/{jobId}/{file}";
}
