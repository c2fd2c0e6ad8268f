using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Omoai.Api.Tests.Support;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Artifacts;

namespace Omoai.Api.Tests;

public sealed class JobTests
{
    private static readonly ActivityFailure Silence = new(FailureClass.BadInput, Retryable: false, "It is silent.");

    public static TheoryData<string> NoIds { get; } =
    [
        "nobody", "0123456789abcdef0123456789abcdef", "0123456789ABCDEF0123456789ABCDEF", "..%2f..", "%2e%2e%2f%2e%2e%2fetc",
        "0123456789abcdef0123456789abcde%0a", new string('a', 2000),
    ];

    public static TheoryData<string, string, string> Outputs { get; } = new()
    {
        { "json", "final.json", "application/json" },
        { "txt", "transcript.txt", "text/plain; charset=utf-8" },
        { "srt", "transcript.srt", "application/x-subrip; charset=utf-8" },
        { "vtt", "transcript.vtt", "text/vtt; charset=utf-8" },
        { "md", "transcript.md", "text/markdown; charset=utf-8" },
        { "run", "run.json", "application/json" },
    };

    [Fact]
    public async Task A_job_tells_how_it_is_doing()
    {
        await using var server = await ApiServer.StartAsync();
        var id = await server.StartJobAsync();
        server.Engine.Run(id, "transcribe", 0.5);

        var job = (await server.GetAsync($"{ApiServer.Jobs}/{id}")).Is(200).Json;

        Assert.Equal((id, "running", "transcribe", 0.5), ((string)job["id"]!, (string)job["status"]!, (string)job["stage"]!, (double)job["progress"]!));
        Assert.Equal("2026-01-02T03:04:05+00:00", (string?)job["createdAt"]);
        Assert.Null(job["endedAt"]);
        Assert.Equal($"{ApiServer.Jobs}/{id}/events", (string?)job["links"]!["events"]);

        server.Engine.End(id, JobStatus.Failed, Silence);
        var failed = (await server.GetAsync($"{ApiServer.Jobs}/{id}")).Is(200).Json;
        Assert.Equal("failed", (string?)failed["status"]);
        Assert.Equal("bad_input", (string?)failed["error"]!["class"]);
    }

    [Fact]
    public async Task Jobs_come_in_pages_the_newest_first()
    {
        await using var server = await ApiServer.StartAsync();
        Assert.Empty((await server.GetAsync(ApiServer.Jobs)).Is(200).Json["jobs"]!.AsArray());
        string[] ids = [await server.StartJobAsync(), await server.StartJobAsync(), await server.StartJobAsync()];

        var first = (await server.GetAsync($"{ApiServer.Jobs}?limit=2")).Is(200).Json;
        var second = (await server.GetAsync($"{ApiServer.Jobs}?limit=2&continuation={first["continuation"]}")).Is(200).Json;

        Assert.Equal([ids[2], ids[1]], IdsOf(first));
        Assert.Equal([ids[0]], IdsOf(second));
        Assert.Null(second["continuation"]);
    }

    [Fact]
    public async Task Jobs_are_listed_by_status()
    {
        await using var server = await ApiServer.StartAsync();
        var (ended, queued) = (await server.StartJobAsync(), await server.StartJobAsync());
        server.Engine.End(ended);

        Assert.Equal([ended], IdsOf((await server.GetAsync($"{ApiServer.Jobs}?status=succeeded")).Is(200).Json));
        Assert.Equal([queued], IdsOf((await server.GetAsync($"{ApiServer.Jobs}?status=Queued")).Is(200).Json));
        Assert.Empty(IdsOf((await server.GetAsync($"{ApiServer.Jobs}?status=failed")).Is(200).Json));
    }

    [Theory]
    [InlineData("status=done")]
    [InlineData("status=1")]
    [InlineData("status=queued,running")]
    [InlineData("status=queued&status=running")]
    [InlineData("limit=0")]
    [InlineData("limit=-1")]
    [InlineData("limit=1001")]
    [InlineData("limit=many")]
    [InlineData("continuation=nonsense")]
    public async Task A_page_that_cant_be_is_refused(string query)
    {
        await using var server = await ApiServer.StartAsync();

        (await server.GetAsync($"{ApiServer.Jobs}?{query}")).IsProblem(400, ProblemCodes.InvalidRequest);
    }

    [Theory]
    [MemberData(nameof(NoIds))]
    public async Task No_call_finds_a_job_that_isnt_there(string id)
    {
        await using var server = await ApiServer.StartAsync();
        await server.CommitAsync("omoai-work/x", [1]);
        var job = $"{ApiServer.Jobs}/{id}";
        Answer[] answers =
        [
            await server.GetAsync(job), await server.DeleteAsync(job), await server.DeleteAsync($"{job}?purge=true&input=true"),
            await server.PostAsync($"{job}/rerun", null), await server.GetAsync($"{job}/events"), await server.GetAsync($"{job}/json"),
        ];

        Assert.All(answers, answer => Assert.True(answer.IsProblem(404, ProblemCodes.NotFound).Length < 200));
        Assert.Single(server.Files);
    }

    [Theory]
    [MemberData(nameof(Outputs))]
    public async Task An_output_is_given_as_it_is(string name, string file, string contentType)
    {
        await using var server = await ApiServer.StartAsync();
        var id = await server.StartJobAsync();
        var content = Encoding.UTF8.GetBytes("""{"text":"Grüße, 世界"}""" + "\n");
        await server.CommitAsync(ArtifactNames.Output(id, file), content);
        server.Engine.End(id);

        var answer = (await server.GetAsync($"{ApiServer.Jobs}/{id}/{name}")).Is(200);

        Assert.Equal(contentType, answer.ContentType);
        Assert.Equal(content, answer.Body);
        Assert.Equal("nosniff", answer.Headers["X-Content-Type-Options"]);
    }

    [Fact]
    public async Task An_output_that_isnt_there_is_answered_with_the_reason()
    {
        await using var server = await ApiServer.StartAsync();
        var id = await server.StartJobAsync();
        var output = $"{ApiServer.Jobs}/{id}/srt";

        Assert.Contains("queued", (await server.GetAsync(output)).IsProblem(409, ProblemCodes.NotReady));
        server.Engine.Run(id, "prepare", 0);
        var running = await server.GetAsync(output);
        Assert.Contains("running", running.IsProblem(409, ProblemCodes.NotReady));
        Assert.Equal(id, (string?)running.Json["job"]);
        server.Engine.End(id, JobStatus.Failed, Silence);
        Assert.Contains(Silence.Reason, (await server.GetAsync(output)).IsProblem(409, ProblemCodes.JobFailed));
        server.Engine.End(id, JobStatus.Cancelled, Silence);
        (await server.GetAsync(output)).IsProblem(409, ProblemCodes.JobFailed);
        server.Engine.End(id);
        (await server.GetAsync(output)).IsProblem(404, ProblemCodes.OutputNotWritten);
        (await server.GetAsync($"{ApiServer.Jobs}/{id}/doc")).IsProblem(404, ProblemCodes.NotFound);
    }

    [Fact]
    public async Task Events_follow_a_job_to_its_end_with_signs_of_life_between()
    {
        await using var server = await ApiServer.StartAsync(("Omoai:Api:KeepAlive", "00:00:01"));
        var contract = await server.ContractAsync();
        var id = await server.StartJobAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{ApiServer.Jobs}/{id}/events");
        request.Headers.Add("X-Api-Key", ApiServer.Key);
        using var response = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());

        Assert.Equal(("text/event-stream", "no-store"), (response.Content.Headers.ContentType!.MediaType, response.Headers.CacheControl!.ToString()));
        Assert.Equal("queued", await NextStatusAsync(lines, 1));
        Assert.Equal(": nothing new", await lines.ReadLineAsync());
        Assert.Equal("", await lines.ReadLineAsync());
        server.Engine.End(id);
        Assert.Equal("succeeded", await NextStatusAsync(lines, 2));
        Assert.Null(await lines.ReadLineAsync());

        async Task<string?> NextStatusAsync(TextReader reader, int number)
        {
            // On a busy machine there may be another sign of life before it.
            var line = await reader.ReadLineAsync();
            while (line == ": nothing new")
            {
                Assert.Equal("", await reader.ReadLineAsync());
                line = await reader.ReadLineAsync();
            }

            Assert.Equal("event: job", line);
            Assert.Equal($"id: {number}", await reader.ReadLineAsync());
            var data = await reader.ReadLineAsync();
            Assert.StartsWith("data: ", data);
            Assert.Equal("", await reader.ReadLineAsync());
            var job = JsonNode.Parse(data!["data: ".Length..])!;
            contract.Check("JobResponse", job);
            return (string?)job["status"];
        }
    }

    [Fact]
    public async Task Whoever_follows_a_job_may_go_away_while_it_is_looked_up()
    {
        await using var server = await ApiServer.StartAsync();
        var id = await server.StartJobAsync();
        var looked = new TaskCompletionSource();
        using var gone = new CancellationTokenSource();
        var http = new DefaultHttpContext { RequestAborted = gone.Token, RequestServices = server.Services };
        var events = await server.Services.GetRequiredService<TranscriptionsApi>().EventsAsync(http, id);

        server.Engine.Pause = looked.Task;
        var following = events.ExecuteAsync(http);
        await gone.CancelAsync();
        looked.SetResult();

        // What goes wrong here cuts off the answer to a caller whose time is up, and who would read it to its end.
        await following.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task A_rerun_is_a_new_job_with_the_options_of_before_or_new_ones()
    {
        await using var server = await ApiServer.StartAsync();
        var id = (await server.PostAsync($"{ApiServer.Jobs}?options={Uri.EscapeDataString("""{"maxKeyPoints":3}""")}", Bodies.Audio())).Is(202).Id;

        var same = await server.PostAsync($"{ApiServer.Jobs}/{id}/rerun", null);
        var other = await server.PostAsync($"{ApiServer.Jobs}/{id}/rerun", Bodies.Json("""{"options":{"maxKeyPoints":4}}"""));

        Assert.Equal($"{ApiServer.Jobs}/{same.Is(202).Id}", same.Headers["Location"]);
        Assert.Equal([3, 3, 4], server.Engine.Jobs.Select(record => record.Job.Options.MaxKeyPoints));
        Assert.Equal([1, 2, 3], server.Engine.Jobs.Select(record => record.Job.Run));
        Assert.Equal(3, new HashSet<string> { id, same.Id, other.Is(202).Id }.Count);
        Assert.Single(server.Recordings);
    }

    [Theory]
    [InlineData("{", ProblemCodes.InvalidRequest, 400)]
    [InlineData("""{"colour":"red"}""", ProblemCodes.InvalidRequest, 400)]
    [InlineData("""{"options":{"maxKeyPoints":0}}""", ProblemCodes.InvalidOptions, 400)]
    [InlineData("""{"options":{"asr":"nobody"}}""", ProblemCodes.ModelMissing, 400)]
    [InlineData(null, ProblemCodes.TooLarge, 413)]
    public async Task A_rerun_that_cant_be_is_refused(string? json, string code, int status)
    {
        await using var server = await ApiServer.StartAsync();
        var id = await server.StartJobAsync();

        (await server.PostAsync($"{ApiServer.Jobs}/{id}/rerun", Bodies.Json(json ?? new string(' ', 65_537)))).IsProblem(status, code);

        Assert.Single(server.Engine.Jobs);
    }

    [Fact]
    public async Task A_job_is_cancelled_also_twice_and_not_when_it_has_ended()
    {
        await using var server = await ApiServer.StartAsync();
        var id = await server.StartJobAsync();
        var job = $"{ApiServer.Jobs}/{id}";

        Assert.Equal(job, (await server.DeleteAsync(job)).Is(202).Headers["Location"]);
        (await server.DeleteAsync($"{job}?purge=false")).Is(202);
        Assert.Equal([id, id], server.Engine.Cancelled);
        Assert.NotNull(await server.Store.FindAsync(ArtifactNames.CancelMarker(id), default));

        server.Engine.End(id, JobStatus.Cancelled, Silence);
        Assert.Equal("cancelled", (string?)(await server.DeleteAsync(job)).Is(202).Json["status"]);
        server.Engine.End(id, JobStatus.Failed, Silence);
        (await server.DeleteAsync(job)).IsProblem(409, ProblemCodes.JobEnded);
        server.Engine.End(id);
        (await server.DeleteAsync(job)).IsProblem(409, ProblemCodes.JobEnded);
        Assert.Equal([id, id], server.Engine.Cancelled);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_purge_deletes_what_is_kept_of_an_ended_job_and_its_recording_only_when_asked(bool input)
    {
        await using var server = await ApiServer.StartAsync();
        var (id, other) = (await server.StartJobAsync(), await server.StartJobAsync());
        await server.CommitAsync(ArtifactNames.Output(id, "final.json"), [1]);
        await server.CommitAsync(ArtifactNames.Plan(id), [1]);
        await server.CommitAsync(ArtifactNames.Output(other, "final.json"), [1]);
        var purge = $"{ApiServer.Jobs}/{id}?purge=true&input={(input ? "true" : "false")}";

        var early = await server.DeleteAsync(purge);
        early.IsProblem(409, ProblemCodes.JobNotEnded);
        Assert.Equal(id, (string?)early.Json["job"]);
        Assert.Equal(5, server.Files.Length);
        server.Engine.End(id);
        var answer = (await server.DeleteAsync(purge)).Is(204);

        Assert.Empty(answer.Body);
        Assert.Equal(input ? 1 : 2, server.Recordings.Length);
        Assert.Equal(ArtifactNames.Output(other, "final.json"), server.Files.Except(server.Recordings).Single());
        (await server.GetAsync($"{ApiServer.Jobs}/{id}")).IsProblem(404, ProblemCodes.NotFound);
        Assert.Equal(other, server.Engine.Jobs.Single().Job.Id);
    }

    [Theory]
    [InlineData("input=true")]
    [InlineData("purge=yes")]
    [InlineData("purge=true&input=1")]
    public async Task A_purge_that_isnt_plain_is_refused(string query)
    {
        await using var server = await ApiServer.StartAsync();
        var id = await server.StartJobAsync();
        server.Engine.End(id);

        (await server.DeleteAsync($"{ApiServer.Jobs}/{id}?{query}")).IsProblem(400, ProblemCodes.InvalidRequest);

        Assert.Single(server.Recordings);
        Assert.Single(server.Engine.Jobs);
    }

    private static IEnumerable<string> IdsOf(JsonObject page) => page["jobs"]!.AsArray().Select(job => (string)job!["id"]!);
}
