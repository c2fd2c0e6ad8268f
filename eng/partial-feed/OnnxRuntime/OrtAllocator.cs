using System.Runtime.InteropServices;

namespace Microsoft.ML.OnnxRuntime;

/// <summary>A native allocator.</summary>
public unsafe class OrtAllocator : SafeHandle
{
    private static readonly Lazy<OrtAllocator> Default = new(() => new OrtAllocator());

    private OrtAllocator()
        : base(0, ownsHandle: false)
    {
        nint allocator;
        Native.Check(Native.Api->GetAllocatorWithDefaultOptions(&allocator));
        SetHandle(allocator);
    }

    /// <summary>The allocator of CPU memory that belongs to the library itself.</summary>
    public static OrtAllocator DefaultInstance => Default.Value;

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => true;
}

/// <summary>Where memory lies.</summary>
public unsafe class OrtMemoryInfo : SafeHandle
{
    private const int DeviceAllocator = 0;
    private const int MemTypeCpu = -1;

    private static readonly Lazy<OrtMemoryInfo> Default = new(() => new OrtMemoryInfo());

    private OrtMemoryInfo()
        : base(0, ownsHandle: true)
    {
        nint info;
        Native.Check(Native.Api->CreateCpuMemoryInfo(DeviceAllocator, MemTypeCpu, &info));
        SetHandle(info);
    }

    /// <summary>Ordinary CPU memory.</summary>
    public static OrtMemoryInfo DefaultInstance => Default.Value;

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Native.Api->ReleaseMemoryInfo(handle);
        return true;
    }
}
