using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Omoai.Api;
using Omoai.Functions.Orchestration;

namespace Omoai.Functions.Http;

/// <summary>The calls of the HTTP API. Keys are the Functions host's own (<c>x-functions-key</c>).</summary>
internal sealed class ApiFunctions(TranscriptionsApi api, DurableJobEngine engine, FunctionTimeout timeout)
{
    private static readonly Lazy<Task<string>> s_openApi = new(() => OpenApiDocument.CreateAsync("x-functions-key", CancellationToken.None));

    [Function(FunctionNames.StartTranscription)]
    public Task<IResult> StartAsync(
        [HttpTrigger(AuthorizationLevel.Function, "post", Route = ApiRoutes.Transcriptions)] HttpRequest request,
        [DurableClient] DurableTaskClient client) => On(request, client).StartAsync(request.HttpContext);

    [Function(FunctionNames.ListTranscriptions)]
    public Task<IResult> ListAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = ApiRoutes.Transcriptions)] HttpRequest request,
        [DurableClient] DurableTaskClient client) => On(request, client).ListAsync(request.HttpContext);

    [Function(FunctionNames.GetTranscription)]
    public Task<IResult> GetAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = ApiRoutes.Transcription)] HttpRequest request,
        [DurableClient] DurableTaskClient client, string id) => On(request, client).GetAsync(request.HttpContext, id);

    [Function(FunctionNames.DeleteTranscription)]
    public Task<IResult> DeleteAsync(
        [HttpTrigger(AuthorizationLevel.Function, "delete", Route = ApiRoutes.Transcription)] HttpRequest request,
        [DurableClient] DurableTaskClient client, string id) => On(request, client).DeleteAsync(request.HttpContext, id);

    [Function(FunctionNames.RerunTranscription)]
    public Task<IResult> RerunAsync(
        [HttpTrigger(AuthorizationLevel.Function, "post", Route = ApiRoutes.Rerun)] HttpRequest request,
        [DurableClient] DurableTaskClient client, string id) => On(request, client).RerunAsync(request.HttpContext, id);

    [Function(FunctionNames.WatchTranscription)]
    public Task<IResult> WatchAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = ApiRoutes.Events)] HttpRequest request,
        [DurableClient] DurableTaskClient client, string id) => On(request, client).EventsAsync(request.HttpContext, id);

    [Function(FunctionNames.GetOutput)]
    public Task<IResult> GetOutputAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = ApiRoutes.Output)] HttpRequest request,
        [DurableClient] DurableTaskClient client, string id, string output) => On(request, client).OutputAsync(request.HttpContext, id, output);

    [Function(FunctionNames.CreateUpload)]
    public Task<IResult> CreateUploadAsync(
        [HttpTrigger(AuthorizationLevel.Function, "post", Route = ApiRoutes.Uploads)] HttpRequest request) =>
        api.CreateUploadAsync(request.HttpContext);

    [Function(FunctionNames.OpenApi)]
    public static async Task<IResult> GetOpenApiAsync(
        [HttpTrigger(AuthorizationLevel.Function, "get", Route = ApiRoutes.OpenApi)] HttpRequest request, CancellationToken stop) =>
        Results.Text(await s_openApi.Value.WaitAsync(stop), "application/json");

    [Function(FunctionNames.Live)]
    public Task<IResult> LiveAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = ApiRoutes.Live)] HttpRequest request) =>
        api.LiveAsync(request.HttpContext);

    [Function(FunctionNames.Ready)]
    public Task<IResult> ReadyAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = ApiRoutes.Ready)] HttpRequest request,
        [DurableClient] DurableTaskClient client) => On(request, client).ReadyAsync(request.HttpContext);

    /// <summary>What a call has to be answered with. It ends before the Functions host's time is up, which would end the worker and
    /// every activity in it: a caller who follows a job for that long connects again.</summary>
    private TranscriptionsApi On(HttpRequest request, DurableTaskClient client)
    {
        engine.Client = client;
        if (timeout.Limit is { } limit)
        {
            var http = request.HttpContext;
            var stop = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
            stop.CancelAfter(limit / 2);
            http.Response.RegisterForDispose(stop);
            http.RequestAborted = stop.Token;
        }

        return api;
    }
}
