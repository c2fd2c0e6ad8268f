using Omoai.Transcripts.Activities;

namespace Omoai.ActivityHost.Cuda;

/// <summary>Puts together what the driver's libraries say; for <c>doctor</c>.</summary>
internal static class CudaInspector
{
    private const string DefaultMpsFolder = "/tmp/nvidia-mps";

    public static CudaFacts Inspect() =>
        Inspect(CudaDriver.DefaultLibrary, Nvml.DefaultLibrary, Environment.GetEnvironmentVariable("CUDA_MPS_PIPE_DIRECTORY"));

    /// <param name="cudaLibrary">The driver API's library.</param>
    /// <param name="nvmlLibrary">NVML's.</param>
    /// <param name="mpsFolder">The folder of the MPS daemon's pipes; null for the usual one.</param>
    public static CudaFacts Inspect(string cudaLibrary, string nvmlLibrary, string? mpsFolder)
    {
        var cuda = CudaDriver.Inspect(cudaLibrary);
        var (nvml, problem) = Nvml.Open(nvmlLibrary);
        using (nvml)
        {
            IReadOnlyList<CudaDevice> devices = [];
            if (nvml is not null)
                (devices, problem) = nvml.Devices();
            return new CudaFacts(
                nvml?.DriverVersion, cuda.Version, devices.Count > 0 ? Marked(devices, cuda.Devices) : cuda.Devices,
                HasMpsDaemon(mpsFolder), cuda.Problem, problem);
        }
    }

    /// <summary>Says of the machine's devices which of them CUDA shows to this process.</summary>
    private static IReadOnlyList<CudaDevice> Marked(IReadOnlyList<CudaDevice> all, IReadOnlyList<CudaDevice> visible)
    {
        var uuids = visible.Select(device => device.Uuid).ToHashSet(StringComparer.OrdinalIgnoreCase);
        return [.. all.Select(device => device with { Visible = device.Uuid is null ? null : uuids.Contains(device.Uuid) })];
    }

    /// <summary>Whether the folder holds what a daemon is spoken to by. One that was killed may leave it behind.</summary>
    private static bool HasMpsDaemon(string? folder) =>
        OperatingSystem.IsLinux() && File.Exists(Path.Combine(string.IsNullOrEmpty(folder) ? DefaultMpsFolder : folder, "control"));
}
