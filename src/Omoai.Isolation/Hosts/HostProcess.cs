namespace Omoai.Isolation.Hosts;

/// <summary>What to start.</summary>
/// <param name="Path">The executable.</param>
/// <param name="Arguments">Its arguments.</param>
/// <param name="Environment">Its whole environment.</param>
/// <param name="WorkingDirectory">Where it starts.</param>
/// <param name="MaxCapturedOutputBytes">How much of each of its streams is kept.</param>
/// <param name="Limits">What it may take; null sets no bounds.</param>
/// <param name="Lease">
/// The descriptor of a lock that it is to inherit as its descriptor 3; -1 for none. Low, since the kernel gives up a dead process's
/// descriptors from the highest down: the slot is free when the driver's, and with them the GPU's memory, are.
/// </param>
internal sealed record HostStart(
    string Path, IReadOnlyList<string> Arguments, IReadOnlyDictionary<string, string> Environment, string WorkingDirectory,
    int MaxCapturedOutputBytes, HostLimits? Limits = null, int Lease = -1)
{
    /// <summary>Told of all output as it comes, from a thread that reads no more until it returns; must not throw.</summary>
    public OutputListener? Listener { get; init; }
}

/// <summary>Hears what a process writes.</summary>
internal delegate void OutputListener(bool isError, ReadOnlySpan<byte> bytes);

/// <summary>How a host ended, once nothing of its group is left or that was waited for in vain.</summary>
/// <param name="ExitCode">Null where a signal ended it, or where it can't be known.</param>
/// <param name="Signal">The signal that ended it.</param>
/// <param name="PeakMemoryBytes">Its largest resident memory as the kernel counts it; null where it can't be told.</param>
/// <param name="Stdout">What it wrote.</param>
/// <param name="Stderr">What it wrote.</param>
/// <param name="LeftRunning">Whether something of its group was killed and has not ended.</param>
/// <param name="Overrun">The limit it was killed for.</param>
internal sealed record HostExit(
    int? ExitCode, int? Signal, long? PeakMemoryBytes, CapturedOutput Stdout, CapturedOutput Stderr, bool LeftRunning = false,
    Overrun? Overrun = null);

/// <summary>A host and everything it started.</summary>
internal abstract class HostProcess
{
    private volatile string? _scratchFolder;

    public abstract int Pid { get; }

    /// <summary>The folder whose size is watched where that is limited; null for none yet.</summary>
    public string? ScratchFolder
    {
        get => _scratchFolder;
        set => _scratchFolder = value;
    }

    /// <summary>Ends when the host has ended and its whole group is gone, or can't be killed.</summary>
    public abstract Task<HostExit> Exited { get; }

    /// <summary>Whether it has inherited <see cref="HostStart.Lease"/>.</summary>
    public virtual bool HoldsLease => false;

    /// <summary>Asks the whole group to stop.</summary>
    public abstract void Terminate();

    /// <summary>Kills the whole group. Does nothing once it is gone.</summary>
    public abstract void Kill();

    /// <summary>Starts one.</summary>
    /// <exception cref="HostStartException">The executable can't be started.</exception>
    public delegate Task<HostProcess> Starter(HostStart start);

    /// <summary>The strongest way to start one that this system offers.</summary>
    public static (string Method, Starter Start) ForThisSystem() =>
        OperatingSystem.IsLinux() && Linux.LinuxHostProcess.IsSupported
            ? ("spawn", Linux.LinuxHostProcess.StartAsync)
            : ("process", PortableHostProcess.StartAsync);
}

/// <summary>A host could not be started; the message says why.</summary>
internal sealed class HostStartException(string message, bool missing, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether the executable is absent or unusable, so that another attempt is of no use.</summary>
    public bool Missing { get; } = missing;
}
