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

/// <summary>The kinds of allocators, numbered as in <c>OrtAllocatorType</c>.</summary>
public enum OrtAllocatorType
{
    DeviceAllocator = 0,
    ArenaAllocator = 1,
}

/// <summary>The kinds of memory that an execution provider has, numbered as in <c>OrtMemType</c>.</summary>
public enum OrtMemType
{
    CpuInput = -2,
    CpuOutput = -1,
    Cpu = CpuOutput,
    Default = 0,
}

/// <summary>Where memory lies.</summary>
public unsafe class OrtMemoryInfo : SafeHandle
{
    private static readonly Lazy<OrtMemoryInfo> Default = new(() => new OrtMemoryInfo());

    private OrtMemoryInfo()
        : base(0, ownsHandle: true)
    {
        nint info;
        Native.Check(Native.Api->CreateCpuMemoryInfo((int)OrtAllocatorType.DeviceAllocator, (int)OrtMemType.Cpu, &info));
        SetHandle(info);
    }

    /// <param name="allocatorName">The device's allocator: <c>Cpu</c>, or another that the library was built with, as <c>Cuda</c>.</param>
    /// <param name="allocatorType">Its kind.</param>
    /// <param name="deviceId">Which of the devices, from 0.</param>
    /// <param name="memoryType">Which of the device's memories.</param>
    /// <exception cref="OnnxRuntimeException">There is no such allocator.</exception>
    public OrtMemoryInfo(string allocatorName, OrtAllocatorType allocatorType, int deviceId, OrtMemType memoryType)
        : base(0, ownsHandle: true)
    {
        nint info;
        fixed (byte* name = Native.Utf8(allocatorName))
        {
            Native.Check(Native.Api->CreateMemoryInfo(name, (int)allocatorType, deviceId, (int)memoryType, &info));
        }

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
