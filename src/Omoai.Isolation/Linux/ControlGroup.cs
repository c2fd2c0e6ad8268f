using System.Globalization;

namespace Omoai.Isolation.Linux;

/// <summary>
/// A control group (version 2) of one host's own, in which the kernel bounds the memory of all that the host starts, exactly and at
/// once.
/// </summary>
internal sealed class ControlGroup
{
    private const string Prefix = "omoai-host-";

    private readonly string _folder;

    private ControlGroup(string folder) => _folder = folder;

    /// <summary>Makes one for a host and puts the host into it.</summary>
    /// <param name="parent">The folder of the group to make it in; null where there is none.</param>
    /// <param name="pid">The host, which has hardly begun.</param>
    /// <param name="maxMemoryBytes">Its memory.</param>
    /// <returns>Null where it can't be had: no such groups, no right to make one, or the memory of groups in there isn't bounded.</returns>
    public static ControlGroup? TryCreate(string? parent, int pid, long maxMemoryBytes)
    {
        if (parent is null)
            return null;
        var group = new ControlGroup(Path.Combine(parent, $"{Prefix}{pid}"));
        try
        {
            if (!File.ReadAllText(Path.Combine(parent, "cgroup.subtree_control")).Split([' ', '\n']).Contains("memory"))
                return null;
            RemoveLeftOver(parent);
            Directory.CreateDirectory(group._folder);
            group.Write("memory.max", maxMemoryBytes);
            // All of the host at once, not a part that the rest then waits for.
            group.Write("memory.oom.group", 1);
            group.Write("cgroup.procs", pid);
            return group;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            group.Remove();
            return null;
        }
    }

    /// <summary>Whether the kernel has killed it for its memory.</summary>
    public bool WasKilled => ProcFiles.Counter(Path.Combine(_folder, "memory.events")) > 0;

    /// <summary>Removes it, once nothing is in it any more.</summary>
    public void Remove() => TryRemove(_folder);

    /// <summary>Groups whose parent was killed before it could remove them; the kernel keeps those that are in use.</summary>
    private static void RemoveLeftOver(string parent)
    {
        foreach (var folder in Directory.EnumerateDirectories(parent, $"{Prefix}*"))
        {
            if (!Directory.Exists($"/proc/{Path.GetFileName(folder)[Prefix.Length..]}"))
                TryRemove(folder);
        }
    }

    private static void TryRemove(string folder)
    {
        try
        {
            Directory.Delete(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // In use, or gone: whoever comes next tries again.
        }
    }

    private void Write(string file, long value) =>
        File.WriteAllText(Path.Combine(_folder, file), value.ToString(CultureInfo.InvariantCulture));
}
