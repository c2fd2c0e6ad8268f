using System.Security.Cryptography;

namespace Omoai.EndToEnd.Serve;

/// <summary>What a server leaves on the machine besides its outputs.</summary>
internal static class ServerTraces
{
    /// <summary>
    /// Processes that run in the scratch folder: activity hosts and what they have started. They inherit that folder
    /// from whoever starts them, also when it has been deleted.
    /// </summary>
    public static IReadOnlyList<int> Processes(ServerSetup setup) => [.. Directory.EnumerateDirectories("/proc")
        .Select(folder => int.TryParse(Path.GetFileName(folder), out var pid) ? pid : 0)
        .Where(pid => pid != 0 && FolderOf(pid)?.StartsWith(setup.Scratch + '/', StringComparison.Ordinal) == true)];

    /// <summary>Files and folders that should have been deleted: scratch, pipes, and commits that were begun.</summary>
    public static IReadOnlyList<string> Leftovers(ServerSetup setup) =>
    [
        .. Entries(setup.Scratch),
        // The runtime's own: its diagnostic port, which it can't take away when it is killed.
        .. Entries(setup.Temp).Where(path => Path.GetFileName(path).StartsWith("omoai-", StringComparison.Ordinal)),
    ];

    private static IEnumerable<string> Entries(string folder) =>
        Directory.Exists(folder) ? Directory.EnumerateFileSystemEntries(folder) : [];

    private static string? FolderOf(int pid)
    {
        try
        {
            return new FileInfo($"/proc/{pid}/cwd").LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

/// <summary>
/// Remembers each artifact of a directory store as it was when it was first seen. A commit makes a new file, with times of its
/// own, so one that was made again, even of the same bytes, is told from the first.
/// </summary>
internal sealed class Sightings(ServerSetup setup)
{
    private readonly Dictionary<string, string> _seen = [];

    public int Count => _seen.Count;

    /// <summary>Looks at all that is committed, and gives what isn't what it was.</summary>
    public IReadOnlyList<string> Changed()
    {
        var changed = new List<string>();
        var files = ((string[])["transcripts", "omoai-work"]).Select(name => Path.Combine(setup.Store, name)).Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            .Where(file => !Path.GetFileName(file).StartsWith('.')).ToHashSet();
        foreach (var file in files)
        {
            var state = StateOf(file);
            if (!_seen.TryAdd(file, state) && _seen[file] != state)
            {
                changed.Add($"{file} was {_seen[file]} and is {state}");
            }
        }

        changed.AddRange(_seen.Keys.Where(file => !files.Contains(file)).Select(file => $"{file} is gone"));
        return changed;
    }

    private static string StateOf(string file)
    {
        var info = new FileInfo(file);
        return $"{info.CreationTimeUtc.Ticks} {info.LastWriteTimeUtc.Ticks} {Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)))}";
    }
}
