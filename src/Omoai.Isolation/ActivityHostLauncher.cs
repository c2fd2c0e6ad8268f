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
    // Whoever has waited longest is next. Null where there is no bound.
    private readonly SemaphoreSlim? _turns;

    public ActivityHostLauncher(IsolationOptions options, ILogger<ActivityHostLauncher> logger, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(logger);
        ArgumentNullException.ThrowIfNull(time);
        (_options, _logger, _time) = (options, logger, time);
        _turns = options.MaxHosts is { } hosts ? new SemaphoreSlim(hosts) : null;
    }

    /// <summary>How hosts are started; tests take the portable way on Linux too.</summary>
    internal (string Method, HostProcess.Starter Start) Starter { get; init; } = HostProcess.ForThisSystem();

    /// <summary>The environment that a host's own is chosen from.</summary>
    internal Func<IEnumerable<KeyValuePair<string, string>>> ParentEnvironment { get; init; } = HostEnvironment.OfThisProcess;

    /// <summary>Waits until one more host may run: for callers who fetch what it needs only then.</summary>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The turn, to be disposed of; or, when none came within <see cref="IsolationOptions.LeaseWait"/>, why not.</returns>
    public async Task<(HostTurn? Turn, ActivityFailure? Failure)> WaitForTurnAsync(CancellationToken cancellationToken)
    {
        if (_turns is null)
            return (new HostTurn(null), null);

        using var late = new CancellationTokenSource(_options.LeaseWait, _time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            // A turn that is free is taken also where there is no time to wait for one; nobody who waits is overtaken by that.
            if (!_turns.Wait(0, CancellationToken.None))
                await _turns.WaitAsync(stop.Token);
            return (new HostTurn(_turns), null);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return (null, new ActivityFailure(FailureClass.Cancelled, true, "Cancelled before it was started."));
        }
        catch (OperationCanceledException)
        {
            return (null, new ActivityFailure(
                FailureClass.Busy, true,
                $"No turn came within {_options.LeaseWait.TotalSeconds:0.#} s: as many activity hosts ran as may at the same time, " +
                $"{_options.MaxHosts} (Omoai:Isolation:MaxHosts)."));
        }
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
    public Task<HostResult> RunAsync(
        HostRequest request, IProgress<HostProgress>? progress = null, CancellationToken cancellationToken = default, HostTurn? turn = null)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(request.Deadline, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(request.Deadline, MaxDeadline);
        return new HostRun(_options, _logger, _time, Starter, turn, WaitForTurnAsync, request, progress)
            .RunAsync(ParentEnvironment, cancellationToken);
    }
}
