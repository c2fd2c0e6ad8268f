using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Omoai.Pipeline.Jobs;
using Omoai.Transcripts;

namespace Omoai.Api;

/// <summary>Sends the states of a job as server-sent events (<c>event: job</c>), the last one when it has ended.</summary>
/// <param name="states">The states.</param>
/// <param name="keepAlive">Between two comments that keep the connection open while nothing happens.</param>
/// <param name="time">The clock.</param>
internal sealed class JobEvents(IAsyncEnumerable<JobState> states, TimeSpan keepAlive, TimeProvider time) : IResult
{
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-store";
        httpContext.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        var ended = httpContext.RequestAborted;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ended);
        var next = states.GetAsyncEnumerator(stop.Token);
        var moving = Task.FromResult(false);
        try
        {
            for (var number = 1; ; number++)
            {
                moving = next.MoveNextAsync().AsTask();
                while (await Task.WhenAny(moving, Task.Delay(keepAlive, time, ended)) != moving)
                {
                    ended.ThrowIfCancellationRequested();
                    await WriteAsync(": nothing new\n\n");
                }

                if (!await moving)
                {
                    return;
                }

                var data = JsonSerializer.Serialize(JobResponse.Of(next.Current, httpContext), OmoaiJson.Compact);
                await WriteAsync($"event: job\nid: {number}\ndata: {data}\n\n");
            }
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // Nobody listens any more.
        }
        finally
        {
            // States that are being waited for can't be disposed of.
            await stop.CancelAsync();
            await ((Task)moving).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await next.DisposeAsync();
        }

        async Task WriteAsync(string text)
        {
            await response.WriteAsync(text, ended);
            await response.Body.FlushAsync(ended);
        }
    }
}
