using System.Runtime.InteropServices;

namespace Omoai.Isolation.TestHost;

/// <summary>Uses a driver library as a model's code would.</summary>
internal static unsafe class FakeGpu
{
    /// <summary>What this process says of its GPU memory.</summary>
    public static GpuMemory Memory { get; set; }

    /// <summary>Initialises the driver and looks for devices: the results of both calls, 0 where they succeed.</summary>
    public static int[] Use(string library)
    {
        var handle = NativeLibrary.Load(library);
        var initialise = (delegate* unmanaged<uint, int>)NativeLibrary.GetExport(handle, "cuInit");
        var getCount = (delegate* unmanaged<int*, int>)NativeLibrary.GetExport(handle, "cuDeviceGetCount");
        int count;
        return [initialise(0), getCount(&count)];
    }

    /// <summary>What a child that is forked from this process gets from the same two calls.</summary>
    public static int[] UseAfterFork(string library)
    {
        var use = (delegate* unmanaged<int>)NativeLibrary.GetExport(NativeLibrary.Load(library), "fake_use_after_fork");
        var results = use();
        return [results / 10, results % 10];
    }
}
