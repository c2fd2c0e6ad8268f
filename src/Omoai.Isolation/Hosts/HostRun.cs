using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Omoai.Isolation.Linux;
using Omoai.Isolation.Protocol;
using Omoai.Isolation.Standby;

namespace Omoai.Isolation.Hosts;

/// <summary>One activity in one host, from the spawn to the evidence.</summary>
internal sealed partial class HostRun(
    IsolationOptions options, ILogger logger, TimeProvider time, HostStarter starter, HostTurn? turn,
    Func<string, HostNeed, CancellationToken, Task<(HostTurn? Turn, ActivityFailure? Failure)>> takeTurn, HostRequest request,
    IProgress<HostProgress>? progress, Action<JsonElement>? answered)
{
    // How long a killed process may take to end: one that waits for a driver can't be ended by anybody.
    private static readonly TimeSpan KillTime = TimeSpan.FromSeconds(10);
    // How long a host may take to exit once it has said all it will say.
    private static readonly TimeSpan ExitTime = TimeSpan.FromSeconds(2);
    // How long what an ended host has written may take to be read.
    private static readonly TimeSpan ReadTime = TimeSpan.FromSeconds(2);

    private HostEvidence _evidence = starter.Describe(request.Activity, request.Need);
    // From the spawn of its host or, where it was handed one, from then on; 0 before.
    private long _began;
    // What it was given is given back also where no host is started.
    private HostTurn? _turn = turn;

    /// <summary>Why a host is stopped before it has answered.</summary>
    private enum Stop
    {
        Cancelled,
        NotReady,
        Deadline,
    }

    /// <summary>Never fails: what nobody thought of is an internal failure, with whatever evidence there is.</summary>
    public async Task<HostResult> RunAsync(CancellationToken cancellationToken)
    {
        using var span = IsolationTelemetry.Source.StartActivity($"host {request.Activity}", ActivityKind.Client);
        HostResult result;
        try
        {
            result = await StartAndAttendAsync(cancellationToken);
        }
        catch (Exception e)
        {
            LogFault(e, request.Activity, _evidence.Pid);
            result = Failed(FailureClass.Internal, e is IOException or SocketException, $"{e.GetType().Name}: {e.Message}");
        }
        finally
        {
            // Not before the host and its group are gone, or can't be ended by anybody: until then it has its memory.
            _turn?.Dispose();
        }
        // A span that isn't recorded, or the caller's, still says which trace this is part of.
        if (Activity.Current is { IdFormat: ActivityIdFormat.W3C } current)
            result = result with { Evidence = _evidence = _evidence with { TraceId = current.TraceId.ToHexString() } };
        Measure(result, span);
        return result;
    }

    private void Measure(HostResult result, Activity? span)
    {
        if (_evidence.SpawnToReadyMs is { } spawn)
            IsolationTelemetry.SpawnDuration.Record(spawn / 1000);
        if (result.Failure is { } failure)
        {
            IsolationTelemetry.Failures.Add(1, new KeyValuePair<string, object?>("class", failure.Class.ToText()));
            span?.SetFailure(failure);
        }
        span?.SetTag("omoai.activity", request.Activity)
            .SetTag("process.pid", _evidence.Pid == 0 ? null : _evidence.Pid)
            .SetTag("process.exit.code", _evidence.ExitCode)
            .SetTag("omoai.host.signal", _evidence.Signal)
            .SetTag("omoai.host.spawn_to_ready", _evidence.SpawnToReadyMs / 1000)
            .SetTag("omoai.host.peak_memory", _evidence.PeakMemoryBytes);
    }

    private async Task<HostResult> StartAndAttendAsync(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return Failed(FailureClass.Cancelled, true, "Cancelled before it was started.");
        if (!Directory.Exists(request.ScratchFolder))
            return Failed(FailureClass.Internal, false, $"There is no scratch folder {request.ScratchFolder}.");
        byte[] requestFrame;
        try
        {
            var message = new Request(
                request.Activity, request.Input, Path.GetFullPath(request.ScratchFolder), IsolationTelemetry.CurrentTraceParent);
            requestFrame = Frames.Create(FrameKind.Request, message, ProtocolJson.Default.Request);
        }
        catch (InvalidDataException e)
        {
            return Failed(FailureClass.BadInput, false, $"The request can't be sent: {e.Message}.");
        }

        _evidence = _evidence with { StartedAt = time.GetUtcNow().ToUniversalTime() };
        if (_turn is null)
        {
            (_turn, var noTurn) = await takeTurn(request.Activity, request.Need, cancellationToken);
            if (noTurn is not null)
                return Failed(noTurn);
        }

        if (_turn!.TakeStandby() is { } standby)
        {
            _began = time.GetTimestamp();
            try
            {
                if (await GetsReadyAsync(standby, cancellationToken))
                {
                    await using var ready = standby.Host;
                    _evidence = ready.Evidence with { StartedAt = time.GetUtcNow().ToUniversalTime(), Standby = true };
                    return await AttendAsync(ready, requestFrame, cancellationToken);
                }
            }
            finally
            {
                standby.End("it didn't get ready for the activity that wanted it");
            }
            if (cancellationToken.IsCancellationRequested)
                return Failed(FailureClass.Cancelled, true, "Cancelled before it was asked.");
            if (time.GetElapsedTime(_began) >= request.Deadline)
                return Failed(FailureClass.Timeout, true, $"No host got ready within {request.Deadline.TotalSeconds:0.#} s.");

            // It has died or can't load its model: another host is started, which will say why.
            (_turn, var noTurn) = await takeTurn(request.Activity, request.Need with { WarmUp = null }, cancellationToken);
            if (noTurn is not null)
                return Failed(noTurn);
        }

        var (started, evidence, failure) = await starter.StartAsync(
            request.Activity, request.Need, request.ScratchFolder, _turn!.Lease!);
        _evidence = evidence;
        if (failure is not null)
            return Failed(failure);
        await using var host = started!;
        // What waiting for another has taken counts too.
        if (_began == 0)
            _began = host.Spawned;
        return await AttendAsync(host, requestFrame, cancellationToken);
    }

    /// <summary>Waits for a host to get ready, as long as the activity may take. From then on it is this run's.</summary>
    private async Task<bool> GetsReadyAsync(StandbyHost standby, CancellationToken cancellationToken)
    {
        try
        {
            return await standby.Warmed.WaitAsync(request.Deadline, time, cancellationToken) && standby.TryBeginRequest();
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Sees a started host through to its end, whatever that is.</summary>
    private async Task<HostResult> AttendAsync(StartedHost started, byte[] requestFrame, CancellationToken cancellationToken)
    {
        var host = started.Process;
        host.ScratchFolder = Path.GetFullPath(request.ScratchFolder);
        var asked = time.GetTimestamp();
        using var reading = new CancellationTokenSource();
        var conversation = ConverseAsync(started, requestFrame, reading.Token);
        Stop? stop = null;
        try
        {
            stop = await FirstAsync(started, conversation, cancellationToken);
            if (started.Ready.IsCompleted)
            {
                var spawnToReady = started.Evidence.SpawnToReadyMs;
                var readyToDone = _evidence.Standby
                    ? time.GetElapsedTime(asked).TotalMilliseconds
                    : time.GetElapsedTime(started.Spawned).TotalMilliseconds - spawnToReady!.Value;
                _evidence = _evidence with
                {
                    Contained = started.Hello!.Contained,
                    NetworkOff = started.Hello.NetworkOff,
                    SpawnToReadyMs = spawnToReady,
                    ReadyToDoneMs = readyToDone,
                };
            }
            if (stop is not null)
            {
                NotePeak(OperatingSystem.IsLinux() ? ProcFiles.PeakMemory($"{host.Pid}") : null);
                host.Terminate();
            }
            // Whoever breaks the protocol gets no grace.
            if (!(conversation.IsCompletedSuccessfully && conversation.Result.Violation is not null))
                await EndedWithin(host.Exited, stop is null ? ExitTime : options.KillGrace);
        }
        finally
        {
            host.Kill();
        }

        var exit = await EndedWithin(host.Exited, KillTime) ? await host.Exited : null;
        if (exit is not null && started.Ready.IsCompleted)
            await EndedWithin(conversation, ReadTime);
        await reading.CancelAsync();
        // It ends at once, unless the caller's progress blocks.
        var said = await EndedWithin(conversation, ReadTime) ? await conversation : default;
        NotePeak(said.Reply?.PeakMemoryBytes);
        if (said.Reply?.GpuMemory is { BeforeBytes: >= 0, AfterBytes: >= 0 } gpu)
        {
            _evidence = _evidence with
            {
                GpuMemoryBeforeBytes = gpu.BeforeBytes,
                GpuMemoryAfterBytes = gpu.AfterBytes,
                GpuMemoryIsOwn = gpu.IsOwn,
            };
        }
        NotePeak(exit?.PeakMemoryBytes);
        _evidence = _evidence with
        {
            ExitCode = exit?.ExitCode,
            Signal = exit?.Signal,
            Stdout = exit?.Stdout ?? CapturedOutput.Empty,
            Stderr = exit?.Stderr ?? CapturedOutput.Empty,
            LeftRunning = exit is null || exit.LeftRunning,
        };
        var result = Judge(started, stop, said, exit);
        if (_evidence.LeftRunning)
            LogUnkillable(request.Activity, host.Pid);
        LogEnd(result);
        return result;
    }

    /// <summary>Waits for the first of: the conversation's end, the host's end (null), and a reason to stop it.</summary>
    private async Task<Stop?> FirstAsync(StartedHost started, Task conversation, CancellationToken cancellationToken)
    {
        var host = started.Process;
        var left = request.Deadline - time.GetElapsedTime(_began);
        using var deadline = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, time);
        using var start = new CancellationTokenSource(options.StartTimeout, time);
        var stop = new TaskCompletionSource<Stop>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var onCancel = cancellationToken.Register(() => stop.TrySetResult(Stop.Cancelled));
        using var onDeadline = deadline.Token.Register(() => stop.TrySetResult(Stop.Deadline));
        using (start.Token.Register(() => stop.TrySetResult(Stop.NotReady)))
            await Task.WhenAny(started.Ready, conversation, host.Exited, stop.Task);
        var first = await Task.WhenAny(conversation, host.Exited, stop.Task);
        return first == stop.Task ? await stop.Task : null;
    }

    /// <summary>Hears the host's hello, sends the request, passes progress on and hears the reply. Never fails.</summary>
    private async Task<Conversation> ConverseAsync(StartedHost host, byte[] requestFrame, CancellationToken cancellationToken)
    {
        try
        {
            if (!host.Ready.IsCompleted && !await host.HearHelloAsync(cancellationToken))
                return default;
            await host.Pipe.WriteAsync(requestFrame, cancellationToken);
            while (await Frames.ReadAsync(host.Pipe, cancellationToken) is var (kind, body))
            {
                switch (kind)
                {
                    case FrameKind.Progress:
                        var report = Frames.Parse(kind, body, ProtocolJson.Default.HostProgress);
                        Tell(() => progress?.Report(report));
                        break;
                    case FrameKind.Reply:
                        var reply = Frames.Parse(kind, body, ProtocolJson.Default.Reply);
                        if (reply.Output is null == reply.Failure is null)
                            throw new InvalidDataException("a reply needs either an output or a failure");
                        // JSON gives null for a property that isn't there, and any number for an enumeration.
                        if (reply.Failure is { } failure && (failure.Reason is null || !Enum.IsDefined(failure.Class)))
                            throw new InvalidDataException("a failure needs a class and a reason");
                        if (reply.Output is { } output)
                            Tell(() => answered?.Invoke(output));
                        return new Conversation(reply, null);
                    default:
                        throw new InvalidDataException($"a {kind} frame out of turn");
                }
            }
            return default;
        }
        catch (InvalidDataException e)
        {
            return new Conversation(null, e.Message);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The connection is gone; how the host ended says more.
            return default;
        }
        catch (Exception e)
        {
            // Another user's process at the other end, for one.
            return new Conversation(null, $"{e.GetType().Name}: {e.Message}");
        }
    }

    /// <summary>Tells the caller. What goes wrong in whoever listens is no concern of the activity.</summary>
    private void Tell(Action tell)
    {
        try
        {
            tell();
        }
        catch (Exception e)
        {
            LogProgressFault(e, request.Activity);
        }
    }

    private HostResult Judge(StartedHost started, Stop? stop, Conversation said, HostExit? exit)
    {
        // The caller may have gone on with it.
        if (said.Reply is { Output: { } output })
            return new HostResult(output, null, _evidence);
        switch (stop)
        {
            case Stop.Cancelled:
                return Failed(FailureClass.Cancelled, true, "Cancelled.");
            case Stop.NotReady:
                return Failed(
                    FailureClass.Timeout, true, $"The host was not ready within {options.StartTimeout.TotalSeconds:0.#} s.");
            case Stop.Deadline:
                return Failed(FailureClass.Timeout, true, $"No answer within {request.Deadline.TotalSeconds:0.#} s.");
        }
        if (said.Reply is { Failure: { } failure })
        {
            // Nobody here asked it to stop.
            return failure.Class == FailureClass.Cancelled
                ? Failed(FailureClass.Lost, true, "The host was asked to stop by something outside.")
                : new HostResult(null, failure.Bounded(), _evidence);
        }
        if (said.Violation is not null)
            return Failed(FailureClass.Crashed, true, $"The host broke the protocol: {said.Violation}.");
        return Failed(Crash.Judge(exit, started.Ready.IsCompleted, KilledForMemory(started.OutOfMemoryKills)));
    }

    private static bool KilledForMemory(long? before) =>
        OperatingSystem.IsLinux() && before is not null && ProcFiles.OutOfMemoryKills() > before;

    private async Task<bool> EndedWithin(Task task, TimeSpan limit)
    {
        try
        {
            await task.WaitAsync(limit, time);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private void NotePeak(long? bytes)
    {
        if (bytes > (_evidence.PeakMemoryBytes ?? 0))
            _evidence = _evidence with { PeakMemoryBytes = bytes };
    }

    private HostResult Failed(FailureClass @class, bool retryable, string reason) =>
        Failed(new ActivityFailure(@class, retryable, reason));

    private HostResult Failed(ActivityFailure failure) => new(null, failure.Bounded(), _evidence);

    private void LogEnd(HostResult result)
    {
        var level = result.Failure is null ? LogLevel.Debug : LogLevel.Warning;
        LogEnded(
            result.Failure is null ? LogLevel.Information : LogLevel.Warning, request.Activity, _evidence.Pid,
            result.Failure is { } failure ? $"{failure.Class}: {failure.Reason}" : "done", _evidence.ExitCode, _evidence.Signal,
            _evidence.SpawnToReadyMs, _evidence.ReadyToDoneMs, _evidence.PeakMemoryBytes);
        if (_evidence.Stdout.Text.Length > 0)
            LogOutput(level, _evidence.Pid, "stdout", _evidence.Stdout.Text);
        if (_evidence.Stderr.Text.Length > 0)
            LogOutput(level, _evidence.Pid, "stderr", _evidence.Stderr.Text);
    }

    [LoggerMessage("Activity host for {Activity} ended: pid {Pid}, {Outcome}; exit code {ExitCode}, signal {Signal}, " +
        "spawn to ready {SpawnToReadyMs} ms, ready to done {ReadyToDoneMs} ms, peak memory {PeakMemoryBytes} bytes")]
    private partial void LogEnded(
        LogLevel level, string activity, int pid, string outcome, int? exitCode, int? signal, double? spawnToReadyMs,
        double? readyToDoneMs, long? peakMemoryBytes);

    [LoggerMessage("Activity host {Pid} wrote to {Stream}: {Text}")]
    private partial void LogOutput(LogLevel level, int pid, string stream, string text);

    [LoggerMessage(LogLevel.Error, "Activity host for {Activity} was killed but it, or what it started, does not end: pid {Pid}")]
    private partial void LogUnkillable(string activity, int pid);

    [LoggerMessage(LogLevel.Error, "Running an activity host for {Activity} failed: pid {Pid}")]
    private partial void LogFault(Exception exception, string activity, int pid);

    [LoggerMessage(LogLevel.Warning, "Nobody hears of the progress of {Activity}: the caller's handler failed")]
    private partial void LogProgressFault(Exception exception, string activity);

    /// <summary>What a host said: a reply, a breach of the protocol, or neither.</summary>
    private readonly record struct Conversation(Reply? Reply, string? Violation);
}
