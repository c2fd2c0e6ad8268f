using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Omoai.Functions.Tests.Support;

namespace Omoai.Functions.Tests.Http;

/// <summary>The Functions host ends the worker with all its activities when a call takes too long: so none does.</summary>
public sealed class TimeLimitTests
{
    private const string Cancelled = "\"status\":\"cancelled\"";

    [Fact]
    public async Task The_events_of_a_job_that_goes_on_end_at_half_of_the_time_and_without_a_limit_with_the_job()
    {
        var limit = TimeSpan.FromSeconds(16);
        var store = Directory.CreateTempSubdirectory("omoai-test-").FullName;
        await using var server = await FunctionsServer.StartAsync(store);
        using var guard = new CancellationTokenSource(TestHub.Patience);
        var job = await StartEndlessJobAsync(server.Client, guard.Token);

        server.TimeLimit = "-1";
        using var unlimited = await FollowAsync(server.Client, job, guard.Token);
        server.TimeLimit = $"{limit:c}";
        var began = Stopwatch.GetTimestamp();
        using var limited = await FollowAsync(server.Client, job, guard.Token);

        // A body that is cut off, and not ended, throws.
        var events = await limited.Content.ReadAsStringAsync(guard.Token);
        // A clock that is read in steps may run out a little early.
        Assert.InRange(Stopwatch.GetElapsedTime(began), (limit / 2) - TimeSpan.FromMilliseconds(100), limit);
        Assert.Contains("\"status\":\"running\"", events, StringComparison.Ordinal);
        Assert.DoesNotContain(Cancelled, events, StringComparison.Ordinal);

        // The other began before, and is there still.
        server.TimeLimit = "-1";
        using var cancelled = await server.Client.DeleteAsync(new Uri($"/api/transcriptions/{job}", UriKind.Relative), guard.Token);
        cancelled.EnsureSuccessStatusCode();
        Assert.Contains(Cancelled, await unlimited.Content.ReadAsStringAsync(guard.Token), StringComparison.Ordinal);
    }

    private static async Task<string> StartEndlessJobAsync(HttpClient client, CancellationToken stop)
    {
        using var recording = new ByteArrayContent("SLEEP\0 for ever"u8.ToArray());
        recording.Headers.ContentType = new("audio/wav");
        using var answer = await client.PostAsync(new Uri("/api/transcriptions?name=sleep.wav", UriKind.Relative), recording, stop);
        answer.EnsureSuccessStatusCode();
        return (string)(await answer.Content.ReadFromJsonAsync<JsonNode>(stop))!["id"]!;
    }

    private static async Task<HttpResponseMessage> FollowAsync(HttpClient client, string job, CancellationToken stop)
    {
        var answer = await client.GetAsync(
            new Uri($"/api/transcriptions/{job}/events", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, stop);
        answer.EnsureSuccessStatusCode();
        return answer;
    }
}
