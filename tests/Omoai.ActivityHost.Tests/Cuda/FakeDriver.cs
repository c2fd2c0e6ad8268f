using Omoai.Tests.Native;

namespace Omoai.ActivityHost.Tests.Cuda;

/// <summary>A folder with stand-ins for the driver's libraries.</summary>
public sealed class FakeDriver : IDisposable
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("omoai-driver-tests-").FullName;

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    /// <summary>A new library: one that is loaded already would be given again under its name.</summary>
    internal string Cuda(params string[] defines) =>
        CCompiler.BuildLibrary("fake_cuda.c", Path.Combine(Folder, $"cuda-{Guid.NewGuid():n}.so"), defines);

    internal string Nvml(params string[] defines) =>
        CCompiler.BuildLibrary("fake_nvml.c", Path.Combine(Folder, $"nvml-{Guid.NewGuid():n}.so"), defines);
}
