using System.Text.Json;
using Omoai.EndToEnd.TestHost;
using Omoai.EndToEnd.Tests;
using Omoai.Transcripts;
using Omoai.Transcripts.Quality;

namespace Omoai.EndToEnd.Serve;

/// <summary><c>omoai serve</c> as its users meet it: recordings in, transcripts out, and refusals that say why.</summary>
public sealed class ServeTests
{
    private const int Usage = 2;

    [Fact]
    public async Task A_recording_becomes_a_transcript_whether_it_is_posted_or_put_into_the_watched_folder()
    {
        using var folder = new ServeFolder(realHost: true);
        await using var server = await folder.StartAsync();

        using var form = new MultipartFormDataContent { { new ByteArrayContent(File.ReadAllBytes(OmoaiProgram.Sample)), "audio", "standup.wav" } };
        using var answer = await server.Client.PostAsync(new Uri("/api/transcriptions", UriKind.Relative), form);
        Assert.Equal(System.Net.HttpStatusCode.Accepted, answer.StatusCode);
        var posted = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("id").GetString()!;
        Assert.Equal("succeeded", await server.EndOfAsync(posted));
        File.Copy(OmoaiProgram.Sample, folder.Artifact("audio-in/standup.wav"));
        var text = await server.TextAsync(posted);
        var errors = WordErrorRate.ComputeUnpunctuated(OmoaiProgram.SampleText, text);
        Assert.True(errors.Rate <= 0.08, $"The word error rate of the sample is {errors.Rate:P1}.");
        var transcript = (await server.GetAsync($"/api/transcriptions/{posted}/json")).Deserialize<Transcript>(OmoaiJson.Compact)!;
        Assert.Equal((posted, "standup.wav"), (transcript.JobId, transcript.Source.Name));

        await Until.TrueAsync("the watched recording has a job", async () => (await server.StatusesAsync()).Count == 2);
        var watched = (await server.StatusesAsync()).Keys.Single(id => id != posted);
        Assert.Equal("succeeded", await server.EndOfAsync(watched));
        Assert.Equal(text, await server.TextAsync(watched));
        Assert.Equal(File.ReadAllBytes(OmoaiProgram.Sample), File.ReadAllBytes(folder.Artifact("audio-in/standup.wav")));
        await folder.AssertCleanAsync();
    }

    [Fact]
    public async Task The_next_job_finds_hosts_that_are_ready_and_none_outlives_the_server()
    {
        using var folder = new ServeFolder(realHost: true, settings: ("Omoai__Isolation__StandbyHosts", "1"));
        await using (var server = await folder.StartAsync())
        {
            var first = await server.PostAsync(File.ReadAllBytes(OmoaiProgram.Sample), "a.wav");
            Assert.Equal("succeeded", await server.EndOfAsync(first));
            await Until.TrueAsync("hosts wait for the next job", () => ServerTraces.Processes(folder.Setup).Count > 0);
            var second = await server.PostAsync(File.ReadAllBytes(OmoaiProgram.Sample), "b.wav");
            Assert.Equal("succeeded", await server.EndOfAsync(second));

            Assert.Equal(await server.TextAsync(first), await server.TextAsync(second));
            var hosts = (await server.GetAsync($"/api/transcriptions/{second}/run")).GetProperty("activities").EnumerateArray()
                .Select(attempt => attempt.GetProperty("host")).ToList();
            Assert.Contains(hosts, host => host.GetProperty("standby").GetBoolean());
            Assert.Equal(3, hosts.Select(host => host.GetProperty("pid").GetInt32()).Distinct().Count());
            Assert.Equal(0, await server.TerminateAsync());
        }

        await folder.AssertCleanAsync();
    }

    [Fact]
    public async Task Two_servers_share_neither_a_data_folder_nor_a_port()
    {
        using var folder = new ServeFolder();
        using var other = new ServeFolder();
        await using var server = await folder.StartAsync();

        var sameData = await RunAsync(folder, "http://127.0.0.1:0");
        var samePort = await RunAsync(other, server.Url);

        Assert.Equal(Usage, sameData.ExitCode);
        Assert.Contains("in use by another", sameData.Error, StringComparison.Ordinal);
        Assert.Equal(Usage, samePort.ExitCode);
        Assert.Contains("--urls", samePort.Error, StringComparison.Ordinal);
        Assert.Equal("succeeded", await server.EndOfAsync(await server.PostAsync(Recording.Good(1), "a.wav")));
    }

    [Theory]
    [InlineData("Omoai__Api__Keys__0", "shrt7key", "http://127.0.0.1:0")]
    [InlineData("Omoai__Api__RequireKey", "false", "http://0.0.0.0:0")]
    [InlineData("Omoai__Journal__MaxActivities", "0", "http://127.0.0.1:0")]
    public async Task A_server_that_must_not_run_says_why_and_ends(string setting, string value, string urls)
    {
        using var folder = new ServeFolder(settings: (setting, value));

        var outcome = await RunAsync(folder, urls);

        Assert.Equal(Usage, outcome.ExitCode);
        Assert.NotEqual("", outcome.Error.Trim());
        Assert.DoesNotContain("   at ", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("shrt7key", outcome.Output + outcome.Error, StringComparison.Ordinal);
    }

    private static Task<Outcome> RunAsync(ServeFolder folder, string urls) =>
        OmoaiProgram.RunAsync(
            folder.Setup.Program, [.. folder.Setup.ToStartInfo(urls).ArgumentList],
            folder.Setup.Settings.ToDictionary(setting => setting.Key, setting => (string?)setting.Value), null);
}
