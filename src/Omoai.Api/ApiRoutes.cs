namespace Omoai.Api;

/// <summary>Where the calls of the API are, below <see cref="Prefix"/>; the same on every host.</summary>
public static class ApiRoutes
{
    public const string Prefix = "/api";
    public const string Transcriptions = "transcriptions";
    public const string Transcription = "transcriptions/{id}";
    public const string Rerun = "transcriptions/{id}/rerun";
    public const string Events = "transcriptions/{id}/events";

    /// <summary>An output of a job; only their names, or else it would take the calls above too where routes have no order.</summary>
    public const string Output = "transcriptions/{id}/{output:regex(^(json|txt|srt|vtt|md|run)$)}";

    public const string Uploads = "uploads";
    public const string Live = "health/live";
    public const string Ready = "health/ready";
    public const string OpenApi = "openapi.json";
}
