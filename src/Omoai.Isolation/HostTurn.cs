using Omoai.Isolation.Leases;
using Omoai.Isolation.Standby;

namespace Omoai.Isolation;

/// <summary>
/// The right to run one host on a device, or a host that has been, or is being, got ready on one. Given back when it is disposed of or, once a run
/// has it, when nothing of that run's host can be waited for any more. Disposing of it twice does no harm.
/// </summary>
public sealed class HostTurn : IDisposable
{
    private readonly DeviceLease? _lease;
    private StandbyHost? _standby;

    internal HostTurn(DeviceLease lease) => _lease = lease;

    internal HostTurn(StandbyHost standby) => _standby = standby;

    /// <summary>The device to start a host on; null where it is <see cref="TakeStandby"/> that counts.</summary>
    internal DeviceLease? Lease => _lease;

    /// <summary>The host that is ready or about to be, for whoever takes it first, who then ends it; null where there is none.</summary>
    internal StandbyHost? TakeStandby() => Interlocked.Exchange(ref _standby, null);

    public void Dispose()
    {
        _lease?.Dispose();
        // Nobody was served by it, and nobody will be.
        Interlocked.Exchange(ref _standby, null)?.End("its activity was not run");
    }
}
