using System.Runtime.InteropServices;

namespace Omoai.Isolation.Linux;

/// <summary>The C library's process functions, as on 64-bit Linux (x64, arm64).</summary>
internal static unsafe partial class Libc
{
    public const int SigKill = 9;
    public const int SigPipe = 13;
    public const int SigTerm = 15;
    public const int SigChild = 17;
    public const int SigFileSize = 25;

    /// <summary>What <see cref="SetSignalHandler"/> takes for a signal that is to be ignored.</summary>
    public const nint SigIgnore = 1;

    public const int EIntr = 4;
    public const int EChild = 10;

    public const int ORdWr = 0x2;
    public const int OCreate = 0x40;
    public const int OCloexec = 0x80000;
    public const int OAsync = 0x2000;

    /// <summary>A file's mode: its owner may read and write it.</summary>
    public const int OwnerOnly = 0x180;

    public const int LockExclusive = 2;
    public const int LockNow = 4;
    public const int LockRelease = 8;

    public const int FGetFl = 3;
    public const int FSetFl = 4;
    public const int FSetOwn = 8;
    public const int FSetSig = 10;
    public const int FDupfd = 0;
    public const int FDupfdCloexec = 1030;

    public const short SpawnSetSigDef = 0x04;
    public const short SpawnSetSigMask = 0x08;
    public const short SpawnSetSid = 0x80;

    public const int PPid = 1;
    public const int WNoHang = 1;
    public const int WExited = 4;
    public const int WNoWait = 0x01000000;

    public const short PollIn = 1;

    public const int PrSetPdeathsig = 1;
    public const int PrSetDumpable = 4;
    public const int PrSetChildSubreaper = 36;
    public const int PrSetNoNewPrivileges = 38;

    public const int RlimitFileSize = 1;
    public const int RlimitCore = 4;

    public const int PrioProcess = 0;
    public const int PrioGroup = 1;

    /// <summary>More than glibc's or musl's <c>posix_spawnattr_t</c> and <c>posix_spawn_file_actions_t</c>.</summary>
    public const int SpawnStructSize = 1024;

    /// <summary>A <c>sigset_t</c>.</summary>
    public const int SignalSetSize = 128;

    private const int SolSocket = 1;
    private const int SoPeerCred = 17;

    [StructLayout(LayoutKind.Sequential)]
    public struct PollFd
    {
        public int Fd;
        public short Events;
        public short Revents;
    }

    /// <summary>A <c>struct rusage</c>, of which only ru_maxrss (KiB) is of interest here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 144)]
    public struct ResourceUsage
    {
        [FieldOffset(32)]
        public nint MaxRss;
    }

    /// <summary>A <c>siginfo_t</c>.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    public struct SignalInfo
    {
        [FieldOffset(0)]
        public int Signal;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct ResourceLimit
    {
        public nuint Soft;
        public nuint Hard;
    }

    [LibraryImport("libc", EntryPoint = "posix_spawn")]
    public static partial int PosixSpawn(out int pid, byte* path, void* actions, void* attributes, byte** argv, byte** envp);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    public static partial int SpawnAttributesInit(void* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_destroy")]
    public static partial int SpawnAttributesDestroy(void* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    public static partial int SpawnAttributesSetFlags(void* attributes, short flags);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigmask")]
    public static partial int SpawnAttributesSetSignalMask(void* attributes, void* set);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigdefault")]
    public static partial int SpawnAttributesSetSignalDefaults(void* attributes, void* set);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    public static partial int FileActionsInit(void* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    public static partial int FileActionsDestroy(void* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addchdir_np")]
    public static partial int FileActionsAddChdir(void* actions, byte* path);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_adddup2")]
    public static partial int FileActionsAddDup2(void* actions, int fd, int target);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addclosefrom_np")]
    public static partial int FileActionsAddCloseFrom(void* actions, int from);

    [LibraryImport("libc", EntryPoint = "sigemptyset")]
    public static partial int SignalSetEmpty(void* set);

    [LibraryImport("libc", EntryPoint = "sigfillset")]
    public static partial int SignalSetFill(void* set);

    [LibraryImport("libc", EntryPoint = "pipe2", SetLastError = true)]
    public static partial int Pipe2(int* fds, int flags);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags);

    // Variadic in C, as fcntl is.
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    public static partial int Flock(int fd, int operation);

    [LibraryImport("libc", EntryPoint = "_exit")]
    public static partial void ExitNow(int code);

    [LibraryImport("libc", EntryPoint = "close")]
    public static partial int Close(int fd);

    [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
    public static partial int Dup2(int fd, int target);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    public static partial nint Read(int fd, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    public static partial int Poll(PollFd* fds, nuint count, int timeoutMs);

    // Variadic in C; on x64 and arm64 Linux an int is passed alike either way.
    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    public static partial int Fcntl(int fd, int command, int argument);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Syscall(nint number, nint first, nint second, nint third = 0);

    [LibraryImport("libc", EntryPoint = "waitid", SetLastError = true)]
    public static partial int WaitId(int idType, int id, out SignalInfo info, int options);

    [LibraryImport("libc", EntryPoint = "wait4", SetLastError = true)]
    public static partial int Wait4(int pid, out int status, int options, out ResourceUsage usage);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int pid, int signal);

    // 0 is the default action.
    [LibraryImport("libc", EntryPoint = "signal", SetLastError = true)]
    public static partial nint SetSignalAction(int signal, nint action);

    [LibraryImport("libc", EntryPoint = "execvp", SetLastError = true)]
    public static partial int Execute(byte* program, byte** argv);

    [LibraryImport("libc", EntryPoint = "getpid")]
    public static partial int GetPid();

    [LibraryImport("libc", EntryPoint = "getppid")]
    public static partial int GetParentPid();

    [LibraryImport("libc", EntryPoint = "getpgrp")]
    public static partial int GetProcessGroup();

    // Variadic in C; some options want the rest to be zero.
    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    public static partial int Prctl(int option, nuint argument, nuint third = 0, nuint fourth = 0, nuint fifth = 0);

    [LibraryImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    public static partial int SetLimit(int resource, in ResourceLimit limit);

    [LibraryImport("libc", EntryPoint = "umask")]
    public static partial uint SetFileMask(uint mask);

    [LibraryImport("libc", EntryPoint = "signal")]
    public static partial nint SetSignalHandler(int signal, nint handler);

    [LibraryImport("libc", EntryPoint = "getpriority")]
    public static partial int GetNice(int which, int who);

    [LibraryImport("libc", EntryPoint = "setpriority")]
    public static partial int SetNice(int which, int who, int nice);

    [LibraryImport("libc", EntryPoint = "getsockopt", SetLastError = true)]
    private static partial int GetSocketOption(int fd, int level, int option, int* value, ref int length);

    /// <summary>Closes a descriptor, unless it is -1.</summary>
    public static void CloseOpen(int fd)
    {
        if (fd >= 0)
            _ = Close(fd);
    }

    /// <summary><c>O_NOFOLLOW</c>, whose number depends on the architecture.</summary>
    public static int ONoFollow { get; } = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x8000 : 0x20000;

    /// <summary>A descriptor that polls readable once the process has ended, or -1 where the kernel has none.</summary>
    // 434 on every architecture.
    public static int PidFdOpen(int pid) => (int)Syscall(434, pid, 0);

    /// <summary>Sets a seccomp filter.</summary>
    /// <returns>0, or else it isn't set.</returns>
    public static nint SetSeccompFilter(nint number, nint flags, void* program) => Syscall(number, 1, flags, (nint)program);

    /// <summary>Reads the start of a small file, without an exception where it can't be read.</summary>
    /// <returns>What was read; empty where it can't be.</returns>
    public static Span<byte> ReadFile(string path, Span<byte> buffer)
    {
        var fd = Open(path, OCloexec);
        if (fd < 0)
            return default;
        var length = 0;
        fixed (byte* start = buffer)
        {
            while (length < buffer.Length && Read(fd, start + length, buffer.Length - length) is > 0 and var count)
                length += (int)count;
        }
        _ = Close(fd);
        return buffer[..length];
    }

    /// <summary>The process that connected a Unix socket's other end, or null.</summary>
    public static int? PeerPid(int socket)
    {
        var credentials = stackalloc int[3];
        var length = 3 * sizeof(int);
        return GetSocketOption(socket, SolSocket, SoPeerCred, credentials, ref length) == 0 ? credentials[0] : null;
    }
}
