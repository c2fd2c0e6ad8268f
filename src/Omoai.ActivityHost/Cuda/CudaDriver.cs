using Omoai.Transcripts.Activities;

namespace Omoai.ActivityHost.Cuda;

/// <summary>What CUDA's driver API says.</summary>
/// <param name="Version">The newest CUDA that the driver serves.</param>
/// <param name="Devices">Those that this process may use, with what is known of them.</param>
/// <param name="Problem">Why CUDA can't be used; null when it can.</param>
internal sealed record CudaDriverReport(string? Version, IReadOnlyList<CudaDevice> Devices, string? Problem);

/// <summary>Asks CUDA's driver API. Initialises CUDA in this process, but makes no context.</summary>
internal static unsafe class CudaDriver
{
    private const int UuidLength = 16;

    public static string DefaultLibrary { get; } = OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";

    public static CudaDriverReport Inspect(string name)
    {
        if (DriverLibrary.Open(name) is not { } library)
            return new CudaDriverReport(null, [], $"{name} can't be loaded: there is no NVIDIA driver here.");

        string? version = null;
        int number;
        // It answers also where CUDA can't be initialised.
        var getVersion = (delegate* unmanaged<int*, int>)library.Find("cuDriverGetVersion");
        if (getVersion != null && getVersion(&number) == 0)
            version = DriverLibrary.Version(number);

        var initialise = (delegate* unmanaged<uint, int>)library.Find("cuInit");
        var getCount = (delegate* unmanaged<int*, int>)library.Find("cuDeviceGetCount");
        if (initialise == null || getCount == null)
            return new CudaDriverReport(version, [], $"{name} lacks cuInit or cuDeviceGetCount.");
        if (initialise(0) is not 0 and var notInitialised)
            return new CudaDriverReport(version, [], $"cuInit: {ErrorText(notInitialised)}.");
        int count;
        if (getCount(&count) is not 0 and var notCounted)
            return new CudaDriverReport(version, [], $"cuDeviceGetCount: {ErrorText(notCounted)}.");
        if (count is < 0 or > DriverLibrary.MaxDevices)
            return new CudaDriverReport(version, [], $"{name} says that there are {count} devices.");
        return new CudaDriverReport(
            version, [.. Enumerable.Range(0, count).Select(index => Device(library, index))], count == 0 ? "CUDA finds no device." : null);
    }

    private static CudaDevice Device(DriverLibrary library, int index)
    {
        var device = new CudaDevice(index, null, null, null, null, true);
        var get = (delegate* unmanaged<int*, int, int>)library.Find("cuDeviceGet");
        int handle;
        if (get == null || get(&handle, index) != 0)
            return device;

        var buffer = stackalloc byte[DriverLibrary.MaxText];
        var text = new Span<byte>(buffer, DriverLibrary.MaxText);
        text.Clear();
        var getName = (delegate* unmanaged<byte*, int, int, int>)library.Find("cuDeviceGetName");
        if (getName != null && getName(buffer, DriverLibrary.MaxText, handle) == 0)
            device = device with { Name = DriverLibrary.Text(text) };

        // With MIG, the newer one gives the instance's.
        var getUuid = (delegate* unmanaged<byte*, int, int>)library.Find("cuDeviceGetUuid_v2", "cuDeviceGetUuid");
        if (getUuid != null && getUuid(buffer, handle) == 0)
            device = device with { Uuid = $"GPU-{new Guid(text[..UuidLength], bigEndian: true)}" };

        nuint bytes;
        var getTotal = (delegate* unmanaged<nuint*, int, int>)library.Find("cuDeviceTotalMem_v2");
        if (getTotal != null && getTotal(&bytes, handle) == 0)
            device = device with { TotalBytes = DriverLibrary.Memory(bytes) };
        return device;
    }

    /// <summary>What a <c>CUresult</c> means, with its number.</summary>
    public static string ErrorText(int result)
    {
        var text = result switch
        {
            1 => "invalid value",
            2 => "out of memory",
            3 => "not initialized, or initialized in another process before a fork",
            34 => "the library is a stub, for linking only",
            35 => "the driver is older than its library",
            46 => "the device is in use or unavailable",
            100 => "no CUDA-capable device is visible",
            101 => "invalid device",
            304 => "the operating system refused a call",
            802 => "the system is not ready yet",
            803 => "the library's version isn't the kernel driver's",
            804 => "the compatibility library doesn't serve this device",
            805 => "no connection to the MPS daemon",
            806 => "the MPS server doesn't answer",
            807 => "the MPS server isn't ready",
            808 => "the MPS server has as many clients as it can",
            809 => "the device has as many MPS connections as it can",
            999 => "unknown error",
            _ => "error",
        };
        return $"{text} ({result})";
    }
}
