using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Omoai.Isolation.Tests;

/// <summary>The way hosts are started on other systems, tried on Linux.</summary>
public sealed partial class PortableTests(TestHosts hosts) : IClassFixture<TestHosts>
{
    [Fact]
    public async Task An_activity_answers()
    {
        var result = await hosts.RunAsync("echo", 7, portable: true);

        Assert.Equal(7, result.Output!.Value.GetInt32());
        Assert.Equal("process", result.Evidence.StartMethod);
        Assert.Equal(0, result.Evidence.ExitCode);
    }

    [Fact]
    public async Task Its_environment_is_built_from_nothing_too()
    {
        var result = await hosts.RunAsync("environment", environment: [new("AZURE_CLIENT_SECRET", "one")], portable: true);

        var variables = result.Output!.Value.Deserialize<string[]>()!;
        Assert.Contains("VLLM_WORKER_MULTIPROC_METHOD=spawn", variables);
        Assert.DoesNotContain(variables, variable => variable.StartsWith("AZURE", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Cancelling_ends_the_whole_tree()
    {
        using var cancel = new CancellationTokenSource();
        var reports = new TestHosts.Reports();
        var run = hosts.RunAsync("block", progress: reports, portable: true, cancellationToken: cancel.Token);
        var pids = TestHosts.Pids((await reports.First).Message!);
        await cancel.CancelAsync();

        Assert.Equal(FailureClass.Cancelled, (await run).Failure!.Class);
        Assert.All(pids, pid => Assert.False(TestHosts.IsAlive(pid)));
    }

    [Fact]
    public async Task A_host_lives_on_when_the_thread_that_asked_for_it_ends()
    {
        var file = Path.Combine(hosts.Scratch, "thread-has-ended");
        var reports = new TestHosts.Reports();
        using var mayEnd = new ManualResetEventSlim();
        var started = new TaskCompletionSource<(int Thread, Task<HostResult> Run)>();
        var thread = new Thread(() =>
        {
            started.SetResult((GetThreadId(), hosts.RunAsync("until-file", file, progress: reports, portable: true)));
            mayEnd.Wait();
        });
        thread.Start();
        var (threadId, run) = await started.Task;
        await reports.First;
        mayEnd.Set();
        while (Directory.Exists($"/proc/self/task/{threadId}"))
            await Task.Delay(10);
        await File.WriteAllTextAsync(file, "");

        Assert.Null((await run).Failure);
    }

    [Fact]
    public async Task A_host_ends_with_its_parent()
    {
        using var parent = hosts.StartParent("portable-parent", "hang");
        var pid = Assert.Single(TestHosts.Pids((await parent.StandardOutput.ReadLineAsync())!));
        Assert.True(TestHosts.IsAlive(pid));

        parent.Kill();
        await parent.WaitForExitAsync();

        var dying = Stopwatch.StartNew();
        while (TestHosts.IsAlive(pid) && dying.Elapsed < TimeSpan.FromSeconds(30))
            await Task.Delay(10);
        Assert.False(TestHosts.IsAlive(pid));
    }

    [Fact]
    public async Task A_crash_is_a_crash()
    {
        var result = await hosts.RunAsync("exit-after-stderr", portable: true);

        Assert.Equal(FailureClass.Crashed, result.Failure!.Class);
        Assert.Contains("the device caught fire", result.Failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_executable_says_what_to_do()
    {
        var result = await hosts.RunAsync("echo", portable: true, configure: options => options.HostPath = "/no/such/host");

        Assert.Equal(FailureClass.ModelMissing, result.Failure!.Class);
    }

    [LibraryImport("libc", EntryPoint = "gettid")]
    private static partial int GetThreadId();
}
