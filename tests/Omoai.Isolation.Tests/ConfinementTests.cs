using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Omoai.Isolation.Linux;
using Omoai.Isolation.Protocol;

namespace Omoai.Isolation.Tests;

/// <summary>What a host takes from itself and from all that it starts: ways out of its group, the network, rights on its files.</summary>
public sealed partial class ConfinementTests(TestHosts hosts) : IClassFixture<TestHosts>
{
    private const int SigKill = 9;
    private const int SigStop = 19;

    // BODY is what the daemon does.
    private const string OfAnotherSession = "(setsid sh -c 'BODY' > /dev/null 2>&1 &)";
    private const string OfAnotherGroup = "set -m; (sh -c 'BODY' > /dev/null 2>&1 &)";

    [Theory]
    [InlineData(OfAnotherSession)]
    [InlineData(OfAnotherGroup)]
    public async Task A_daemon_is_gone_when_its_host_has_answered(string script)
    {
        var result = await hosts.RunAsync("daemon", script);

        AssertGone([result.Output!.Value[0].GetInt32()]);
        Assert.True(result.Evidence.Contained);
    }

    [Fact]
    public async Task A_daemon_is_gone_when_its_host_is_cancelled()
    {
        using var cancel = new CancellationTokenSource();
        var reports = new TestHosts.Reports();
        var run = hosts.RunAsync("daemon-and-block", OfAnotherSession, progress: reports, cancellationToken: cancel.Token);
        var pids = TestHosts.Pids((await reports.First).Message!);
        Assert.All(pids, pid => Assert.True(TestHosts.IsAlive(pid)));
        await cancel.CancelAsync();

        Assert.Equal(FailureClass.Cancelled, (await run).Failure!.Class);
        AssertGone(pids);
    }

    [Fact]
    public async Task A_daemon_dies_when_the_parent_of_its_host_is_killed()
    {
        using var parent = hosts.StartParent("parent", "daemon-and-block");
        var pids = TestHosts.Pids((await parent.StandardOutput.ReadLineAsync())!);
        Assert.All(pids, pid => Assert.True(TestHosts.IsAlive(pid)));

        parent.Kill();
        await parent.WaitForExitAsync();

        await AssertDyingAsync(pids);
    }

    [Theory]
    [InlineData("block")]
    [InlineData("daemon-and-block")]
    public async Task What_a_host_started_dies_with_the_parent_also_where_the_host_ended_first(string activity)
    {
        using var parent = hosts.StartParent("parent", activity);
        var pids = TestHosts.Pids((await parent.StandardOutput.ReadLineAsync())!);
        // It can't clean up after its host.
        _ = Kill(parent.Id, SigStop);
        _ = Kill(pids[0], SigKill);
        await AssertDyingAsync([pids[0]]);
        Assert.True(TestHosts.IsAlive(pids[1]));

        parent.Kill();
        await parent.WaitForExitAsync();

        await AssertDyingAsync(pids);
    }

    [Fact]
    public async Task An_orphan_becomes_the_child_of_its_host()
    {
        var result = await hosts.RunAsync("daemon", OfAnotherSession);

        Assert.Equal(result.Evidence.Pid, result.Output!.Value[1].GetInt32());
    }

    [Fact]
    public async Task A_program_that_signals_what_it_takes_for_its_group_does_not_end_the_host()
    {
        var (exitCode, _) = await ScriptAsync("timeout 0.1 sleep 1000");

        Assert.Equal("124", exitCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task There_is_a_network_only_for_a_request_that_asks_for_it(bool network)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;

        var result = await hosts.RunAsync("connect", port, network: network);
        var (exitCode, said) = await ScriptAsync($": <> /dev/tcp/127.0.0.1/{port}", network);

        Assert.Equal(network ? "connected" : "AddressFamilyNotSupported", result.Output!.Value.GetString());
        Assert.Equal(!network, result.Evidence.NetworkOff);
        Assert.True(result.Evidence.Contained);
        Assert.True(network == (exitCode == "0"), said);
        Assert.Equal(network, listener.Pending());
    }

    [Fact]
    public async Task What_a_host_writes_is_for_its_owner_alone()
    {
        var result = await hosts.RunAsync("write", 1);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, (UnixFileMode)result.Output!.Value.GetInt32());
    }

    [Fact]
    public async Task A_host_of_the_portable_way_is_in_no_group_of_its_own_and_has_no_network()
    {
        var evidence = (await hosts.RunAsync("echo", portable: true)).Evidence;

        Assert.False(evidence.Contained);
        Assert.True(evidence.NetworkOff);
    }

    [Fact]
    public async Task The_parent_is_not_confined()
    {
        var before = Own();

        await hosts.RunAsync("echo");

        Assert.Equal(before, Own());
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

        static string[] Own() =>
        [
            .. File.ReadLines("/proc/self/status").Where(line => line.StartsWith("Umask:", StringComparison.Ordinal)
                || line.StartsWith("Seccomp", StringComparison.Ordinal) || line.StartsWith("NoNewPrivs:", StringComparison.Ordinal)),
            .. File.ReadLines("/proc/self/limits").Where(line => line.StartsWith("Max core", StringComparison.Ordinal)
                || line.StartsWith("Max file size", StringComparison.Ordinal)),
            // Of the thread that starts hosts.
            $"{SpawnThread.RunAsync(() => Libc.GetNice(Libc.PrioProcess, 0)).Result}",
        ];
    }

    public static TheoryData<string, bool, uint, ulong[], string> Calls => new()
    {
        { "x64", false, 112, [], "0" },
        { "x64", false, 109, [5, 5], "0" },
        { "x64", false, 110, [], "allowed" },
        { "x64", false, 0x40000000 | 112, [], "38" },
        { "x64", true, 0x40000000 | 41, [2], "38" },
        { "x64", false, 41, [1], "allowed" },
        { "x64", false, 41, [2], "97" },
        { "x64", false, 41, [10], "97" },
        { "x64", false, 41, [16], "97" },
        // The kernel takes the lower half, too.
        { "x64", false, 41, [0xffffffff_00000002], "97" },
        { "x64", true, 41, [2], "allowed" },
        { "x64", false, 425, [8], "38" },
        { "x64", true, 425, [8], "allowed" },
        { "x64", false, 62, [1234, 15], "allowed" },
        { "x64", false, 62, [0, 15], "1" },
        { "x64", false, 62, [0, 9], "1" },
        { "x64", false, 62, [unchecked((ulong)-1), 9], "1" },
        { "x64", false, 62, [unchecked((uint)-77), 15], "1" },
        { "x64", false, 62, [unchecked((uint)-77), 9], "allowed" },
        { "x64", false, 62, [unchecked((uint)-78), 9], "1" },
        { "x64", true, 112, [], "0" },
        { "arm64", false, 157, [], "0" },
        { "arm64", false, 154, [0, 0], "0" },
        { "arm64", false, 112, [], "allowed" },
        { "arm64", false, 198, [1], "allowed" },
        { "arm64", false, 198, [2], "97" },
        { "arm64", true, 198, [2], "allowed" },
        { "arm64", false, 129, [0, 15], "1" },
        { "arm64", false, 129, [77, 15], "allowed" },
        { "arm64", false, 425, [8], "38" },
        // setsid of 32-bit programs.
        { "i386", false, 66, [], "38" },
        { "arm", false, 66, [], "38" },
    };

    [Theory]
    [MemberData(nameof(Calls))]
    public void The_filter_lets_through_what_it_should(string program, bool network, uint call, ulong[] arguments, string expected)
    {
        var (numbers, architecture) = program switch
        {
            "x64" => (SystemCallNumbers.X64, 0xC000003Eu),
            "i386" => (SystemCallNumbers.X64, 0x40000003u),
            "arm64" => (SystemCallNumbers.Arm64, 0xC00000B7u),
            _ => (SystemCallNumbers.Arm64, 0x40000028u),
        };
        var verdict = Judge(SystemCallFilter.Create(numbers, group: 77, network), architecture, call, arguments);

        Assert.Equal(expected, verdict == SystemCallFilter.Allow ? "allowed" : $"{verdict ^ SystemCallFilter.Error}");
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData(1L, false)]
    [InlineData(8L << 30, true)]
    public void What_the_parent_asks_for_arrives(long? maxFile, bool network)
    {
        var settings = new ConfinementSettings(maxFile, network);

        Assert.Equal(settings, ConfinementSettings.Parse([.. settings.ToArguments()]));
    }

    [Theory]
    [InlineData("--max-file")]
    [InlineData("--max-file", "-1")]
    [InlineData("--max-file", "1", "more")]
    [InlineData("--networks")]
    public void What_no_parent_writes_is_refused(params string[] arguments) => Assert.Null(ConfinementSettings.Parse(arguments));

    /// <summary>Runs a filter as the kernel does.</summary>
    private static uint Judge(SystemCallFilter.Instruction[] filter, uint architecture, uint call, ulong[] arguments)
    {
        var data = new uint[16];
        (data[0], data[1]) = (call, architecture);
        for (var i = 0; i < arguments.Length; i++)
            (data[4 + (2 * i)], data[5 + (2 * i)]) = ((uint)arguments[i], (uint)(arguments[i] >> 32));
        var value = 0u;
        for (var at = 0; ; at++)
        {
            var (code, ifTrue, ifFalse, operand) = filter[at];
            switch (code)
            {
                case 0x20:
                    value = data[operand / 4];
                    break;
                case 0x06:
                    return operand;
                default:
                    at += (code switch
                    {
                        0x15 => value == operand,
                        0x35 => value >= operand,
                        0x45 => (value & operand) != 0,
                        _ => throw new InvalidDataException($"an instruction {code:x}"),
                    }) ? ifTrue : ifFalse;
                    break;
            }
        }
    }

    private async Task<(string ExitCode, string Said)> ScriptAsync(string script, bool network = false)
    {
        var result = await hosts.RunAsync("run", script, network: network);
        Assert.Null(result.Failure);
        return (result.Output!.Value[0].GetString()!, result.Output.Value[1].GetString()!);
    }

    /// <summary>Nothing is left behind where the assertion fails.</summary>
    private static void AssertGone(int[] pids)
    {
        var alive = pids.Where(TestHosts.IsAlive).ToArray();
        foreach (var pid in alive)
            _ = Kill(pid, SigKill);
        Assert.Empty(alive);
    }

    private static async Task AssertDyingAsync(int[] pids)
    {
        var dying = Stopwatch.StartNew();
        while (pids.Any(TestHosts.IsAlive) && dying.Elapsed < TimeSpan.FromSeconds(5))
            await Task.Delay(10);
        AssertGone(pids);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}
