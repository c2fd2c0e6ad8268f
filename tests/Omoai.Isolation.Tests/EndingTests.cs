using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Omoai.Isolation.Tests;

/// <summary>Deadlines, cancellation, and the death of the parent: the whole group ends.</summary>
public sealed partial class EndingTests(TestHosts hosts) : IClassFixture<TestHosts>
{
    private const int SigKill = 9;
    private const int SigTerm = 15;

    [Fact]
    public async Task The_deadline_ends_a_host_that_does_not_listen()
    {
        var result = await hosts.RunAsync("hang", deadlineSeconds: 3);

        Assert.Equal(FailureClass.Timeout, result.Failure!.Class);
        Assert.True(result.Failure.Retryable);
        Assert.Contains("3 s", result.Failure.Reason, StringComparison.Ordinal);
        Assert.Equal(SigKill, result.Evidence.Signal);
        Assert.True(result.Evidence.PeakMemoryBytes > 1 << 20);
    }

    [Fact]
    public async Task Cancelling_asks_first_so_that_a_host_that_listens_exits_by_itself()
    {
        using var cancel = new CancellationTokenSource();
        var reports = new TestHosts.Reports();
        var run = hosts.RunAsync(
            "wait", progress: reports, configure: options => options.KillGrace = TimeSpan.FromSeconds(30),
            cancellationToken: cancel.Token);
        await reports.First;
        await cancel.CancelAsync();

        var result = await run;
        Assert.Equal(FailureClass.Cancelled, result.Failure!.Class);
        Assert.Equal(0, result.Evidence.ExitCode);
        Assert.NotNull(result.Evidence.ReadyToDoneMs);
    }

    [Fact]
    public async Task Cancelling_ends_a_host_in_native_code_and_what_it_started()
    {
        using var cancel = new CancellationTokenSource();
        var reports = new TestHosts.Reports();
        var run = hosts.RunAsync("block", progress: reports, cancellationToken: cancel.Token);
        var pids = TestHosts.Pids((await reports.First).Message!);
        Assert.All(pids, pid => Assert.True(TestHosts.IsAlive(pid)));
        await cancel.CancelAsync();

        Assert.Equal(FailureClass.Cancelled, (await run).Failure!.Class);
        Assert.Equal(2, pids.Length);
        Assert.All(pids, pid => Assert.False(TestHosts.IsAlive(pid)));
    }

    [Fact]
    public async Task Cancelling_before_the_start_starts_nothing()
    {
        var result = await hosts.RunAsync("echo", cancellationToken: new CancellationToken(canceled: true));

        Assert.Equal(FailureClass.Cancelled, result.Failure!.Class);
        Assert.Equal(0, result.Evidence.Pid);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(40)]
    public async Task Cancelling_during_the_start_leaves_nothing_behind(int afterMs)
    {
        // By a name of its own, the host can be found without help from the evidence.
        var link = Path.Combine(hosts.Scratch, $"host-{afterMs}");
        File.CreateSymbolicLink(link, TestHosts.HostPath);
        using var cancel = new CancellationTokenSource(afterMs);

        // This looks for the socket, too.
        var result = await hosts.RunAsync("hang", configure: options => options.HostPath = link, cancellationToken: cancel.Token);

        Assert.Equal(FailureClass.Cancelled, result.Failure!.Class);
        Assert.Empty(TestHosts.Running(link));
        Assert.False(TestHosts.IsChild(result.Evidence.Pid), "the host was not reaped");
        Assert.False(result.Evidence.LeftRunning);
    }

    [Fact]
    public async Task A_host_that_calls_itself_cancelled_though_nobody_cancelled_it_is_lost()
    {
        var failure = await hosts.FailureAsync("says-cancelled");

        Assert.Equal((FailureClass.Lost, true), (failure.Class, failure.Retryable));
    }

    [Fact]
    public async Task A_host_that_is_never_ready_is_given_up_on()
    {
        var pidFile = Path.Combine(hosts.Scratch, "sleeper");
        var script = hosts.Script("never-ready", $"sleep 1000 & echo $! > {pidFile}; wait");

        var failure = await hosts.FailureAsync("echo", configure: options =>
        {
            options.HostPath = script;
            options.StartTimeout = TimeSpan.FromSeconds(2);
            options.KillGrace = TimeSpan.FromMilliseconds(100);
        });

        Assert.Equal(FailureClass.Timeout, failure.Class);
        Assert.Contains("not ready", failure.Reason, StringComparison.Ordinal);
        Assert.False(TestHosts.IsAlive(TestHosts.Pids(await File.ReadAllTextAsync(pidFile))[0]));
    }

    [Fact]
    public async Task A_host_stopped_from_outside_is_lost_and_one_killed_has_crashed()
    {
        var lost = await hosts.FailureAsync("signal", SigTerm);
        Assert.Equal((FailureClass.Lost, true), (lost.Class, lost.Retryable));

        var killed = await hosts.FailureAsync("signal", SigKill);
        Assert.Equal((FailureClass.Crashed, true), (killed.Class, killed.Retryable));
        Assert.Contains("SIGKILL", killed.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("block")]
    [InlineData("hang")]
    public async Task When_the_parent_is_killed_its_host_and_what_that_started_die_too(string activity)
    {
        using var parent = hosts.StartParent("parent", activity);
        var pids = TestHosts.Pids((await parent.StandardOutput.ReadLineAsync())!);
        Assert.All(pids, pid => Assert.True(TestHosts.IsAlive(pid)));

        parent.Kill();
        await parent.WaitForExitAsync();

        var dying = Stopwatch.StartNew();
        while (pids.Any(TestHosts.IsAlive) && dying.Elapsed < TimeSpan.FromSeconds(2))
            await Task.Delay(10);
        var alive = pids.Where(TestHosts.IsAlive).ToArray();
        foreach (var pid in alive)
            _ = Kill(pid, SigKill);
        Assert.Empty(alive);
    }

    [Fact]
    public async Task A_host_whose_parent_is_not_the_one_it_was_told_exits_at_once()
    {
        using var host = Process.Start(new ProcessStartInfo(TestHosts.HostPath, ["--pipe", "/tmp/none", "--parent", "1"])
        {
            RedirectStandardInput = true,
        })!;

        await host.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(ActivityHostProcess.ProtocolExitCode, host.ExitCode);
    }

    [Fact]
    public async Task A_host_started_by_hand_says_what_it_is()
    {
        using var host = Process.Start(new ProcessStartInfo(TestHosts.HostPath) { RedirectStandardError = true })!;

        Assert.Contains("Omoai", await host.StandardError.ReadToEndAsync(), StringComparison.Ordinal);
        await host.WaitForExitAsync();
        Assert.Equal(ActivityHostProcess.UsageExitCode, host.ExitCode);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}
