using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Omoai.ActivityHost.Cuda;
using Omoai.Transcripts.Activities;

namespace Omoai.ActivityHost;

/// <summary>Looks at what this process can load; for <c>doctor</c>, whose own process must load none of it.</summary>
internal static class Inspector
{
    public static InspectOutput Inspect()
    {
        var architecture = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        var devices = CudaDevices();
        var cuda = CudaInspector.Inspect();
        try
        {
            var environment = OrtEnv.Instance();
            return new InspectOutput(
                architecture, environment.GetAvailableProviders(), devices, environment.GetVersionString(), Cuda: cuda);
        }
        catch (Exception e) when (Failures.Classify(e) is { } failure)
        {
            return new InspectOutput(architecture, [], devices, OnnxRuntimeError: failure.Reason, Cuda: cuda);
        }
    }

    /// <summary>The GPUs that the driver shows in the file system: no library is loaded, no program run for this.</summary>
    private static string[] CudaDevices()
    {
        const string Folder = "/proc/driver/nvidia/gpus";
        if (!Directory.Exists(Folder))
            return [];
        return [.. Directory.EnumerateDirectories(Folder).Order(StringComparer.Ordinal).Select(Model)];
    }

    private static string Model(string gpu)
    {
        const string Mark = "Model:";
        try
        {
            return File.ReadLines(Path.Combine(gpu, "information"))
                .FirstOrDefault(line => line.StartsWith(Mark, StringComparison.Ordinal))?[Mark.Length..].Trim()
                ?? Path.GetFileName(gpu);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Path.GetFileName(gpu);
        }
    }
}
