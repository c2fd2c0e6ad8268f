namespace Omoai.Isolation.Hosts;

/// <summary>What to start.</summary>
internal sealed record HostStart(
    string Path, IReadOnlyList<string> Arguments, IReadOnlyDictionary<string, string> Environment, string WorkingDirectory,
    int MaxCapturedOutputBytes);

/// <summary>How a host ended, once nothing of its group is left or that was waited for in vain.</summary>
/// <param name="ExitCode">Null where a signal ended it, or where it can't be known.</param>
/// <param name="Signal">The signal that ended it.</param>
/// <param name="PeakMemoryBytes">Its largest resident memory as the kernel counts it; null where it can't be told.</param>
/// <param name="Stdout">What it wrote.</param>
/// <param name="Stderr">What it wrote.</param>
/// <param name="LeftRunning">Whether something of its group was killed and has not ended.</param>
internal sealed record HostExit(
    int? ExitCode, int? Signal, long? PeakMemoryBytes, CapturedOutput Stdout, CapturedOutput Stderr, bool LeftRunning = false);

/// <summary>A host and everything it started.</summary>
internal abstract class HostProcess
{
    public abstract int Pid { get; }

    /// <summary>Ends when the host has ended and its whole group is gone, or can't be killed.</summary>
    public abstract Task<HostExit> Exited { get; }

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
