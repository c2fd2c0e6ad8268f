using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Logging;
using Omoai.Isolation.Hosts;
using Omoai.Isolation.Leases;
using Omoai.Isolation.Linux;

namespace Omoai.Isolation.Servers;

/// <summary>
/// A server program that runs beside this process for as long as it does: started with the environment that hosts get, as the
/// leader of its own session and process group, asked for its health, started again when it ends or isn't well, and ended with its
/// whole group, by <see cref="DisposeAsync"/> or with this process, however that ends. Safe for use from several threads.
/// </summary>
/// <remarks>
/// On systems without posix_spawn (see docs/isolation.md) the program is started by <see cref="System.Diagnostics.Process"/> and
/// nothing ends it where this process is killed.
/// </remarks>
public sealed partial class SupervisedServer : IAsyncDisposable
{
    /// <summary>How a <see cref="ServerStatus.Reason"/> begins where somebody else has the server's port.</summary>
    public const string PortTaken = "something else listens on";

    // While it starts, so that nobody waits long for one that is ready.
    private static readonly TimeSpan StartInterval = TimeSpan.FromSeconds(0.5);
    // How long a killed process may take to end: one that waits for a driver can't be ended by anybody.
    private static readonly TimeSpan KillTime = TimeSpan.FromSeconds(10);

    private readonly SupervisedServerOptions _options;
    private readonly IsolationOptions _isolation;
    private readonly DeviceLeases _leases;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly HttpHealth _health;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private ServerStatus _status = new(ServerState.Stopped, null, 0, null, null, null, []);
    private TaskCompletionSource _changed = NewChange();
    private OutputLines? _output;
    private Task? _running;
    private bool _disposed;

    /// <param name="options">The program.</param>
    /// <param name="isolation">Where the activity host is: it is what the program is started through.</param>
    /// <param name="logger">Told of every start and end; of what the server writes, at level Debug.</param>
    /// <param name="time">The clock for all of it.</param>
    /// <exception cref="ValidationException">Options out of range.</exception>
    public SupervisedServer(
        SupervisedServerOptions options, IsolationOptions isolation, ILogger<SupervisedServer> logger, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(isolation);
        ArgumentNullException.ThrowIfNull(logger);
        ArgumentNullException.ThrowIfNull(time);
        Validator.ValidateObject(options, new ValidationContext(options), validateAllProperties: true);
        (_options, _isolation, _logger, _time) = (options, isolation, logger, time);
        _leases = new DeviceLeases(isolation, time);
        _health = new HttpHealth(options.HealthUrl!, options.HealthTimeout, time);
        Health = _health.ProblemAsync;
        IsTaken = _health.ListensAsync;
    }

    /// <summary>Where it stands at this moment.</summary>
    public ServerStatus Status
    {
        get
        {
            lock (_gate)
                return _status with { Stderr = _output?.Last ?? [] };
        }
    }

    /// <summary>How it is started.</summary>
    internal (string Method, HostProcess.Starter Start) Starter { get; init; } = HostProcess.ForThisSystem();

    /// <summary>The environment that the server's own is chosen from.</summary>
    internal Func<IEnumerable<KeyValuePair<string, string>>> ParentEnvironment { get; init; } = HostEnvironment.OfThisProcess;

    /// <summary>What is wrong with its health; null where nothing is.</summary>
    internal Func<CancellationToken, Task<string?>> Health { get; init; }

    /// <summary>Whether something listens already where the server is to.</summary>
    internal Func<CancellationToken, Task<bool>> IsTaken { get; init; }

    /// <summary>How many hosts and servers that need this may run on this machine at the same time. A server is one of them for as long as it runs.</summary>
    public static int Slots(IsolationOptions isolation, HostNeed need) =>
        new DeviceLeases(isolation, TimeProvider.System).DevicesFor(need).Sum(device => device.Slots);

    /// <summary>Starts it, and from then on keeps it running. Comes back at once.</summary>
    /// <exception cref="InvalidOperationException">It was started before.</exception>
    public void Start()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_running is not null)
                throw new InvalidOperationException("The server was started before.");
            _status = _status with { State = ServerState.Starting };
            _running = Task.Run(() => SuperviseAsync(_stopping.Token));
        }
    }

    /// <summary>Waits until it answers, through restarts.</summary>
    /// <returns>Null once it does; why it never will, where that is known.</returns>
    /// <exception cref="OperationCanceledException">The caller gave up waiting.</exception>
    public async Task<ActivityFailure?> WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        var status = await WaitForAsync(
            status => status.State is ServerState.Ready or ServerState.Failed or ServerState.Stopped, cancellationToken);
        return status.State switch
        {
            ServerState.Ready => null,
            ServerState.Failed => new ActivityFailure(FailureClass.ModelMissing, false, status.Reason ?? "The server can't be started."),
            _ => new ActivityFailure(FailureClass.Lost, true, "The server is not running."),
        };
    }

    /// <summary>Ends the server and all that it started; comes back when they are gone.</summary>
    public async ValueTask DisposeAsync()
    {
        Task? running;
        lock (_gate)
        {
            _disposed = true;
            running = _running;
        }
        await _stopping.CancelAsync();
        if (running is not null)
            await running;
        _health.Dispose();
    }

    /// <summary>Waits for a status.</summary>
    internal async Task<ServerStatus> WaitForAsync(Func<ServerStatus, bool> isIt, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (isIt(_status))
                    return Status;
                changed = _changed.Task;
            }
            await changed.WaitAsync(cancellationToken);
        }
    }

    /// <summary>The pause after so many ends in a row.</summary>
    private TimeSpan Backoff(int ends) =>
        _options.MinBackoff * Math.Min(_options.MaxBackoff / _options.MinBackoff, Math.Pow(2, ends - 1));

    /// <summary>Never fails: what nobody thought of is one more way to end.</summary>
    private async Task SuperviseAsync(CancellationToken stop)
    {
        var ends = 0;
        try
        {
            while (true)
            {
                var end = await RunAsync(stop);
                stop.ThrowIfCancellationRequested();
                if (end.IsFinal)
                {
                    LogFailed(_options.Program, end.Reason);
                    Set(status => status with { State = ServerState.Failed, Pid = null, Reason = end.Reason });
                    return;
                }
                // Whoever waits for a device has not failed, and is soon to be in the queue again.
                ends = end.WasBusy ? 0 : end.WasSteady ? 1 : ends + 1;
                var pause = Backoff(Math.Max(ends, 1));
                LogRestarting(_options.Program, pause.TotalSeconds, end.Reason);
                Set(status => status with { State = ServerState.BackingOff, Pid = null, Reason = end.Reason });
                await Task.Delay(pause, _time, stop);
                Set(status => status with { State = ServerState.Starting, Restarts = status.Restarts + (end.WasBusy ? 0 : 1) });
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            Set(status => status with { State = ServerState.Stopped, Pid = null });
        }
    }

    /// <summary>Runs it once, from the lease to the end of its group.</summary>
    private async Task<End> RunAsync(CancellationToken stop)
    {
        try
        {
            if (!Directory.Exists(_options.WorkingFolder))
                return new End($"there is no folder {_options.WorkingFolder}", IsFinal: true);
            // Else another's good answers would be taken for this one's.
            if (await IsTaken(stop))
                return new End($"{PortTaken} {_options.HealthUrl!.Authority}");
            var output = new OutputLines(WriteLine);
            var (lease, busy) = _options.Need is { } need ? await _leases.TakeAsync(_options.Program, need, stop) : default;
            if (busy is not null)
                return new End(busy.Reason, IsFinal: !busy.Retryable, WasBusy: busy.Class == FailureClass.Busy);
            using var held = lease;
            var (process, failure) = await StartProcessAsync(output, lease);
            if (process is null)
                return failure!;
            if (process.HoldsLease)
                lease?.LeaveToHost();
            lock (_gate)
                _output = output;
            Set(status => status with { Pid = process.Pid });
            try
            {
                return await AttendAsync(process, output, stop);
            }
            finally
            {
                process.Kill();
            }
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            LogFault(e, _options.Program);
            return new End(ActivityFailure.OneLine($"{e.GetType().Name}: {e.Message}"));
        }
    }

    private async Task<(HostProcess? Process, End? End)> StartProcessAsync(OutputLines output, DeviceLease? lease)
    {
        var folder = Path.GetFullPath(_options.WorkingFolder);
        var device = lease is null ? DeviceLeases.NoDevice : _leases.VisibleDevices(_options.Need!, lease.Device);
        var environment = HostEnvironment.Build(ParentEnvironment(), device, folder, _options.Environment);
        var host = Path.GetFullPath(_isolation.HostPath);
        // Only a process that sets it up for itself can be tied to its parent as hosts are.
        var (path, arguments) = Starter.Method == "spawn"
            ? (host, (string[])
                ["--exec", "--parent", $"{Environment.ProcessId}", "--", _options.Program, .. _options.Arguments])
            : (_options.Program, [.. _options.Arguments]);
        var start = new HostStart(
            path, arguments, environment, folder, _isolation.MaxCapturedOutputBytes, Lease: lease?.Descriptor ?? -1)
        {
            Listener = output.Append,
        };
        var modules = ParentModules.OfThisProcess();
        try
        {
            var process = await Starter.Start(start);
            LogStarted(
                _options.Program, process.Pid, Starter.Method, $"{path} {string.Join(' ', arguments)}",
                environment["CUDA_VISIBLE_DEVICES"], environment.Keys, modules.Cuda, modules.OnnxRuntime);
            return (process, null);
        }
        catch (HostStartException e)
        {
            return (null, new End($"{path} can't be started: {e.Message}", IsFinal: e.Missing));
        }
    }

    /// <summary>Sees a started server through to its end.</summary>
    private async Task<End> AttendAsync(HostProcess process, OutputLines output, CancellationToken stop)
    {
        long? readySince = null;
        string? problem;
        using (var over = CancellationTokenSource.CreateLinkedTokenSource(stop))
        {
            var watching = WatchHealthAsync(process.Pid, () => readySince = _time.GetTimestamp(), over.Token);
            await Task.WhenAny(watching, process.Exited);
            await over.CancelAsync();
            problem = await watching;
        }

        if (problem is not null)
            LogUnhealthy(_options.Program, process.Pid, problem);
        process.Terminate();
        await EndedWithin(process.Exited, _options.KillGrace);
        process.Kill();
        if (!await EndedWithin(process.Exited, KillTime))
        {
            // It has the port, the memory and the device for as long as it is there.
            LogUnkillable(_options.Program, process.Pid);
            await process.Exited.WaitAsync(stop);
        }
        var exit = await process.Exited;
        output.Finish();
        if (exit.LeftRunning)
            LogUnkillable(_options.Program, process.Pid);
        LogEnded(_options.Program, process.Pid, exit.ExitCode, exit.Signal);
        Set(status => status with { Pid = null, ExitCode = exit.ExitCode, Signal = exit.Signal });

        var how = exit.Signal is { } signal ? $"ended by signal {signal}" : $"exited with {exit.ExitCode}";
        var said = output.Last is [.., var line] ? $": {line}" : "";
        return new End(
            problem ?? $"{how}{said}",
            IsFinal: problem is null && readySince is null && exit.ExitCode == ExecShim.NoProgramExitCode,
            WasSteady: readySince is { } since && _time.GetElapsedTime(since) >= _options.MaxBackoff);
    }

    /// <summary>Asks for its health until told to stop (null), or until it should be restarted (why).</summary>
    private async Task<string?> WatchHealthAsync(int pid, Action ready, CancellationToken over)
    {
        var started = _time.GetTimestamp();
        var isReady = false;
        var failures = 0;
        try
        {
            while (true)
            {
                var problem = await Health(over);
                over.ThrowIfCancellationRequested();
                if (problem is null)
                {
                    failures = 0;
                    if (!isReady)
                    {
                        ready();
                        isReady = true;
                        LogReady(_options.Program, pid, _time.GetElapsedTime(started).TotalSeconds);
                        Set(status => status with { State = ServerState.Ready, Reason = null });
                    }
                }
                else if (isReady && ++failures >= _options.FailuresBeforeRestart)
                {
                    return $"not well {failures} times in a row: {problem}";
                }
                else if (!isReady && _time.GetElapsedTime(started) >= _options.StartTimeout)
                {
                    return $"not ready within {_options.StartTimeout.TotalSeconds:0.#} s: {problem}";
                }
                var interval = isReady || _options.HealthInterval < StartInterval ? _options.HealthInterval : StartInterval;
                await Task.Delay(interval, _time, over);
            }
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            return null;
        }
    }

    private async Task<bool> EndedWithin(Task task, TimeSpan limit)
    {
        try
        {
            await task.WaitAsync(limit, _time);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private void Set(Func<ServerStatus, ServerStatus> change)
    {
        TaskCompletionSource changed;
        lock (_gate)
        {
            _status = change(_status);
            (changed, _changed) = (_changed, NewChange());
        }
        changed.SetResult();
    }

    private void WriteLine(bool isError, string line)
    {
        try
        {
            LogOutput(_options.Program, isError ? "stderr" : "stdout", line);
        }
        catch (Exception)
        {
            // A logger that fails must not stop whoever drains the pipes.
        }
    }

    private static TaskCompletionSource NewChange() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(LogLevel.Information, "Server {Program} started: pid {Pid}, start method {StartMethod}, command {Command}, " +
        "CUDA_VISIBLE_DEVICES {Device}, variables {Variables}; in the parent: CUDA {ParentHadCuda}, ONNX Runtime {ParentHadOnnxRuntime}")]
    private partial void LogStarted(
        string program, int pid, string startMethod, string command, string device, IEnumerable<string> variables,
        bool parentHadCuda, bool parentHadOnnxRuntime);

    [LoggerMessage(LogLevel.Information, "Server {Program} is ready: pid {Pid}, after {Seconds} s")]
    private partial void LogReady(string program, int pid, double seconds);

    [LoggerMessage(LogLevel.Warning, "Server {Program} is ended: pid {Pid}, {Problem}")]
    private partial void LogUnhealthy(string program, int pid, string problem);

    [LoggerMessage(LogLevel.Information, "Server {Program} ended: pid {Pid}, exit code {ExitCode}, signal {Signal}")]
    private partial void LogEnded(string program, int pid, int? exitCode, int? signal);

    [LoggerMessage(LogLevel.Warning, "Server {Program} is started again in {Seconds} s: {Reason}")]
    private partial void LogRestarting(string program, double seconds, string reason);

    [LoggerMessage(LogLevel.Error, "Server {Program} can't be started, and is given up on: {Reason}")]
    private partial void LogFailed(string program, string reason);

    [LoggerMessage(LogLevel.Error, "Server {Program} was killed but it, or what it started, does not end: pid {Pid}")]
    private partial void LogUnkillable(string program, int pid);

    [LoggerMessage(LogLevel.Error, "Running the server {Program} failed")]
    private partial void LogFault(Exception exception, string program);

    [LoggerMessage(LogLevel.Debug, "Server {Program} wrote to {Stream}: {Text}")]
    private partial void LogOutput(string program, string stream, string text);

    /// <summary>How one run ended.</summary>
    /// <param name="Reason">One line, for people.</param>
    /// <param name="IsFinal">Whether another attempt is of no use.</param>
    /// <param name="WasSteady">Whether it was well for a while.</param>
    /// <param name="WasBusy">Whether it wasn't started, because no device came free.</param>
    private sealed record End(string Reason, bool IsFinal = false, bool WasSteady = false, bool WasBusy = false);
}
