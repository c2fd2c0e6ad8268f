using System.Text.Json;
using Microsoft.Extensions.Logging;
using Omoai.Isolation.Hosts;
using Omoai.Isolation.Leases;
using Omoai.Isolation.Standby;

namespace Omoai.Isolation;

/// <summary>Runs activities, each in a fresh process that ends with it. Safe for use from several threads.</summary>
public sealed class ActivityHostLauncher : IDisposable
{
    /// <summary>The longest <see cref="HostRequest.Deadline"/>.</summary>
    public static readonly TimeSpan MaxDeadline = TimeSpan.FromDays(24);

    private readonly IsolationOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly DeviceLeases _leases;
    private readonly Lazy<HostStarter> _starter;
    private readonly Lazy<StandbyPool> _standbys;

    public ActivityHostLauncher(IsolationOptions options, ILogger<ActivityHostLauncher> logger, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(logger);
        ArgumentNullException.ThrowIfNull(time);
        (_options, _logger, _time) = (options, logger, time);
        _leases = new DeviceLeases(options, time);
        // Not before the properties below are set.
        _starter = new(() => new HostStarter(options, logger, time, _leases) { Method = Starter, ParentEnvironment = ParentEnvironment });
        _standbys = new(() => new StandbyPool(options, logger, time, _starter.Value, _leases, StandbyFolder) { IsMemoryShort = IsMemoryShort });
    }

    /// <summary>Where hosts that serve nobody yet have their folders; null takes the folder for temporary files.</summary>
    public string? StandbyFolder { get; init; }

    /// <summary>Threads of a host's model with which the hosts together don't oversubscribe the processor.</summary>
    public int ThreadsPerHost => _leases.ThreadsPerHost;

    /// <summary>What came of hosts that were started ahead of time, since this was made.</summary>
    public StandbyStatistics StandbyStatistics => _standbys.Value.Statistics;

    /// <summary>How hosts are started; tests take the portable way on Linux too.</summary>
    internal (string Method, HostProcess.Starter Start) Starter { get; init; } = HostProcess.ForThisSystem();

    /// <summary>The environment that a host's own is chosen from.</summary>
    internal Func<IEnumerable<KeyValuePair<string, string>>> ParentEnvironment { get; init; } = HostEnvironment.OfThisProcess;

    /// <summary>Whether memory is too short for hosts that serve nobody.</summary>
    internal Func<bool> IsMemoryShort { get; init; } = MemoryPressure.IsHigh;

    /// <summary>
    /// Has a host got ready for an activity that is known to come, where it can be (<see cref="HostNeed.WarmUp"/>) and a device is free.
    /// </summary>
    /// <param name="activity">The activity.</param>
    /// <param name="need">What its host must have; the same as it will ask for.</param>
    public void Expect(string activity, HostNeed need)
    {
        ArgumentNullException.ThrowIfNull(need);
        _standbys.Value.Expect(activity, need);
    }

    /// <summary>Waits until one more host may run: for callers who fetch what it needs only then.</summary>
    /// <param name="activity">The activity.</param>
    /// <param name="need">What its host must have.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The turn, to be disposed of; or, when none came within <see cref="IsolationOptions.LeaseWait"/>, why not.</returns>
    public async Task<(HostTurn? Turn, ActivityFailure? Failure)> WaitForTurnAsync(
        string activity, HostNeed need, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(need);
        // Whoever has given up takes nobody's place.
        if (!cancellationToken.IsCancellationRequested && _standbys.Value.Claim(activity, need) is { } standby)
            return (new HostTurn(standby), null);
        var (lease, failure) = await _leases.TakeAsync(activity, need, cancellationToken);
        return (lease is null ? null : new HostTurn(lease), failure);
    }

    /// <summary>
    /// Runs one activity. Whatever the host does, the task ends with a result, after the host and everything in its process
    /// group is gone, or with <see cref="HostEvidence.LeftRunning"/> where something of it can't be killed; cancelling it
    /// gives a <see cref="FailureClass.Cancelled"/> failure. Where as many hosts run as may, it waits for its turn first, and is
    /// <see cref="FailureClass.Busy"/> when that doesn't come in time.
    /// </summary>
    /// <param name="request">What to run.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Asks the host to stop, then kills it.</param>
    /// <param name="turn">Its turn, which the run gives back; null waits for one.</param>
    /// <param name="answered">
    /// Told the output as soon as it is there, for callers who can go on with it: nothing changes it any more. That the host ends, which
    /// the task waits for, takes some milliseconds more.
    /// </param>
    public Task<HostResult> RunAsync(
        HostRequest request, IProgress<HostProgress>? progress = null, CancellationToken cancellationToken = default, HostTurn? turn = null,
        Action<JsonElement>? answered = null)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(request.Deadline, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(request.Deadline, MaxDeadline);
        return new HostRun(_options, _logger, _time, _starter.Value, turn, WaitForTurnAsync, request, progress, answered)
            .RunAsync(cancellationToken);
    }

    /// <summary>Ends the hosts that serve nobody. Activities under way go on.</summary>
    public void Dispose()
    {
        if (_standbys.IsValueCreated)
            _standbys.Value.Dispose();
    }
}
