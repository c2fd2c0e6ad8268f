using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Omoai.Api.Tests.Support;
using Omoai.Pipeline.Artifacts;

namespace Omoai.Api.Tests;

public sealed class ServerTests
{
    private static readonly (string, string?) NoKey = ("Omoai:Api:RequireKey", "false");

    public static TheoryData<string, string> Calls { get; } = new()
    {
        { "POST", "/api/transcriptions" },
        { "GET", "/api/transcriptions" },
        { "GET", "/api/transcriptions/0123456789abcdef0123456789abcdef" },
        { "DELETE", "/api/transcriptions/0123456789abcdef0123456789abcdef" },
        { "POST", "/api/transcriptions/0123456789abcdef0123456789abcdef/rerun" },
        { "GET", "/api/transcriptions/0123456789abcdef0123456789abcdef/events" },
        { "GET", "/api/transcriptions/0123456789abcdef0123456789abcdef/json" },
        { "POST", "/api/uploads" },
        { "GET", "/api/openapi.json" },
        { "GET", "/api/nothing" },
        { "PUT", "/api/uploads" },
        { "GET", "/API/transcriptions" },
    };

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task Without_a_key_no_call_is_answered(string method, string path)
    {
        await using var server = await ApiServer.StartAsync();
        Answer[] answers =
        [
            await server.SendWithoutKeyAsync(new HttpMethod(method), path),
            await server.SendWithoutKeyAsync(new HttpMethod(method), path, null, ("X-Api-Key", "another-key-of-nobody")),
            await server.SendWithoutKeyAsync(new HttpMethod(method), path, null, ("X-Api-Key", ApiServer.Key[..^1])),
            await server.SendWithoutKeyAsync(new HttpMethod(method), path, null, ("Authorization", "Bearer another-key-of-nobody")),
            await server.SendWithoutKeyAsync(new HttpMethod(method), path, null, ("Authorization", $"Basic {ApiServer.Key}")),
            await server.SendWithoutKeyAsync(new HttpMethod(method), $"{path}?key={ApiServer.Key}"),
        ];

        Assert.All(answers, answer =>
        {
            answer.IsProblem(401, ProblemCodes.Unauthorized);
            Assert.Equal("Bearer", answer.Headers["WWW-Authenticate"]);
        });
    }

    [Fact]
    public async Task Each_key_is_taken_in_its_header_and_as_a_bearer_token()
    {
        await using var server = await ApiServer.StartAsync(("Omoai:Api:Keys:1", "second-key-of-the-tests"));

        foreach (var key in new[] { ApiServer.Key, "second-key-of-the-tests" })
        {
            (await server.SendWithoutKeyAsync(HttpMethod.Get, ApiServer.Jobs, null, ("X-Api-Key", key))).Is(200);
            (await server.SendWithoutKeyAsync(HttpMethod.Get, ApiServer.Jobs, null, ("Authorization", $"bearer {key}"))).Is(200);
        }
    }

    [Fact]
    public async Task Where_no_key_is_asked_for_only_programs_on_this_machine_are_served()
    {
        await using var server = await ApiServer.StartAsync(NoKey);

        (await server.SendWithoutKeyAsync(HttpMethod.Get, ApiServer.Jobs)).Is(200);
        (await server.SendWithoutKeyAsync(HttpMethod.Get, ApiServer.Jobs, null, ("Host", "localhost"))).Is(200);
        (await server.SendWithoutKeyAsync(HttpMethod.Get, ApiServer.Jobs, null, ("Host", "[::1]:7071"))).Is(200);
        foreach (var header in new[] { ("Origin", "https://page.example"), ("Origin", "null"), ("Host", "rebound.example"), ("Host", "10.0.0.1") })
        {
            (await server.SendWithoutKeyAsync(HttpMethod.Get, ApiServer.Jobs, null, header)).IsProblem(403, ProblemCodes.Forbidden);
        }
    }

    [Fact]
    public async Task Paths_and_methods_that_arent_there_are_answered_as_problems()
    {
        await using var server = await ApiServer.StartAsync();

        (await server.GetAsync("/api/nothing")).IsProblem(404, ProblemCodes.NotFound);
        (await server.GetAsync("/elsewhere")).IsProblem(404, ProblemCodes.NotFound);
        (await server.DeleteAsync(ApiServer.Jobs)).IsProblem(405, ProblemCodes.MethodNotAllowed);
        (await server.GetAsync("/api/uploads")).IsProblem(405, ProblemCodes.MethodNotAllowed);
        (await server.PostAsync("/api/health/ready", null)).IsProblem(405, ProblemCodes.MethodNotAllowed);
    }

    [Fact]
    public async Task A_store_that_doesnt_answer_is_said_to_be_away_for_now()
    {
        await using var server = await ApiServer.StartAsync();
        var (id, ended) = (await server.StartJobAsync(), await server.StartJobAsync());
        server.Engine.End(ended);
        server.Store.Fault = new ArtifactStoreException("secret-account doesn't answer");
        Answer[] answers =
        [
            await server.PostAsync(ApiServer.Jobs, Bodies.Audio()),
            await server.PostAsync(ApiServer.Jobs, Bodies.Audio(), "once"),
            await server.PostAsync(ApiServer.Jobs, Bodies.Form(("audio", Bodies.Audio()))),
            await server.PostAsync(ApiServer.Jobs, Bodies.Json(new { blob = "audio-in/a.wav" })),
            await server.GetAsync($"{ApiServer.Jobs}/{id}/json"),
            await server.DeleteAsync($"{ApiServer.Jobs}/{id}"),
            await server.DeleteAsync($"{ApiServer.Jobs}/{ended}?purge=true"),
            await server.PostAsync("/api/uploads", null),
        ];

        Assert.All(answers, answer =>
        {
            Assert.DoesNotContain("secret", answer.IsProblem(503, ProblemCodes.StorageUnavailable));
            Assert.Equal("5", answer.Headers["Retry-After"]);
        });
    }

    [Fact]
    public async Task A_bug_is_answered_without_its_details()
    {
        await using var server = await ApiServer.StartAsync();
        var id = await server.StartJobAsync();
        server.Engine.Fault = new InvalidOperationException("secret detail");
        Answer[] answers =
        [
            await server.PostAsync(ApiServer.Jobs, Bodies.Audio()), await server.GetAsync(ApiServer.Jobs),
            await server.GetAsync($"{ApiServer.Jobs}/{id}"), await server.DeleteAsync($"{ApiServer.Jobs}/{id}"),
            await server.PostAsync($"{ApiServer.Jobs}/{id}/rerun", null), await server.GetAsync($"{ApiServer.Jobs}/{id}/events"),
            await server.GetAsync($"{ApiServer.Jobs}/{id}/json"),
        ];

        Assert.All(answers, answer =>
        {
            answer.IsProblem(500, ProblemCodes.Internal);
            Assert.DoesNotContain("secret", answer.Text);
            Assert.DoesNotContain("Exception", answer.Text);
        });
    }

    [Fact]
    public async Task Health_is_for_everybody()
    {
        await using var server = await ApiServer.StartAsync();

        Assert.Equal("live", (string?)(await server.SendWithoutKeyAsync(HttpMethod.Get, "/api/health/live")).Is(200).Json["status"]);
        var ready = (await server.SendWithoutKeyAsync(HttpMethod.Get, "/api/health/ready")).Is(200).Json;
        Assert.Equal("ready", (string?)ready["status"]);
        Assert.Equal(["activityHost", "jobs", "models", "storage"], ready["checks"]!.AsObject().Select(check => check.Key));
        // It is asked every few seconds, and a listing may be dear.
        Assert.Equal(0, server.Engine.Listings);
    }

    [Fact]
    public async Task Another_host_can_give_its_answers_request_ids()
    {
        var app = new ApplicationBuilder(new ServiceCollection().BuildServiceProvider());
        app.UseOmoaiRequestIds().Run(http => http.Response.WriteAsync(http.TraceIdentifier));
        var http = new DefaultHttpContext { Response = { Body = new MemoryStream() } };
        http.Request.Headers["X-Request-Id"] = "abc-1";

        await app.Build()(http);

        Assert.Equal("abc-1", http.TraceIdentifier);
        Assert.Equal("abc-1", http.Response.Headers["X-Request-Id"]);
    }

    [Theory]
    [InlineData("storage")]
    [InlineData("jobs")]
    [InlineData("models")]
    [InlineData("models", "Omoai:Llm:Model", "no-such-model")]
    [InlineData("languageServer", "Omoai:Llm:Vllm:Model", "/nowhere/qwen")]
    [InlineData("activityHost")]
    public async Task A_server_that_lacks_something_is_unready_and_says_what(string what, string? setting = null, string? value = null)
    {
        (string, string?)[] settings = what switch
        {
            "languageServer" => [(setting!, value), ("Omoai:Isolation:Devices", ""), ("Omoai:Isolation:CpuHosts", "2")],
            _ when setting is not null => [(setting, value)],
            "models" => [("Omoai:Models:Folders:0", "/nowhere")],
            "activityHost" => [("Omoai:Isolation:HostPath", "/nowhere")],
            _ => [],
        };
        await using var server = await ApiServer.StartAsync(settings);
        server.Store.Fault = what == "storage" ? new ArtifactStoreException("secret") : null;
        server.Engine.Fault = what == "jobs" ? new InvalidOperationException("secret") : null;

        var answer = (await server.SendWithoutKeyAsync(HttpMethod.Get, "/api/health/ready")).Is(503);

        Assert.Equal("unready", (string?)answer.Json["status"]);
        Assert.Equal(what, answer.Json["checks"]!.AsObject().Single(check => check.Value is not null).Key);
        Assert.DoesNotContain("secret", answer.Text);
        Assert.DoesNotContain("nowhere", answer.Text);
        (await server.SendWithoutKeyAsync(HttpMethod.Get, "/api/health/live")).Is(200);
    }

    [Fact]
    public async Task The_OpenAPI_document_lists_every_call()
    {
        await using var server = await ApiServer.StartAsync();

        var document = (await server.GetAsync("/api/openapi.json")).Is(200).Json;

        Assert.Equal("Omoai", (string?)document["info"]!["title"]);
        Assert.Equal(
            [
                "GET /api/health/live", "GET /api/health/ready", "POST /api/transcriptions", "GET /api/transcriptions",
                "GET /api/transcriptions/{id}", "DELETE /api/transcriptions/{id}", "POST /api/transcriptions/{id}/rerun",
                "GET /api/transcriptions/{id}/events", "POST /api/uploads",
                .. new[] { "json", "txt", "srt", "vtt", "md", "run" }.Select(output => $"GET /api/transcriptions/{{id}}/{output}"),
            ],
            document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject().Select(call => $"{call.Key.ToUpperInvariant()} {path.Key}")).ToHashSet());
        var start = document["paths"]!["/api/transcriptions"]!["post"]!;
        Assert.Equal(
            ["multipart/form-data", "audio/*", "application/octet-stream", "application/json"],
            start["requestBody"]!["content"]!.AsObject().Select(type => type.Key));
        Assert.Equal(["name", "options", "Idempotency-Key"], start["parameters"]!.AsArray().Select(parameter => (string)parameter!["name"]!));
        Assert.NotNull(start["security"]);
        Assert.Null(document["paths"]!["/api/health/live"]!["get"]!["security"]);
    }

    [Theory]
    [InlineData("abc-123_x.y:z", true)]
    [InlineData("a b", false)]
    [InlineData("a\tb", false)]
    [InlineData("a;b", false)]
    [InlineData("<script>", false)]
    [InlineData("%0d%0aX: y", false)]
    public async Task A_request_id_is_given_back_where_it_is_a_decent_one(string id, bool decent)
    {
        await using var server = await ApiServer.StartAsync();

        var answer = await server.SendAsync(HttpMethod.Get, "/api/health/live", null, ("X-Request-Id", id));

        Assert.Equal(decent, answer.Headers["X-Request-Id"] == id);
        Assert.NotEqual("", answer.Headers["X-Request-Id"]);
    }

    [Fact]
    public async Task Every_answer_has_a_request_id_of_its_own()
    {
        await using var server = await ApiServer.StartAsync();
        var longest = new string('x', 128);

        Assert.Equal(longest, (await server.SendAsync(HttpMethod.Get, ApiServer.Jobs, null, ("X-Request-Id", longest))).Headers["X-Request-Id"]);
        Answer[] answers =
        [
            await server.GetAsync(ApiServer.Jobs), await server.GetAsync("/api/nothing"), await server.SendWithoutKeyAsync(HttpMethod.Get, ApiServer.Jobs),
            await server.SendAsync(HttpMethod.Get, ApiServer.Jobs, null, ("X-Request-Id", longest + "x")),
        ];

        Assert.Equal(4, answers.Select(answer => answer.Headers["X-Request-Id"]).Distinct().Count());
        Assert.DoesNotContain(longest + "x", answers.Select(answer => answer.Headers["X-Request-Id"]));
    }

    [Fact]
    public async Task Web_pages_are_not_let_in_by_default()
    {
        await using var server = await ApiServer.StartAsync();

        var call = await server.SendAsync(HttpMethod.Get, ApiServer.Jobs, null, ("Origin", "https://page.example"));
        var preflight = await PreflightAsync(server, "https://page.example");

        Assert.DoesNotContain(call.Is(200).Headers.Keys, IsCors);
        Assert.DoesNotContain(preflight.Is(401).Headers.Keys, IsCors);
    }

    [Fact]
    public async Task Pages_of_an_origin_that_is_let_in_are_answered_and_others_not()
    {
        await using var server = await ApiServer.StartAsync(("Omoai:Api:CorsOrigins:0", "https://page.example"));

        var preflight = await PreflightAsync(server, "https://page.example");
        var other = await PreflightAsync(server, "https://other.example");
        var call = await server.SendAsync(HttpMethod.Get, ApiServer.Jobs, null, ("Origin", "https://page.example"));
        var keyless = await server.SendWithoutKeyAsync(HttpMethod.Get, ApiServer.Jobs, null, ("Origin", "https://page.example"));

        Assert.Equal("https://page.example", preflight.Is(204).Headers["Access-Control-Allow-Origin"]);
        Assert.Contains("X-Api-Key", preflight.Headers["Access-Control-Allow-Headers"], StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(other.Headers.Keys, IsCors);
        Assert.Equal("https://page.example", call.Is(200).Headers["Access-Control-Allow-Origin"]);
        Assert.Equal("Location,X-Request-Id", call.Headers["Access-Control-Expose-Headers"]);
        keyless.IsProblem(401, ProblemCodes.Unauthorized);
    }

    [Theory]
    [InlineData("Omoai:Api:Keys:0", "shortsecret", "Omoai:Api:Keys:0")]
    [InlineData("Omoai:Api:KeepAlive", "00:00:00", "Omoai:Api:KeepAlive")]
    [InlineData("Omoai:Api:CorsOrigins:0", "https://page.example/path", "Omoai:Api:CorsOrigins")]
    [InlineData("Omoai:Api:CorsOrigins:0", "*", "Omoai:Api:CorsOrigins")]
    public async Task Settings_that_cant_be_stop_the_start_by_name(string key, string value, string named)
    {
        var fault = await Assert.ThrowsAsync<OptionsValidationException>(() => ApiServer.StartAsync((key, value)));

        Assert.Contains(named, fault.Message);
        Assert.DoesNotContain("shortsecret", fault.ToString());
    }

    private static bool IsCors(string header) => header.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase);

    /// <summary>What a browser asks before a page's own request: without the page's key.</summary>
    private static Task<Answer> PreflightAsync(ApiServer server, string origin) => server.SendWithoutKeyAsync(
        HttpMethod.Options, ApiServer.Jobs, null,
        ("Origin", origin), ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "X-Api-Key,Content-Type"));
}
