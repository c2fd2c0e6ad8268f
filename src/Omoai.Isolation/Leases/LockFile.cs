using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Omoai.Isolation.Linux;

namespace Omoai.Isolation.Leases;

/// <summary>
/// A file that is locked by the kernel, for one holder at a time. The lock ends with the last descriptor of it, however the
/// processes that have one end; on Linux a child that inherits the descriptor holds it on.
/// </summary>
internal sealed class LockFile : IDisposable
{
    private const int MaxRead = 4096;

    // Linux: .NET's own handle would unlock when it is closed, and with that for the child too.
    private readonly SafeFileHandle? _handle;
    private int _descriptor = -1;

    private LockFile(int descriptor) => _descriptor = descriptor;

    private LockFile(SafeFileHandle handle) => _handle = handle;

    /// <summary>What a child is to inherit; -1 on other systems than Linux, and once it is closed.</summary>
    public int Descriptor => _descriptor;

    /// <summary>Locks a file, which is made where there is none; null where somebody else has it.</summary>
    /// <exception cref="IOException">It can't be opened.</exception>
    public static LockFile? TryTake(string path)
    {
        if (OperatingSystem.IsLinux())
        {
            var descriptor = Libc.Open(path, Libc.ORdWr | Libc.OCreate | Libc.ONoFollow | Libc.OCloexec, Libc.OwnerOnly);
            if (descriptor < 0)
                throw new IOException($"{path} can't be opened: {Marshal.GetLastPInvokeErrorMessage()}");
            // Clear of 0 to 3, which are a host's own numbers.
            var moved = Libc.Fcntl(descriptor, Libc.FDupfdCloexec, 4);
            _ = Libc.Close(descriptor);
            if (moved < 0)
                throw new IOException($"{path} can't be opened: {Marshal.GetLastPInvokeErrorMessage()}");
            if (Libc.Flock(moved, Libc.LockExclusive | Libc.LockNow) == 0)
                return new LockFile(moved);
            _ = Libc.Close(moved);
            return null;
        }
        try
        {
            // Windows renames and deletes an open file only where that is shared.
            var share = OperatingSystem.IsWindows() ? FileShare.Delete : FileShare.None;
            return new LockFile(File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, share));
        }
        catch (IOException) when (File.Exists(path))
        {
            return null;
        }
    }

    /// <summary>Replaces what the file holds. .NET's own ways of opening it would stumble over the lock, and be in its way.</summary>
    public void Write(ReadOnlySpan<byte> content)
    {
        using var borrowed = OperatingSystem.IsLinux() ? new SafeFileHandle(_descriptor, ownsHandle: false) : null;
        var handle = borrowed ?? _handle!;
        RandomAccess.SetLength(handle, 0);
        RandomAccess.Write(handle, content, 0);
    }

    /// <summary>What a file holds that may be locked; empty where it can't be read, as on systems whose locks keep readers out.</summary>
    public static byte[] Read(string path)
    {
        if (!OperatingSystem.IsLinux())
            return [];
        using var handle = new SafeFileHandle(Libc.Open(path, Libc.ONoFollow | Libc.OCloexec), ownsHandle: true);
        var content = new byte[MaxRead];
        return handle.IsInvalid ? [] : content[..RandomAccess.Read(handle, content, 0)];
    }

    /// <summary>Closes this process's descriptor: the lock is that of the child that has inherited it, from now on.</summary>
    public void LeaveToChild() => Libc.CloseOpen(Interlocked.Exchange(ref _descriptor, -1));

    /// <summary>Ends the lock. A child of another thread that is just being started has the descriptor until it calls exec, so to close
    /// it wouldn't do.</summary>
    public void Dispose()
    {
        var descriptor = Interlocked.Exchange(ref _descriptor, -1);
        if (descriptor >= 0)
        {
            _ = Libc.Flock(descriptor, Libc.LockRelease);
            _ = Libc.Close(descriptor);
        }
        _handle?.Dispose();
    }
}
