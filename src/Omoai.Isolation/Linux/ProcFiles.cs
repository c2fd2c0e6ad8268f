using System.Buffers.Text;
using System.Globalization;

namespace Omoai.Isolation.Linux;

/// <summary>What <c>/proc</c> and the control groups tell.</summary>
internal static class ProcFiles
{
    /// <summary>The largest resident memory a living process has had, bytes; null where it can't be read.</summary>
    public static long? PeakMemory(string process)
    {
        try
        {
            foreach (var line in File.ReadLines($"/proc/{process}/status"))
            {
                // VmHWM:	   12345 kB
                if (line.StartsWith("VmHWM:", StringComparison.Ordinal))
                    return long.Parse(line.AsSpan(6, line.Length - 8).Trim(), CultureInfo.InvariantCulture) * 1024;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            // It has ended.
        }
        return null;
    }

    /// <summary>Whether a process of this group runs still; those that only wait to be reaped don't count.</summary>
    public static bool GroupRuns(int group)
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!char.IsAsciiDigit(folder[^1]))
                continue;
            try
            {
                // PID (NAME) STATE PPID PGRP …; the name may hold anything.
                var stat = File.ReadAllText(Path.Combine(folder, "stat"));
                if (stat[(stat.LastIndexOf(')') + 1)..].Split(' ') is ["", not ("Z" or "X"), _, var itsGroup, ..]
                    && itsGroup == group.ToString(CultureInfo.InvariantCulture))
                {
                    return true;
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It has ended.
            }
        }
        return false;
    }

    /// <summary>
    /// The memory that a process and all its descendants hold, bytes: what is neither a file's nor swapped out. What a fork
    /// shares counts for each.
    /// </summary>
    public static long TreeMemory(int root)
    {
        var buffer = new byte[16 << 10];
        var (seen, left, total) = (new HashSet<int> { root }, new Stack<int>([root]), 0L);
        while (left.TryPop(out var pid))
        {
            total += OwnMemory(pid, buffer);
            try
            {
                // Each thread has the processes it started.
                foreach (var task in Directory.EnumerateDirectories($"/proc/{pid}/task"))
                    AddChildren(Libc.ReadFile($"{task}/children", buffer), seen, left);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It has ended.
            }
        }
        return total;
    }

    private static long OwnMemory(int pid, byte[] buffer)
    {
        ReadOnlySpan<byte> status = Libc.ReadFile($"/proc/{pid}/status", buffer);
        return Kilobytes(status, "\nRssAnon:"u8) + Kilobytes(status, "\nRssShmem:"u8);

        // RssAnon:	   12345 kB
        static long Kilobytes(ReadOnlySpan<byte> status, ReadOnlySpan<byte> name) =>
            status.IndexOf(name) is >= 0 and var start
            && Utf8Parser.TryParse(status[(start + name.Length)..].TrimStart(" \t"u8), out long kilobytes, out _)
                ? kilobytes * 1024
                : 0;
    }

    private static void AddChildren(ReadOnlySpan<byte> text, HashSet<int> seen, Stack<int> left)
    {
        // A space after each.
        for (int end; (end = text.IndexOf((byte)' ')) >= 0; text = text[(end + 1)..])
        {
            if (Utf8Parser.TryParse(text[..end], out int pid, out _) && seen.Add(pid))
                left.Push(pid);
        }
    }

    /// <summary>
    /// The memory, bytes, of the machine or, where that is less, of the control group that this process is in; null where it
    /// can't be read.
    /// </summary>
    /// <param name="root">The folder that holds <c>proc</c> and <c>sys</c>.</param>
    public static long? TotalMemory(string root)
    {
        try
        {
            // MemTotal:       12345 kB
            var machine = File.ReadLines(Path.Combine(root, "proc/meminfo")).First(line => line.StartsWith("MemTotal:", StringComparison.Ordinal));
            return MemoryLimits(root).Append(long.Parse(machine.AsSpan(9, machine.Length - 11).Trim(), CultureInfo.InvariantCulture) * 1024).Min();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Of the groups that this process is in, up to the uppermost.</summary>
    private static IEnumerable<long> MemoryLimits(string root)
    {
        foreach (var line in File.ReadLines(Path.Combine(root, "proc/self/cgroup")))
        {
            // 0::/PATH in version 2, NUMBER:CONTROLLERS:/PATH in version 1.
            var (folder, file) = line.Split(':')[1] switch
            {
                "" => ("sys/fs/cgroup", "memory.max"),
                "memory" => ("sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                _ => ("", ""),
            };
            for (var group = folder.Length == 0 ? null : line.Split(':', 3)[2]; group is not null; group = Path.GetDirectoryName(group))
            {
                var limit = Path.Combine(root, folder, group.TrimStart('/'), file);
                if (File.Exists(limit) && long.TryParse(File.ReadAllText(limit), CultureInfo.InvariantCulture, out var bytes))
                    yield return bytes;
            }
        }
    }

    /// <summary>The folder of the control group (version 2) that this process is in; null where it can't be told.</summary>
    public static string? OwnControlGroup()
    {
        try
        {
            var line = File.ReadLines("/proc/self/cgroup").FirstOrDefault(line => line.StartsWith("0::/", StringComparison.Ordinal));
            return line is null ? null : Path.Combine("/sys/fs/cgroup", line[4..]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>
    /// How often the kernel's out-of-memory killer has struck: in this process's control group where that is told, else on
    /// the whole machine; null where neither is told.
    /// </summary>
    public static long? OutOfMemoryKills()
    {
        try
        {
            var unified = File.ReadLines("/proc/self/cgroup").FirstOrDefault(line => line.StartsWith("0::", StringComparison.Ordinal));
            return (unified is null ? null : Counter($"/sys/fs/cgroup{unified[3..]}/memory.events"))
                ?? Counter("/sys/fs/cgroup/memory.events") ?? Counter("/proc/vmstat");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>
    /// What is free of the machine's memory and, where it has one of its own, of this process's control group (version 2); bytes.
    /// </summary>
    public static IEnumerable<(long Free, long Total)> FreeMemory()
    {
        long? available = null, total = null;
        foreach (var line in Lines("/proc/meminfo"))
        {
            available ??= Kibibytes(line, "MemAvailable:");
            total ??= Kibibytes(line, "MemTotal:");
        }
        if (available is { } machineFree && total is { } machine)
            yield return (machineFree, machine);

        if (Lines("/proc/self/cgroup").FirstOrDefault(line => line.StartsWith("0::", StringComparison.Ordinal)) is { } own)
        {
            var folder = $"/sys/fs/cgroup{own[3..]}";
            if (Number(Path.Combine(folder, "memory.max")) is { } max && Number(Path.Combine(folder, "memory.current")) is { } current)
            {
                // What was only read from files can be dropped at any time.
                var files = Lines(Path.Combine(folder, "memory.stat"))
                    .FirstOrDefault(line => line.StartsWith("inactive_file ", StringComparison.Ordinal));
                yield return (max - current + (files is null ? 0 : Parse(files[14..]) ?? 0), max);
            }
        }

        static long? Kibibytes(string line, string name) =>
            line.StartsWith(name, StringComparison.Ordinal) ? Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal)) * 1024 : null;
        static long? Number(string file) => Parse(Lines(file).FirstOrDefault() ?? "");
        static long? Parse(string text) =>
            long.TryParse(text, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var number) ? number : null;
    }

    private static string[] Lines(string file)
    {
        try
        {
            return File.ReadAllLines(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>The number of out-of-memory kills in a file of counters; null where it isn't told.</summary>
    public static long? Counter(string file)
    {
        if (!File.Exists(file))
            return null;
        var line = File.ReadLines(file).FirstOrDefault(line => line.StartsWith("oom_kill ", StringComparison.Ordinal));
        return line is null ? null : long.Parse(line.AsSpan(9), CultureInfo.InvariantCulture);
    }
}
