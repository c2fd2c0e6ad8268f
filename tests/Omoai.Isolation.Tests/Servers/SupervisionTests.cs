using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.RegularExpressions;
using Omoai.Isolation.Hosts;
using Omoai.Isolation.Leases;
using Omoai.Isolation.Servers;

namespace Omoai.Isolation.Tests.Servers;

/// <summary>When a server is started again and when it isn't, by a clock of the test's.</summary>
public sealed partial class SupervisionTests : IAsyncDisposable
{
    private readonly ManualTime _time = new();
    private readonly StubServer.Starts _starts = new();
    private readonly ServerLogs _logs = new();
    private readonly IsolationOptions _isolation = new()
    {
        Devices = "3",
        LeaseFolder = Directory.CreateTempSubdirectory("omoai-isolation-tests-").FullName,
    };
    private readonly SupervisedServerOptions _options = new()
    {
        Program = "server",
        WorkingFolder = Path.GetTempPath(),
        HealthUrl = new Uri("http://127.0.0.1:1/health"),
        StartTimeout = TimeSpan.FromSeconds(100),
        HealthInterval = TimeSpan.FromSeconds(10),
        FailuresBeforeRestart = 3,
        MinBackoff = TimeSpan.FromSeconds(1),
        MaxBackoff = TimeSpan.FromSeconds(5),
    };
    private volatile string? _problem;
    private volatile bool _taken;
    private SupervisedServer? _server;

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
        Directory.Delete(_isolation.LeaseFolder!, recursive: true);
    }

    [Fact]
    public async Task The_pause_doubles_with_each_end_up_to_its_limit()
    {
        _problem = "not yet";
        var server = Start();
        foreach (var seconds in (int[])[1, 2, 4])
        {
            (await _starts.NextAsync()).End(3, null);
            await _time.AskedForAsync(TimeSpan.FromSeconds(seconds));
            _time.Advance(TimeSpan.FromSeconds(seconds));
        }
        (await _starts.NextAsync()).End(null, 11);
        var status = await StateAsync(server, ServerState.BackingOff, restarts: 3);

        Assert.Equal((null, 11), (status.ExitCode, status.Signal));
        Assert.Null(status.Pid);
        Assert.Contains("signal 11", status.Reason, StringComparison.Ordinal);
        Assert.Equal([1, 2, 4, 5], Pauses());
    }

    [Fact]
    public async Task No_restart_comes_before_its_time()
    {
        Start();
        (await _starts.NextAsync()).End(0, null);
        await _time.AskedForAsync(TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromSeconds(0.9));
        Assert.Equal(1, _starts.Count);

        _time.Advance(TimeSpan.FromSeconds(0.1));
        await _starts.NextAsync();
    }

    [Theory]
    [InlineData(5, 1)]
    [InlineData(4, 4)]
    public async Task A_server_that_was_well_for_a_while_starts_anew_from_the_shortest_pause(int wellSeconds, int pause)
    {
        _problem = "not yet";
        var server = Start();
        foreach (var seconds in (int[])[1, 2])
        {
            (await _starts.NextAsync()).End(3, null);
            await _time.AskedForAsync(TimeSpan.FromSeconds(seconds));
            _problem = seconds == 2 ? null : "not yet";
            _time.Advance(TimeSpan.FromSeconds(seconds));
        }
        var stub = await _starts.NextAsync();
        Assert.Null(await server.WaitUntilReadyAsync(CancellationToken.None));
        _time.Advance(TimeSpan.FromSeconds(wellSeconds));
        stub.End(3, null);
        await StateAsync(server, ServerState.BackingOff, restarts: 2);

        Assert.Equal([1, 2, pause], Pauses());
    }

    [Fact]
    public async Task Bad_answers_in_a_row_end_a_server_and_a_good_one_between_them_forgives()
    {
        var server = Start();
        var stub = await _starts.NextAsync();
        await server.WaitUntilReadyAsync(CancellationToken.None);
        var looks = 0;
        foreach (var problem in (string?[])["bad", "bad", null, "bad", "bad"])
        {
            await _time.AskedForAsync(_options.HealthInterval, ++looks);
            _problem = problem;
            _time.Advance(_options.HealthInterval);
        }
        await _time.AskedForAsync(_options.HealthInterval, ++looks);
        Assert.False(stub.Exited.IsCompleted);
        Assert.Equal(ServerState.Ready, server.Status.State);

        _problem = "bad for the third time";
        _time.Advance(_options.HealthInterval);
        var status = await StateAsync(server, ServerState.BackingOff, restarts: 0);

        Assert.True(stub.Exited.IsCompleted);
        Assert.Contains("3 times in a row: bad for the third time", status.Reason, StringComparison.Ordinal);
        Assert.Equal(15, status.Signal);
    }

    [Fact]
    public async Task A_server_that_is_never_ready_is_ended_and_counted()
    {
        _options.StartTimeout = TimeSpan.FromSeconds(1);
        _problem = "status 503";
        var server = Start();
        var stub = await _starts.NextAsync();
        foreach (var look in (int[])[1, 2])
        {
            await _time.AskedForAsync(TimeSpan.FromSeconds(0.5), look);
            Assert.False(stub.Exited.IsCompleted);
            _time.Advance(TimeSpan.FromSeconds(0.5));
        }
        var status = await StateAsync(server, ServerState.BackingOff, restarts: 0);

        Assert.Contains("not ready within 1 s: status 503", status.Reason, StringComparison.Ordinal);
        Assert.True(stub.Exited.IsCompleted);
    }

    [Fact]
    public async Task A_program_that_is_not_there_is_not_tried_again()
    {
        _problem = "not yet";
        var server = Start();
        (await _starts.NextAsync()).End(127, null);

        var failure = await server.WaitUntilReadyAsync(CancellationToken.None);

        Assert.Equal((FailureClass.ModelMissing, false), (failure!.Class, failure.Retryable));
        Assert.Equal(ServerState.Failed, server.Status.State);
        Assert.Empty(Pauses());
    }

    [Fact]
    public async Task A_server_that_was_ready_and_exits_with_127_is_tried_again()
    {
        var server = Start();
        var stub = await _starts.NextAsync();
        await server.WaitUntilReadyAsync(CancellationToken.None);
        stub.End(127, null);

        await StateAsync(server, ServerState.BackingOff, restarts: 0);
    }

    [Theory]
    [InlineData(true, ServerState.Failed)]
    [InlineData(false, ServerState.BackingOff)]
    public async Task A_start_that_fails_is_tried_again_unless_the_host_is_missing(bool missing, ServerState expected)
    {
        var server = Start(start: _ => throw new HostStartException("no such host", missing));

        var status = await StateAsync(server, expected, restarts: 0);

        Assert.Contains("no such host", status.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_nobody_thought_of_is_one_more_end()
    {
        var server = Start(start: _ => throw new InvalidOperationException("a bug"));

        var status = await StateAsync(server, ServerState.BackingOff, restarts: 0);

        Assert.Equal("InvalidOperationException: a bug", status.Reason);
    }

    [Fact]
    public async Task A_server_whose_health_nobody_can_ask_for_is_not_left_running()
    {
        var server = Start(health: _ => throw new InvalidOperationException("a bug"));
        var stub = await _starts.NextAsync();

        await StateAsync(server, ServerState.BackingOff, restarts: 0);

        Assert.True(stub.Exited.IsCompleted);
    }

    [Fact]
    public async Task A_folder_that_is_not_there_is_told_at_once()
    {
        _options.WorkingFolder = "/no/such/folder";

        var failure = await Start().WaitUntilReadyAsync(CancellationToken.None);

        Assert.Contains("/no/such/folder", failure!.Reason, StringComparison.Ordinal);
        Assert.Equal(0, _starts.Count);
    }

    [Fact]
    public async Task Where_another_listens_nothing_is_started_until_it_is_gone()
    {
        _taken = true;
        var server = Start();
        var status = await StateAsync(server, ServerState.BackingOff, restarts: 0);
        Assert.Contains("something else listens on 127.0.0.1:1", status.Reason, StringComparison.Ordinal);
        Assert.Equal(0, _starts.Count);

        _taken = false;
        await _time.AskedForAsync(TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(await server.WaitUntilReadyAsync(CancellationToken.None));
    }

    [Fact]
    public async Task It_runs_on_a_device_that_it_has_for_itself_until_it_is_gone()
    {
        _options.Environment["CUDA_VISIBLE_DEVICES"] = "7";
        _options.Environment["PATH"] = "/of/its/own";
        _options.Need = new HostNeed();
        var server = Start();
        var (_, start) = await _starts.NextWithStartAsync();
        await server.WaitUntilReadyAsync(CancellationToken.None);

        Assert.Equal("3", start.Environment["CUDA_VISIBLE_DEVICES"]);
        Assert.Equal("/of/its/own", start.Environment["PATH"]);
        Assert.InRange(start.Lease, 4, int.MaxValue);
        var others = new DeviceLeases(_isolation, _time);
        Assert.Null(others.TryTakeIdle("a", new HostNeed()));
        await server.DisposeAsync();
        Assert.NotNull(others.TryTakeIdle("a", new HostNeed()));
    }

    [Fact]
    public async Task Without_a_device_nothing_is_started_until_there_is_one()
    {
        _options.Need = new HostNeed();
        _isolation.LeaseWait = TimeSpan.Zero;
        var taken = new DeviceLeases(_isolation, _time).TryTakeIdle("a", new HostNeed())!;
        var server = Start();

        var status = await StateAsync(server, ServerState.BackingOff, restarts: 0);
        Assert.Contains("No turn came", status.Reason, StringComparison.Ordinal);
        Assert.Equal(0, _starts.Count);
        foreach (var look in (int[])[1, 2, 3])
        {
            await _time.AskedForAsync(TimeSpan.FromSeconds(1), look);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        await _time.AskedForAsync(TimeSpan.FromSeconds(1), 4);
        taken.Dispose();
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(await server.WaitUntilReadyAsync(CancellationToken.None));
        // It waited, and soon was in the queue again; it was never started before.
        Assert.Equal(0, server.Status.Restarts);
        Assert.Equal([1, 1, 1, 1], Pauses());
    }

    [Fact]
    public async Task Nobody_who_waits_for_a_server_that_is_disposed_of_waits_on()
    {
        _problem = "not yet";
        var server = Start();
        var stub = await _starts.NextAsync();
        var waiting = server.WaitUntilReadyAsync(CancellationToken.None);
        await server.DisposeAsync();

        Assert.Equal(FailureClass.Lost, (await waiting)!.Class);
        Assert.True(stub.Exited.IsCompleted);
        Assert.Equal(ServerState.Stopped, server.Status.State);
        Assert.Throws<ObjectDisposedException>(server.Start);
        await server.DisposeAsync();
    }

    [Fact]
    public async Task Disposing_during_a_pause_ends_that()
    {
        var server = Start();
        (await _starts.NextAsync()).End(1, null);
        await StateAsync(server, ServerState.BackingOff, restarts: 0);

        await server.DisposeAsync();

        Assert.Equal(ServerState.Stopped, server.Status.State);
    }

    [Fact]
    public async Task The_log_tells_of_start_and_end_with_names_of_variables_and_without_their_values()
    {
        _options.Environment["VLLM_CACHE"] = "/a-value-of-mine";
        var server = Start();
        var stub = await _starts.NextAsync();
        await server.WaitUntilReadyAsync(CancellationToken.None);
        stub.End(3, null);
        await StateAsync(server, ServerState.BackingOff, restarts: 0);

        foreach (var text in (string[])["VLLM_CACHE", "is ready: pid 1", "exit code 3", "again in 1 s: exited with 3"])
            Assert.Contains(_logs.Lines, line => line.Text.Contains(text, StringComparison.Ordinal));
        Assert.DoesNotContain(_logs.Lines, line => line.Text.Contains("a-value-of-mine", StringComparison.Ordinal));
    }

    public static TheoryData<string, Action<SupervisedServerOptions>> BadOptions => new()
    {
        { "Program", options => options.Program = "" },
        { "WorkingFolder", options => options.WorkingFolder = "" },
        { "HealthUrl", options => options.HealthUrl = null },
        { "HealthUrl", options => options.HealthUrl = new Uri("http://192.0.2.1/health") },
        { "HealthUrl", options => options.HealthUrl = new Uri("https://127.0.0.1/health") },
        { "HealthUrl", options => options.HealthUrl = new Uri("http://user:word@127.0.0.1/health") },
        { "HealthUrl", options => options.HealthUrl = new Uri("/health", UriKind.Relative) },
        { "StartTimeout", options => options.StartTimeout = TimeSpan.Zero },
        { "HealthInterval", options => options.HealthInterval = TimeSpan.Zero },
        { "HealthTimeout", options => options.HealthTimeout = TimeSpan.FromHours(1) },
        { "FailuresBeforeRestart", options => options.FailuresBeforeRestart = 0 },
        { "MinBackoff", options => options.MinBackoff = TimeSpan.Zero },
        { "MaxBackoff", options => options.MaxBackoff = options.MinBackoff / 2 },
        { "KillGrace", options => options.KillGrace = TimeSpan.FromHours(1) },
        { "HF_TOKEN", options => options.Environment["HF_TOKEN"] = "x" },
        { "PROXY", options => options.Environment["PROXY"] = "http://user:word@proxy" },
        { "A=B", options => options.Environment["A=B"] = "x" },
        { "zero", options => options.Arguments.Add("a\0b") },
    };

    [Theory]
    [MemberData(nameof(BadOptions))]
    public void Options_that_are_no_good_are_named(string name, Action<SupervisedServerOptions> spoil)
    {
        spoil(_options);

        Assert.Contains(name, Assert.Throws<ValidationException>(() => Start()).Message, StringComparison.Ordinal);
    }

    private SupervisedServer Start(
        HostProcess.Starter? start = null, Func<CancellationToken, Task<string?>>? health = null)
    {
        _server = new SupervisedServer(_options, _isolation, _logs, _time)
        {
            Starter = ("stub", start ?? _starts.StartAsync),
            Health = health ?? (_ => Task.FromResult(_problem)),
            IsTaken = _ => Task.FromResult(_taken),
        };
        _server.Start();
        return _server;
    }

    private static async Task<ServerStatus> StateAsync(SupervisedServer server, ServerState state, int restarts)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        return await server.WaitForAsync(status => status.State == state && status.Restarts == restarts, limit.Token);
    }

    /// <summary>The pauses before restarts, as the log tells them, in seconds.</summary>
    private IEnumerable<int> Pauses() => _logs.Lines.Select(line => Pause().Match(line.Text)).Where(match => match.Success)
        .Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));

    [GeneratedRegex(@"again in (\d+) s")]
    private static partial Regex Pause();
}
