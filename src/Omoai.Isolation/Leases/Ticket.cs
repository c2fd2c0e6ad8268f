using System.Globalization;

namespace Omoai.Isolation.Leases;

/// <summary>
/// A place in the queue for any of some devices, over all processes that share their folders: in each device's folder a file that
/// is named by the time of arrival and locked by its process. One that nobody has locked is what a killed process left.
/// </summary>
internal sealed class Ticket : IDisposable
{
    private const string Prefix = "wait-";

    private static int s_count;

    private readonly string _name;
    private readonly List<(string Path, LockFile Lock)> _files = [];

    /// <summary>Queues up.</summary>
    /// <param name="folders">The devices' folders.</param>
    /// <param name="arrival">When the wait began, on the machine's monotonic clock.</param>
    /// <exception cref="IOException">A file can't be made.</exception>
    public Ticket(IEnumerable<string> folders, long arrival)
    {
        _name = string.Create(
            CultureInfo.InvariantCulture, $"{Prefix}{arrival:D20}-{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}");
        try
        {
            foreach (var folder in folders)
            {
                // Locked before anybody sees it; the lock goes along with the name.
                var hidden = Path.Combine(folder, $".{_name}");
                var file = LockFile.TryTake(hidden) ?? throw new IOException($"{hidden} is locked by somebody else.");
                _files.Add((hidden, file));
                File.Move(hidden, Path.Combine(folder, _name));
                _files[^1] = (Path.Combine(folder, _name), file);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Whether somebody waits for a device.</summary>
    /// <param name="folder">The device's folder.</param>
    /// <param name="before">Look only at those who came before this one; null looks at all.</param>
    public static bool AnyFor(string folder, Ticket? before = null) => Directory.EnumerateFiles(folder, $"{Prefix}*")
        .Any(path => (before is null || string.CompareOrdinal(Path.GetFileName(path), before._name) < 0) && IsHeld(path));

    public void Dispose()
    {
        foreach (var (path, file) in _files)
        {
            File.Delete(path);
            file.Dispose();
        }
        _files.Clear();
    }

    private static bool IsHeld(string path)
    {
        using var file = LockFile.TryTake(path);
        if (file is null)
            return true;
        File.Delete(path);
        return false;
    }
}
