using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Omoai.Api.Uploads;
using Omoai.Pipeline;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Jobs;
using Omoai.Pipeline.Webhooks;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Api;

/// <summary>The calls of the HTTP API, one method each, whatever host they arrive at. None throws: what goes wrong is
/// answered as problem details.</summary>
public sealed partial class TranscriptionsApi(
    IJobs jobs, IArtifactStore store, UploadReceiver receiver, WebhookSender webhooks, Readiness readiness, TimeProvider time,
    IOptions<PipelineOptions> pipeline, IOptions<ApiOptions> options, ILogger<TranscriptionsApi> logger)
{
    private const int DefaultLimit = 50;
    private const int MaxLimit = 1000;

    private readonly AudioUpload _upload = new(store, pipeline.Value.MaxRecordingBytes);

    /// <summary><c>POST /transcriptions</c>: multipart with a part <c>audio</c>, a raw body, or JSON that names a blob.</summary>
    public Task<IResult> StartAsync(HttpContext http) => GuardAsync(http, async cancellationToken =>
    {
        if (!MediaTypeHeaderValue.TryParse(http.Request.ContentType, out var type))
        {
            throw UnsupportedType();
        }

        if (type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase))
        {
            return await StartOnBlobAsync(http, cancellationToken);
        }

        var isMultipart = type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase);
        if (!isMultipart && !type.Type.Equals("audio", StringComparison.OrdinalIgnoreCase)
            && !type.Type.Equals("video", StringComparison.OrdinalIgnoreCase)
            && !type.MediaType.Equals("application/octet-stream", StringComparison.OrdinalIgnoreCase))
        {
            throw UnsupportedType();
        }

        LiftBodyLimit(http);
        var query = http.Request.Query;
        var asked = StrictJson.Parse<TranscriptionOptions>(Encoding.UTF8.GetBytes(query["options"].ToString()), ProblemCodes.InvalidOptions);
        var received = isMultipart
            ? await _upload.ReceiveFormAsync(http.Request, type, asked, cancellationToken)
            : await _upload.ReceiveBodyAsync(http.Request, query["name"], asked, cancellationToken);
        try
        {
            return Accepted(http, await receiver.ReceiveAsync(
                received.Recording, received.Name, Checked(received.Options), rerun: false, cancellationToken));
        }
        catch (Exception e) when (received.IsNew && e is ApiException or MissingRequirementException)
        {
            // Nobody knows what it is called, so nobody could use or delete it.
            await store.DeleteExactAsync(received.Recording.Name, received.Recording.Version, CancellationToken.None);
            throw;
        }
    });

    /// <summary><c>GET /transcriptions</c></summary>
    public Task<IResult> ListAsync(HttpContext http) => GuardAsync(http, async cancellationToken =>
    {
        var query = http.Request.Query;
        var status = query["status"].ToString() is { Length: > 0 } text
            ? // Not a number, and not several, which it would take too.
            Enum.TryParse<JobStatus>(text, ignoreCase: true, out var parsed) && Name(parsed).Equals(text, StringComparison.OrdinalIgnoreCase)
                ? parsed
                : throw ApiException.InvalidRequest("status must be queued, running, succeeded, failed or cancelled.")
            : (JobStatus?)null;
        var limit = DefaultLimit;
        if (query["limit"].ToString() is { Length: > 0 } wanted
            && (!int.TryParse(wanted, NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit is < 1 or > MaxLimit))
        {
            throw ApiException.InvalidRequest($"limit must be a number from 1 to {MaxLimit}.");
        }

        try
        {
            var page = await jobs.ListAsync(status, limit, query["continuation"].ToString() is { Length: > 0 } next ? next : null, cancellationToken);
            return Json(new JobListResponse([.. page.Jobs.Select(job => JobResponse.Of(job, http))], page.Continuation));
        }
        catch (FormatException)
        {
            throw ApiException.InvalidRequest("continuation must be what the page before gave.");
        }
    });

    /// <summary><c>GET /transcriptions/{id}</c></summary>
    public Task<IResult> GetAsync(HttpContext http, string id) => GuardAsync(http, async cancellationToken =>
        Json(JobResponse.Of(await FindAsync(id, cancellationToken), http)));

    /// <summary><c>GET /transcriptions/{id}/events</c>: server-sent events until the job has ended.</summary>
    public Task<IResult> EventsAsync(HttpContext http, string id) => GuardAsync(http, async cancellationToken =>
    {
        await FindAsync(id, cancellationToken);
        return new JobEvents(jobs.WatchAsync(id, http.RequestAborted), options.Value.KeepAlive, time);
    });

    /// <summary><c>GET /transcriptions/{id}/{output}</c></summary>
    public Task<IResult> OutputAsync(HttpContext http, string id, string output) => GuardAsync(http, async cancellationToken =>
    {
        var (file, contentType) = JobOutputs.Find(output) ?? throw new ApiException(
            StatusCodes.Status404NotFound, ProblemCodes.NotFound, $"A job has no such output; it has {string.Join(", ", JobOutputs.Names)}.");
        var job = await FindAsync(id, cancellationToken);
        if (await store.OpenReadAsync(ArtifactNames.Output(job.Id, file), cancellationToken) is { } content)
        {
            return Results.Stream(content, contentType);
        }

        throw job.Status switch
        {
            JobStatus.Succeeded => new ApiException(
                StatusCodes.Status404NotFound, ProblemCodes.OutputNotWritten, $"The job was not asked for {file}, or its outputs were deleted."),
            JobStatus.Failed or JobStatus.Cancelled => new ApiException(
                StatusCodes.Status409Conflict, ProblemCodes.JobFailed, $"The job has no outputs: {job.Error?.Reason}", job.Id),
            _ => new ApiException(StatusCodes.Status409Conflict, ProblemCodes.NotReady, $"The job is {Name(job.Status)}.", job.Id),
        };
    });

    /// <summary><c>POST /transcriptions/{id}/rerun</c></summary>
    public Task<IResult> RerunAsync(HttpContext http, string id) => GuardAsync(http, async cancellationToken =>
    {
        await FindAsync(id, cancellationToken);
        var request = await StrictJson.ReadAsync<RerunRequest>(http.Request.Body, ProblemCodes.InvalidRequest, cancellationToken);
        var asked = request?.Options is { } given ? Checked(given) : null;
        var job = await jobs.RerunAsync(id, asked, cancellationToken) ?? throw ApiException.NoSuchJob(id);
        return Accepted(http, job);
    });

    /// <summary><c>DELETE /transcriptions/{id}</c>: cancels, or with <c>?purge=true</c> deletes what is kept of an ended job.</summary>
    public Task<IResult> DeleteAsync(HttpContext http, string id) => GuardAsync(http, async cancellationToken =>
    {
        var purge = Flag(http, "purge");
        var input = Flag(http, "input");
        if (input && !purge)
        {
            throw ApiException.InvalidRequest("input=true goes with purge=true.");
        }

        var job = await FindAsync(id, cancellationToken);
        if (purge)
        {
            return (await jobs.PurgeAsync(id, input, cancellationToken) ?? throw ApiException.NoSuchJob(id)).EndedAt is not null
                ? Results.NoContent()
                : throw new ApiException(
                    StatusCodes.Status409Conflict, ProblemCodes.JobNotEnded, "The job hasn't ended. Cancel it first, without purge=true.", id);
        }

        if (job.Status is JobStatus.Succeeded or JobStatus.Failed)
        {
            throw new ApiException(
                StatusCodes.Status409Conflict, ProblemCodes.JobEnded, $"The job has {Name(job.Status)}; purge=true deletes what is kept of it.", id);
        }

        return Accepted(http, await jobs.CancelAsync(id, cancellationToken) ?? throw ApiException.NoSuchJob(id));
    });

    /// <summary><c>POST /uploads</c></summary>
    public Task<IResult> CreateUploadAsync(HttpContext http) => GuardAsync(http, async cancellationToken =>
    {
        var artifact = AudioUpload.NewArtifact();
        var upload = await store.CreateUploadUrlAsync(artifact, cancellationToken) ?? throw new ApiException(
            StatusCodes.Status409Conflict, ProblemCodes.UploadsUnavailable,
            "The storage of this server has no URLs: send the recording to POST /transcriptions.");
        var headers = new Dictionary<string, string> { ["x-ms-blob-type"] = "BlockBlob" };
        return Results.Json(
            new UploadResponse(upload.Url, "PUT", headers, artifact, upload.ExpiresAt), OmoaiJson.Compact,
            statusCode: StatusCodes.Status201Created);
    });

    /// <summary><c>GET /health/live</c>: that this process answers.</summary>
    public Task<IResult> LiveAsync(HttpContext http) => GuardAsync(http, _ =>
        Task.FromResult(Json(new HealthResponse("live", new Dictionary<string, string?>()))));

    /// <summary><c>GET /health/ready</c>: whether it can take jobs, with the reason when it can't.</summary>
    public Task<IResult> ReadyAsync(HttpContext http) => GuardAsync(http, async cancellationToken =>
    {
        var health = await readiness.CheckAsync(cancellationToken);
        return Results.Json(
            health, OmoaiJson.Compact,
            statusCode: health.Status == Readiness.Ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    });

    private async Task<IResult> StartOnBlobAsync(HttpContext http, CancellationToken cancellationToken)
    {
        var request = await StrictJson.ReadAsync<BlobRequest>(http.Request.Body, ProblemCodes.InvalidRequest, cancellationToken)
            ?? throw ApiException.InvalidRequest("The body must name a blob: {\"blob\":\"audio-in/NAME\"}.");
        var slash = request.Blob.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0 || request.Blob[..slash] is not (ArtifactNames.InputContainer or ArtifactNames.ApiContainer))
        {
            throw ApiException.InvalidRequest(
                $"blob must be {ArtifactNames.InputContainer}/NAME or {ArtifactNames.ApiContainer}/NAME.");
        }

        ArtifactInfo? recording;
        try
        {
            recording = await store.FindAsync(request.Blob, cancellationToken);
        }
        catch (ArgumentException)
        {
            throw ApiException.InvalidRequest("blob isn't a name that this storage can have.");
        }

        if (recording is null)
        {
            throw new ApiException(StatusCodes.Status404NotFound, ProblemCodes.BlobNotFound, "There is no such blob.");
        }

        if (recording.Length > pipeline.Value.MaxRecordingBytes)
        {
            throw ApiException.TooLarge(pipeline.Value.MaxRecordingBytes);
        }

        return Accepted(http, await receiver.ReceiveAsync(
            recording, request.Name, Checked(request.Options), request.Rerun, cancellationToken));
    }

    /// <exception cref="ApiException">An option has a value that can't be used here.</exception>
    private TranscriptionOptions Checked(TranscriptionOptions? asked)
    {
        var checkedOptions = StrictJson.Checked(asked);
        return checkedOptions.Webhook is { } webhook && webhooks.Check(webhook) is { } problem
            ? throw new ApiException(StatusCodes.Status400BadRequest, ProblemCodes.InvalidOptions, problem)
            : checkedOptions;
    }

    private async Task<JobState> FindAsync(string id, CancellationToken cancellationToken) =>
        // Nothing else is the id of a job, and this one becomes part of artifacts' names.
        id.Length == 32 && id.All(char.IsAsciiHexDigitLower) && await jobs.FindAsync(id, cancellationToken) is { } job
            ? job
            : throw ApiException.NoSuchJob(id);

    private static IResult Accepted(HttpContext http, JobStart start) => start.Outcome == StartOutcome.Conflict
        ? throw new ApiException(
            StatusCodes.Status409Conflict, ProblemCodes.OptionsConflict,
            "There is a job with other options on this recording. Ask for another run of it: POST to its link, with /rerun.", start.Job.Id)
        : Accepted(http, start.Job);

    private static IResult Accepted(HttpContext http, JobState job)
    {
        http.Response.Headers.Location = JobResponse.SelfLink(job.Id, http);
        return Results.Json(JobResponse.Of(job, http), OmoaiJson.Compact, statusCode: StatusCodes.Status202Accepted);
    }

    private static IResult Json<T>(T value) => Results.Json(value, OmoaiJson.Compact);

    private static bool Flag(HttpContext http, string name) => http.Request.Query[name].ToString() switch
    {
        "" or "false" => false,
        "true" => true,
        _ => throw ApiException.InvalidRequest($"{name} must be true or false."),
    };

    private static string Name(JobStatus status) => status.ToString().ToLowerInvariant();

    /// <summary>The host's own limit is for requests that are held in memory; recordings are not, and have their own.</summary>
    private static void LiftBodyLimit(HttpContext http)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = null;
        }
    }

    private static ApiException UnsupportedType() => new(
        StatusCodes.Status415UnsupportedMediaType, ProblemCodes.UnsupportedMediaType,
        "Send multipart/form-data with a part 'audio', an audio/* body, or application/json that names a blob.");

    private async Task<IResult> GuardAsync(HttpContext http, Func<CancellationToken, Task<IResult>> call)
    {
        try
        {
            return await call(http.RequestAborted);
        }
        catch (ApiException e)
        {
            if (e.Status == StatusCodes.Status413PayloadTooLarge)
            {
                // The rest of the recording isn't waited for.
                http.Response.Headers.Connection = "close";
            }

            return e.ToResult(http);
        }
        catch (BadHttpRequestException e)
        {
            var code = e.StatusCode == StatusCodes.Status413PayloadTooLarge ? ProblemCodes.TooLarge : ProblemCodes.InvalidRequest;
            return Problems.Create(http, e.StatusCode, code, e.Message);
        }
        catch (MissingRequirementException e)
        {
            return Problems.Create(http, StatusCodes.Status400BadRequest, ProblemCodes.ModelMissing, e.Message);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            return Results.StatusCode(StatusCodes.Status499ClientClosedRequest);
        }
        catch (IOException e)
        {
            LogStorage(logger, http.Request.Method, http.Request.Path, e.Message);
            http.Response.Headers.RetryAfter = "5";
            return Problems.Create(
                http, StatusCodes.Status503ServiceUnavailable, ProblemCodes.StorageUnavailable, "The storage can't be reached now. Try again.");
        }
        catch (Exception e)
        {
            LogBug(logger, http.Request.Method, http.Request.Path, e);
            return Problems.Create(
                http, StatusCodes.Status500InternalServerError, ProblemCodes.Internal, "Something went wrong here; the log says what.");
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Method} {Path}: the storage can't be reached: {Reason}")]
    private static partial void LogStorage(ILogger logger, string method, string path, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path} went wrong")]
    private static partial void LogBug(ILogger logger, string method, string path, Exception exception);
}
