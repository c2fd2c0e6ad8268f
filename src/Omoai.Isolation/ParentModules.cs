namespace Omoai.Isolation;

/// <summary>Which libraries that only a host may load are mapped into a process.</summary>
/// <param name="Cuda">The CUDA driver or runtime.</param>
/// <param name="OnnxRuntime">ONNX Runtime, native or managed.</param>
internal readonly record struct ParentModules(bool Cuda, bool OnnxRuntime)
{
    /// <summary>Looks at this process; finds nothing where there is no <c>/proc</c>.</summary>
    public static ParentModules OfThisProcess() =>
        File.Exists("/proc/self/maps") ? Parse(File.ReadLines("/proc/self/maps")) : default;

    /// <summary>Reads the lines of a <c>/proc/PID/maps</c>.</summary>
    public static ParentModules Parse(IEnumerable<string> maps)
    {
        var found = default(ParentModules);
        foreach (var line in maps)
        {
            var file = line.AsSpan(line.LastIndexOf('/') + 1);
            if (file.StartsWith("libcuda.", StringComparison.Ordinal) || file.StartsWith("libcudart", StringComparison.Ordinal))
                found = found with { Cuda = true };
            if (file.Contains("onnxruntime", StringComparison.OrdinalIgnoreCase))
                found = found with { OnnxRuntime = true };
        }
        return found;
    }
}
