using Omoai.EndToEnd.TestHost;
using Omoai.EndToEnd.Tests;

namespace Omoai.EndToEnd.Serve;

/// <summary>A data folder for the servers of one test.</summary>
internal sealed class ServeFolder : IDisposable
{
    private readonly TestFolder _folder = new();

    /// <param name="realHost">Whether activities run in the real activity host, with the demo models, and not in the test host.</param>
    /// <param name="storage">What <c>--storage</c> says.</param>
    /// <param name="settings">More settings.</param>
    public ServeFolder(bool realHost = false, string? storage = null, params (string Name, string Value)[] settings)
    {
        var all = new Dictionary<string, string>
        {
            ["Omoai__Watcher__Interval"] = "00:00:00.2",
            ["Omoai__Pipeline__RetryDelay"] = "00:00:00.1",
            // What other tests do is none of this one's business, and no host may be left when its job has ended.
            ["Omoai__Isolation__LeaseFolder"] = _folder["leases"],
            ["Omoai__Isolation__StandbyHosts"] = "0",
        };
        if (!realHost)
        {
            all["Omoai__Isolation__HostPath"] = Path.Combine(AppContext.BaseDirectory, "Omoai.EndToEnd.TestHost");
        }

        foreach (var (name, value) in settings)
        {
            all[name] = value;
        }

        Setup = new ServerSetup(Path.Combine(OmoaiProgram.Folder, "omoai"), _folder["data"], all, storage);
    }

    public ServerSetup Setup { get; }

    /// <summary>A file of the store.</summary>
    public string Artifact(string name) => Path.Combine(Setup.Store, name);

    public IReadOnlyList<string> Artifacts(string prefix)
    {
        var folder = Path.GetDirectoryName(Artifact(prefix))!;
        return Directory.Exists(folder) ? Directory.GetFiles(folder, Path.GetFileName(prefix) + "*") : [];
    }

    public Task<OmoaiServer> StartAsync() => OmoaiServer.StartAsync(Setup);

    /// <summary>Nothing is left of the server but its data.</summary>
    public async Task AssertCleanAsync()
    {
        await Until.TrueAsync("every process of its hosts has ended", () => ServerTraces.Processes(Setup).Count == 0);
        await Until.TrueAsync(
            $"nothing is left behind: {string.Join(' ', ServerTraces.Leftovers(Setup))}", () => ServerTraces.Leftovers(Setup).Count == 0,
            TimeSpan.FromSeconds(10));
    }

    public void Dispose()
    {
        // What a failed test left running still writes there.
        foreach (var pid in ServerTraces.Processes(Setup))
        {
            try
            {
                System.Diagnostics.Process.GetProcessById(pid).Kill();
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException)
            {
            }
        }

        _folder.Dispose();
    }

    /// <summary>The recordings 0 to <paramref name="count"/> - 1, posted; their bytes by the job's id.</summary>
    public static async Task<Dictionary<string, byte[]>> PostAsync(OmoaiServer server, int count)
    {
        var jobs = new Dictionary<string, byte[]>();
        for (var number = 0; number < count; number++)
        {
            var recording = Recording.Good(number);
            jobs.Add(await server.PostAsync(recording, $"recording-{number}.wav"), recording);
        }

        return jobs;
    }
}
