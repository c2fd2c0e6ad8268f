using System.Runtime.InteropServices;

namespace Microsoft.ML.OnnxRuntime;

/// <summary>There is no CUDA in the stand-in.</summary>
public class OrtCUDAProviderOptions : SafeHandle
{
    /// <exception cref="OnnxRuntimeException">Always.</exception>
    public OrtCUDAProviderOptions()
        : base(0, ownsHandle: true) => throw NoCuda();

    public override bool IsInvalid => handle == 0;

    public void UpdateOptions(Dictionary<string, string> providerOptions) => throw NoCuda();

    internal static OnnxRuntimeException NoCuda() => new(
        ErrorCode.NotImplemented,
        "The CUDA execution provider is not in the CPU library that stands in here for Microsoft.ML.OnnxRuntime.Gpu.");

    protected override bool ReleaseHandle() => true;
}
