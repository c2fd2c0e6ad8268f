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

    private static long? Counter(string file)
    {
        if (!File.Exists(file))
            return null;
        var line = File.ReadLines(file).FirstOrDefault(line => line.StartsWith("oom_kill ", StringComparison.Ordinal));
        return line is null ? null : long.Parse(line.AsSpan(9), CultureInfo.InvariantCulture);
    }
}
