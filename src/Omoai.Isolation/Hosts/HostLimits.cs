using Omoai.Isolation.Linux;

namespace Omoai.Isolation.Hosts;

/// <summary>What a host and all that it starts may take.</summary>
/// <param name="Nice">Their nice value, where the parent's isn't above it.</param>
/// <param name="MaxMemoryBytes">Their memory; null sets no bound.</param>
/// <param name="MaxScratchBytes">The size of the scratch folder, and of any file they write.</param>
internal sealed record HostLimits(int Nice, long? MaxMemoryBytes, long MaxScratchBytes)
{
    public static HostLimits From(IsolationOptions options) => new(
        options.Nice, options.MaxMemoryMb is { } megabytes ? (long)megabytes << 20 : DefaultMemory, (long)options.MaxScratchMb << 20);

    private static long? DefaultMemory { get; } = OperatingSystem.IsLinux() ? ProcFiles.TotalMemory("/") / 4 * 3 : null;
}

/// <summary>A limit that a host was killed for.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Bytes">What it had; null where only the kernel knows.</param>
/// <param name="Limit">What it might have, bytes.</param>
internal sealed record Overrun(OverrunKind Kind, long? Bytes, long Limit);

internal enum OverrunKind
{
    Memory,
    Scratch,
}
