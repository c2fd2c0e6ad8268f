using System.Text.Json;
using Microsoft.Extensions.Logging;
using Omoai.Isolation.Hosts;

namespace Omoai.Isolation.Tests;

/// <summary>Whatever goes wrong around a host, a run ends with a result and its evidence.</summary>
public sealed class ResultTests(TestHosts hosts) : IClassFixture<TestHosts>
{
    private static readonly HostExit Clean = new(0, null, null, CapturedOutput.Empty, CapturedOutput.Empty);

    private readonly TestHosts.Logs _log = new();

    [Fact]
    public async Task A_listener_that_throws_does_not_take_the_activity_with_it()
    {
        var result = await hosts.RunAsync("progress", 7, progress: new Throwing(), logger: _log);

        Assert.Equal(7, result.Output!.Value.GetInt32());
        Assert.Contains(_log.Lines, line => line.Level == LogLevel.Warning && line.Text.Contains("progress", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_listener_that_blocks_does_not_keep_the_result_back()
    {
        using var end = new ManualResetEventSlim();

        var run = RunAsync(StubHost.Ending(Clean), new Blocking(end));
        var first = await Task.WhenAny(run, Task.Delay(TimeSpan.FromSeconds(60)));
        end.Set();

        Assert.Same(run, first);
        Assert.Equal(FailureClass.Crashed, (await run).Failure!.Class);
    }

    [Fact]
    public async Task What_nobody_thought_of_is_an_internal_failure_with_evidence()
    {
        var result = await RunAsync(("stub", _ => throw new InvalidOperationException("no thread")));

        Assert.Equal(new ActivityFailure(FailureClass.Internal, false, "InvalidOperationException: no thread"), result.Failure);
        Assert.Contains("--pipe", result.Evidence.Command, StringComparison.Ordinal);
        Assert.Contains("VLLM_WORKER_MULTIPROC_METHOD", result.Evidence.Variables);
        Assert.Contains(_log.Lines, line => line.Level == LogLevel.Error);
    }

    [Fact]
    public async Task A_request_without_an_input_is_a_failure_too()
    {
        var launcher = new ActivityHostLauncher(hosts.Options(), _log, TimeProvider.System);

        var result = await launcher.RunAsync(new HostRequest("echo", default, hosts.Scratch, TimeSpan.FromSeconds(5)));

        Assert.Equal(FailureClass.Internal, result.Failure!.Class);
        Assert.Equal("echo", result.Evidence.Activity);
    }

    [Fact]
    public async Task A_host_that_cannot_be_killed_is_in_the_evidence_and_the_log_though_its_answer_stands()
    {
        var result = await RunAsync(StubHost.Ending(exit: null));

        Assert.Equal(7, result.Output!.Value.GetInt32());
        Assert.True(result.Evidence.LeftRunning);
        Assert.Contains(_log.Lines, line => line.Level == LogLevel.Error && line.Text.Contains("does not end", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task So_is_something_that_it_started(bool leftRunning)
    {
        var result = await RunAsync(StubHost.Ending(Clean with { LeftRunning = leftRunning }));

        Assert.Equal(7, result.Output!.Value.GetInt32());
        Assert.Equal(leftRunning, result.Evidence.LeftRunning);
        Assert.Equal(leftRunning, _log.Lines.Any(line => line.Level == LogLevel.Error));
    }

    private Task<HostResult> RunAsync(
        (string Method, HostProcess.Starter Start) starter, IProgress<HostProgress>? progress = null)
    {
        var options = hosts.Options();
        options.StartTimeout = TimeSpan.FromMinutes(10);
        var launcher = new ActivityHostLauncher(options, _log, new HurriedTime()) { Starter = starter };
        var input = JsonSerializer.SerializeToElement(0);
        return launcher.RunAsync(new HostRequest("stub", input, hosts.Scratch, TimeSpan.FromHours(1)), progress);
    }

    /// <summary>Waits a twentieth of what it should.</summary>
    private sealed class HurriedTime : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? dueTime / 20 : dueTime, period);
    }

    private sealed class Throwing : IProgress<HostProgress>
    {
        public void Report(HostProgress value) => throw new InvalidOperationException("the listener's own fault");
    }

    private sealed class Blocking(ManualResetEventSlim end) : IProgress<HostProgress>
    {
        public void Report(HostProgress value) => end.Wait();
    }
}
