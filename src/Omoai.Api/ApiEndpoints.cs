using System.Net.ServerSentEvents;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.OpenApi;

namespace Omoai.Api;

/// <summary>The table of calls: where each is, what answers it, and what it may answer.</summary>
public static class ApiEndpoints
{
    /// <summary>Maps every call, below <see cref="ApiRoutes.Prefix"/>.</summary>
    public static void MapOmoaiApi(this IEndpointRouteBuilder routes)
    {
        var api = routes.MapGroup(ApiRoutes.Prefix);

        api.MapPost(ApiRoutes.Transcriptions, (HttpContext http, TranscriptionsApi calls) => calls.StartAsync(http))
            .Answers<JobResponse>(StatusCodes.Status202Accepted, 400, 401, 403, 404, 409, 413, 415, 503)
            .Named("startTranscription", "Start a transcription.",
                "Send the recording itself (multipart/form-data with a part `audio` and, if you like, JSON in a part `options`; or an " +
                "audio/* body with `?name=` and `?options=`), or JSON that names a blob. The same Idempotency-Key, or the same version of " +
                "the same blob, gives the same job.")
            .AddOpenApiOperationTransformer(OpenApiDocumentOf.DescribeStart);
        api.MapGet(ApiRoutes.Transcriptions, (HttpContext http, TranscriptionsApi calls) => calls.ListAsync(http))
            .Answers<JobListResponse>(StatusCodes.Status200OK, 400, 401, 403, 503)
            .Named("listTranscriptions", "List jobs, the newest first.", "A page at a time: `continuation` asks for the next one.")
            .Takes(("status", "Only jobs of this status."), ("limit", "1 to 1000; 50 by default."), ("continuation", "As the page before gave it."));
        api.MapGet(ApiRoutes.Transcription, (HttpContext http, TranscriptionsApi calls, string id) => calls.GetAsync(http, id))
            .Answers<JobResponse>(StatusCodes.Status200OK, 401, 403, 404)
            .Named("getTranscription", "Tell how a job is doing.");
        api.MapDelete(ApiRoutes.Transcription, (HttpContext http, TranscriptionsApi calls, string id) => calls.DeleteAsync(http, id))
            .Answers<JobResponse>(StatusCodes.Status202Accepted, 400, 401, 403, 404, 409, 503)
            .Produces(StatusCodes.Status204NoContent)
            .Named("deleteTranscription", "Cancel a job, or delete what is kept of it.",
                "Asks for cancellation (202). With `purge=true`, deletes the outputs, the work and the record of a job that has ended " +
                "(204), and with `input=true` its recording too.")
            .Takes(("purge", "true deletes; false, the default, cancels."), ("input", "true deletes the recording too."));
        api.MapPost(ApiRoutes.Rerun, (HttpContext http, TranscriptionsApi calls, string id) => calls.RerunAsync(http, id))
            .Answers<JobResponse>(StatusCodes.Status202Accepted, 400, 401, 403, 404, 413, 415, 503)
            .Accepts<RerunRequest>(isOptional: true, "application/json")
            .Named("rerunTranscription", "Run a job again.", "A new job on the same input, with new options if given.");
        api.MapGet(ApiRoutes.Events, (HttpContext http, TranscriptionsApi calls, string id) => calls.EventsAsync(http, id))
            .Answers<SseItem<JobResponse>>(StatusCodes.Status200OK, "text/event-stream", 401, 403, 404)
            .Named("watchTranscription", "Follow a job.", "Server-sent events `job`, each with the job as JSON, until it has ended.");
        foreach (var output in JobOutputs.Names)
        {
            var (file, contentType) = JobOutputs.Find(output)!.Value;
            var endpoint = api.MapGet($"{ApiRoutes.Transcription}/{output}", (HttpContext http, TranscriptionsApi calls, string id) =>
                calls.OutputAsync(http, id, output));
            (contentType == "application/json"
                    ? endpoint.Answers<JsonElement>(StatusCodes.Status200OK, contentType, 401, 403, 404, 409, 503)
                    : endpoint.Answers<string>(StatusCodes.Status200OK, contentType, 401, 403, 404, 409, 503))
                .Named($"get{char.ToUpperInvariant(output[0])}{output[1..]}", $"Get {file}.", "409 while it is not there yet.");
        }

        api.MapPost(ApiRoutes.Uploads, (HttpContext http, TranscriptionsApi calls) => calls.CreateUploadAsync(http))
            .Answers<UploadResponse>(StatusCodes.Status201Created, 401, 403, 409, 503)
            .Named("createUpload", "Get a URL for a large recording.",
                "A short-lived, write-only URL. PUT the recording there, then POST its `blob` to /transcriptions.");
        api.MapGet(ApiRoutes.Live, (HttpContext http, TranscriptionsApi calls) => calls.LiveAsync(http))
            .Answers<HealthResponse>(StatusCodes.Status200OK)
            .Named("live", "Whether the server answers.");
        api.MapGet(ApiRoutes.Ready, (HttpContext http, TranscriptionsApi calls) => calls.ReadyAsync(http))
            .Answers<HealthResponse>(StatusCodes.Status200OK)
            .Produces<HealthResponse>(StatusCodes.Status503ServiceUnavailable)
            .Named("ready", "Whether the server can take jobs.");
        routes.MapOpenApi($"{ApiRoutes.Prefix}/{ApiRoutes.OpenApi}");
    }

    private static RouteHandlerBuilder Answers<T>(this RouteHandlerBuilder endpoint, int status, params int[] problems) =>
        endpoint.Answers<T>(status, "application/json", problems);

    private static RouteHandlerBuilder Answers<T>(this RouteHandlerBuilder endpoint, int status, string contentType, params int[] problems)
    {
        endpoint.Produces<T>(status, contentType);
        foreach (var problem in problems.Append(StatusCodes.Status500InternalServerError))
        {
            endpoint.Produces<Problem>(problem, Problems.ContentType);
        }

        return endpoint;
    }

    private static void Takes(this RouteHandlerBuilder endpoint, params (string Name, string Description)[] query) =>
        endpoint.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            foreach (var (name, description) in query)
            {
                (operation.Parameters ??= []).Add(OpenApiDocumentOf.Parameter(name, ParameterLocation.Query, description));
            }

            return Task.CompletedTask;
        });

    private static RouteHandlerBuilder Named(this RouteHandlerBuilder endpoint, string name, string summary, string? description = null)
    {
        endpoint.WithName(name).WithSummary(summary).WithTags("omoai");
        return description is null ? endpoint : endpoint.WithDescription(description);
    }
}
