using System.Runtime.InteropServices;
using System.Text;

namespace Omoai.ActivityHost.Cuda;

/// <summary>
/// A library of the GPU's driver. What it says is not trusted: functions may be absent, texts without an end, numbers absurd.
/// It stays loaded until the process ends.
/// </summary>
internal sealed class DriverLibrary
{
    /// <summary>The longest text that is asked for, bytes.</summary>
    public const int MaxText = 96;

    /// <summary>Devices beyond these are not looked at.</summary>
    public const int MaxDevices = 64;

    // 1 PiB: no device has that much.
    private const ulong MaxMemory = 1UL << 50;

    private readonly nint _handle;

    private DriverLibrary(string name, nint handle) => (Name, _handle) = (name, handle);

    public string Name { get; }

    /// <summary>Null where it isn't on this machine, or can't be loaded.</summary>
    /// <param name="name">A file, or a name that the system's loader looks for.</param>
    public static DriverLibrary? Open(string name) =>
        NativeLibrary.TryLoad(name, out var handle) ? new DriverLibrary(name, handle) : null;

    /// <summary>The first of some functions that the library has; 0 where it has none of them.</summary>
    public nint Find(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (NativeLibrary.TryGetExport(_handle, name, out var function))
                return function;
        }
        return 0;
    }

    /// <summary>The text at the buffer's start: up to its zero, or all of it; null where it is empty.</summary>
    public static string? Text(ReadOnlySpan<byte> buffer)
    {
        var end = buffer.IndexOf((byte)0);
        var text = Encoding.ASCII.GetString(end < 0 ? buffer : buffer[..end]).Trim();
        // It goes to a terminal.
        return text.Length == 0 ? null : string.Concat(text.Select(c => char.IsControl(c) ? '?' : c));
    }

    /// <summary>An amount of memory, bytes; null where it can't be one, as what NVML says for "not known".</summary>
    public static long? Memory(ulong bytes) => bytes <= MaxMemory ? (long)bytes : null;

    /// <summary>A CUDA version as both libraries write it, 12040 for 12.4; null where it can't be one.</summary>
    public static string? Version(int version) =>
        version is >= 1000 and < 1_000_000 ? FormattableString.Invariant($"{version / 1000}.{version % 1000 / 10}") : null;
}
