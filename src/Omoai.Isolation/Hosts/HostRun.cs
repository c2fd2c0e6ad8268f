using System.Diagnostics;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Omoai.Isolation.Linux;
using Omoai.Isolation.Protocol;

namespace Omoai.Isolation.Hosts;

/// <summary>One activity in one host, from the spawn to the evidence.</summary>
internal sealed partial class HostRun(
    IsolationOptions options, ILogger logger, TimeProvider time, (string Method, HostProcess.Starter Start) starter,
    HostTurn? turn, Func<CancellationToken, Task<(HostTurn? Turn, ActivityFailure? Failure)>> takeTurn, HostRequest request,
    IProgress<HostProgress>? progress)
{
    // How long a killed process may take to end: one that waits for a driver can't be ended by anybody.
    private static readonly TimeSpan KillTime = TimeSpan.FromSeconds(10);
    // How long a host may take to exit once it has said all it will say.
    private static readonly TimeSpan ExitTime = TimeSpan.FromSeconds(2);
    // How long what an ended host has written may take to be read.
    private static readonly TimeSpan ReadTime = TimeSpan.FromSeconds(2);

    // Its result is when the host said hello.
    private readonly TaskCompletionSource<long> _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private HostEvidence _evidence = new()
    {
        Activity = request.Activity,
        StartMethod = starter.Method,
        Command = options.HostPath,
        Device = HostEnvironment.VisibleDevices(options.Device),
    };
    private long _spawned;
    // What it was given is given back also where no host is started.
    private HostTurn? _turn = turn;

    private bool IsReady => _ready.Task.IsCompleted;

    /// <summary>Why a host is stopped before it has answered.</summary>
    private enum Stop
    {
        Cancelled,
        NotReady,
        Deadline,
    }

    /// <summary>Never fails: what nobody thought of is an internal failure, with whatever evidence there is.</summary>
    public async Task<HostResult> RunAsync(
        Func<IEnumerable<KeyValuePair<string, string>>> parentEnvironment, CancellationToken cancellationToken)
    {
        using var span = IsolationTelemetry.Source.StartActivity($"host {request.Activity}", ActivityKind.Client);
        // A span that isn't recorded, or the caller's, still says which trace this is part of.
        if (Activity.Current is { IdFormat: ActivityIdFormat.W3C } current)
            _evidence = _evidence with { TraceId = current.TraceId.ToHexString() };
        HostResult result;
        try
        {
            result = await StartAndAttendAsync(parentEnvironment, cancellationToken);
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

    private async Task<HostResult> StartAndAttendAsync(
        Func<IEnumerable<KeyValuePair<string, string>>> parentEnvironment, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return Failed(FailureClass.Cancelled, true, "Cancelled before it was started.");
        if (!Directory.Exists(request.ScratchFolder))
            return Failed(FailureClass.Internal, false, $"There is no scratch folder {request.ScratchFolder}.");
        byte[] requestFrame;
        try
        {
            var message = new Request(request.Activity, request.Input, IsolationTelemetry.CurrentTraceParent);
            requestFrame = Frames.Create(FrameKind.Request, message, ProtocolJson.Default.Request);
        }
        catch (InvalidDataException e)
        {
            return Failed(FailureClass.BadInput, false, $"The request can't be sent: {e.Message}.");
        }

        _evidence = _evidence with { StartedAt = time.GetUtcNow().ToUniversalTime() };
        if (_turn is null)
        {
            (_turn, var noTurn) = await takeTurn(cancellationToken);
            if (noTurn is not null)
                return Failed(noTurn);
        }

        var scratch = Path.GetFullPath(request.ScratchFolder);
        await using var pipe = new PrivatePipe(scratch);
        var environment = HostEnvironment.Build(parentEnvironment(), options.Device, scratch);
        string[] arguments = ["--pipe", pipe.Name, "--parent", $"{Environment.ProcessId}"];
        var path = Path.GetFullPath(options.HostPath);
        var modules = ParentModules.OfThisProcess();
        var kills = OperatingSystem.IsLinux() ? ProcFiles.OutOfMemoryKills() : null;
        _spawned = time.GetTimestamp();
        _evidence = _evidence with
        {
            Command = $"{path} {string.Join(' ', arguments)}",
            Variables = [.. environment.Keys],
            StartedAt = time.GetUtcNow().ToUniversalTime(),
            ParentHadCuda = modules.Cuda,
            ParentHadOnnxRuntime = modules.OnnxRuntime,
        };
        if (modules != default)
            LogImpureParent(modules.Cuda, modules.OnnxRuntime);

        HostProcess host;
        try
        {
            host = await starter.Start(new HostStart(path, arguments, environment, scratch, options.MaxCapturedOutputBytes));
        }
        catch (HostStartException e)
        {
            return Failed(
                e.Missing ? FailureClass.ModelMissing : FailureClass.Internal, !e.Missing,
                $"The activity host {path} can't be started: {e.Message}. " +
                "Build src/Omoai.ActivityHost, or say where it is with the setting Omoai:Isolation:HostPath.");
        }
        _evidence = _evidence with { Pid = host.Pid };
        LogStarted(
            request.Activity, host.Pid, starter.Method, _evidence.Command, _evidence.Device, environment.Keys,
            modules.Cuda, modules.OnnxRuntime);
        return await AttendAsync(host, pipe, requestFrame, kills, cancellationToken);
    }

    /// <summary>Sees a started host through to its end, whatever that is.</summary>
    private async Task<HostResult> AttendAsync(
        HostProcess host, PrivatePipe pipe, byte[] requestFrame, long? kills, CancellationToken cancellationToken)
    {
        using var reading = new CancellationTokenSource();
        var conversation = ConverseAsync(host, pipe, requestFrame, reading.Token);
        Stop? stop = null;
        try
        {
            stop = await FirstAsync(host, conversation, cancellationToken);
            var doneAt = time.GetTimestamp();
            if (IsReady)
            {
                var readyAt = await _ready.Task;
                _evidence = _evidence with
                {
                    SpawnToReadyMs = time.GetElapsedTime(_spawned, readyAt).TotalMilliseconds,
                    ReadyToDoneMs = time.GetElapsedTime(readyAt, doneAt).TotalMilliseconds,
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
        if (exit is not null && IsReady)
            await EndedWithin(conversation, ReadTime);
        await reading.CancelAsync();
        // It ends at once, unless the caller's progress blocks.
        var said = await EndedWithin(conversation, ReadTime) ? await conversation : default;
        NotePeak(said.Reply?.PeakMemoryBytes);
        NotePeak(exit?.PeakMemoryBytes);
        _evidence = _evidence with
        {
            ExitCode = exit?.ExitCode,
            Signal = exit?.Signal,
            Stdout = exit?.Stdout ?? CapturedOutput.Empty,
            Stderr = exit?.Stderr ?? CapturedOutput.Empty,
            LeftRunning = exit is null || exit.LeftRunning,
        };
        var result = Judge(stop, said, exit, kills);
        if (_evidence.LeftRunning)
            LogUnkillable(request.Activity, host.Pid);
        LogEnd(result);
        return result;
    }

    /// <summary>Waits for the first of: the conversation's end, the host's end (null), and a reason to stop it.</summary>
    private async Task<Stop?> FirstAsync(HostProcess host, Task conversation, CancellationToken cancellationToken)
    {
        var left = request.Deadline - time.GetElapsedTime(_spawned);
        using var deadline = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, time);
        using var start = new CancellationTokenSource(options.StartTimeout, time);
        var stop = new TaskCompletionSource<Stop>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var onCancel = cancellationToken.Register(() => stop.TrySetResult(Stop.Cancelled));
        using var onDeadline = deadline.Token.Register(() => stop.TrySetResult(Stop.Deadline));
        using (start.Token.Register(() => stop.TrySetResult(Stop.NotReady)))
            await Task.WhenAny(_ready.Task, conversation, host.Exited, stop.Task);
        var first = await Task.WhenAny(conversation, host.Exited, stop.Task);
        return first == stop.Task ? await stop.Task : null;
    }

    /// <summary>Hears the host's hello, sends the request, passes progress on and hears the reply. Never fails.</summary>
    private async Task<Conversation> ConverseAsync(
        HostProcess host, PrivatePipe pipe, byte[] requestFrame, CancellationToken cancellationToken)
    {
        try
        {
            await pipe.AcceptAsync(host.Pid, cancellationToken);
            if (await Frames.ReadAsync(pipe.Stream, cancellationToken) is not { } hello)
                return default;
            var isHello = hello.Kind == FrameKind.Hello
                && Frames.Parse(hello.Kind, hello.Body, ProtocolJson.Default.Hello).Pid == host.Pid;
            if (!isHello)
                throw new InvalidDataException("its first frame was no hello of its own");
            _ready.SetResult(time.GetTimestamp());

            await pipe.Stream.WriteAsync(requestFrame, cancellationToken);
            while (await Frames.ReadAsync(pipe.Stream, cancellationToken) is var (kind, body))
            {
                switch (kind)
                {
                    case FrameKind.Progress:
                        Report(Frames.Parse(kind, body, ProtocolJson.Default.HostProgress));
                        break;
                    case FrameKind.Reply:
                        var reply = Frames.Parse(kind, body, ProtocolJson.Default.Reply);
                        if (reply.Output is null == reply.Failure is null)
                            throw new InvalidDataException("a reply needs either an output or a failure");
                        // JSON gives null for a property that isn't there, and any number for an enumeration.
                        if (reply.Failure is { } failure && (failure.Reason is null || !Enum.IsDefined(failure.Class)))
                            throw new InvalidDataException("a failure needs a class and a reason");
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

    /// <summary>Passes a report on. What goes wrong in whoever listens is no concern of the activity.</summary>
    private void Report(HostProgress report)
    {
        try
        {
            progress?.Report(report);
        }
        catch (Exception e)
        {
            LogProgressFault(e, request.Activity);
        }
    }

    private HostResult Judge(Stop? stop, Conversation said, HostExit? exit, long? kills)
    {
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
        if (said.Reply is { Output: { } output })
            return new HostResult(output, null, _evidence);
        if (said.Reply is { Failure: { } failure })
        {
            // Nobody here asked it to stop.
            return failure.Class == FailureClass.Cancelled
                ? Failed(FailureClass.Lost, true, "The host was asked to stop by something outside.")
                : new HostResult(null, failure.Bounded(), _evidence);
        }
        if (said.Violation is not null)
            return Failed(FailureClass.Crashed, true, $"The host broke the protocol: {said.Violation}.");
        return Failed(Crash.Judge(exit, IsReady, KilledForMemory(kills)));
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

    [LoggerMessage(LogLevel.Information, "Activity host for {Activity} started: pid {Pid}, start method {StartMethod}, " +
        "command {Command}, CUDA_VISIBLE_DEVICES {Device}, variables {Variables}; in the parent: CUDA {ParentHadCuda}, " +
        "ONNX Runtime {ParentHadOnnxRuntime}")]
    private partial void LogStarted(
        string activity, int pid, string startMethod, string command, string device, IEnumerable<string> variables,
        bool parentHadCuda, bool parentHadOnnxRuntime);

    [LoggerMessage("Activity host for {Activity} ended: pid {Pid}, {Outcome}; exit code {ExitCode}, signal {Signal}, " +
        "spawn to ready {SpawnToReadyMs} ms, ready to done {ReadyToDoneMs} ms, peak memory {PeakMemoryBytes} bytes")]
    private partial void LogEnded(
        LogLevel level, string activity, int pid, string outcome, int? exitCode, int? signal, double? spawnToReadyMs,
        double? readyToDoneMs, long? peakMemoryBytes);

    [LoggerMessage("Activity host {Pid} wrote to {Stream}: {Text}")]
    private partial void LogOutput(LogLevel level, int pid, string stream, string text);

    [LoggerMessage(LogLevel.Error, "This process has what only an activity host may load (CUDA: {Cuda}, ONNX Runtime: " +
        "{OnnxRuntime}); the isolation of models is broken")]
    private partial void LogImpureParent(bool cuda, bool onnxRuntime);

    [LoggerMessage(LogLevel.Error, "Activity host for {Activity} was killed but it, or what it started, does not end: pid {Pid}")]
    private partial void LogUnkillable(string activity, int pid);

    [LoggerMessage(LogLevel.Error, "Running an activity host for {Activity} failed: pid {Pid}")]
    private partial void LogFault(Exception exception, string activity, int pid);

    [LoggerMessage(LogLevel.Warning, "Nobody hears of the progress of {Activity}: the caller's handler failed")]
    private partial void LogProgressFault(Exception exception, string activity);

    /// <summary>What a host said: a reply, a breach of the protocol, or neither.</summary>
    private readonly record struct Conversation(Reply? Reply, string? Violation);
}
