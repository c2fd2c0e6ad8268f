using System.Runtime.InteropServices;

namespace Microsoft.ML.OnnxRuntime;

/// <summary>How far a graph is rewritten before it runs.</summary>
public enum GraphOptimizationLevel
{
    ORT_DISABLE_ALL = 0,
    ORT_ENABLE_BASIC = 1,
    ORT_ENABLE_EXTENDED = 2,
    ORT_ENABLE_LAYOUT = 3,
    ORT_ENABLE_ALL = 99,
}

/// <summary>Whether the branches of a graph run one after the other or at the same time.</summary>
public enum ExecutionMode
{
    ORT_SEQUENTIAL = 0,
    ORT_PARALLEL = 1,
}

/// <summary>How a session is to be made; may be disposed of once it is.</summary>
public unsafe class SessionOptions : SafeHandle
{
    private bool _enableMemoryPattern = true;
    private bool _enableCpuMemArena = true;
    private OrtLoggingLevel _logSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_WARNING;
    private int _intraOpNumThreads;
    private int _interOpNumThreads;
    private GraphOptimizationLevel _graphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL;
    private ExecutionMode _executionMode = ExecutionMode.ORT_SEQUENTIAL;

    public SessionOptions()
        : base(0, ownsHandle: true)
    {
        OrtEnv.Instance();
        nint options;
        Native.Check(Native.Api->CreateSessionOptions(&options));
        SetHandle(options);
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>Whether memory is planned ahead for inputs of the same shape.</summary>
    public bool EnableMemoryPattern
    {
        get => _enableMemoryPattern;
        set
        {
            using var options = this.Use();
            Native.Check(value
                ? Native.Api->EnableMemPattern(options.Pointer)
                : Native.Api->DisableMemPattern(options.Pointer));
            _enableMemoryPattern = value;
        }
    }

    /// <summary>Whether CPU memory comes from an arena that keeps what it once took.</summary>
    public bool EnableCpuMemArena
    {
        get => _enableCpuMemArena;
        set
        {
            using var options = this.Use();
            Native.Check(value
                ? Native.Api->EnableCpuMemArena(options.Pointer)
                : Native.Api->DisableCpuMemArena(options.Pointer));
            _enableCpuMemArena = value;
        }
    }

    /// <summary>What the session logs at least.</summary>
    public OrtLoggingLevel LogSeverityLevel
    {
        get => _logSeverityLevel;
        set
        {
            using var options = this.Use();
            Native.Check(Native.Api->SetSessionLogSeverityLevel(options.Pointer, (int)value));
            _logSeverityLevel = value;
        }
    }

    /// <summary>Threads within an operator; 0 means one for each core.</summary>
    public int IntraOpNumThreads
    {
        get => _intraOpNumThreads;
        set
        {
            using var options = this.Use();
            Native.Check(Native.Api->SetIntraOpNumThreads(options.Pointer, value));
            _intraOpNumThreads = value;
        }
    }

    /// <summary>Operators at a time with <see cref="ExecutionMode.ORT_PARALLEL"/>; 0: the runtime decides.</summary>
    public int InterOpNumThreads
    {
        get => _interOpNumThreads;
        set
        {
            using var options = this.Use();
            Native.Check(Native.Api->SetInterOpNumThreads(options.Pointer, value));
            _interOpNumThreads = value;
        }
    }

    public GraphOptimizationLevel GraphOptimizationLevel
    {
        get => _graphOptimizationLevel;
        set
        {
            using var options = this.Use();
            Native.Check(Native.Api->SetSessionGraphOptimizationLevel(options.Pointer, (int)value));
            _graphOptimizationLevel = value;
        }
    }

    public ExecutionMode ExecutionMode
    {
        get => _executionMode;
        set
        {
            using var options = this.Use();
            Native.Check(Native.Api->SetSessionExecutionMode(options.Pointer, (int)value));
            _executionMode = value;
        }
    }

    /// <summary>Sets one of the keys of onnxruntime_session_options_config_keys.h.</summary>
    public void AddSessionConfigEntry(string configKey, string configValue)
    {
        using var options = this.Use();
        fixed (byte* key = Native.Utf8(configKey), value = Native.Utf8(configValue))
        {
            Native.Check(Native.Api->AddSessionConfigEntry(options.Pointer, key, value));
        }
    }

    /// <summary>Runs on the CPU what no provider named before can run, which is so anyway.</summary>
    /// <param name="useArena">1 to use the arena, 0 not to.</param>
    public void AppendExecutionProvider_CPU(int useArena = 1)
    {
        var append = (delegate* unmanaged[Cdecl]<nint, int, nint>)
            Native.Export("OrtSessionOptionsAppendExecutionProvider_CPU");
        using var options = this.Use();
        Native.Check(append(options.Pointer, useArena));
    }

    /// <summary>There is no CUDA in the stand-in.</summary>
    /// <exception cref="OnnxRuntimeException">Always.</exception>
    public void AppendExecutionProvider_CUDA(OrtCUDAProviderOptions cudaProviderOptions) =>
        throw OrtCUDAProviderOptions.NoCuda();

    protected override bool ReleaseHandle()
    {
        Native.Api->ReleaseSessionOptions(handle);
        return true;
    }
}
