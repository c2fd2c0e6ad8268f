using Microsoft.AspNetCore.Http;

namespace Omoai.Api;

/// <summary>A request that can't be answered as asked: becomes problem details (RFC 9457).</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="code">Stable, for programs: one of <see cref="ProblemCodes"/>.</param>
/// <param name="detail">For people: what is wrong, and what to do about it.</param>
/// <param name="job">The job that is in the way, where there is one.</param>
internal sealed class ApiException(int status, string code, string detail, string? job = null) : Exception(detail)
{
    public int Status { get; } = status;

    public string Code { get; } = code;

    public string? Job { get; } = job;

    public static ApiException InvalidRequest(string detail) => new(StatusCodes.Status400BadRequest, ProblemCodes.InvalidRequest, detail);

    public static ApiException NoSuchJob(string id) =>
        new(StatusCodes.Status404NotFound, ProblemCodes.NotFound, $"There is no job '{DisplayId(id)}'.");

    public static ApiException TooLarge(long limit) => new(
        StatusCodes.Status413PayloadTooLarge, ProblemCodes.TooLarge,
        $"The recording is larger than {limit} bytes, the limit of this server (Omoai:Pipeline:MaxRecordingBytes).");

    private static string DisplayId(string id) => id.Length > 64 ? id[..64] : id;
}

/// <summary>The values of <c>code</c> in problem details. Stable: programs depend on them.</summary>
public static class ProblemCodes
{
    public const string InvalidRequest = "invalid_request";
    public const string InvalidOptions = "invalid_options";
    public const string EmptyAudio = "empty_audio";
    public const string ModelMissing = "model_missing";
    public const string Unauthorized = "unauthorized";
    public const string Forbidden = "forbidden";
    public const string NotFound = "not_found";
    public const string BlobNotFound = "blob_not_found";
    public const string OutputNotWritten = "output_not_written";
    public const string MethodNotAllowed = "method_not_allowed";
    public const string NotReady = "not_ready";
    public const string JobFailed = "job_failed";
    public const string JobEnded = "job_ended";
    public const string JobNotEnded = "job_not_ended";
    public const string OptionsConflict = "options_conflict";
    public const string UploadsUnavailable = "uploads_unavailable";
    public const string TooLarge = "too_large";
    public const string UnsupportedMediaType = "unsupported_media_type";
    public const string StorageUnavailable = "storage_unavailable";
    public const string Internal = "internal";
}
