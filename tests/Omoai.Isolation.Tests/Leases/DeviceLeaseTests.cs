using System.Text.Json;
using Omoai.Isolation.Leases;

namespace Omoai.Isolation.Tests.Leases;

/// <summary>Leases of several workers that share a folder; each <see cref="DeviceLeases"/> here is one.</summary>
public sealed class DeviceLeaseTests(TestHosts hosts) : IClassFixture<TestHosts>, IDisposable
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-isolation-tests-").FullName;
    private readonly ManualTime _time = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Hosts_of_all_workers_count_and_spread_over_the_devices()
    {
        var (one, other) = (Worker("0,1", perDevice: 2), Worker("0,1", perDevice: 2));
        var taken = new List<DeviceLease>();
        for (var i = 0; i < 4; i++)
            taken.Add(await TakenAsync(i % 2 == 0 ? one : other));

        Assert.Equal(["0", "1", "0", "1"], taken.Select(lease => lease.Device.Name));
        Assert.Null(one.TryTakeIdle("a", new HostNeed()));
        taken[2].Dispose();
        Assert.Equal("0", other.TryTakeIdle("a", new HostNeed())!.Device.Name);
    }

    [Fact]
    public async Task Whoever_waits_longest_is_next_whatever_worker_it_is_of()
    {
        var (one, other, third) = (Worker("0"), Worker("0"), Worker("0"));
        var holder = await TakenAsync(one);
        var first = other.TakeAsync("first", new HostNeed(), default);
        var second = third.TakeAsync("second", new HostNeed(), default);

        holder.Dispose();
        // The second looks before the first does, and leaves it to it.
        Assert.Null(third.TryTakeIdle("idle", new HostNeed()));
        Assert.False(second.IsCompleted);
        var (lease, _) = await AsTimePassesAsync(first);
        Assert.False(second.IsCompleted);

        lease!.Dispose();
        Assert.NotNull((await AsTimePassesAsync(second)).Lease);
    }

    [Fact]
    public async Task Whoever_waits_for_one_device_is_in_nobodys_way_at_another()
    {
        var (one, other) = (Worker("0"), Worker("0,1"));
        await TakenAsync(one);
        var waits = one.TakeAsync("waits", new HostNeed(), default);

        Assert.Equal("1", (await TakenAsync(other)).Device.Name);
        Assert.False(waits.IsCompleted);
    }

    [Fact]
    public async Task What_needs_no_GPU_gets_a_share_of_the_processor()
    {
        var worker = Worker("0", cpuHosts: 1);

        Assert.True((await TakenAsync(worker)).Device.IsGpu);
        Assert.False((await TakenAsync(worker, new HostNeed { Gpu = false })).Device.IsGpu);
        var (lease, failure) = await worker.TakeAsync("a", new HostNeed { Gpu = false }, new CancellationToken(canceled: true));
        Assert.Null(lease);
        Assert.Equal(FailureClass.Cancelled, failure!.Class);
    }

    [Fact]
    public async Task What_models_declare_must_fit_into_the_memory_of_a_device()
    {
        var (one, other) = (Worker("0,1", perDevice: 4, memoryMb: 1000), Worker("0,1", perDevice: 4, memoryMb: 1000));

        Assert.Equal("0", (await TakenAsync(one, Memory(600))).Device.Name);
        Assert.Equal("1", (await TakenAsync(other, Memory(600))).Device.Name);
        var third = await TakenAsync(other, Memory(400));
        Assert.Equal("0", third.Device.Name);
        Assert.Equal("1", (await TakenAsync(other, Memory(400))).Device.Name);
        Assert.Null(one.TryTakeIdle("a", Memory(1)));
        Assert.NotNull(one.TryTakeIdle("a", Memory(0)));
        third.Dispose();
        Assert.NotNull(one.TryTakeIdle("a", Memory(300)));
        Assert.NotNull(one.TryTakeIdle("a", Memory(100)));

        static HostNeed Memory(int megabytes) => new() { MemoryMb = megabytes };
    }

    [Fact]
    public async Task A_model_that_fits_nowhere_may_try_an_idle_device()
    {
        Assert.NotNull(await TakenAsync(Worker("0", memoryMb: 1000), new HostNeed { MemoryMb = 2000 }));
    }

    [Fact]
    public async Task What_a_killed_worker_left_in_the_queue_is_in_nobodys_way()
    {
        var worker = Worker("0");
        (await TakenAsync(worker)).Dispose();
        var folder = Directory.GetDirectories(_folder).Single();
        var left = Path.Combine(folder, $"wait-{1:D20}-1-1");
        File.WriteAllText(left, "");

        Assert.NotNull(worker.TryTakeIdle("a", new HostNeed()));
        Assert.False(File.Exists(left));
    }

    [Fact]
    public async Task A_folder_that_was_cleaned_up_meanwhile_is_made_again()
    {
        var worker = Worker("0");
        (await TakenAsync(worker)).Dispose();
        Directory.Delete(Path.Combine(_folder), recursive: true);

        Assert.NotNull(await TakenAsync(worker));
    }

    [Fact]
    public async Task A_folder_that_cannot_be_used_is_named()
    {
        var file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        var leases = new DeviceLeases(new IsolationOptions { LeaseFolder = file }, _time);

        var (lease, failure) = await leases.TakeAsync("a", new HostNeed(), default);

        Assert.Null(lease);
        Assert.Equal((FailureClass.Internal, true), (failure!.Class, failure.Retryable));
        Assert.Contains("Omoai:Isolation:LeaseFolder", failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_slot_that_no_host_has_is_free_at_once_whatever_child_is_just_being_started()
    {
        var (one, other) = (Worker("0"), Worker("0"));
        var lease = await TakenAsync(one);
        // As a child has it between fork and exec.
        var copy = Linux.Libc.Fcntl(lease.Descriptor, Linux.Libc.FDupfdCloexec, 4);
        Assert.True(copy >= 0);

        lease.Dispose();

        Assert.NotNull(other.TryTakeIdle("a", new HostNeed()));
        _ = Linux.Libc.Close(copy);
    }

    [Fact]
    public async Task A_slot_belongs_to_the_host_until_that_has_ended_though_its_parent_has_let_go_of_it()
    {
        var started = new TestHosts.Reports();
        using var cancel = new CancellationTokenSource();
        var run = hosts.RunAsync("hang", configure: OnOneDevice, progress: started, cancellationToken: cancel.Token);
        await started.First;

        // Another worker, which knows nothing of this one.
        var other = Worker("0");
        Assert.Null(other.TryTakeIdle("a", new HostNeed()));
        var slot = Path.Combine(Directory.GetDirectories(_folder).Single(), "slot-0");
        var holder = JsonDocument.Parse(LockFile.Read(slot)).RootElement;
        Assert.Equal((Environment.ProcessId, "hang"), (holder.GetProperty("worker").GetInt32(), holder.GetProperty("activity").GetString()));
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries("/proc/self/fd"), fd => new FileInfo(fd).LinkTarget == slot);

        await cancel.CancelAsync();
        Assert.Equal("0", (await run).Evidence.Device);
        Assert.NotNull(other.TryTakeIdle("a", new HostNeed()));
    }

    [Fact]
    public async Task A_slot_is_free_when_its_host_is_killed_and_when_its_worker_is()
    {
        using var parent = hosts.StartParent("device-parent", "block");
        var pids = TestHosts.Pids((await parent.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60)))!);
        var leases = new DeviceLeases(
            new IsolationOptions { Devices = "0", LeaseFolder = Path.Combine(hosts.Scratch, "leases") }, TimeProvider.System);
        Assert.Null(leases.TryTakeIdle("a", new HostNeed()));

        parent.Kill();
        var (lease, _) = await leases.TakeAsync("a", new HostNeed(), default);

        Assert.NotNull(lease);
        Assert.All(pids, pid => Assert.False(TestHosts.IsAlive(pid)));
        lease.Dispose();
    }

    [Theory]
    // On the processor: the first GPU where none can be seen, unless GPUs are hidden or not wanted.
    [InlineData(true, false, null, null, "0")]
    [InlineData(true, false, null, "", "")]
    [InlineData(true, false, null, "-1", "-1")]
    [InlineData(true, false, null, "2,3", "2,3")]
    [InlineData(true, false, "", "2", "-1")]
    [InlineData(false, false, null, "2", "-1")]
    // On a GPU: that one.
    [InlineData(true, true, null, "2,3", "gpu")]
    public void A_host_sees_the_device_it_has(bool wantsGpu, bool hasGpu, string? configured, string? visible, string expected)
    {
        var device = new Device(hasGpu ? "gpu" : "cpu", 1, hasGpu);

        Assert.Equal(expected, DeviceLeases.VisibleDevices(new HostNeed { Gpu = wantsGpu }, device, configured, visible));
    }

    [Fact]
    public void Threads_are_shared_out_between_the_hosts()
    {
        var cores = Environment.ProcessorCount;
        Assert.Equal(cores, Worker("", cpuHosts: 1).ThreadsPerHost);
        Assert.Equal(1, Worker("", cpuHosts: 256).ThreadsPerHost);
        Assert.Equal(Math.Max(1, cores / 2), Worker("0,1").ThreadsPerHost);
    }

    private void OnOneDevice(IsolationOptions options) => (options.Devices, options.LeaseFolder) = ("0", _folder);

    /// <summary>What a wait comes to while those who wait look again and again.</summary>
    private async Task<T> AsTimePassesAsync<T>(Task<T> wait)
    {
        while (!wait.IsCompleted)
        {
            _time.Advance(Poll);
            await Task.WhenAny(wait, Task.Delay(1));
        }
        return await wait;
    }

    private static async Task<DeviceLease> TakenAsync(DeviceLeases leases, HostNeed? need = null)
    {
        var (lease, failure) = await leases.TakeAsync("a", need ?? new HostNeed(), default).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Null(failure);
        return lease!;
    }

    private DeviceLeases Worker(string devices, int perDevice = 1, int? memoryMb = null, int? cpuHosts = null) => new(
        new IsolationOptions
        {
            Devices = devices,
            HostsPerDevice = perDevice,
            DeviceMemoryMb = memoryMb,
            CpuHosts = cpuHosts,
            LeaseFolder = _folder,
        },
        _time);
}
