using Microsoft.AspNetCore.Http;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Jobs;

namespace Omoai.Api;

/// <summary>A job, as the API shows it.</summary>
/// <param name="Id">32 hexadecimal digits.</param>
/// <param name="Status">How it is doing.</param>
/// <param name="Stage">The activity under way or, once ended, the last one; null before the first.</param>
/// <param name="Progress">0 to 1; never falls.</param>
/// <param name="CreatedAt">When it was accepted, UTC.</param>
/// <param name="StartedAt">When it began, UTC.</param>
/// <param name="EndedAt">When it ended, UTC.</param>
/// <param name="Error">Set when it failed or was cancelled.</param>
/// <param name="Links">Where to go from here, by name: <c>self</c>, <c>events</c>, and the outputs.</param>
public sealed record JobResponse(
    string Id, JobStatus Status, string? Stage, double Progress, DateTimeOffset CreatedAt, DateTimeOffset? StartedAt,
    DateTimeOffset? EndedAt, ActivityFailure? Error, IReadOnlyDictionary<string, string> Links)
{
    internal static JobResponse Of(JobState job, HttpContext http)
    {
        var self = SelfLink(job.Id, http);
        var links = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["self"] = self, ["events"] = $"{self}/events" };
        foreach (var output in JobOutputs.Names)
        {
            links[output] = $"{self}/{output}";
        }

        return new JobResponse(
            job.Id, job.Status, job.Stage, job.Progress, job.CreatedAt, job.StartedAt, job.EndedAt, job.Error, links);
    }

    internal static string SelfLink(string id, HttpContext http) => $"{http.Request.PathBase}{ApiRoutes.Prefix}/transcriptions/{id}";
}

/// <summary>A page of jobs, the newest first.</summary>
/// <param name="Jobs">The jobs.</param>
/// <param name="Continuation">Asks for the next page; null when this is the last.</param>
public sealed record JobListResponse(IReadOnlyList<JobResponse> Jobs, string? Continuation);

/// <summary>Where a large recording can be put without passing through the API.</summary>
/// <param name="Url">Write-only, and short-lived: a secret as long as it can be used.</param>
/// <param name="Method">The HTTP method to use.</param>
/// <param name="Headers">The headers that the request must have.</param>
/// <param name="Blob">What to name, then, as <c>blob</c> in <c>POST /transcriptions</c>.</param>
/// <param name="ExpiresAt">UTC.</param>
public sealed record UploadResponse(
    Uri Url, string Method, IReadOnlyDictionary<string, string> Headers, string Blob, DateTimeOffset ExpiresAt);

/// <summary>A job on a recording that is in storage already.</summary>
/// <param name="Blob">The recording: <c>audio-in/NAME</c> or <c>audio-api/NAME</c>.</param>
/// <param name="Name">What to call it; null takes the blob's name.</param>
/// <param name="Options">What is asked for; null asks for nothing in particular.</param>
/// <param name="Rerun">Whether other options than those of an earlier job on it start another run.</param>
public sealed record BlobRequest(string Blob, string? Name = null, TranscriptionOptions? Options = null, bool Rerun = false);

/// <summary>A job to be run again.</summary>
/// <param name="Options">What is asked for now; null asks for the same as before.</param>
public sealed record RerunRequest(TranscriptionOptions? Options = null);

/// <summary>Whether this server can take jobs.</summary>
/// <param name="Status"><c>ready</c> or <c>unready</c>.</param>
/// <param name="Checks">What was looked at, and what is wrong with it; null where nothing is.</param>
public sealed record HealthResponse(string Status, IReadOnlyDictionary<string, string?> Checks);
