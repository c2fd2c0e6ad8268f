using System.Globalization;
using Omoai.Isolation;

namespace Omoai.ActivityHost.Cuda;

/// <summary>Tells how much GPU memory this process has, for evidence. Never fails.</summary>
internal static class GpuMemoryMeter
{
    /// <summary>
    /// Names a library to ask in NVML's place, whether or not this machine has a device; for tests and for drivers in unusual places.
    /// </summary>
    public const string LibraryVariable = "OMOAI_NVML_LIBRARY";

    private static readonly Lazy<Nvml?> Opened = new(() =>
        Nvml.Open(Environment.GetEnvironmentVariable(LibraryVariable) is { Length: > 0 } name ? name : Nvml.DefaultLibrary).Nvml);

    /// <summary>Nothing where the host may see no GPU or the machine has none; no library is looked for then.</summary>
    public static GpuMemory Measure()
    {
        var visible = Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES");
        if (visible is "" or "-1" || !HasDevice())
            return default;
        // Not shut down until the process ends: it is asked twice, and starting it takes longer than asking.
        return Opened.Value is { } nvml ? Measure(nvml, visible, Environment.ProcessId) : default;
    }

    /// <param name="nvml">Whom to ask.</param>
    /// <param name="visible">The devices whose memory counts, as in <c>CUDA_VISIBLE_DEVICES</c>; null for all.</param>
    /// <param name="pid">The process whose memory counts.</param>
    public static GpuMemory Measure(Nvml nvml, string? visible, int pid)
    {
        var (devices, _) = nvml.Devices();
        long? ofProcess = null, ofDevices = null;
        foreach (var device in devices)
        {
            if (nvml.MemoryOf(pid, device.Index) is { } bytes)
                ofProcess = (ofProcess ?? 0) + bytes;
            if (device.UsedBytes is { } used && IsVisible(visible, device.Index, device.Uuid))
                ofDevices = (ofDevices ?? 0) + used;
        }
        return new GpuMemory(ofProcess, ofDevices);
    }

    /// <summary>By number, or by the start of its UUID. The instances of MIG have no memory of a device's own to tell.</summary>
    private static bool IsVisible(string? visible, int index, string? uuid) =>
        visible is null || visible.Split(',', StringSplitOptions.TrimEntries).Any(name =>
            name == index.ToString(CultureInfo.InvariantCulture)
            || (name.StartsWith("GPU-", StringComparison.Ordinal) && uuid?.StartsWith(name, StringComparison.OrdinalIgnoreCase) == true));

    // The driver's own device file; that of WSL, which has no other; Windows has none.
    private static bool HasDevice() =>
        Environment.GetEnvironmentVariable(LibraryVariable) is { Length: > 0 } || OperatingSystem.IsWindows()
        || File.Exists("/dev/nvidiactl") || File.Exists("/dev/dxg");
}
