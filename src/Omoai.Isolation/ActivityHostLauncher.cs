using Microsoft.Extensions.Logging;
using Omoai.Isolation.Hosts;

namespace Omoai.Isolation;

/// <summary>Runs activities, each in a fresh process that ends with it. Safe for use from several threads.</summary>
public sealed class ActivityHostLauncher
{
    /// <summary>The longest <see cref="HostRequest.Deadline"/>.</summary>
    public static readonly TimeSpan MaxDeadline = TimeSpan.FromDays(24);

    private readonly IsolationOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;

    public ActivityHostLauncher(IsolationOptions options, ILogger<ActivityHostLauncher> logger, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(logger);
        ArgumentNullException.ThrowIfNull(time);
        (_options, _logger, _time) = (options, logger, time);
    }

    /// <summary>How hosts are started; tests take the portable way on Linux too.</summary>
    internal (string Method, HostProcess.Starter Start) Starter { get; init; } = HostProcess.ForThisSystem();

    /// <summary>The environment that a host's own is chosen from.</summary>
    internal Func<IEnumerable<KeyValuePair<string, string>>> ParentEnvironment { get; init; } = HostEnvironment.OfThisProcess;

    /// <summary>
    /// Runs one activity. Whatever the host does, the task ends with a result, after the host and everything in its process
    /// group is gone, or with <see cref="HostEvidence.LeftRunning"/> where something of it can't be killed; cancelling it
    /// gives a <see cref="FailureClass.Cancelled"/> failure.
    /// </summary>
    /// <param name="request">What to run.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Asks the host to stop, then kills it.</param>
    public Task<HostResult> RunAsync(
        HostRequest request, IProgress<HostProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(request.Deadline, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(request.Deadline, MaxDeadline);
        return new HostRun(_options, _logger, _time, Starter, request, progress).RunAsync(ParentEnvironment, cancellationToken);
    }
}
