using System.Runtime.InteropServices;
using Omoai.Transcripts.Activities;

namespace Omoai.ActivityHost.Cuda;

/// <summary>Asks NVML, which sees all of the machine's GPUs, needs no CUDA context and touches no device memory.</summary>
internal sealed unsafe class Nvml : IDisposable
{
    // More processes than these on one device are not looked at.
    private const int MaxProcesses = 1024;

    // The drivers' structures have had 16, 24 and 32 bytes: this is more than any.
    private const int LargestProcessInfo = 64;

    private readonly DriverLibrary _library;

    private Nvml(DriverLibrary library) => _library = library;

    public static string DefaultLibrary { get; } = OperatingSystem.IsWindows() ? "nvml.dll" : "libnvidia-ml.so.1";

    /// <summary>The version of the driver, such as <c>550.54.15</c>.</summary>
    public string? DriverVersion
    {
        get
        {
            var buffer = stackalloc byte[DriverLibrary.MaxText];
            new Span<byte>(buffer, DriverLibrary.MaxText).Clear();
            var get = (delegate* unmanaged<byte*, uint, int>)_library.Find("nvmlSystemGetDriverVersion");
            return get != null && get(buffer, DriverLibrary.MaxText) == 0
                ? DriverLibrary.Text(new ReadOnlySpan<byte>(buffer, DriverLibrary.MaxText))
                : null;
        }
    }

    /// <summary>Loads and initialises NVML.</summary>
    /// <returns>NVML, to be disposed of; or why not.</returns>
    public static (Nvml? Nvml, string? Problem) Open(string name)
    {
        if (DriverLibrary.Open(name) is not { } library)
            return (null, $"{name} can't be loaded.");
        var initialise = (delegate* unmanaged<int>)library.Find("nvmlInit_v2");
        if (initialise == null)
            return (null, $"{name} lacks nvmlInit_v2.");
        return initialise() is not 0 and var result
            ? (null, $"nvmlInit: {ErrorText(result)}.")
            : (new Nvml(library), null);
    }

    public void Dispose()
    {
        var shutdown = (delegate* unmanaged<int>)_library.Find("nvmlShutdown");
        if (shutdown != null)
            _ = shutdown();
    }

    /// <summary>All GPUs of the machine.</summary>
    /// <returns>The devices; or why not.</returns>
    public (IReadOnlyList<CudaDevice> Devices, string? Problem) Devices()
    {
        var getCount = (delegate* unmanaged<uint*, int>)_library.Find("nvmlDeviceGetCount_v2");
        if (getCount == null)
            return ([], $"{_library.Name} lacks nvmlDeviceGetCount_v2.");
        uint count;
        if (getCount(&count) is not 0 and var result)
            return ([], $"nvmlDeviceGetCount: {ErrorText(result)}.");
        return count > DriverLibrary.MaxDevices
            ? ([], $"{_library.Name} says that there are {count} devices.")
            : ([.. Enumerable.Range(0, (int)count).Select(Device)], null);
    }

    /// <summary>What a process has allocated on a device, bytes; null where the device doesn't list it, or doesn't tell that.</summary>
    public long? MemoryOf(int pid, int index) =>
        // The MPS daemon's clients are in a list of their own. In some drivers (535), _v3 has a larger structure; _v2 never has.
        MemoryOf(pid, index, "nvmlDeviceGetComputeRunningProcesses_v2", "nvmlDeviceGetComputeRunningProcesses_v3")
        ?? MemoryOf(pid, index, "nvmlDeviceGetMPSComputeRunningProcesses_v2", "nvmlDeviceGetMPSComputeRunningProcesses_v3");

    private long? MemoryOf(int pid, int index, params ReadOnlySpan<string> functions)
    {
        var list = (delegate* unmanaged<nint, uint*, byte*, int>)_library.Find(functions);
        if (list == null || Handle(index) is not { } handle)
            return null;
        var buffer = NativeMemory.AllocZeroed(MaxProcesses, LargestProcessInfo);
        try
        {
            uint count = MaxProcesses;
            if (list(handle, &count, (byte*)buffer) != 0)
                return null;
            foreach (var process in new ReadOnlySpan<ProcessInfo>(buffer, (int)Math.Min(count, MaxProcesses)))
            {
                if (process.Pid == pid)
                    return DriverLibrary.Memory(process.UsedMemory);
            }
            return null;
        }
        finally
        {
            NativeMemory.Free(buffer);
        }
    }

    private CudaDevice Device(int index)
    {
        var device = new CudaDevice(index, null, null, null, null, null);
        if (Handle(index) is not { } handle)
            return device;
        MemoryInfo memory;
        var getMemory = (delegate* unmanaged<nint, MemoryInfo*, int>)_library.Find("nvmlDeviceGetMemoryInfo");
        if (getMemory != null && getMemory(handle, &memory) == 0)
        {
            device = device with
            {
                TotalBytes = DriverLibrary.Memory(memory.Total),
                UsedBytes = memory.Used <= memory.Total ? DriverLibrary.Memory(memory.Used) : null,
            };
        }
        return device with { Name = Text(handle, "nvmlDeviceGetName"), Uuid = Text(handle, "nvmlDeviceGetUUID") };
    }

    private string? Text(nint handle, string function)
    {
        var buffer = stackalloc byte[DriverLibrary.MaxText];
        new Span<byte>(buffer, DriverLibrary.MaxText).Clear();
        var get = (delegate* unmanaged<nint, byte*, uint, int>)_library.Find(function);
        return get != null && get(handle, buffer, DriverLibrary.MaxText) == 0
            ? DriverLibrary.Text(new ReadOnlySpan<byte>(buffer, DriverLibrary.MaxText))
            : null;
    }

    private nint? Handle(int index)
    {
        nint handle;
        var get = (delegate* unmanaged<uint, nint*, int>)_library.Find("nvmlDeviceGetHandleByIndex_v2");
        return get != null && get((uint)index, &handle) == 0 ? handle : null;
    }

    /// <summary>What an <c>nvmlReturn_t</c> means, with its number.</summary>
    public static string ErrorText(int result)
    {
        var text = result switch
        {
            1 => "not initialized",
            2 => "invalid argument",
            3 => "not supported",
            4 => "no permission",
            6 => "not found",
            7 => "too little room for the answer",
            9 => "the driver isn't loaded",
            10 => "the driver doesn't answer in time",
            12 => "a library of the driver is missing",
            13 => "a function of the driver is missing",
            15 => "the GPU is lost",
            16 => "the GPU needs a reset",
            17 => "the operating system refused a call",
            18 => "the library's version isn't the kernel driver's",
            19 => "the GPU is in use",
            20 => "out of memory",
            999 => "unknown error",
            _ => "error",
        };
        return $"{text} ({result})";
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct MemoryInfo
    {
        public ulong Total;
        public ulong Free;
        public ulong Used;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ProcessInfo
    {
        public uint Pid;
        public ulong UsedMemory;
        public uint GpuInstance;
        public uint ComputeInstance;
    }
}
