namespace Omoai.Isolation.Servers;

/// <summary>Where a <see cref="SupervisedServer"/> stands.</summary>
public enum ServerState
{
    /// <summary>It waits for a device, or for its first good answer.</summary>
    Starting,

    /// <summary>It answers.</summary>
    Ready,

    /// <summary>It has ended and is started again after a pause.</summary>
    BackingOff,

    /// <summary>Nobody has started it yet, or it was disposed of.</summary>
    Stopped,

    /// <summary>It can't be started, and another attempt is of no use.</summary>
    Failed,
}

/// <summary>What is known of a server at one moment.</summary>
/// <param name="State">Where it stands.</param>
/// <param name="Pid">Its process; null while there is none.</param>
/// <param name="Restarts">How often it was started, or tried to be, after the first time; waiting for a device doesn't count.</param>
/// <param name="ExitCode">Of the last process that ended; null where a signal ended it, or none has ended.</param>
/// <param name="Signal">The signal that ended that process.</param>
/// <param name="Reason">One line: why it isn't ready or why the last one ended; null where nothing has gone wrong.</param>
/// <param name="Stderr">The last lines it wrote to stderr, oldest first; few and short.</param>
public sealed record ServerStatus(
    ServerState State, int? Pid, int Restarts, int? ExitCode, int? Signal, string? Reason, IReadOnlyList<string> Stderr);
