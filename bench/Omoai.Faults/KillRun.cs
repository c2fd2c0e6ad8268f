using System.Diagnostics;
using System.Net;
using Omoai.EndToEnd.Serve;

namespace Omoai.Faults;

/// <summary>Jobs on a server that is killed at random moments, and maybe on a storage that is killed too.</summary>
internal sealed class KillRun(ServerSetup setup, Recordings recordings, Account? account, int seed)
{
    private static readonly string[] Containers = ["transcripts", "omoai-work"];

    private readonly Random _random = new(seed);
    private readonly Sightings _files = new(setup);
    private readonly Dictionary<string, string> _blobs = [];
    private readonly List<string> _changed = [];

    public required int Kills { get; init; }

    public required int AccountKills { get; init; }

    public int Seed => seed;

    public int Jobs { get; private set; }

    public int Killed { get; private set; }

    public int AccountKilled { get; private set; }

    public double Seconds { get; private set; }

    public IReadOnlyList<string> Failed { get; private set; } = [];

    public int Different { get; private set; }

    public IReadOnlyList<string> Changed => _changed;

    public int Orphans { get; private set; }

    public IReadOnlyList<string> Leftovers { get; private set; } = [];

    public async Task RunAsync()
    {
        var began = Stopwatch.GetTimestamp();
        var server = await OmoaiServer.StartAsync(setup);
        try
        {
            var ids = new List<string>();
            foreach (var recording in recordings.All)
            {
                ids.Add(await server.PostAsync(recording, "recording.wav"));
            }

            Jobs = ids.Count;
            var everyKills = AccountKills > 0 ? Math.Max(1, Kills / AccountKills) : int.MaxValue;
            for (Killed = 0; Killed < Kills;)
            {
                if (Killed % everyKills == everyKills - 1 && AccountKilled < AccountKills)
                {
                    await Task.Delay(_random.Next(200, 2000));
                    await account!.KillAsync(TimeSpan.FromMilliseconds(_random.Next(0, 1000)));
                    AccountKilled++;
                }

                await Task.Delay(_random.Next(100, 3000));
                await server.KillAsync();
                await server.DisposeAsync();
                Killed++;
                await LookAsync();
                server = await OmoaiServer.StartAsync(setup);
            }

            var failed = new List<string>();
            foreach (var (id, text) in ids.Zip(recordings.Texts))
            {
                var status = await server.EndOfAsync(id);
                if (status != "succeeded")
                {
                    failed.Add($"{id}: {status}, {(await server.JobAsync(id)).GetProperty("error")}");
                }

                Different += await TextOrNullAsync(server, id) == text ? 0 : 1;
            }

            Failed = failed;
            await LookAsync();
            Orphans = ServerTraces.Processes(setup).Count;
            Leftovers = ServerTraces.Leftovers(setup);
        }
        finally
        {
            await server.DisposeAsync();
        }

        Seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static async Task<string?> TextOrNullAsync(OmoaiServer server, string id)
    {
        try
        {
            return await server.TextAsync(id);
        }
        catch (HttpRequestException e) when (e.StatusCode is HttpStatusCode.Conflict or HttpStatusCode.NotFound)
        {
            return null;
        }
    }

    /// <summary>Whether all that was committed is still what it was when it was first seen.</summary>
    private async Task LookAsync()
    {
        if (account is null)
        {
            _changed.AddRange(_files.Changed());
            return;
        }

        var there = new HashSet<string>();
        foreach (var container in Containers)
        {
            await foreach (var blob in account.Service.GetBlobContainerClient(container).GetBlobsAsync())
            {
                var name = $"{container}/{blob.Name}";
                // Every put gives a blob another ETag.
                var state = $"{blob.Properties.ETag} {blob.Properties.CreatedOn:O}";
                there.Add(name);
                if (!_blobs.TryAdd(name, state) && _blobs[name] != state)
                {
                    _changed.Add($"{name} was {_blobs[name]} and is {state}");
                }
            }
        }

        _changed.AddRange(_blobs.Keys.Where(name => !there.Contains(name)).Select(name => $"{name} is gone"));
    }
}
