using System.Text.Json;

namespace Omoai.Isolation.Tests.Standby;

/// <summary>Hosts that are got ready before there is anything for them to do. The test host's <c>warmth</c> shows what its warm-up did.</summary>
public sealed class StandbyTests(TestHosts hosts) : IClassFixture<TestHosts>, IDisposable
{
    private const string Ready = "is ready";

    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-standby-tests-").FullName;
    private readonly TestHosts.Logs _log = new();
    private readonly List<ActivityHostLauncher> _workers = [];

    public void Dispose()
    {
        _workers.ForEach(worker => worker.Dispose());
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task An_expected_activity_is_served_by_a_host_that_is_ready()
    {
        var worker = Worker();
        worker.Expect("warmth", Need("model"));
        await LoggedAsync(Ready);
        var folder = Assert.Single(Standbys());

        var result = await RunAsync(worker, "warmth", Need("model"), input: 5);

        Assert.True(result.Evidence.Standby);
        Assert.Equal((0, null), (result.Evidence.ExitCode, result.Evidence.Signal));
        var said = Strings(result);
        Assert.Equal($"model in {folder}", said[0]);
        Assert.Equal([hosts.Scratch, hosts.Scratch, hosts.Scratch + "/", $"{result.Evidence.Pid}", "5"], said[1..]);
        Assert.NotNull(result.Evidence.SpawnToReadyMs);
        Assert.InRange(result.Evidence.ReadyToDoneMs!.Value, 0, double.MaxValue);
        await UntilAsync(() => Standbys().Length == 0);
        Assert.Equal((1, 0, 1, 0), Counts(worker));
    }

    [Fact]
    public async Task No_host_serves_twice_and_the_next_is_got_ready_at_once()
    {
        var worker = Worker(options => options.StandbyHosts = 1);
        // The first that asks finds none.
        var pids = new List<int> { (await RunAsync(worker, "warmth", Need("model"))).Evidence.Pid };
        for (var i = 1; i < 5; i++)
        {
            await LoggedAsync(Ready, times: i);
            var result = await RunAsync(worker, "warmth", Need("model"));
            Assert.True(result.Evidence.Standby);
            pids.Add(result.Evidence.Pid);
        }

        Assert.Equal(5, pids.Distinct().Count());
        Assert.Equal((4, 1), (worker.StandbyStatistics.Hits, worker.StandbyStatistics.Misses));
    }

    [Fact]
    public async Task An_activity_waits_for_one_that_is_about_to_be_ready()
    {
        var worker = Worker();
        var go = Path.Combine(_folder, "go");
        worker.Expect("warmth", Need(go));
        await UntilAsync(() => worker.StandbyStatistics.Started == 1);

        var run = RunAsync(worker, "warmth", Need(go));
        Assert.False(run.IsCompleted);
        File.WriteAllText(go, "");

        Assert.True((await run).Evidence.Standby);
        Assert.Equal(1, worker.StandbyStatistics.Started);
    }

    [Theory]
    [InlineData("other", "1")]
    [InlineData("model", "2")]
    public async Task One_that_was_got_ready_with_something_else_is_not_used(string input, string stamp)
    {
        var worker = Worker();
        worker.Expect("warmth", Need("model", "1"));
        await LoggedAsync(Ready);

        var result = await RunAsync(worker, "warmth", Need(input, stamp));

        Assert.False(result.Evidence.Standby);
        Assert.Equal("cold", Strings(result)[0]);
        // What the model was before is of no use to anybody any more.
        if (stamp == "2")
            await UntilAsync(() => Standbys().Length == 0);
        else
            Assert.Single(Standbys());
    }

    [Theory]
    [InlineData("refuse", "no such model")]
    [InlineData("exit", "ended")]
    public async Task Where_none_gets_ready_the_activity_starts_its_own_and_it_is_not_tried_again_and_again(string how, string why)
    {
        var worker = Worker(options => options.StandbyHosts = 1);
        worker.Expect("warmth", Need(how));
        await LoggedAsync(why);

        var result = await RunAsync(worker, "warmth", Need(how));

        Assert.False(result.Evidence.Standby);
        Assert.Null(result.Failure);
        Assert.InRange(worker.StandbyStatistics.Started, 1, 3);
        await UntilAsync(() => Standbys().Length == 0);
    }

    [Fact]
    public async Task One_that_does_not_get_ready_is_waited_for_as_long_as_the_activity_may_take()
    {
        var worker = Worker(options => options.LeaseWait = TimeSpan.Zero);
        worker.Expect("warmth", Need("hang"));
        await UntilAsync(() => worker.StandbyStatistics.Started == 1);

        var result = await RunAsync(worker, "warmth", Need("hang"), deadlineSeconds: 0.5);

        Assert.Equal(FailureClass.Timeout, result.Failure!.Class);
        await UntilAsync(() => Standbys().Length == 0);
    }

    [Fact]
    public async Task Cancelling_ends_the_wait_for_one_and_the_one_that_was_waited_for()
    {
        var worker = Worker();
        worker.Expect("warmth", Need("hang"));
        await UntilAsync(() => worker.StandbyStatistics.Started == 1);
        using var cancel = new CancellationTokenSource();
        var run = RunAsync(worker, "warmth", Need("hang"), cancellationToken: cancel.Token);
        Assert.False(run.IsCompleted);

        await cancel.CancelAsync();

        Assert.Equal(FailureClass.Cancelled, (await run).Failure!.Class);
        await UntilAsync(() => Standbys().Length == 0);
    }

    [Fact]
    public async Task With_one_slot_and_no_time_to_wait_one_that_gets_ready_is_not_in_the_way_of_its_own_activity()
    {
        var worker = Worker(options =>
        {
            OneSlot(options);
            options.LeaseWait = TimeSpan.Zero;
        });
        var go = Path.Combine(_folder, "go");
        worker.Expect("warmth", Need(go));
        await UntilAsync(() => worker.StandbyStatistics.Started == 1);

        var run = RunAsync(worker, "warmth", Need(go));
        File.WriteAllText(go, "");

        Assert.True((await run).Evidence.Standby);
    }

    [Fact]
    public async Task After_a_long_rest_one_is_got_ready_as_before()
    {
        var worker = Worker(options => options.StandbyLifetime = TimeSpan.FromSeconds(2));
        worker.Expect("warmth", Need("model"));
        await LoggedAsync("it has grown old");
        await UntilAsync(() => Standbys().Length == 0);

        worker.Expect("warmth", Need("model"));

        await LoggedAsync(Ready, times: 2);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task With_one_slot_an_activity_gets_it_from_a_standby_of_whatever_worker(bool ofAnother)
    {
        var owner = Worker(OneSlot);
        var worker = ofAnother ? Worker(OneSlot) : owner;
        owner.Expect("warmth", Need("model"));
        await LoggedAsync(Ready);

        // Without warm-up, it can't be served by one.
        var result = await RunAsync(worker, "echo", new HostNeed());

        Assert.Null(result.Failure);
        Assert.Equal(1, owner.StandbyStatistics.Dropped);
        Assert.Contains(_log.Lines, line => line.Text.Contains("an activity waits for its device", StringComparison.Ordinal));
    }

    [Fact]
    public async Task With_one_slot_a_job_gets_through_all_its_stages_with_each_expected()
    {
        var worker = Worker(options =>
        {
            OneSlot(options);
            options.StandbyHosts = 2;
        });
        string[] stages = ["echo", "warmth", "until-file"];
        var there = Path.Combine(_folder, "there");
        File.WriteAllText(there, "");
        foreach (var stage in stages.Concat(stages))
        {
            foreach (var next in stages)
                worker.Expect(next, Need("model"));
            var result = await RunAsync(worker, stage, Need("model"), stage == "until-file" ? there : 1);
            Assert.Null(result.Failure);
        }
    }

    [Fact]
    public async Task Nothing_is_got_ready_where_an_activity_has_the_only_slot_or_waits_for_it()
    {
        var worker = Worker(OneSlot);
        var go = Path.Combine(_folder, "go");
        var runs = new[] { 1, 2 }.Select(_ => RunAsync(worker, "until-file", new HostNeed(), go)).ToList();
        worker.Expect("warmth", Need("model"));
        await UntilAsync(() => Directory.EnumerateFiles(_folder, "wait-*", SearchOption.AllDirectories).Any());

        Assert.Equal(0, worker.StandbyStatistics.Started);
        File.WriteAllText(go, "");
        await Task.WhenAll(runs);
        // Nobody waits any more.
        await LoggedAsync(Ready);
    }

    [Fact]
    public async Task One_for_an_activity_that_is_known_to_come_takes_the_place_of_one_that_may_be_wanted()
    {
        var worker = Worker(options =>
        {
            OneSlot(options);
            options.StandbyHosts = 1;
        });
        await RunAsync(worker, "warmth", Need("may be"));
        await LoggedAsync(Ready);

        worker.Expect("warmth", Need("will be"));
        await LoggedAsync(Ready, times: 2);

        Assert.True((await RunAsync(worker, "warmth", Need("will be"))).Evidence.Standby);
    }

    [Fact]
    public async Task Memory_is_given_back_when_it_is_short_and_none_is_taken()
    {
        var isShort = false;
        var worker = Worker(options => options.StandbyHosts = 1, () => Volatile.Read(ref isShort));
        worker.Expect("warmth", Need("model"));
        await LoggedAsync(Ready);

        Volatile.Write(ref isShort, true);
        await LoggedAsync("memory is short");
        await UntilAsync(() => Standbys().Length == 0);
        var started = worker.StandbyStatistics.Started;

        Assert.False((await RunAsync(worker, "warmth", Need("model"))).Evidence.Standby);
        Assert.Equal(started, worker.StandbyStatistics.Started);
    }

    [Fact]
    public async Task One_that_has_waited_too_long_is_ended()
    {
        var worker = Worker(options => options.StandbyLifetime = TimeSpan.FromSeconds(1));
        worker.Expect("warmth", Need("model"));
        await LoggedAsync(Ready);

        await UntilAsync(() => Standbys().Length == 0);

        Assert.Equal(1, worker.StandbyStatistics.Dropped);
        Assert.Empty(TestHosts.Running(_folder));
    }

    [Fact]
    public async Task One_that_has_died_serves_nobody()
    {
        var worker = Worker();
        worker.Expect("warmth", Need("model"));
        await LoggedAsync(Ready);
        var (turn, _) = await worker.WaitForTurnAsync("warmth", Need("model"), default);
        using var process = System.Diagnostics.Process.GetProcessById(TestHosts.Running(_folder).Single());
        process.Kill();
        await UntilAsync(() => Standbys().Length == 0);

        var result = await RunAsync(worker, "warmth", Need("model"), turn: turn);

        Assert.Null(result.Failure);
        Assert.False(result.Evidence.Standby);
    }

    [Fact]
    public async Task A_turn_that_is_not_used_ends_the_host_that_it_stands_for()
    {
        var worker = Worker();
        worker.Expect("warmth", Need("model"));
        await LoggedAsync(Ready);
        var (turn, _) = await worker.WaitForTurnAsync("warmth", Need("model"), default);

        turn!.Dispose();

        await UntilAsync(() => Standbys().Length == 0 && TestHosts.Running(_folder).Length == 0);
    }

    [Fact]
    public async Task None_is_started_where_none_is_wanted()
    {
        var worker = Worker(options => options.StandbyHosts = 0);
        worker.Expect("warmth", Need("model"));

        Assert.False((await RunAsync(worker, "warmth", Need("model"))).Evidence.Standby);

        Assert.Equal((0, 0, 0, 0), Counts(worker));
    }

    [Fact]
    public async Task All_end_with_the_launcher()
    {
        var worker = Worker(options => options.StandbyHosts = 3);
        worker.Expect("warmth", Need("model"));
        await LoggedAsync(Ready, times: 3);

        worker.Dispose();

        Assert.Empty(Standbys());
        Assert.Empty(TestHosts.Running(_folder));
    }

    [Fact]
    public async Task One_ends_with_its_parent_however_that_ends()
    {
        using var parent = hosts.StartParent("standby-parent", "warmth");
        await UntilAsync(() => TestHosts.Running($"--parent\0{parent.Id}\0").Length == 1);

        parent.Kill();

        await UntilAsync(() => TestHosts.Running($"--parent\0{parent.Id}\0").Length == 0);
    }

    private static void OneSlot(IsolationOptions options) => options.CpuHosts = 1;

    private static HostNeed Need(string input, string stamp = "1") =>
        new() { WarmUp = new WarmUp(JsonSerializer.SerializeToElement(input), stamp) };

    private static string[] Strings(HostResult result)
    {
        Assert.Null(result.Failure);
        return result.Output!.Value.Deserialize<string[]>()!;
    }

    private static (long Hits, long Misses, long Started, long Dropped) Counts(ActivityHostLauncher worker)
    {
        var counts = worker.StandbyStatistics;
        return (counts.Hits, counts.Misses, counts.Started, counts.Dropped);
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (var i = 0; !condition(); i++)
        {
            Assert.True(i < 6000, "it didn't come to that");
            await Task.Delay(10);
        }
    }

    private Task LoggedAsync(string text, int times = 1) =>
        UntilAsync(() => _log.Lines.Count(line => line.Text.Contains(text, StringComparison.Ordinal)) >= times);

    private string[] Standbys() => Directory.GetDirectories(_folder, "omoai-*");

    private ActivityHostLauncher Worker(Action<IsolationOptions>? configure = null, Func<bool>? isMemoryShort = null)
    {
        var options = hosts.Options();
        options.Devices = "";
        options.LeaseFolder = Path.Combine(_folder, "leases");
        configure?.Invoke(options);
        var worker = new ActivityHostLauncher(options, _log, TimeProvider.System)
        {
            StandbyFolder = _folder,
            IsMemoryShort = isMemoryShort ?? (() => false),
        };
        _workers.Add(worker);
        return worker;
    }

    private async Task<HostResult> RunAsync(
        ActivityHostLauncher worker, string activity, HostNeed need, object? input = null, HostTurn? turn = null,
        double deadlineSeconds = 60, CancellationToken cancellationToken = default)
    {
        var request = new HostRequest(
            activity, JsonSerializer.SerializeToElement(input ?? 0), hosts.Scratch, TimeSpan.FromSeconds(deadlineSeconds))
        {
            Need = need,
        };
        return await worker.RunAsync(request, cancellationToken: cancellationToken, turn: turn);
    }
}
