using System.IO.Pipes;
using System.Runtime.InteropServices;
using System.Text.Json;
using Omoai.Isolation.Linux;
using Omoai.Isolation.Protocol;

namespace Omoai.Isolation;

/// <summary>The host's side: connects to its parent, runs the one activity it is asked for, answers.</summary>
public static class ActivityHostProcess
{
    /// <summary>Exit code for a command line that no parent wrote.</summary>
    public const int UsageExitCode = 64;

    /// <summary>Exit code when the parent is gone or breaks the protocol.</summary>
    public const int ProtocolExitCode = 70;

    private const int ConnectTimeoutMs = 10_000;

    /// <summary>All of a host's <c>Main</c>. Nothing that takes time should come before it.</summary>
    /// <param name="args">As the parent gave them: <c>--pipe NAME --parent PID [--max-file BYTES] [--network]</c>.</param>
    /// <param name="handlers">The activities it knows, by name.</param>
    /// <param name="classify">
    /// What an exception means, or null where that isn't known; then running out of memory, being cancelled and everything
    /// else are told apart.
    /// </param>
    /// <param name="warmUps">How it gets ready for an activity, by name, when it is started before there is one.</param>
    /// <param name="gpuMemory">
    /// Asked before anything is done and when the answer is ready, for <see cref="HostEvidence.GpuMemoryBeforeBytes"/> and its fellows;
    /// must not throw.
    /// </param>
    /// <returns>The exit code: 0 once an answer was delivered, be it a failure.</returns>
    public static async Task<int> RunAsync(
        string[] args, IReadOnlyDictionary<string, ActivityHandler> handlers, Func<Exception, ActivityFailure?> classify,
        IReadOnlyDictionary<string, ActivityWarmUp>? warmUps = null, Func<GpuMemory>? gpuMemory = null)
    {
        if (args is ["--exec", "--parent", var owner, "--", _, ..] && int.TryParse(owner, out var ownerPid)
            && OperatingSystem.IsLinux() && Lifeline.LeadsGroup)
        {
            return ExecShim.Run(ownerPid, args[4..]);
        }
        if (args is not ["--pipe", var pipeName, "--parent", var parent, .. var rest] || !int.TryParse(parent, out var parentPid)
            || ConfinementSettings.Parse(rest) is not { } settings)
        {
            await Console.Error.WriteLineAsync("This program runs one activity for Omoai, which starts it; see `omoai --help`.");
            return UsageExitCode;
        }

        using var stop = new CancellationTokenSource();
        // Before the lifeline, which makes the kernel send this signal when the parent dies.
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            signal.Cancel = true;
            if (OperatingSystem.IsLinux() && Libc.GetParentPid() != parentPid)
                Lifeline.Cut();
            stop.Cancel();
        });
        var confined = OperatingSystem.IsLinux() ? Confinement.Enter(settings) : default;
        if (OperatingSystem.IsLinux() && Lifeline.LeadsGroup ? !Lifeline.Hold(parentPid) : !WatchStdin(parentPid))
            return ProtocolExitCode;

        try
        {
            await using var pipe = new NamedPipeClientStream(
                ".", pipeName, PipeDirection.InOut, PipeOptions.Asynchronous | PipeOptions.CurrentUserOnly);
            await pipe.ConnectAsync(ConnectTimeoutMs, stop.Token);
            if (PrivatePipe.PeerPid(pipe) is { } peer && peer != parentPid)
                throw new InvalidDataException($"process {peer} answers in the parent's place");
            await ServeAsync(pipe, confined, handlers, classify, warmUps, gpuMemory, stop.Token);
            // At once, whatever threads there are still: nobody needs this process any more, but for its memory.
            if (OperatingSystem.IsLinux())
                Libc.ExitNow(0);
            return 0;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or TimeoutException or OperationCanceledException)
        {
            await Console.Error.WriteLineAsync($"The activity host lost its parent: {e.Message}");
            return ProtocolExitCode;
        }
    }

    private static async Task ServeAsync(
        Stream pipe, Confined confined, IReadOnlyDictionary<string, ActivityHandler> handlers,
        Func<Exception, ActivityFailure?> classify, IReadOnlyDictionary<string, ActivityWarmUp>? warmUps, Func<GpuMemory>? gpuMemory,
        CancellationToken stop)
    {
        await pipe.WriteAsync(HostFrames.Hello(new Hello(Environment.ProcessId, confined.Contained, confined.NetworkOff)), stop);
        var frame = await Frames.ReadAsync(pipe, stop);
        var gpuBefore = gpuMemory?.Invoke() ?? default;
        if (frame is (FrameKind.Warm, var warmBody))
        {
            if (await WarmUpAsync(HostFrames.ReadWarm(warmBody), warmUps, classify, stop) is { } failure)
            {
                await pipe.WriteAsync(CreateReply(Failed(failure)), stop);
                return;
            }
            await pipe.WriteAsync(HostFrames.Warmed(), stop);
            frame = await Frames.ReadAsync(pipe, stop);
        }
        if (frame is not (FrameKind.Request, var body))
            throw new InvalidDataException("no request came");
        var request = HostFrames.ReadRequest(body);
        // One that was started for it is there already.
        if (Environment.CurrentDirectory != request.Folder)
            MoveTo(request.Folder);

        // On the pool, so that a handler that blocks from its first line on blocks nothing else.
        var progress = new ProgressSender(pipe);
        var context = new ActivityContext(request.Folder, progress.Report, stop);
        using var span = request.TraceParent is { } parent ? StartSpan(request.Activity, parent) : null;
        var reply = await Task.Run(() => HandleAsync(request, handlers, context, classify), CancellationToken.None);
        var gpu = GpuMemory.Compare(gpuBefore, gpuMemory?.Invoke() ?? default);
        progress.Finish(CreateReply(reply with { PeakMemoryBytes = PeakMemory(), GpuMemory = gpu }));
    }

    /// <returns>How it failed; null where it didn't.</returns>
    private static async Task<ActivityFailure?> WarmUpAsync(
        Warm warm, IReadOnlyDictionary<string, ActivityWarmUp>? warmUps, Func<Exception, ActivityFailure?> classify,
        CancellationToken stop)
    {
        if (warmUps is null || !warmUps.TryGetValue(warm.Activity, out var warmUp))
            return new ActivityFailure(FailureClass.Internal, false, $"The host can't be got ready for \"{warm.Activity}\".");
        var context = new ActivityContext(Environment.CurrentDirectory, _ => { }, stop);
        try
        {
            await Task.Run(() => warmUp(warm.Input, context), CancellationToken.None);
            await RehearseAsync(warm, context);
            // The request finds the memory of this one free, and there.
            GC.Collect();
            return null;
        }
        catch (Exception e)
        {
            return Classify(e, context, classify);
        }
    }

    /// <summary>Does once what a request takes besides its handler, so that it is compiled by then.</summary>
    private static async Task RehearseAsync(Warm warm, ActivityContext context)
    {
        using var nowhere = new MemoryStream();
        var handlers = new Dictionary<string, ActivityHandler>
        {
            [warm.Activity] = async (input, _) =>
            {
                await Task.Yield();
                return input;
            },
        };
        var request = HostFrames.ReadRequest(HostFrames.RequestBody(new Request(warm.Activity, warm.Input, context.ScratchFolder)));
        MoveTo(request.Folder);
        var progress = new ProgressSender(nowhere);
        progress.Report(new HostProgress(0, null));
        var reply = await Task.Run(() => HandleAsync(request, handlers, context, _ => null), CancellationToken.None);
        progress.Finish(CreateReply(reply with { PeakMemoryBytes = PeakMemory() }));
    }

    private static void MoveTo(string folder)
    {
        Environment.CurrentDirectory = folder;
        Environment.SetEnvironmentVariable(HostEnvironment.TemporaryFolder, folder);
    }

    /// <summary>
    /// Makes the handler's <see cref="System.Diagnostics.Activity.Current"/> a part of the parent's trace: what a handler calls or
    /// logs can then be told to belong to it. Nothing is exported from here.
    /// </summary>
    /// <returns>Null where the parent's span is none. Typed so that a host that isn't traced loads nothing for it.</returns>
    internal static IDisposable? StartSpan(string activity, string traceParent) =>
        System.Diagnostics.ActivityContext.TryParse(traceParent, null, isRemote: true, out var parent)
            ? new System.Diagnostics.Activity(activity).SetParentId(parent.TraceId, parent.SpanId, parent.TraceFlags).Start()
            : null;

    private static async Task<Reply> HandleAsync(
        Request request, IReadOnlyDictionary<string, ActivityHandler> handlers, ActivityContext context,
        Func<Exception, ActivityFailure?> classify)
    {
        if (!handlers.TryGetValue(request.Activity, out var handler))
            return Failed(new ActivityFailure(FailureClass.Internal, false, $"The host knows no activity \"{request.Activity}\"."));
        try
        {
            var output = await handler(request.Input, context);
            return output.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null
                ? Failed(new ActivityFailure(FailureClass.Internal, false, "The activity gave no output."))
                : new Reply(output, null, null);
        }
        catch (Exception e)
        {
            var failure = Classify(e, context, classify);
            // For whoever looks for the fault, in what the parent captures; the other classes say all in their reason.
            if (failure.Class == FailureClass.Internal)
                await Console.Error.WriteLineAsync(e.ToString());
            return Failed(failure);
        }
    }

    private static ActivityFailure Classify(Exception e, ActivityContext context, Func<Exception, ActivityFailure?> classify)
    {
        if (e is OperationCanceledException && context.CancellationToken.IsCancellationRequested)
            return new ActivityFailure(FailureClass.Cancelled, true, "The host was asked to stop.");
        return classify(e) ?? (e is OutOfMemoryException
            ? new ActivityFailure(FailureClass.OutOfMemory, true, "The activity ran out of memory.")
            : new ActivityFailure(FailureClass.Internal, false, $"{e.GetType().Name}: {e.Message}"));
    }

    private static Reply Failed(ActivityFailure failure) => new(null, failure.Bounded(), null);

    private static byte[] CreateReply(Reply reply)
    {
        try
        {
            return HostFrames.Reply(reply);
        }
        catch (InvalidDataException e)
        {
            var failure = new ActivityFailure(FailureClass.Internal, false, $"The activity's output can't be sent: {e.Message}.");
            return HostFrames.Reply(Failed(failure));
        }
    }

    private static long? PeakMemory() =>
        OperatingSystem.IsLinux() ? ProcFiles.PeakMemory("self") : System.Diagnostics.Process.GetCurrentProcess().PeakWorkingSet64;

    /// <summary>
    /// For a host that leads no group: ends this process when the parent closes its end of stdin, by dying or otherwise.
    /// </summary>
    /// <returns>False where the parent is known to be gone already.</returns>
    private static bool WatchStdin(int parentPid)
    {
        if (OperatingSystem.IsLinux())
            Lifeline.Hide();
        var stdin = Console.OpenStandardInput();
        new Thread(() =>
        {
            while (stdin.ReadByte() >= 0)
            {
                // Nothing is ever sent.
            }
            Environment.Exit(ProtocolExitCode);
        })
        { Name = "omoai-lifeline", IsBackground = true }.Start();
        return !OperatingSystem.IsLinux() || Libc.GetParentPid() == parentPid;
    }

    /// <summary>Writes frames from whatever thread a handler reports on, and nothing after the reply.</summary>
    private sealed class ProgressSender(Stream pipe)
    {
        private const int MaxMessageLength = 200;
        private static readonly TimeSpan MinInterval = TimeSpan.FromMilliseconds(50);

        private readonly Lock _gate = new();
        private long _lastSent;
        private bool _finished;

        public void Report(HostProgress progress)
        {
            var fraction = double.IsFinite(progress.Fraction) ? Math.Clamp(progress.Fraction, 0, 1) : 0;
            var message = progress.Message is { } text && text.Length > MaxMessageLength ? text[..MaxMessageLength] : progress.Message;
            lock (_gate)
            {
                if (_finished || (_lastSent != 0 && fraction < 1 && TimeProvider.System.GetElapsedTime(_lastSent) < MinInterval))
                    return;
                _lastSent = TimeProvider.System.GetTimestamp();
                pipe.Write(HostFrames.Progress(new HostProgress(fraction, message)));
            }
        }

        public void Finish(byte[] reply)
        {
            lock (_gate)
            {
                _finished = true;
                pipe.Write(reply);
            }
        }
    }
}
