using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Omoai.EndToEnd.TestHost;
using Omoai.EndToEnd.Tests;

namespace Omoai.EndToEnd.Serve;

/// <summary>What <c>omoai serve</c>, <c>process</c> and <c>doctor</c> do with the settings of a language server. Activities run in the test host, which asks nobody.</summary>
[SupportedOSPlatform("linux")]
public sealed class LanguageServerTests
{
    private const string Token = "t0p-s3cret-of-a-server";

    private static readonly (string Name, string Value)[] s_settings =
    [
        ("Omoai__Llm__OpenAi__Endpoint", "http://127.0.0.1:9/v1"),
        ("Omoai__Llm__OpenAi__Model", "gpt"),
        ("Omoai__Llm__OpenAi__Token", Token),
    ];

    // For a server beside hosts, whatever machine this is.
    private static readonly (string Name, string Value)[] s_room =
        [("Omoai__Isolation__HostsPerDevice", "4"), ("Omoai__Isolation__CpuHosts", "4")];

    [Fact]
    public async Task Its_token_reaches_activities_that_ask_it_in_their_requests_and_is_nowhere_else()
    {
        using var folder = new ServeFolder(settings: s_settings);
        await using var server = await folder.StartAsync();

        var job = await PostAsync(server, """{"punctuation":"llm","include":["raw"]}""");
        Assert.Equal("succeeded", await server.EndOfAsync(job));

        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Token)));
        using var transcript = JsonDocument.Parse(File.ReadAllBytes(folder.Artifact($"transcripts/{job}/final.json")));
        Assert.Equal($"{digest}, in the environment: False, in the arguments: False", transcript.RootElement.GetProperty("rawText").GetString());
        Assert.Equal("gpt", transcript.RootElement.GetProperty("models").GetProperty("punctuation").GetString());
        var attempt = (await server.GetAsync($"/api/transcriptions/{job}/run")).GetProperty("activities").EnumerateArray().Last();
        Assert.Equal("cpu", attempt.GetProperty("executionProvider").GetString());
        Assert.Equal(("post-process", false, "-1"), (
            attempt.GetProperty("host").GetProperty("activity").GetString(), attempt.GetProperty("host").GetProperty("networkOff").GetBoolean(),
            attempt.GetProperty("host").GetProperty("device").GetString()));
        Assert.Contains("the model gpt ran on cpu", server.Log, StringComparison.Ordinal);

        var other = await PostAsync(server, """{"include":["raw"]}""", number: 2);
        Assert.Equal("succeeded", await server.EndOfAsync(other));
        using var others = JsonDocument.Parse(File.ReadAllBytes(folder.Artifact($"transcripts/{other}/final.json")));
        Assert.Equal("no token", others.RootElement.GetProperty("rawText").GetString());
        var alone = (await server.GetAsync($"/api/transcriptions/{other}/run")).GetProperty("activities").EnumerateArray().Last();
        Assert.True(alone.GetProperty("host").GetProperty("networkOff").GetBoolean());

        await folder.AssertCleanAsync();
        Assert.Equal(0, await server.TerminateAsync());

        var files = Directory.GetFiles(folder.Setup.Data, "*", SearchOption.AllDirectories);
        Assert.Contains(files, file => file.EndsWith("journal.db", StringComparison.Ordinal));
        Assert.All(files, file => Assert.False(File.ReadAllBytes(file).AsSpan().IndexOf(Encoding.UTF8.GetBytes(Token)) >= 0, file));
        Assert.DoesNotContain(Token, server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_vLLM_server_runs_as_long_as_the_program_does_with_all_that_it_has_started()
    {
        using var programs = new TestFolder();
        File.WriteAllText(programs["vllm"], "#!/bin/sh\nsleep 1000\n");
        File.SetUnixFileMode(programs["vllm"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var folder = new ServeFolder(
            settings: [.. s_room, ("Omoai__Llm__Vllm__Model", "some/model"), ("Omoai__Llm__Vllm__Program", programs["vllm"])]);
        await using var server = await folder.StartAsync();

        await Until.TrueAsync("it and its child run", () => ServerTraces.Processes(folder.Setup).Count == 2);
        Assert.Equal(0, await server.TerminateAsync());

        await folder.AssertCleanAsync();
    }

    [Fact]
    public async Task All_recordings_of_a_command_are_given_to_one_vLLM_server()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder["vllm"], $"#!/bin/sh\necho started >> '{folder["starts"]}'\nexec sleep 1000\n");
        File.SetUnixFileMode(folder["vllm"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var health = new HttpListener();
        var port = FreePort();
        health.Prefixes.Add($"http://127.0.0.1:{port}/");
        var environment = s_room.Concat(
        [
            ("Omoai__Isolation__HostPath", Path.Combine(AppContext.BaseDirectory, "Omoai.EndToEnd.TestHost")),
            ("Omoai__Isolation__LeaseFolder", folder["leases"]),
            ("Omoai__Llm__Vllm__Model", "some/model"), ("Omoai__Llm__Vllm__Program", folder["vllm"]), ("Omoai__Llm__Vllm__Port", $"{port}"),
        ]).ToDictionary(setting => setting.Item1, setting => (string?)setting.Item2);
        string[] recordings = [folder["a.wav"], folder["b.wav"]];
        foreach (var (recording, number) in recordings.Zip([1, 2]))
        {
            File.WriteAllBytes(recording, Recording.Good(number));
        }

        var outcome = await OmoaiProgram.RunAsync(
            ["process", .. recordings, recordings[0], "-o", folder["out"], "--summary", "llm", "--json"], environment,
            async program =>
            {
                // What is to be well must not be there before it is started.
                await Until.TrueAsync("it is started", () => File.Exists(folder["starts"]));
                health.Start();
                _ = AnswerAsync(health);
            });

        Assert.True(outcome.ExitCode == 0, outcome.Error + outcome.Output);
        Assert.Single(File.ReadAllLines(folder["starts"]));
        Assert.All(recordings, recording => Assert.NotEmpty(File.ReadAllBytes(recording)));
        string[] texts = [.. ((string[])["a", "b", "a-2"]).Select(name => File.ReadAllText(Path.Combine(folder["out"], name, "transcript.txt")))];
        Assert.Equal(texts[0], texts[2]);
        Assert.NotEqual(texts[0], texts[1]);

        static async Task AnswerAsync(HttpListener listener)
        {
            try
            {
                while (true)
                {
                    (await listener.GetContextAsync()).Response.Close();
                }
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                // The test is over.
            }
        }
    }

    [Theory]
    [InlineData(0, "none is configured", null)]
    [InlineData(0, "gpt at http://127.0.0.1:9/v1", "OpenAi__Endpoint=http://127.0.0.1:9/v1", "OpenAi__Model=gpt", $"OpenAi__Token={Token}")]
    [InlineData(5, "'qwen'", "Model=qwen")]
    [InlineData(0, "some/model at http://127.0.0.1:8123/v1", "Vllm__Model=some/model", "Vllm__Port=8123", "Vllm__Program=/bin/sh")]
    [InlineData(5, "some/model at http://127.0.0.1:8123/v1", "Vllm__Model=some/model", "Vllm__Port=8123", "Vllm__Program=no-such-program")]
    [InlineData(5, "qwen at http://127.0.0.1:8123/v1", "Vllm__Model=/nowhere/qwen", "Vllm__Port=8123", "Vllm__Program=/bin/sh")]
    public async Task The_doctor_shows_the_language_model(int exitCode, string expected, params string[]? settings)
    {
        var environment = (settings ?? []).Select(setting => setting.Split('=', 2)).Select(pair => ($"Omoai__Llm__{pair[0]}", pair[1]))
            .Concat(s_room).ToDictionary(pair => pair.Item1, pair => (string?)pair.Item2);

        var outcome = await OmoaiProgram.RunAsync(["doctor", "--json"], environment, null);

        using var checks = JsonDocument.Parse(outcome.Output);
        var check = checks.RootElement.EnumerateArray().Single(check => check.GetProperty("name").GetString() == "language model");
        Assert.Contains(expected, check.GetProperty("detail").GetString(), StringComparison.Ordinal);
        // What is configured and isn't there is wrong; what nobody has asked for isn't.
        Assert.Equal(exitCode, outcome.ExitCode);
        Assert.All(
            ["no-such-program", "/nowhere/qwen"],
            lacking => Assert.Equal(environment.Any(setting => setting.Value == lacking), outcome.Output.Contains(lacking, StringComparison.Ordinal)));
        Assert.DoesNotContain(Token, outcome.Output + outcome.Error, StringComparison.Ordinal);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task<string> PostAsync(OmoaiServer server, string options, int number = 1)
    {
        using var body = new ByteArrayContent(Recording.Good(number));
        body.Headers.ContentType = new("audio/wav");
        using var answer = await server.Client.PostAsync(
            new Uri($"/api/transcriptions?name=a.wav&options={Uri.EscapeDataString(options)}", UriKind.Relative), body);
        var json = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, json);
        return JsonDocument.Parse(json).RootElement.GetProperty("id").GetString()!;
    }
}
