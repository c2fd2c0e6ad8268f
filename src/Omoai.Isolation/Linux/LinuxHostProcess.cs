using System.Globalization;
using System.Runtime.InteropServices;
using Omoai.Isolation.Hosts;

namespace Omoai.Isolation.Linux;

/// <summary>
/// A host started by posix_spawn as the leader of its own session and process group, watched by one thread that drains its
/// output, kills what is left of its group and reaps it.
/// </summary>
/// <remarks>
/// Descriptor 0 of the host is the read end of its <em>lifeline</em>, a pipe whose only writing end is here and never
/// written to: when this process dies, the kernel closes that end (see <see cref="Lifeline"/>). The group's number stays
/// taken until its leader is reaped, so the group is always signalled before that, under <see cref="_gate"/>.
/// </remarks>
internal sealed unsafe class LinuxHostProcess : HostProcess
{
    private const int PollWithoutPidFdMs = 20;
    private const int DrainMs = 1000;
    private static readonly TimeSpan GroupEndTime = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly TaskCompletionSource<HostExit> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly int _lifeline;
    private readonly long? _parentPeak;
    private readonly HostLimits? _limits;
    private readonly ControlGroup? _controlGroup;
    private bool _reaped;

    private LinuxHostProcess(int pid, int lifeline, long? parentPeak, HostStart start)
    {
        Pid = pid;
        HoldsLease = start.Lease >= 0;
        _lifeline = lifeline;
        _parentPeak = parentPeak;
        _limits = start.Limits;
        if (start.Limits is not { } limits)
            return;
        BeNice(pid, limits.Nice);
        if (limits.MaxMemoryBytes is { } memory)
            _controlGroup = ControlGroup.TryCreate(ProcFiles.OwnControlGroup(), pid, memory);
    }

    /// <summary>Whether the C library has what this needs: glibc 2.34 or later.</summary>
    public static bool IsSupported { get; } =
        NativeLibrary.TryGetExport(NativeLibrary.GetMainProgramHandle(), "posix_spawn_file_actions_addclosefrom_np", out _);

    public override int Pid { get; }

    public override bool HoldsLease { get; }

    public override Task<HostExit> Exited => _exited.Task;

    public static Task<HostProcess> StartAsync(HostStart start) => SpawnThread.RunAsync<HostProcess>(() => Start(start));

    public override void Terminate() => Signal(Libc.SigTerm);

    public override void Kill() => Signal(Libc.SigKill);

    private static LinuxHostProcess Start(HostStart start)
    {
        Pipe lifeline = Pipe.None, stdout = Pipe.None, stderr = Pipe.None;
        try
        {
            lifeline = Pipe.Create();
            stdout = Pipe.Create();
            stderr = Pipe.Create();
            var error = Spawn(start, lifeline.Read, stdout.Write, stderr.Write, out var pid);
            // Not before: what this process takes meanwhile would count as the host's.
            var parentPeak = ProcFiles.PeakMemory("self");
            // EAGAIN and ENOMEM pass; whatever else it is will be there next time too.
            return error == 0
                ? StartWatching(new LinuxHostProcess(pid, lifeline.Write, parentPeak, start), stdout.Read, stderr.Read, start)
                : throw new HostStartException(Marshal.GetPInvokeErrorMessage(error), missing: error is not (11 or 12));
        }
        catch
        {
            // The lifeline's end ends a host that nobody watches, too.
            Libc.CloseOpen(lifeline.Write);
            Libc.CloseOpen(stdout.Read);
            Libc.CloseOpen(stderr.Read);
            throw;
        }
        finally
        {
            Libc.CloseOpen(lifeline.Read);
            Libc.CloseOpen(stdout.Write);
            Libc.CloseOpen(stderr.Write);
        }
    }

    private static LinuxHostProcess StartWatching(LinuxHostProcess host, int stdout, int stderr, HostStart start)
    {
        new Thread(
            () =>
            {
                try
                {
                    host._exited.SetResult(host.Watch(stdout, stderr, start));
                }
                catch (Exception e)
                {
                    // A bug; whoever awaits the end hears of it, and the process lives on.
                    host._exited.SetException(e);
                }
            },
            maxStackSize: 256 << 10)
        { Name = $"omoai-host-{host.Pid}", IsBackground = true }.Start();
        return host;
    }

    private static int Spawn(HostStart start, int stdin, int stdout, int stderr, out int pid)
    {
        var attributes = stackalloc byte[Libc.SpawnStructSize];
        var actions = stackalloc byte[Libc.SpawnStructSize];
        var signals = stackalloc byte[Libc.SignalSetSize];
        using var arguments = new NativeStrings([start.Path, .. start.Arguments]);
        using var environment = new NativeStrings([.. start.Environment.Select(pair => $"{pair.Key}={pair.Value}")]);
        using var folder = new NativeStrings([start.WorkingDirectory]);

        _ = Libc.SpawnAttributesInit(attributes);
        _ = Libc.FileActionsInit(actions);
        // .NET ignores some signals, and children inherit that; no signal may stay blocked either.
        _ = Libc.SignalSetFill(signals);
        _ = Libc.SpawnAttributesSetSignalDefaults(attributes, signals);
        _ = Libc.SignalSetEmpty(signals);
        _ = Libc.SpawnAttributesSetSignalMask(attributes, signals);
        _ = Libc.SpawnAttributesSetFlags(attributes, Libc.SpawnSetSid | Libc.SpawnSetSigDef | Libc.SpawnSetSigMask);
        try
        {
            var error = Libc.FileActionsAddChdir(actions, folder.Pointer[0]);
            error = error != 0 ? error : Libc.FileActionsAddDup2(actions, stdin, 0);
            error = error != 0 ? error : Libc.FileActionsAddDup2(actions, stdout, 1);
            error = error != 0 ? error : Libc.FileActionsAddDup2(actions, stderr, 2);
            if (start.Lease >= 0)
                error = error != 0 ? error : Libc.FileActionsAddDup2(actions, start.Lease, 3);
            error = error != 0 ? error : Libc.FileActionsAddCloseFrom(actions, start.Lease >= 0 ? 4 : 3);
            pid = 0;
            return error != 0
                ? error
                : Libc.PosixSpawn(out pid, arguments.Pointer[0], actions, attributes, arguments.Pointer, environment.Pointer);
        }
        finally
        {
            _ = Libc.FileActionsDestroy(actions);
            _ = Libc.SpawnAttributesDestroy(attributes);
        }
    }

    /// <summary>
    /// For the whole of a host that has hardly begun: what it starts inherits it. Not by the spawning thread's own value, which
    /// could never be lowered again.
    /// </summary>
    private static void BeNice(int pid, int nice)
    {
        if (nice <= Libc.GetNice(Libc.PrioProcess, 0))
            return;
        _ = Libc.SetNice(Libc.PrioGroup, pid, nice);
        try
        {
            // Where the kernel groups processes by session, only this counts between a host, which has its own, and others.
            File.WriteAllText($"/proc/{pid}/autogroup", nice.ToString(CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A wish, not a need.
        }
    }

    private void Signal(int signal)
    {
        lock (_gate)
        {
            if (!_reaped)
                _ = Libc.Kill(-Pid, signal);
        }
    }

    private HostExit Watch(int stdout, int stderr, HostStart start)
    {
        var output = new Capture(stdout, isError: false, start);
        var errors = new Capture(stderr, isError: true, start);
        var pidFd = Libc.PidFdOpen(Pid);
        var watchdog = new Watchdog(Pid, _limits, memory: _controlGroup is null);
        Overrun? overrun = null;
        while (!HasEnded())
        {
            Drain(output, errors, pidFd, pidFd < 0 ? PollWithoutPidFdMs : overrun is null ? watchdog.WaitMs : -1);
            if (overrun is null && (overrun = watchdog.Look(ScratchFolder)) is not null)
                Kill();
        }
        if (pidFd >= 0)
            _ = Libc.Close(pidFd);

        // The leader is a zombie now and holds the group's number: what it left behind can be killed without a mix-up.
        Kill();
        var exit = Reap();
        var leftRunning = !WaitForGroup();
        if (_controlGroup is { WasKilled: true })
            overrun ??= new Overrun(OverrunKind.Memory, null, _limits!.MaxMemoryBytes!.Value);
        _controlGroup?.Remove();
        // Nobody of the group writes any more; a process that left the group may hold the streams open, hence the limit.
        var until = Environment.TickCount64 + DrainMs;
        while ((output.IsOpen || errors.IsOpen) && until - Environment.TickCount64 is > 0 and var left)
            Drain(output, errors, -1, (int)left);
        output.Close();
        errors.Close();
        _ = Libc.Close(_lifeline);
        return exit with
        {
            Stdout = output.Bytes.ToOutput(),
            Stderr = errors.Bytes.ToOutput(),
            LeftRunning = leftRunning,
            Overrun = overrun,
        };
    }

    /// <summary>Whether the leader has ended, without reaping it.</summary>
    private bool HasEnded() =>
        Libc.WaitId(Libc.PPid, Pid, out var info, Libc.WExited | Libc.WNoWait | Libc.WNoHang) == 0
            ? info.Signal == Libc.SigChild
            // Somebody else has reaped it, or the parent ignores SIGCHLD, so that the kernel did.
            : Marshal.GetLastPInvokeError() == Libc.EChild;

    private HostExit Reap()
    {
        lock (_gate)
        {
            _reaped = true;
            int status;
            Libc.ResourceUsage usage;
            while (Libc.Wait4(Pid, out status, 0, out usage) < 0)
            {
                if (Marshal.GetLastPInvokeError() != Libc.EIntr)
                    return new HostExit(null, null, null, CapturedOutput.Empty, CapturedOutput.Empty);
            }
            var signal = status & 0x7f;
            // A child spawned with vfork starts from its parent's peak, so only what is above that is its own.
            var peak = (long)usage.MaxRss * 1024;
            return new HostExit(
                signal == 0 ? (status >> 8) & 0xff : null, signal == 0 ? null : signal,
                peak > _parentPeak ? peak : null, CapturedOutput.Empty, CapturedOutput.Empty);
        }
    }

    /// <returns>Whether it is gone: what waits for a driver can't be killed by anybody.</returns>
    private bool WaitForGroup()
    {
        var until = Environment.TickCount64 + (long)GroupEndTime.TotalMilliseconds;
        // Signal 0 finds zombies too, which stay where nobody reaps orphans; those are told apart by looking.
        while (Libc.Kill(-Pid, 0) == 0 && ProcFiles.GroupRuns(Pid))
        {
            if (Environment.TickCount64 >= until)
                return false;
            Thread.Sleep(5);
        }
        return true;
    }

    private static void Drain(Capture output, Capture errors, int pidFd, int timeoutMs)
    {
        var polled = stackalloc Libc.PollFd[3];
        polled[0] = new() { Fd = output.Fd, Events = Libc.PollIn };
        polled[1] = new() { Fd = errors.Fd, Events = Libc.PollIn };
        polled[2] = new() { Fd = pidFd, Events = Libc.PollIn };
        if (Libc.Poll(polled, 3, timeoutMs) <= 0)
            return;
        if (polled[0].Revents != 0)
            output.Read();
        if (polled[1].Revents != 0)
            errors.Read();
    }

    /// <summary>The reading end of one of the host's output streams.</summary>
    private sealed class Capture(int fd, bool isError, HostStart start)
    {
        public BoundedCapture Bytes { get; } = new(start.MaxCapturedOutputBytes);

        /// <summary>-1, which poll ignores, once it is closed.</summary>
        public int Fd { get; private set; } = fd;

        public bool IsOpen => Fd >= 0;

        public void Read()
        {
            var buffer = stackalloc byte[16 << 10];
            var count = (int)Libc.Read(Fd, buffer, 16 << 10);
            if (count > 0)
            {
                Bytes.Append(new ReadOnlySpan<byte>(buffer, count));
                start.Listener?.Invoke(isError, new ReadOnlySpan<byte>(buffer, count));
            }
            else if (count == 0 || Marshal.GetLastPInvokeError() != Libc.EIntr)
            {
                Close();
            }
        }

        public void Close()
        {
            Libc.CloseOpen(Fd);
            Fd = -1;
        }
    }

    private readonly record struct Pipe(int Read, int Write)
    {
        /// <summary>No pipe yet.</summary>
        public static Pipe None => new(-1, -1);

        /// <summary>A pipe that no other child of this process inherits.</summary>
        /// <exception cref="HostStartException">There are no more descriptors to be had.</exception>
        public static Pipe Create()
        {
            var fds = stackalloc int[2];
            if (Libc.Pipe2(fds, Libc.OCloexec) != 0)
                throw new HostStartException($"no pipe: {Marshal.GetLastPInvokeErrorMessage()}", missing: false);
            var pipe = new Pipe(Above2(fds[0]), Above2(fds[1]));
            if (pipe.Read >= 0 && pipe.Write >= 0)
                return pipe;
            Libc.CloseOpen(pipe.Read);
            Libc.CloseOpen(pipe.Write);
            throw new HostStartException("no pipe: no descriptor above 2 is free", missing: false);
        }

        /// <summary>Keeps clear of 0 to 2, which may be free here and are the host's own numbers. -1 where it can't.</summary>
        private static int Above2(int fd)
        {
            if (fd > 2)
                return fd;
            var moved = Libc.Fcntl(fd, Libc.FDupfdCloexec, 3);
            _ = Libc.Close(fd);
            return moved;
        }
    }
}
