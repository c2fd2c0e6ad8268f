using System.Runtime.InteropServices;

namespace Microsoft.ML.OnnxRuntime;

/// <summary>How much ONNX Runtime writes to stderr.</summary>
public enum OrtLoggingLevel
{
    ORT_LOGGING_LEVEL_VERBOSE = 0,
    ORT_LOGGING_LEVEL_INFO = 1,
    ORT_LOGGING_LEVEL_WARNING = 2,
    ORT_LOGGING_LEVEL_ERROR = 3,
    ORT_LOGGING_LEVEL_FATAL = 4,
}

/// <summary>The environment that all sessions of the process share: logging and thread pools.</summary>
public sealed unsafe class OrtEnv : SafeHandle
{
    private static readonly Lock Gate = new();
    private static OrtEnv? s_instance;

    private OrtEnv()
        : base(0, ownsHandle: true)
    {
        nint env;
        fixed (byte* name = Native.Utf8("Omoai"))
        {
            Native.Check(Native.Api->CreateEnv((int)OrtLoggingLevel.ORT_LOGGING_LEVEL_WARNING, name, &env));
        }

        SetHandle(env);
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>The environment, made on first use. Nobody needs to dispose of it.</summary>
    public static OrtEnv Instance()
    {
        lock (Gate)
        {
            return s_instance is { IsClosed: false } ? s_instance : s_instance = new OrtEnv();
        }
    }

    /// <summary>The native library's version, such as <c>1.30.0</c>.</summary>
    public string GetVersionString() => Native.Version;

    /// <summary>
    /// The execution providers. Not those for NVIDIA devices, which the library names too: they are libraries of
    /// their own, which onnxruntime-node's install script would download, and that script isn't run.
    /// </summary>
    public string[] GetAvailableProviders()
    {
        nint* names;
        int count;
        Native.Check(Native.Api->GetAvailableProviders(&names, &count));
        try
        {
            var providers = new string[count];
            for (var i = 0; i < count; i++)
            {
                providers[i] = Native.Utf8(names[i]);
            }

            return [.. providers.Except(["CUDAExecutionProvider", "TensorrtExecutionProvider"])];
        }
        finally
        {
            Native.Check(Native.Api->ReleaseAvailableProviders(names, count));
        }
    }

    protected override bool ReleaseHandle()
    {
        Native.Api->ReleaseEnv(handle);
        return true;
    }
}
