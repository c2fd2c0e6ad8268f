using System.Diagnostics;

namespace Omoai.Isolation.Leases;

/// <summary>
/// Who may use which device: a number of hosts each, over all worker processes of the machine that share a folder. A slot is a file
/// there that its holder has locked. Whoever waits longest is next, whatever process it is of.
/// </summary>
internal sealed class DeviceLeases
{
    // Within this process a slot that comes free is told of; those of others have to be looked for.
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>The value of <c>CUDA_VISIBLE_DEVICES</c> for none.</summary>
    public const string NoDevice = "-1";

    private readonly IsolationOptions _options;
    private readonly TimeProvider _time;
    private readonly string _folder;
    private readonly IReadOnlyList<Device> _gpus;
    private readonly IReadOnlyList<Device> _processor;
    // Of this process only one looks at a time, whoever has waited longest.
    private readonly SemaphoreSlim _forGpus = new(1);
    private readonly SemaphoreSlim _forProcessor = new(1);
    private volatile TaskCompletionSource _freed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public DeviceLeases(IsolationOptions options, TimeProvider time)
    {
        (_options, _time) = (options, time);
        // Not where TMPDIR says: a worker may have one to itself.
        var shared = OperatingSystem.IsWindows() ? Path.GetTempPath() : "/tmp";
        _folder = Path.GetFullPath(options.LeaseFolder ?? Path.Combine(shared, $"omoai-leases-{Environment.UserName}"));
        var gpus = Device.Gpus(options.Devices, Visible, Device.OnMachine());
        _gpus = [.. gpus.Select(name => new Device(name, options.HostsPerDevice, IsGpu: true))];
        _processor = [new Device("cpu", options.CpuHosts ?? DefaultCpuHosts, IsGpu: false)];
        var slots = (_gpus.Count > 0 ? _gpus : _processor).Sum(device => device.Slots);
        ThreadsPerHost = Math.Max(1, Environment.ProcessorCount / slots);
    }

    // What this process may see.
    private static string? Visible => Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES");

    /// <summary>Threads of a host's model with which the hosts together don't oversubscribe the processor.</summary>
    public int ThreadsPerHost { get; }

    /// <summary>Asked to end a host that serves nobody on one of these devices, for somebody who waits for them.</summary>
    public Action<IReadOnlyList<Device>> MakeRoom { get; set; } = _ => { };

    // Two at least, so that the next host gets ready while one works.
    private static int DefaultCpuHosts => Environment.ProcessorCount == 1 ? 1 : Math.Max(2, Environment.ProcessorCount / 2);

    /// <summary>The devices, any of which will do.</summary>
    public IReadOnlyList<Device> DevicesFor(HostNeed need) => need.Gpu && _gpus.Count > 0 ? _gpus : _processor;

    /// <summary>
    /// The value of <c>CUDA_VISIBLE_DEVICES</c> for a host. Where no GPU can be seen, one that wants one may look for the first for
    /// itself, unless they are hidden from this process.
    /// </summary>
    public string VisibleDevices(HostNeed need, Device device) => VisibleDevices(need, device, _options.Devices, Visible);

    /// <inheritdoc cref="VisibleDevices(HostNeed, Device)"/>
    internal static string VisibleDevices(HostNeed need, Device device, string? configured, string? visible) =>
        device.IsGpu ? device.Name : need.Gpu && configured is null ? visible ?? "0" : NoDevice;

    /// <summary>Waits for a slot.</summary>
    /// <param name="activity">For what.</param>
    /// <param name="need">What it must have.</param>
    /// <param name="cancellationToken">Stops the wait.</param>
    /// <returns>The lease; or, when none came within <see cref="IsolationOptions.LeaseWait"/>, why not.</returns>
    public async Task<(DeviceLease? Lease, ActivityFailure? Failure)> TakeAsync(
        string activity, HostNeed need, CancellationToken cancellationToken)
    {
        var arrival = Stopwatch.GetTimestamp();
        var devices = DevicesFor(need);
        using var late = new CancellationTokenSource(_options.LeaseWait, _time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        var turn = devices[0].IsGpu ? _forGpus : _forProcessor;
        try
        {
            // A turn that is free is taken also where there is no time to wait for one; nobody who waits is overtaken by that.
            if (!turn.Wait(0, CancellationToken.None))
                await turn.WaitAsync(stop.Token);
            try
            {
                return (await QueueAsync(activity, need, devices, arrival, stop.Token), null);
            }
            finally
            {
                turn.Release();
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return (null, new ActivityFailure(FailureClass.Cancelled, true, "Cancelled before it was started."));
        }
        catch (OperationCanceledException)
        {
            var names = string.Join(", ", devices.Select(device => device.IsGpu ? $"GPU {device.Name}" : "the processor"));
            var option = devices[0].IsGpu ? nameof(IsolationOptions.HostsPerDevice) : nameof(IsolationOptions.CpuHosts);
            return (null, new ActivityFailure(
                FailureClass.Busy, true,
                $"No turn came within {_options.LeaseWait.TotalSeconds:0.#} s: as many hosts ran on {names} as may at the same time, " +
                $"{devices[0].Slots} (Omoai:Isolation:{option})."));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return (null, new ActivityFailure(
                FailureClass.Internal, true,
                $"No device can be taken in {_folder}: {e.Message} Say where with Omoai:Isolation:LeaseFolder."));
        }
    }

    /// <summary>A slot that is free and that nobody waits for; null where there is none.</summary>
    public DeviceLease? TryTakeIdle(string activity, HostNeed need)
    {
        var devices = DevicesFor(need);
        if (IsWaitedFor(devices) || TryTake(activity, need, devices, null) is not { } lease)
            return null;
        var isWaitedFor = true;
        try
        {
            isWaitedFor = IsWaitedFor(devices);
            return isWaitedFor ? null : lease;
        }
        finally
        {
            if (isWaitedFor)
                lease.Dispose();
        }
    }

    /// <summary>Whether an activity of whatever process waits for one of these devices.</summary>
    public bool IsWaitedFor(IReadOnlyList<Device> devices) => devices.Any(device => Ticket.AnyFor(FolderOf(device)));

    private async Task<DeviceLease> QueueAsync(
        string activity, HostNeed need, IReadOnlyList<Device> devices, long arrival, CancellationToken stop)
    {
        using var ticket = new Ticket(devices.Select(FolderOf), arrival);
        while (true)
        {
            var freed = _freed;
            if (TryTake(activity, need, devices, ticket) is { } lease)
                return lease;
            MakeRoom(devices);
            stop.ThrowIfCancellationRequested();
            using var woken = CancellationTokenSource.CreateLinkedTokenSource(stop);
            await Task.WhenAny(freed.Task, Task.Delay(PollInterval, _time, woken.Token));
            await woken.CancelAsync();
        }
    }

    private DeviceLease? TryTake(string activity, HostNeed need, IReadOnlyList<Device> devices, Ticket? ticket)
    {
        // Slot by slot, so that hosts spread over the devices.
        for (var slot = 0; slot < devices[0].Slots; slot++)
        {
            foreach (var device in devices)
            {
                var folder = FolderOf(device);
                if (ticket is not null && Ticket.AnyFor(folder, ticket))
                    continue;
                // What is counted mustn't change until the slot says what it holds.
                using var counting = CountsMemory(device, need) ? LockFile.TryTake(Path.Combine(folder, "memory")) : null;
                if (CountsMemory(device, need) && (counting is null || !HasMemory(device, folder, need)))
                    continue;
                var path = SlotPath(folder, slot);
                if (LockFile.TryTake(path) is not { } file)
                    continue;
                var lease = new DeviceLease(device, file, SignalFreed);
                try
                {
                    lease.Describe(new SlotHolder(Environment.ProcessId, activity, need.MemoryMb));
                    return lease;
                }
                catch
                {
                    // A full disk, for one.
                    lease.Dispose();
                    throw;
                }
            }
        }
        return null;
    }

    /// <summary>Whether what is there and what is wanted fit together. What doesn't fit into an idle device either may try.</summary>
    private bool HasMemory(Device device, string folder, HostNeed need)
    {
        var taken = 0L;
        for (var slot = 0; slot < device.Slots; slot++)
        {
            var path = SlotPath(folder, slot);
            using var free = LockFile.TryTake(path);
            if (free is null)
                taken += SlotHolder.Read(path)?.MemoryMb ?? 0;
        }
        return taken == 0 || taken + need.MemoryMb <= _options.DeviceMemoryMb;
    }

    private bool CountsMemory(Device device, HostNeed need) => device.IsGpu && _options.DeviceMemoryMb is not null && need.MemoryMb > 0;

    private void SignalFreed() =>
        Interlocked.Exchange(ref _freed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();

    private static string SlotPath(string folder, int slot) => Path.Combine(folder, $"slot-{slot}");

    /// <summary>The folder of a device, which is made where it isn't there: somebody may clean up temporary files.</summary>
    private string FolderOf(Device device)
    {
        var folder = Path.Combine(_folder, device.FileName);
        if (!Directory.Exists(folder))
        {
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(folder);
            else
                Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        return folder;
    }
}
