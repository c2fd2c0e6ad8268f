using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Omoai.EndToEnd.TestHost;

namespace Omoai.EndToEnd.Serve;

/// <summary><c>omoai serve</c> when it, or what it runs, is ended: nothing is lost, nothing is done twice, nothing stays.</summary>
public sealed class FaultTests
{
    [Fact]
    public async Task A_server_killed_again_and_again_finishes_every_job_and_commits_everything_once()
    {
        const int Jobs = 12, Kills = 5;
        var random = new Random(20251125);
        using var folder = new ServeFolder();
        var sightings = new Sightings(folder.Setup);
        var server = await folder.StartAsync();
        var jobs = await ServeFolder.PostAsync(server, Jobs);
        for (var kill = 0; kill < Kills; kill++)
        {
            // A random moment is the point here.
            await Task.Delay(random.Next(50, 800));
            await server.KillAsync();
            await server.DisposeAsync();
            Assert.Empty(sightings.Changed());
            server = await folder.StartAsync();
        }

        await using (server)
        {
            foreach (var (id, recording) in jobs)
            {
                Assert.Equal("succeeded", await server.EndOfAsync(id));
                Assert.Equal(Recording.TextOf(recording), await server.TextAsync(id));
                Assert.Empty(sightings.Changed());
            }

            Assert.Equal(Jobs, (await server.StatusesAsync()).Count);
            await folder.AssertCleanAsync();
        }

        // Once more, with nothing left to do.
        await using (await folder.StartAsync())
        {
            Assert.Empty(sightings.Changed());
        }

        Assert.True(sightings.Count > Jobs * 7, "The artifacts were not seen.");
    }

    [Fact]
    public async Task A_recording_that_crashes_its_host_fails_alone_and_within_its_attempts()
    {
        const int Others = 20, MaxAttempts = 3, Kills = 1;
        using var folder = new ServeFolder();
        var server = await folder.StartAsync();
        var recording = Recording.Poison(0);
        var poison = await server.PostAsync(recording, "poison.wav");
        var jobs = await ServeFolder.PostAsync(server, Others);
        await Until.TrueAsync(
            "the first attempt on it has ended", () => folder.Artifacts($"omoai-work/{poison}/evidence/prepare-").Count > 0);
        await server.KillAsync();
        await server.DisposeAsync();

        await using (server = await folder.StartAsync())
        {
            foreach (var (id, other) in jobs)
            {
                Assert.Equal("succeeded", await server.EndOfAsync(id));
                Assert.Equal(Recording.TextOf(other), await server.TextAsync(id));
            }

            Assert.Equal("failed", await server.EndOfAsync(poison));
            Assert.Equal("crashed", (await server.JobAsync(poison)).GetProperty("error").GetProperty("class").GetString());
            using var error = JsonDocument.Parse(File.ReadAllBytes(folder.Artifact($"transcripts/{poison}/error.json")));
            Assert.Equal("crashed", error.RootElement.GetProperty("error").GetProperty("class").GetString());
            Assert.InRange(error.RootElement.GetProperty("activities").GetArrayLength(), MaxAttempts, MaxAttempts + Kills);
            var input = error.RootElement.GetProperty("input").GetString()!;
            Assert.Equal(recording, File.ReadAllBytes(folder.Artifact(input)));
            await folder.AssertCleanAsync();
        }
    }

    [Fact]
    public async Task Cancelling_ends_the_host_and_what_it_has_started()
    {
        using var folder = new ServeFolder();
        await using var server = await folder.StartAsync();
        var id = await server.PostAsync(Recording.Sleep(0), "sleep.wav");
        await Until.TrueAsync("the host has started a process", () => NamesOf(ServerTraces.Processes(folder.Setup)).Contains("sleep"));

        var began = Stopwatch.GetTimestamp();
        await server.CancelAsync(id);

        Assert.Equal("cancelled", await server.EndOfAsync(id));
        await Until.TrueAsync("both are gone", () => ServerTraces.Processes(folder.Setup).Count == 0);
        // A bound for a machine that has much else to do; bench/faults measures.
        Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(20));
        Assert.True(File.Exists(folder.Artifact($"transcripts/{id}/error.json")));
        await folder.AssertCleanAsync();
    }

    [Fact]
    public async Task A_killed_server_takes_its_hosts_and_what_they_have_started_with_it()
    {
        using var folder = new ServeFolder();
        await using var server = await folder.StartAsync();
        await server.PostAsync(Recording.Sleep(0), "sleep.wav");
        await Until.TrueAsync("the host has started a process", () => NamesOf(ServerTraces.Processes(folder.Setup)).Contains("sleep"));

        await server.KillAsync();

        await Until.TrueAsync("both are gone", () => ServerTraces.Processes(folder.Setup).Count == 0);
    }

    [Fact]
    public async Task A_server_that_is_told_to_stop_lets_the_running_activity_finish_and_the_next_one_goes_on_from_there()
    {
        using var folder = new ServeFolder(settings: ("Omoai__Journal__MaxActivities", "1"));
        var server = await folder.StartAsync();
        var recording = Recording.Good(0);
        var id = await server.PostAsync(recording, "a.wav");
        await Until.TrueAsync("an activity runs", () => ServerTraces.Processes(folder.Setup).Count > 0);

        Assert.Equal(0, await server.TerminateAsync());
        await server.DisposeAsync();
        await folder.AssertCleanAsync();
        await using (server = await folder.StartAsync())
        {
            Assert.Equal("succeeded", await server.EndOfAsync(id));
            Assert.Equal(Recording.TextOf(recording), await server.TextAsync(id));
            var run = await server.GetAsync($"/api/transcriptions/{id}/run");
            Assert.Equal(
                ["prepare 1", "transcribe 1", "post-process 1"],
                run.GetProperty("activities").EnumerateArray().Select(attempt => string.Create(
                    CultureInfo.InvariantCulture,
                    $"{attempt.GetProperty("host").GetProperty("activity").GetString()} {attempt.GetProperty("attempt").GetInt32()}")));
            // Begun once, each: nothing was lost.
            Assert.All(
                folder.Artifacts($"omoai-work/{id}/attempts/"), attempt => Assert.EndsWith("001", attempt, StringComparison.Ordinal));
        }
    }

    private static IEnumerable<string> NamesOf(IEnumerable<int> pids) => pids.Select(pid =>
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/comm").Trim();
        }
        catch (IOException)
        {
            return "";
        }
    });
}
