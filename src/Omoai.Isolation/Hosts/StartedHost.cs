using Omoai.Isolation.Protocol;

namespace Omoai.Isolation.Hosts;

/// <summary>A host that has been started, and its pipe.</summary>
/// <param name="process">The host.</param>
/// <param name="pipe">What it connects to.</param>
/// <param name="evidence">What is known of it so far.</param>
/// <param name="spawned">When it was started, on <paramref name="time"/>'s clock.</param>
/// <param name="outOfMemoryKills">How often the kernel's out-of-memory killer had struck before.</param>
/// <param name="time">The clock.</param>
internal sealed class StartedHost(
    HostProcess process, PrivatePipe pipe, HostEvidence evidence, long spawned, long? outOfMemoryKills, TimeProvider time) : IAsyncDisposable
{
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public HostProcess Process => process;

    public HostEvidence Evidence { get; private set; } = evidence;

    public long Spawned => spawned;

    /// <summary>What it said of itself; null until it has.</summary>
    public Hello? Hello { get; private set; }

    public long? OutOfMemoryKills => outOfMemoryKills;

    public Stream Pipe => pipe.Stream;

    /// <summary>Ends when it has said hello.</summary>
    public Task Ready => _ready.Task;

    /// <summary>Hears its hello.</summary>
    /// <returns>False where it closed the connection instead.</returns>
    /// <exception cref="InvalidDataException">It broke the protocol, or isn't the one at the other end.</exception>
    public async Task<bool> HearHelloAsync(CancellationToken cancellationToken)
    {
        await pipe.AcceptAsync(process.Pid, cancellationToken);
        if (await Frames.ReadAsync(pipe.Stream, cancellationToken) is not { } frame)
            return false;
        Hello = frame.Kind == FrameKind.Hello ? Frames.Parse(frame.Kind, frame.Body, ProtocolJson.Default.Hello) : null;
        if (Hello?.Pid != process.Pid)
            throw new InvalidDataException("its first frame was no hello of its own");
        Evidence = Evidence with { SpawnToReadyMs = time.GetElapsedTime(spawned).TotalMilliseconds };
        _ready.SetResult();
        return true;
    }

    public ValueTask DisposeAsync() => pipe.DisposeAsync();
}
