using System.Runtime.InteropServices;

namespace Microsoft.ML.OnnxRuntime;

/// <summary>
/// The part of the C API's function table (<c>struct OrtApi</c> of onnxruntime_c_api.h) that is called here, laid over
/// the native table. Entries are only ever appended to that table, so an index holds for every later version.
/// Functions that return <c>nint</c> return an <c>OrtStatus*</c>, for <see cref="Native.Check"/>.
/// </summary>
/// <remarks>Pointers have eight bytes: onnxruntime-node has native libraries for 64-bit systems only.</remarks>
[StructLayout(LayoutKind.Explicit)]
internal unsafe struct OrtApi
{
    /// <summary>The version of the table that is asked for: old enough for any library of the last years.</summary>
    public const uint Version = 16;

    [FieldOffset(1 * 8)] public delegate* unmanaged[Cdecl]<nint, int> GetErrorCode;
    [FieldOffset(2 * 8)] public delegate* unmanaged[Cdecl]<nint, nint> GetErrorMessage;

    [FieldOffset(3 * 8)] public delegate* unmanaged[Cdecl]<int, byte*, nint*, nint> CreateEnv;
    [FieldOffset(92 * 8)] public delegate* unmanaged[Cdecl]<nint, void> ReleaseEnv;
    [FieldOffset(93 * 8)] public delegate* unmanaged[Cdecl]<nint, void> ReleaseStatus;
    [FieldOffset(125 * 8)] public delegate* unmanaged[Cdecl]<nint**, int*, nint> GetAvailableProviders;
    [FieldOffset(126 * 8)] public delegate* unmanaged[Cdecl]<nint*, int, nint> ReleaseAvailableProviders;

    [FieldOffset(7 * 8)] public delegate* unmanaged[Cdecl]<nint, nint, nint, nint*, nint> CreateSession;
    [FieldOffset(8 * 8)]
    public delegate* unmanaged[Cdecl]<nint, byte*, nuint, nint, nint*, nint> CreateSessionFromArray;
    [FieldOffset(9 * 8)]
    public delegate* unmanaged[Cdecl]<nint, nint, nint*, nint*, nuint, nint*, nuint, nint*, nint> Run;
    [FieldOffset(30 * 8)] public delegate* unmanaged[Cdecl]<nint, nuint*, nint> SessionGetInputCount;
    [FieldOffset(31 * 8)] public delegate* unmanaged[Cdecl]<nint, nuint*, nint> SessionGetOutputCount;
    [FieldOffset(33 * 8)] public delegate* unmanaged[Cdecl]<nint, nuint, nint*, nint> SessionGetInputTypeInfo;
    [FieldOffset(34 * 8)] public delegate* unmanaged[Cdecl]<nint, nuint, nint*, nint> SessionGetOutputTypeInfo;
    [FieldOffset(36 * 8)] public delegate* unmanaged[Cdecl]<nint, nuint, nint, nint*, nint> SessionGetInputName;
    [FieldOffset(37 * 8)] public delegate* unmanaged[Cdecl]<nint, nuint, nint, nint*, nint> SessionGetOutputName;
    [FieldOffset(95 * 8)] public delegate* unmanaged[Cdecl]<nint, void> ReleaseSession;

    [FieldOffset(111 * 8)] public delegate* unmanaged[Cdecl]<nint, nint*, nint> SessionGetModelMetadata;
    [FieldOffset(116 * 8)]
    public delegate* unmanaged[Cdecl]<nint, nint, nint, nint*, nint> ModelMetadataLookupCustomMetadataMap;
    [FieldOffset(118 * 8)] public delegate* unmanaged[Cdecl]<nint, void> ReleaseModelMetadata;
    [FieldOffset(123 * 8)]
    public delegate* unmanaged[Cdecl]<nint, nint, nint*, long*, nint> ModelMetadataGetCustomMetadataMapKeys;

    [FieldOffset(10 * 8)] public delegate* unmanaged[Cdecl]<nint*, nint> CreateSessionOptions;
    [FieldOffset(13 * 8)] public delegate* unmanaged[Cdecl]<nint, int, nint> SetSessionExecutionMode;
    [FieldOffset(16 * 8)] public delegate* unmanaged[Cdecl]<nint, nint> EnableMemPattern;
    [FieldOffset(17 * 8)] public delegate* unmanaged[Cdecl]<nint, nint> DisableMemPattern;
    [FieldOffset(18 * 8)] public delegate* unmanaged[Cdecl]<nint, nint> EnableCpuMemArena;
    [FieldOffset(19 * 8)] public delegate* unmanaged[Cdecl]<nint, nint> DisableCpuMemArena;
    [FieldOffset(22 * 8)] public delegate* unmanaged[Cdecl]<nint, int, nint> SetSessionLogSeverityLevel;
    [FieldOffset(23 * 8)] public delegate* unmanaged[Cdecl]<nint, int, nint> SetSessionGraphOptimizationLevel;
    [FieldOffset(24 * 8)] public delegate* unmanaged[Cdecl]<nint, int, nint> SetIntraOpNumThreads;
    [FieldOffset(25 * 8)] public delegate* unmanaged[Cdecl]<nint, int, nint> SetInterOpNumThreads;
    [FieldOffset(100 * 8)] public delegate* unmanaged[Cdecl]<nint, void> ReleaseSessionOptions;
    [FieldOffset(130 * 8)] public delegate* unmanaged[Cdecl]<nint, byte*, byte*, nint> AddSessionConfigEntry;

    [FieldOffset(39 * 8)] public delegate* unmanaged[Cdecl]<nint*, nint> CreateRunOptions;
    [FieldOffset(46 * 8)] public delegate* unmanaged[Cdecl]<nint, nint> RunOptionsSetTerminate;
    [FieldOffset(47 * 8)] public delegate* unmanaged[Cdecl]<nint, nint> RunOptionsUnsetTerminate;
    [FieldOffset(97 * 8)] public delegate* unmanaged[Cdecl]<nint, void> ReleaseRunOptions;

    [FieldOffset(48 * 8)]
    public delegate* unmanaged[Cdecl]<nint, long*, nuint, int, nint*, nint> CreateTensorAsOrtValue;
    [FieldOffset(49 * 8)]
    public delegate* unmanaged[Cdecl]<nint, void*, nuint, long*, nuint, int, nint*, nint> CreateTensorWithDataAsOrtValue;
    [FieldOffset(51 * 8)] public delegate* unmanaged[Cdecl]<nint, void**, nint> GetTensorMutableData;
    [FieldOffset(65 * 8)] public delegate* unmanaged[Cdecl]<nint, nint*, nint> GetTensorTypeAndShape;
    [FieldOffset(67 * 8)] public delegate* unmanaged[Cdecl]<nint, int*, nint> GetValueType;
    [FieldOffset(96 * 8)] public delegate* unmanaged[Cdecl]<nint, void> ReleaseValue;

    [FieldOffset(55 * 8)] public delegate* unmanaged[Cdecl]<nint, nint*, nint> CastTypeInfoToTensorInfo;
    [FieldOffset(56 * 8)] public delegate* unmanaged[Cdecl]<nint, int*, nint> GetOnnxTypeFromTypeInfo;
    [FieldOffset(60 * 8)] public delegate* unmanaged[Cdecl]<nint, int*, nint> GetTensorElementType;
    [FieldOffset(61 * 8)] public delegate* unmanaged[Cdecl]<nint, nuint*, nint> GetDimensionsCount;
    [FieldOffset(62 * 8)] public delegate* unmanaged[Cdecl]<nint, long*, nuint, nint> GetDimensions;
    [FieldOffset(63 * 8)] public delegate* unmanaged[Cdecl]<nint, nint*, nuint, nint> GetSymbolicDimensions;
    [FieldOffset(64 * 8)] public delegate* unmanaged[Cdecl]<nint, nuint*, nint> GetTensorShapeElementCount;
    [FieldOffset(98 * 8)] public delegate* unmanaged[Cdecl]<nint, void> ReleaseTypeInfo;
    [FieldOffset(99 * 8)] public delegate* unmanaged[Cdecl]<nint, void> ReleaseTensorTypeAndShapeInfo;

    [FieldOffset(133 * 8)] public delegate* unmanaged[Cdecl]<nint, nint, nint, nint> RunWithBinding;
    [FieldOffset(134 * 8)] public delegate* unmanaged[Cdecl]<nint, nint*, nint> CreateIoBinding;
    [FieldOffset(135 * 8)] public delegate* unmanaged[Cdecl]<nint, void> ReleaseIoBinding;
    [FieldOffset(136 * 8)] public delegate* unmanaged[Cdecl]<nint, byte*, nint, nint> BindInput;
    [FieldOffset(138 * 8)] public delegate* unmanaged[Cdecl]<nint, byte*, nint, nint> BindOutputToDevice;
    [FieldOffset(140 * 8)] public delegate* unmanaged[Cdecl]<nint, nint, nint**, nuint*, nint> GetBoundOutputValues;
    [FieldOffset(142 * 8)] public delegate* unmanaged[Cdecl]<nint, void> ClearBoundOutputs;
    [FieldOffset(202 * 8)] public delegate* unmanaged[Cdecl]<nint, nint> SynchronizeBoundInputs;

    [FieldOffset(68 * 8)] public delegate* unmanaged[Cdecl]<byte*, int, int, int, nint*, nint> CreateMemoryInfo;
    [FieldOffset(69 * 8)] public delegate* unmanaged[Cdecl]<int, int, nint*, nint> CreateCpuMemoryInfo;
    [FieldOffset(76 * 8)] public delegate* unmanaged[Cdecl]<nint, nint, nint> AllocatorFree;
    [FieldOffset(78 * 8)] public delegate* unmanaged[Cdecl]<nint*, nint> GetAllocatorWithDefaultOptions;
    [FieldOffset(94 * 8)] public delegate* unmanaged[Cdecl]<nint, void> ReleaseMemoryInfo;
}
