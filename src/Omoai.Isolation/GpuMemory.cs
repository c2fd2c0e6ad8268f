namespace Omoai.Isolation;

/// <summary>What a host can tell of its GPU memory at one moment.</summary>
/// <param name="OfProcess">What it has itself, bytes; null where the driver doesn't list it.</param>
/// <param name="OfDevices">What everybody has on the devices that it may see, bytes; null where that isn't known.</param>
public readonly record struct GpuMemory(long? OfProcess, long? OfDevices)
{
    /// <summary>The two figures for evidence, of the same kind; null where there are none.</summary>
    internal static GpuMemoryUse? Compare(GpuMemory before, GpuMemory after)
    {
        // A process is listed while it has a context: one that is listed at one moment only had nothing at the other.
        if ((before.OfProcess ?? after.OfProcess) is not null)
            return new GpuMemoryUse(before.OfProcess ?? 0, after.OfProcess ?? 0, IsOwn: true);
        return (before.OfDevices, after.OfDevices) is ({ } from, { } to) ? new GpuMemoryUse(from, to, IsOwn: false) : null;
    }
}

/// <summary>GPU memory when the request had come and when the answer was ready, bytes.</summary>
internal sealed record GpuMemoryUse(long BeforeBytes, long AfterBytes, bool IsOwn);
