using Omoai.Isolation.Hosts;
using Omoai.Isolation.Leases;
using Omoai.Isolation.Protocol;

namespace Omoai.Isolation.Standby;

/// <summary>What a standby host is for; one with another key is of no use to an activity.</summary>
/// <param name="Activity">The activity.</param>
/// <param name="Input">Its warm-up's input, as JSON.</param>
/// <param name="Stamp">The state of what that stands for.</param>
/// <param name="Gpu">Whether it is on a GPU where there is one.</param>
/// <param name="Network">Whether it has the network.</param>
internal readonly record struct StandbyKey(string Activity, string Input, string Stamp, bool Gpu, bool Network)
{
    public static StandbyKey Of(string activity, HostNeed need) =>
        new(activity, need.WarmUp!.Input.GetRawText(), need.WarmUp.Stamp, need.Gpu, need.Network);
}

/// <summary>A host that is got ready before there is anything for it to do. It serves one activity or none.</summary>
internal sealed class StandbyHost(StandbyKey key, DeviceLease lease, string folder, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource<bool> _warmed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public StandbyKey Key => key;

    /// <summary>The slot that it has.</summary>
    public DeviceLease Lease => lease;

    /// <summary>When it was decided on.</summary>
    public long Since { get; } = time.GetTimestamp();

    /// <summary>When it had got ready; null until then.</summary>
    public long? ReadySince { get; set; }

    /// <summary>Where it lives until it gets a request.</summary>
    public string Folder => folder;

    /// <summary>The host itself; null until it is started.</summary>
    public StartedHost Host { get; private set; } = null!;

    /// <summary>Ends when it and its folder are gone.</summary>
    public Task Gone { get; set; } = Task.CompletedTask;

    /// <summary>Whether it has a request, so that its connection is its run's to close.</summary>
    public bool HasRequest { get; private set; }

    /// <summary>Whether it has got ready; false once that has failed, or it was ended before. Never faulted.</summary>
    public Task<bool> Warmed => _warmed.Task;

    public bool IsWarm => _warmed.Task is { IsCompletedSuccessfully: true, Result: true };

    /// <summary>Why it was ended; null while it wasn't.</summary>
    public string? EndedBecause { get; private set; }

    /// <summary>When that was, on the same clock as <see cref="Since"/>.</summary>
    public long EndedAt { get; private set; }

    /// <summary>Ends it, unless it has ended by itself. What is left of it is cleaned up once it is gone.</summary>
    /// <param name="because">Why.</param>
    public void End(string because)
    {
        lock (_gate)
        {
            if (EndedBecause is null)
                (EndedBecause, EndedAt) = (because, time.GetTimestamp());
            Host?.Process.Kill();
        }
        _warmed.TrySetResult(false);
    }

    /// <summary>Says what was started for it, which is ended at once where it was ended meanwhile.</summary>
    public void Started(StartedHost host)
    {
        lock (_gate)
        {
            Host = host;
            if (EndedBecause is not null)
                host.Process.Kill();
        }
    }

    /// <summary>Whether it can be given its request; from then on its connection is the caller's.</summary>
    public bool TryBeginRequest()
    {
        lock (_gate)
            return HasRequest = EndedBecause is null && !Host.Process.Exited.IsCompleted;
    }

    /// <summary>Has it get ready.</summary>
    /// <returns>How that failed; null where it didn't.</returns>
    public async Task<ActivityFailure?> WarmUpAsync(byte[] warmFrame, CancellationToken cancellationToken)
    {
        try
        {
            if (!await Host.HearHelloAsync(cancellationToken))
                return Ended("before it said hello");
            await Host.Pipe.WriteAsync(warmFrame, cancellationToken);
            if (await Frames.ReadAsync(Host.Pipe, cancellationToken) is not var (kind, body))
                return Ended("while it got ready");
            if (kind == FrameKind.Reply)
                return Frames.Parse(kind, body, ProtocolJson.Default.Reply).Failure ?? Ended("with an answer to no question");
            if (kind != FrameKind.Warmed)
                throw new InvalidDataException($"a {kind} frame out of turn");
            _warmed.TrySetResult(true);
            return null;
        }
        catch (OperationCanceledException)
        {
            return Host.Process.Exited.IsCompleted
                ? Ended("before it said hello")
                : new ActivityFailure(FailureClass.Timeout, true, "It didn't get ready in time.");
        }
        catch (Exception e) when (
            e is InvalidDataException or IOException or System.Net.Sockets.SocketException or ObjectDisposedException or UnauthorizedAccessException)
        {
            return new ActivityFailure(FailureClass.Crashed, true, e.Message);
        }

        static ActivityFailure Ended(string when) => new(FailureClass.Crashed, true, $"It ended {when}.");
    }
}
