using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Omoai.Isolation.Hosts;
using Omoai.Isolation.Servers;

namespace Omoai.Isolation.Tests.Servers;

/// <summary>A real server in a process of its own.</summary>
public sealed partial class ServerTests : IClassFixture<TestHosts>, IAsyncDisposable
{
    private const int SigKill = 9;
    private const int SigTerm = 15;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly TestHosts _hosts;
    private readonly ServerLogs _logs = new();
    private readonly int _port = FreePort();
    private readonly SupervisedServerOptions _options;
    private readonly HttpClient _client;
    private SupervisedServer? _server;

    public ServerTests(TestHosts hosts)
    {
        _hosts = hosts;
        _client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}/"), Timeout = Limit };
        _options = new SupervisedServerOptions
        {
            Program = TestHosts.HostPath,
            WorkingFolder = hosts.Scratch,
            HealthUrl = _client.BaseAddress,
            HealthInterval = TimeSpan.FromSeconds(0.1),
            FailuresBeforeRestart = 2,
            MinBackoff = TimeSpan.FromSeconds(0.1),
        };
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        if (_server is not null)
            await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_server_gets_ready_with_its_arguments_variables_and_folder_in_a_session_of_its_own()
    {
        _options.Environment["VLLM_CACHE"] = "/cache";
        var server = Start("good", ["a b", "--", "", "c'd\"é"], environment: new()
        {
            ["PATH"] = "/usr/bin:/bin",
            ["OMOAI_MODELS"] = "/models",
            ["AZURE_CLIENT_SECRET"] = "one",
            ["OMOAI_API_KEY"] = "two",
            ["CUDA_VISIBLE_DEVICES"] = "7",
        });
        await ReadyAsync(server);
        var facts = await FactsAsync();

        Assert.Equal("a b|--||c'd\"é", facts["arguments"]);
        var variables = facts["environment"].Split('\0', StringSplitOptions.RemoveEmptyEntries).Select(variable => variable.Split('=')[0]);
        Assert.Equal(
            [
                "CUDA_VISIBLE_DEVICES", "DOTNET_EnableDiagnostics", "DOTNET_ROOT", "MULTIPROCESSING_START_METHOD", "OMOAI_MODELS",
                "PATH", "TMPDIR", "TOKENIZERS_PARALLELISM", "VLLM_CACHE", "VLLM_WORKER_MULTIPROC_METHOD",
            ],
            variables.Order(StringComparer.Ordinal));
        Assert.Contains("CUDA_VISIBLE_DEVICES=-1\0", facts["environment"], StringComparison.Ordinal);
        Assert.Equal(_hosts.Scratch, facts["folder"]);
        var pid = $"{server.Status.Pid}";
        Assert.Equal(pid, facts["pid"]);
        var stat = facts["stat"][(facts["stat"].LastIndexOf(')') + 2)..].Split(' ');
        Assert.Equal([pid, pid], stat[2..4]);
    }

    [Fact]
    public async Task Of_descriptors_it_gets_three_and_its_lifeline()
    {
        var leaked = Duplicate(1);
        try
        {
            await ReadyAsync(Start("good"));

            var facts = await FactsAsync();

            Assert.Matches("^0=/dev/null 1=pipe 2=pipe \\d+=pipe$", facts["descriptors"]);
            Assert.Equal("0", facts["death-signal"]);
        }
        finally
        {
            _ = Close(leaked);
        }
    }

    [Fact]
    public async Task A_server_that_needs_time_is_ready_when_it_says_so()
    {
        var server = Start("unready");
        await UntilAsync(() => server.Status.Stderr.Count > 0);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await _client.GetAsync("")).StatusCode);
        Assert.Equal(ServerState.Starting, server.Status.State);

        await _client.GetStringAsync("heal");
        await ReadyAsync(server);
        Assert.Equal(0, server.Status.Restarts);
    }

    [Fact]
    public async Task A_server_that_does_not_get_ready_is_killed()
    {
        _options.StartTimeout = TimeSpan.FromSeconds(1);
        _options.MinBackoff = _options.MaxBackoff;
        var server = Start("unready");
        var pid = (await StatusAsync(server, status => status.Pid is not null)).Pid!.Value;
        var status = await StatusAsync(server, status => status.State == ServerState.BackingOff);

        Assert.Contains("not ready within 1 s", status.Reason, StringComparison.Ordinal);
        Assert.False(TestHosts.IsAlive(pid));
    }

    [Theory]
    [InlineData("sicken", "status 500")]
    [InlineData("hush", "no answer")]
    public async Task A_server_that_gets_ill_is_replaced(string how, string problem)
    {
        _options.HealthTimeout = TimeSpan.FromSeconds(2);
        var server = Start("good");
        await ReadyAsync(server);
        var pid = server.Status.Pid!.Value;
        await _client.GetStringAsync(how);

        await StatusAsync(server, status => status is { State: ServerState.Ready, Restarts: 1 });
        Assert.NotEqual(pid, server.Status.Pid);
        Assert.False(TestHosts.IsAlive(pid));
        Assert.Contains(_logs.Lines, line => line.Level == LogLevel.Warning && line.Text.Contains(problem, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_server_that_exits_is_told_of_with_the_last_it_said()
    {
        _options.MinBackoff = _options.MaxBackoff;
        var server = Start("good");
        await ReadyAsync(server);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => _client.GetStringAsync("exit"));

        var status = await StatusAsync(server, status => status is { State: ServerState.BackingOff });
        Assert.Equal((3, null), (status.ExitCode, status.Signal));
        Assert.Equal("exited with 3: told to exit", status.Reason);
        Assert.Equal([$"serving on {_port}", "told to exit"], status.Stderr);
    }

    [Theory]
    [InlineData("no-such-program", "No such file")]
    [InlineData("/etc/passwd", "Permission denied")]
    public async Task A_program_that_is_not_there_is_told_once_and_not_tried_again(string program, string reason)
    {
        _options.Program = program;
        var server = Start("good");
        var failure = await server.WaitUntilReadyAsync(CancellationToken.None).WaitAsync(Limit);

        Assert.Equal((FailureClass.ModelMissing, false), (failure!.Class, failure.Retryable));
        Assert.Contains($"{program} can't be run: {reason}", failure.Reason, StringComparison.Ordinal);
        Assert.Equal(127, server.Status.ExitCode);
    }

    [Fact]
    public async Task A_program_is_looked_for_in_the_path()
    {
        _hosts.Script("a-server-of-ours", $"exec {TestHosts.HostPath} \"$@\"");
        _options.Program = "a-server-of-ours";

        await ReadyAsync(Start("good", environment: new() { ["PATH"] = $"/nowhere:{_hosts.Scratch}" }));
    }

    [Theory]
    [InlineData("good", SigTerm)]
    [InlineData("ignore-term", SigKill)]
    [InlineData("grandchild", SigTerm)]
    public async Task Disposing_ends_the_server_and_what_it_started(string mode, int signal)
    {
        _options.KillGrace = TimeSpan.FromSeconds(signal == SigTerm ? 60 : 0.2);
        var server = Start(mode);
        await ReadyAsync(server);
        int[] pids = [server.Status.Pid!.Value, .. TestHosts.Pids(await _client.GetStringAsync("child"))];
        Assert.Equal(mode == "grandchild" ? 2 : 1, pids.Length);
        Assert.All(pids, pid => Assert.True(TestHosts.IsAlive(pid)));

        await server.DisposeAsync();

        Assert.All(pids, pid => Assert.False(TestHosts.IsAlive(pid)));
        Assert.Equal(signal, server.Status.Signal);
        Assert.False(TestHosts.IsChild(pids[0]), "the server was not reaped");
        Assert.Equal((ServerState.Stopped, null), (server.Status.State, server.Status.Pid));
    }

    [Fact]
    public async Task A_server_that_is_replaced_takes_what_it_started_along()
    {
        _options.MinBackoff = _options.MaxBackoff;
        var server = Start("grandchild");
        await ReadyAsync(server);
        var child = TestHosts.Pids(await _client.GetStringAsync("child"))[0];
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => _client.GetStringAsync("exit"));
        await StatusAsync(server, status => status.State == ServerState.BackingOff);

        Assert.False(TestHosts.IsAlive(child));
    }

    [Theory]
    [InlineData("grandchild")]
    [InlineData("ignore-term")]
    public async Task When_its_owner_is_killed_the_server_and_what_it_started_die_too(string mode)
    {
        using var parent = _hosts.StartParent("server-parent", $"{_port}", mode);
        var pids = TestHosts.Pids((await parent.StandardOutput.ReadLineAsync().WaitAsync(Limit))!);
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
    public async Task A_flood_is_drained_and_its_last_lines_are_kept_cut_and_logged_for_debugging()
    {
        var server = Start("flood");
        await ReadyAsync(server);
        await UntilAsync(() => server.Status.Stderr.Count == OutputLines.Kept && _logs.Lines.Count > 1000);

        Assert.All(server.Status.Stderr, line => Assert.InRange(line.Length, 1, OutputLines.MaxLine));
        Assert.Contains(_logs.Lines, line => line.Level == LogLevel.Debug && line.Text.Contains("stdout: hello", StringComparison.Ordinal));
        Assert.DoesNotContain(_logs.Lines, line => line.Level > LogLevel.Debug && line.Text.Contains("xxx", StringComparison.Ordinal));
        Assert.Equal(ServerState.Ready, server.Status.State);
    }

    [Fact]
    public async Task What_listens_there_already_is_not_taken_for_the_server()
    {
        using var other = new TcpListener(IPAddress.Loopback, _port);
        other.Start();
        var server = Start("good");
        var status = await StatusAsync(server, status => status.State == ServerState.BackingOff);

        Assert.Contains("something else listens", status.Reason, StringComparison.Ordinal);
        other.Stop();
        await ReadyAsync(server);
    }

    [Fact]
    public async Task The_portable_way_runs_the_program_itself()
    {
        var server = Start("good", ["a b"], portable: true);
        await ReadyAsync(server);
        var pid = server.Status.Pid!.Value;
        Assert.Equal("a b", (await FactsAsync())["arguments"]);
        Assert.Equal([$"serving on {_port}"], server.Status.Stderr);

        await server.DisposeAsync();
        Assert.False(TestHosts.IsAlive(pid));
    }

    // But for two signals of the C library's own, 32 and 33, which posix_spawn ignores.
    [Theory]
    [InlineData("exec grep -E 'SigBlk|SigIgn' /proc/self/status", 0, "^SigBlk:\t0{16}\nSigIgn:\t0{7}[01][08]0{7}\n$")]
    [InlineData("cat /proc/self/oom_score_adj", 0, "^1000\n$")]
    [InlineData("cat /proc/self/limits", 0, "Max core file size +0 +0 ")]
    [InlineData("exit 7", 7, "")]
    [InlineData("kill -9 $$", null, "")]
    public async Task What_the_host_becomes_has_no_signals_ignored_and_the_limits_of_a_host(string command, int? exitCode, string said)
    {
        var start = new HostStart(
            TestHosts.HostPath, ["--exec", "--parent", $"{Environment.ProcessId}", "--", "sh", "-c", command],
            HostEnvironment.Build(HostEnvironment.OfThisProcess(), "-1", _hosts.Scratch), _hosts.Scratch, 64 << 10);

        var exit = await (await HostProcess.ForThisSystem().Start(start)).Exited.WaitAsync(Limit);

        Assert.Equal(exitCode, exit.ExitCode);
        Assert.Matches(said, exit.Stdout.Text);
        Assert.Equal("", exit.Stderr.Text);
    }

    [Fact]
    public async Task A_host_whose_parent_is_another_becomes_nothing()
    {
        var start = new HostStart(
            TestHosts.HostPath, ["--exec", "--parent", "1", "--", "echo", "here"],
            HostEnvironment.Build(HostEnvironment.OfThisProcess(), "-1", _hosts.Scratch), _hosts.Scratch, 64 << 10);

        var exit = await (await HostProcess.ForThisSystem().Start(start)).Exited.WaitAsync(Limit);

        Assert.Equal((ActivityHostProcess.ProtocolExitCode, ""), (exit.ExitCode, exit.Stdout.Text));
    }

    private SupervisedServer Start(
        string mode, string[]? arguments = null, Dictionary<string, string>? environment = null, bool portable = false)
    {
        _options.Arguments = ["serve-http", $"{_port}", mode, .. arguments ?? []];
        _server = new SupervisedServer(_options, new IsolationOptions { HostPath = TestHosts.HostPath }, _logs, TimeProvider.System)
        {
            Starter = portable ? ("process", PortableHostProcess.StartAsync) : HostProcess.ForThisSystem(),
            ParentEnvironment = environment is null ? HostEnvironment.OfThisProcess : () => environment,
        };
        _server.Start();
        return _server;
    }

    private static async Task ReadyAsync(SupervisedServer server) =>
        Assert.Null(await server.WaitUntilReadyAsync(CancellationToken.None).WaitAsync(Limit));

    private static Task<ServerStatus> StatusAsync(SupervisedServer server, Func<ServerStatus, bool> isIt) =>
        server.WaitForAsync(isIt, CancellationToken.None).WaitAsync(Limit);

    private async Task<Dictionary<string, string>> FactsAsync() =>
        JsonSerializer.Deserialize<Dictionary<string, string>>(await _client.GetStringAsync("facts"))!;

    private static async Task UntilAsync(Func<bool> isIt)
    {
        for (var waiting = Stopwatch.StartNew(); !isIt(); await Task.Delay(10))
            Assert.True(waiting.Elapsed < Limit, "it took too long");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial int Duplicate(int fd);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int fd);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}
