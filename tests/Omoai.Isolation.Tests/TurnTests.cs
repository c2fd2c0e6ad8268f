using System.Text.Json;
using Omoai.Isolation.Hosts;
using Omoai.Tests;

namespace Omoai.Isolation.Tests;

/// <summary>No more hosts run at the same time than may. A run waits for its turn, or has started its host, when the call
/// that asks for it returns: so nothing here has to be waited for to be sure that it doesn't happen.</summary>
public sealed class TurnTests : IDisposable
{
    private static readonly HostExit Clean = new(0, null, null, CapturedOutput.Empty, CapturedOutput.Empty);

    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-isolation-tests-").FullName;
    private readonly ManualTime _time = new();
    private readonly List<(string Name, StubHost Host, TaskCompletionSource MayAnswer, TaskCompletionSource<HostExit> End)> _started = [];

    private string[] Started => [.. _started.Select(host => host.Name)];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_turn_is_given_back_when_the_host_is_gone_and_not_when_it_has_answered()
    {
        var launcher = Launcher();
        using var cancel = new CancellationTokenSource();
        var first = RunAsync(launcher, "first");
        var second = RunAsync(launcher, "second", cancel.Token);

        // It has answered, lingers, is killed, and still isn't gone.
        _started[0].MayAnswer.SetResult();
        await _time.AskedForAsync(TimeSpan.FromSeconds(2));
        _time.Advance(TimeSpan.FromSeconds(2));
        await _started[0].Host.Killed.WaitAsync(TimeSpan.FromSeconds(60));

        // Whoever had a turn by now couldn't be kept from starting any more.
        await cancel.CancelAsync();
        var cancelled = await second.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal((FailureClass.Cancelled, 0), (cancelled.Failure!.Class, cancelled.Evidence.Pid));
        Assert.Equal(["first"], Started);

        End(0);
        Assert.NotNull((await first).Output);
        var third = RunAsync(launcher, "third");
        Assert.Equal(["first", "third"], Started);
        End(1);
        Assert.NotNull((await third).Output);
    }

    [Fact]
    public async Task As_many_run_as_may_and_whoever_waits_longest_is_next()
    {
        var launcher = Launcher(maxHosts: 2);
        string[] names = ["a", "b", "c", "d", "e"];
        var runs = names.Select(name => RunAsync(launcher, name)).ToList();
        for (var i = 0; i < names.Length; i++)
        {
            await StartedAsync(Math.Min(i + 2, names.Length));
            Assert.Equal(names.Take(i + 2), Started);
            End(i);
            await runs[i];
        }

        Assert.All(runs, run => Assert.NotNull(run.Result.Output));
    }

    [Fact]
    public async Task Whoever_gets_no_turn_in_time_is_busy_and_nothing_was_started()
    {
        using var trace = new TestTrace();
        var launcher = Launcher(leaseWait: TimeSpan.FromSeconds(30));
        var first = RunAsync(launcher, "first");
        var asked = _time.GetUtcNow();
        var second = RunAsync(launcher, "second");

        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.False(second.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));
        var result = await second.WaitAsync(TimeSpan.FromSeconds(60));

        Assert.Equal((FailureClass.Busy, true), (result.Failure!.Class, result.Failure.Retryable));
        Assert.Contains("30 s", result.Failure.Reason, StringComparison.Ordinal);
        Assert.Contains("1 (Omoai:Isolation:CpuHosts)", result.Failure.Reason, StringComparison.Ordinal);
        Assert.Equal(("second", 0, asked), (result.Evidence.Activity, result.Evidence.Pid, result.Evidence.StartedAt));
        Assert.Equal(("stub", "-1", trace.Id), (result.Evidence.StartMethod, result.Evidence.Device, result.Evidence.TraceId));
        Assert.Contains(("omoai.host.failures{class=busy}", 1), trace.Measurements);
        Assert.Equal(["first"], Started);

        // It has no turn to give back, and took none with it.
        var third = RunAsync(launcher, "third");
        Assert.Equal(["first"], Started);
        End(0);
        await first;
        await StartedAsync(2);
        End(1);
        Assert.NotNull((await third).Output);
    }

    [Fact]
    public async Task Cancelling_ends_the_wait_and_the_turn_goes_to_the_next()
    {
        var launcher = Launcher();
        using var cancel = new CancellationTokenSource();
        var first = RunAsync(launcher, "first");
        var second = RunAsync(launcher, "second", cancel.Token);
        var third = RunAsync(launcher, "third");

        await cancel.CancelAsync();
        var result = await second.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal((FailureClass.Cancelled, 0), (result.Failure!.Class, result.Evidence.Pid));

        End(0);
        await first;
        await StartedAsync(2);
        Assert.Equal(["first", "third"], Started);
        End(1);
        Assert.NotNull((await third).Output);
    }

    [Fact]
    public async Task The_deadline_counts_from_the_start_of_the_host()
    {
        var launcher = Launcher();
        var first = RunAsync(launcher, "first");
        var second = RunAsync(launcher, "second", deadline: TimeSpan.FromSeconds(5));

        _time.Advance(TimeSpan.FromSeconds(20));
        End(0);
        await first;
        await StartedAsync(2);
        End(1);

        Assert.NotNull((await second).Output);
    }

    [Fact]
    public async Task Without_time_to_wait_a_free_turn_is_taken_and_else_it_is_busy_at_once()
    {
        var launcher = Launcher(leaseWait: TimeSpan.Zero);
        var first = RunAsync(launcher, "first");
        Assert.Equal(["first"], Started);

        Assert.Equal(FailureClass.Busy, (await RunAsync(launcher, "second").WaitAsync(TimeSpan.FromSeconds(60))).Failure!.Class);

        End(0);
        Assert.NotNull((await first).Output);
    }

    [Fact]
    public async Task A_host_that_cannot_be_started_gives_its_turn_back()
    {
        var options = Options(maxHosts: 1, TimeSpan.Zero);
        var launcher = new ActivityHostLauncher(options, new TestHosts.Logs(), _time)
        {
            Starter = ("stub", _ => throw new HostStartException("no such file", missing: true)),
        };

        Assert.Equal(FailureClass.ModelMissing, (await RunAsync(launcher, "first")).Failure!.Class);
        Assert.Equal(FailureClass.ModelMissing, (await RunAsync(launcher, "second")).Failure!.Class);
    }

    [Fact]
    public async Task A_turn_taken_beforehand_counts_until_the_host_of_the_run_that_has_it_is_gone()
    {
        var launcher = Launcher();
        using var cancel = new CancellationTokenSource();
        var turn = await TurnAsync(launcher);
        var first = RunAsync(launcher, "first", cancel.Token);
        Assert.Empty(Started);

        var second = RunAsync(launcher, "second", turn: turn);
        Assert.Equal(["second"], Started);

        // It has answered, lingers, is killed, and still isn't gone.
        _started[0].MayAnswer.SetResult();
        await _time.AskedForAsync(TimeSpan.FromSeconds(2));
        _time.Advance(TimeSpan.FromSeconds(2));
        await _started[0].Host.Killed.WaitAsync(TimeSpan.FromSeconds(60));
        await cancel.CancelAsync();
        Assert.Equal(FailureClass.Cancelled, (await first.WaitAsync(TimeSpan.FromSeconds(60))).Failure!.Class);
        Assert.Equal(["second"], Started);

        End(0);
        Assert.NotNull((await second).Output);
        var third = RunAsync(launcher, "third");
        Assert.Equal(["second", "third"], Started);

        // Its run has given it back: it is the third's now.
        turn.Dispose();
        var fourth = RunAsync(launcher, "fourth");
        Assert.Equal(["second", "third"], Started);
        End(1);
        Assert.NotNull((await third).Output);
        await StartedAsync(3);
        End(2);
        Assert.NotNull((await fourth).Output);
    }

    [Fact]
    public async Task A_turn_is_given_back_once_however_often_it_is_disposed_of()
    {
        var launcher = Launcher(leaseWait: TimeSpan.Zero);
        var turn = await TurnAsync(launcher);
        Assert.Equal(FailureClass.Busy, (await RunAsync(launcher, "first").WaitAsync(TimeSpan.FromSeconds(60))).Failure!.Class);

        turn.Dispose();
        turn.Dispose();

        using var next = await TurnAsync(launcher);
        Assert.Equal(FailureClass.Busy, (await launcher.WaitForTurnAsync("any", new HostNeed(), default)).Failure!.Class);
    }

    [Fact]
    public async Task A_turn_goes_to_whoever_waits_for_one()
    {
        var launcher = Launcher();
        var first = await TurnAsync(launcher);
        var second = launcher.WaitForTurnAsync("any", new HostNeed(), default);
        Assert.False(second.IsCompleted);

        first.Dispose();

        var (turn, failure) = await second.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Null(failure);
        turn!.Dispose();
    }

    [Fact]
    public async Task Whoever_waits_for_a_turn_is_told_that_none_came_or_that_it_was_cancelled()
    {
        var launcher = Launcher(leaseWait: TimeSpan.FromSeconds(30));
        var turn = await TurnAsync(launcher);
        using var cancel = new CancellationTokenSource();
        var busy = launcher.WaitForTurnAsync("any", new HostNeed(), default);
        var cancelled = launcher.WaitForTurnAsync("any", new HostNeed(), cancel.Token);

        await cancel.CancelAsync();
        var (none, failure) = await cancelled.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Null(none);
        Assert.Equal((FailureClass.Cancelled, true), (failure!.Class, failure.Retryable));

        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.False(busy.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));
        (none, failure) = await busy.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Null(none);
        Assert.Equal((FailureClass.Busy, true), (failure!.Class, failure.Retryable));
        Assert.Contains("30 s", failure.Reason, StringComparison.Ordinal);
        Assert.Contains("1 (Omoai:Isolation:CpuHosts)", failure.Reason, StringComparison.Ordinal);

        // Neither took the turn with it.
        turn.Dispose();
        using var next = await TurnAsync(launcher);
    }

    [Fact]
    public async Task A_run_that_starts_no_host_gives_back_the_turn_it_was_given()
    {
        var launcher = Launcher(leaseWait: TimeSpan.Zero);

        var cancelled = await RunAsync(launcher, "cancelled", new CancellationToken(canceled: true), turn: await TurnAsync(launcher));
        Assert.Equal(FailureClass.Cancelled, cancelled.Failure!.Class);
        var nowhere = new HostRequest("nowhere", JsonSerializer.SerializeToElement(0), Path.Combine(_folder, "nowhere"), TimeSpan.FromHours(1));
        var homeless = await launcher.RunAsync(nowhere, turn: await TurnAsync(launcher));
        Assert.Equal(FailureClass.Internal, homeless.Failure!.Class);

        using var next = await TurnAsync(launcher);
        Assert.Empty(Started);
    }

    private static async Task<HostTurn> TurnAsync(ActivityHostLauncher launcher)
    {
        var (turn, failure) = await launcher.WaitForTurnAsync("any", new HostNeed(), default).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Null(failure);
        return Assert.IsType<HostTurn>(turn);
    }

    private ActivityHostLauncher Launcher(int maxHosts = 1, TimeSpan? leaseWait = null) =>
        new(Options(maxHosts, leaseWait ?? TimeSpan.FromMinutes(1)), new TestHosts.Logs(), _time) { Starter = ("stub", Start) };

    private IsolationOptions Options(int maxHosts, TimeSpan leaseWait) => new()
    {
        Devices = "",
        CpuHosts = maxHosts,
        LeaseFolder = Path.Combine(_folder, "leases"),
        LeaseWait = leaseWait,
        StartTimeout = TimeSpan.FromMinutes(10),
    };

    private Task<HostResult> RunAsync(
        ActivityHostLauncher launcher, string name, CancellationToken cancellationToken = default, TimeSpan? deadline = null,
        HostTurn? turn = null)
    {
        var scratch = Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;
        var request = new HostRequest(name, JsonSerializer.SerializeToElement(0), scratch, deadline ?? TimeSpan.FromHours(1));
        return launcher.RunAsync(request, null, cancellationToken, turn);
    }

    private Task<HostProcess> Start(HostStart start)
    {
        var (mayAnswer, end) = (new TaskCompletionSource(), new TaskCompletionSource<HostExit>());
        var host = StubHost.Start(start, mayAnswer.Task, end.Task);
        lock (_started)
        {
            _started.Add((Path.GetFileName(start.WorkingDirectory), host, mayAnswer, end));
            Monitor.PulseAll(_started);
        }
        return Task.FromResult<HostProcess>(host);
    }

    /// <summary>Waits until so many hosts have been started.</summary>
    private Task StartedAsync(int count) => Task.Run(() =>
    {
        lock (_started)
        {
            while (_started.Count < count)
                Assert.True(Monitor.Wait(_started, TimeSpan.FromSeconds(60)), $"no host number {count} was started");
        }
    });

    /// <summary>Lets a host answer, where it hasn't, and be gone.</summary>
    private void End(int host)
    {
        _started[host].MayAnswer.TrySetResult();
        _started[host].End.SetResult(Clean);
    }
}
