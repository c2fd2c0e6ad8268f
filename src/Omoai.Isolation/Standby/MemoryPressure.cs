using Omoai.Isolation.Linux;

namespace Omoai.Isolation.Standby;

/// <summary>Whether memory is short, on the machine or in this process's control group.</summary>
internal static class MemoryPressure
{
    /// <summary>Below this share of the whole, what serves nobody is given up.</summary>
    private const double MinFree = 0.1;

    /// <summary>False where it can't be told.</summary>
    public static bool IsHigh() =>
        OperatingSystem.IsLinux() && ProcFiles.FreeMemory().Any(memory => memory.Free < MinFree * memory.Total);
}
