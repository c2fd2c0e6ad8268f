using Omoai.Isolation.Hosts;
using Omoai.Isolation.Linux;

namespace Omoai.Isolation.Tests;

/// <summary>What a host may take: memory, room in its scratch folder, the processor.</summary>
public sealed class LimitTests(TestHosts hosts) : IClassFixture<TestHosts>, IDisposable
{
    // Of each test its own, since its size matters.
    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-limit-tests-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("hold-managed")]
    [InlineData("hold-native")]
    [InlineData("hold-in-a-child")]
    public async Task A_host_over_its_memory_is_killed_and_has_run_out_of_it(string activity)
    {
        var result = await hosts.RunAsync(activity, 500, configure: options => options.MaxMemoryMb = 300);

        Assert.Equal((FailureClass.OutOfMemory, true), (result.Failure!.Class, result.Failure.Retryable));
        Assert.Matches(
            @"held (3|4|5)\d\d MiB of memory, over the limit of 300 MiB \(Omoai:Isolation:MaxMemoryMb\)", result.Failure.Reason);
        Assert.Equal(9, result.Evidence.Signal);
    }

    [Fact]
    public async Task A_host_within_its_memory_is_left_alone()
    {
        var result = await hosts.RunAsync("hold-managed", 100, deadlineSeconds: 2, configure: options => options.MaxMemoryMb = 300);

        Assert.Equal(FailureClass.Timeout, result.Failure!.Class);
    }

    [Fact]
    public async Task A_host_that_fills_its_scratch_folder_with_small_files_is_killed()
    {
        var result = await hosts.RunAsync(
            "fill-scratch", 1500, scratch: _folder, configure: options => options.MaxScratchMb = 4);

        Assert.Equal((FailureClass.Internal, false), (result.Failure!.Class, result.Failure.Retryable));
        Assert.Matches(
            @"The scratch folder held (4|5) MiB, over the limit of 4 MiB \(Omoai:Isolation:MaxScratchMb\)", result.Failure.Reason);
        Assert.Equal(9, result.Evidence.Signal);
    }

    [Fact]
    public async Task A_scratch_folder_within_its_limit_is_left_alone()
    {
        var result = await hosts.RunAsync(
            "fill-scratch", 500, deadlineSeconds: 3, scratch: _folder, configure: options => options.MaxScratchMb = 4);

        Assert.Equal(FailureClass.Timeout, result.Failure!.Class);
    }

    [Fact]
    public async Task A_file_over_the_limit_is_an_error_and_no_end()
    {
        var result = await hosts.RunAsync(
            "write", 2 << 20, scratch: _folder, configure: options => options.MaxScratchMb = 1);

        // What .NET makes of EFBIG.
        Assert.Contains("file length was too large", result.Failure!.Reason, StringComparison.Ordinal);
        Assert.Equal(0, result.Evidence.ExitCode);
        Assert.Equal(1 << 20, new FileInfo(Path.Combine(_folder, "written")).Length);
    }

    [Fact]
    public async Task A_file_over_the_limit_is_an_error_for_what_the_host_starts_too()
    {
        var result = await hosts.RunAsync(
            "run", "dd if=/dev/zero of=written bs=1K count=2K", scratch: _folder, configure: options => options.MaxScratchMb = 1);

        Assert.Equal("1", result.Output!.Value[0].GetString());
        Assert.Contains("File too large", result.Output.Value[1].GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public async Task A_host_and_what_it_starts_are_as_nice_as_they_should_be(int nice)
    {
        var facts = await hosts.RunAsync("facts", configure: options => options.Nice = nice);
        var child = await hosts.RunAsync("run", "nice", configure: options => options.Nice = nice);

        Assert.Equal($"{nice}", facts.Output!.Value.GetProperty("nice").GetString());
        Assert.Equal($"{nice}", child.Output!.Value[1].GetString());
    }

    [Fact]
    public void The_sizes_of_files_are_added_up_and_links_are_not_followed()
    {
        File.WriteAllBytes(Path.Combine(_folder, "a"), new byte[1000]);
        File.WriteAllBytes(Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "deep", "down")).FullName, ".hidden"), new byte[24]);
        Directory.CreateSymbolicLink(Path.Combine(_folder, "deep", "link"), "/usr");
        File.CreateSymbolicLink(Path.Combine(_folder, "file-link"), "/bin/sh");

        Assert.Equal(1024, Watchdog.SizeOf(_folder));
        Assert.Equal(0, Watchdog.SizeOf(Path.Combine(_folder, "no-such")));
    }

    [Theory]
    [InlineData("0::/a/b", "sys/fs/cgroup/a/memory.max", "400000", 400000)]
    [InlineData("0::/a/b", "sys/fs/cgroup/a/b/memory.max", "max", 1024000)]
    [InlineData("0::/", "sys/fs/cgroup/memory.max", "5000", 5000)]
    [InlineData("4:memory:/a\n0::/", "sys/fs/cgroup/memory/a/memory.limit_in_bytes", "6000", 6000)]
    [InlineData("4:memory:/a\n0::/", "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712", 1024000)]
    [InlineData("3:cpu:/", "sys/fs/cgroup/cpu/memory.max", "1", 1024000)]
    public void The_memory_of_the_machine_is_that_of_the_control_group_where_that_is_less(
        string groups, string file, string limit, long expected)
    {
        Write("proc/meminfo", "MemTotal:        1000 kB\nMemFree:         10 kB\n");
        Write("proc/self/cgroup", groups + "\n");
        Write(file, limit + "\n");

        Assert.Equal(expected, ProcFiles.TotalMemory(_folder));
    }

    [Fact]
    public void The_default_limit_of_memory_is_three_quarters_of_what_there_is()
    {
        var limits = HostLimits.From(new IsolationOptions());

        Assert.Equal(ProcFiles.TotalMemory("/")!.Value * 0.75, limits.MaxMemoryBytes!.Value, 4.0);
        Assert.Equal((5, 8192L << 20), (limits.Nice, limits.MaxScratchBytes));
        Assert.Equal(64 << 20, HostLimits.From(new IsolationOptions { MaxMemoryMb = 64 }).MaxMemoryBytes);
    }

    [Fact]
    public void A_host_gets_a_control_group_of_its_own_where_one_can_be_made()
    {
        Write("cgroup.subtree_control", "cpu memory\n");

        var group = ControlGroup.TryCreate(_folder, 77, 1000)!;

        Assert.Equal("1000", Read("omoai-host-77/memory.max"));
        Assert.Equal("1", Read("omoai-host-77/memory.oom.group"));
        Assert.Equal("77", Read("omoai-host-77/cgroup.procs"));
        Assert.False(group.WasKilled);
        Write("omoai-host-77/memory.events", "low 0\noom 3\noom_kill 0\n");
        Assert.False(group.WasKilled);
        Write("omoai-host-77/memory.events", "low 0\noom 3\noom_kill 2\n");
        Assert.True(group.WasKilled);

        // In the kernel's own file system these files go with the folder.
        foreach (var file in Directory.EnumerateFiles(Path.Combine(_folder, "omoai-host-77")))
            File.Delete(file);
        group.Remove();
        Assert.False(Directory.Exists(Path.Combine(_folder, "omoai-host-77")));
    }

    [Theory]
    [InlineData("cpu pids\n")]
    [InlineData("")]
    [InlineData(null)]
    public void Where_the_memory_of_groups_cannot_be_bounded_none_is_made(string? controllers)
    {
        if (controllers is not null)
            Write("cgroup.subtree_control", controllers);

        Assert.Null(ControlGroup.TryCreate(_folder, 77, 1000));
        Assert.Empty(Directory.GetDirectories(_folder));
        Assert.Null(ControlGroup.TryCreate(null, 77, 1000));
    }

    [Fact]
    public void Control_groups_of_hosts_that_are_gone_are_removed()
    {
        Write("cgroup.subtree_control", "memory\n");
        var gone = Directory.CreateDirectory(Path.Combine(_folder, $"omoai-host-{int.MaxValue}")).FullName;
        var alive = Directory.CreateDirectory(Path.Combine(_folder, $"omoai-host-{Environment.ProcessId}")).FullName;

        ControlGroup.TryCreate(_folder, 77, 1000);

        Assert.False(Directory.Exists(gone));
        Assert.True(Directory.Exists(alive));
    }

    [Fact]
    public void A_host_that_the_kernel_killed_for_its_group_has_run_out_of_memory()
    {
        var overrun = new Overrun(OverrunKind.Memory, null, 300 << 20);
        var exit = new HostExit(null, 9, null, CapturedOutput.Empty, CapturedOutput.Empty, Overrun: overrun);

        var failure = Crash.Judge(exit, wasReady: true, killedForMemory: false);

        Assert.Equal((FailureClass.OutOfMemory, true), (failure.Class, failure.Retryable));
        Assert.Contains("300 MiB (Omoai:Isolation:MaxMemoryMb)", failure.Reason, StringComparison.Ordinal);
    }

    private string Read(string file) => File.ReadAllText(Path.Combine(_folder, file)).Trim();

    private void Write(string file, string text)
    {
        var path = Path.Combine(_folder, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
