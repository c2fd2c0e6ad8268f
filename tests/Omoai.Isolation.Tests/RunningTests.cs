using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Omoai.Isolation.Tests;

/// <summary>A host that behaves, and what it is given.</summary>
public sealed partial class RunningTests(TestHosts hosts) : IClassFixture<TestHosts>
{
    [Fact]
    public async Task An_activity_answers_and_leaves_evidence()
    {
        var before = DateTimeOffset.UtcNow;
        var result = await hosts.RunAsync("echo", new { text = "xin chào" });

        Assert.Equal("xin chào", result.Output!.Value.GetProperty("text").GetString());
        var evidence = result.Evidence;
        Assert.Equal("echo", evidence.Activity);
        Assert.Equal("spawn", evidence.StartMethod);
        Assert.StartsWith(TestHosts.HostPath, evidence.Command, StringComparison.Ordinal);
        Assert.Equal("0", evidence.Device);
        Assert.InRange(evidence.StartedAt, before, DateTimeOffset.UtcNow);
        Assert.Equal(TimeSpan.Zero, evidence.StartedAt.Offset);
        Assert.True(evidence.SpawnToReadyMs > 0);
        Assert.True(evidence.ReadyToDoneMs > 0);
        Assert.True(evidence.PeakMemoryBytes > 1 << 20);
        Assert.Equal(0, evidence.ExitCode);
        Assert.Null(evidence.Signal);
        Assert.False(evidence.ParentHadCuda);
        Assert.False(evidence.ParentHadOnnxRuntime);
        Assert.False(evidence.Standby);
        Assert.Contains("VLLM_WORKER_MULTIPROC_METHOD", evidence.Variables);
        Assert.Contains("CUDA_VISIBLE_DEVICES", evidence.Variables);
    }

    [Fact]
    public async Task Each_activity_gets_a_process_of_its_own()
    {
        var results = await Task.WhenAll(hosts.RunAsync("echo"), hosts.RunAsync("echo"), hosts.RunAsync("echo"));

        Assert.Equal(3, results.Select(result => result.Evidence.Pid).Distinct().Count());
    }

    [Fact]
    public async Task A_host_leads_its_own_session_and_inherits_three_descriptors_and_no_signals()
    {
        // What a careless library in the parent leaves behind: a descriptor without close-on-exec, an ignored signal.
        var leaked = Duplicate(1);
        var previous = SetHandler(SigUsr1, Ignore);
        try
        {
            var facts = await FactsAsync();

            // The last two are its device's slot and its lifeline, which it hands on.
            Assert.Equal("0 1 2 3 60", facts["inherited"]);
            Assert.Equal("/dev/null", facts["stdin"]);
            var stat = facts["stat"][(facts["stat"].LastIndexOf(')') + 2)..].Split(' ');
            Assert.Equal(facts["pid"], stat[2]);
            Assert.Equal(facts["pid"], stat[3]);
            Assert.Equal(0UL, Mask(facts["status"], "SigIgn") & (1UL << (SigUsr1 - 1)));
            Assert.Equal(0UL, Mask(facts["status"], "SigBlk"));
        }
        finally
        {
            SetHandler(SigUsr1, previous);
            _ = Close(leaked);
        }
    }

    [Fact]
    public async Task A_host_works_in_the_scratch_folder_dumps_no_core_and_is_killed_first_when_memory_runs_out()
    {
        var facts = await FactsAsync();

        Assert.Equal(hosts.Scratch, facts["folder"]);
        Assert.Equal(hosts.Scratch, facts["scratch"]);
        Assert.Equal(hosts.Scratch, facts["temp"].TrimEnd('/'));
        Assert.Equal("1000", facts["oom"]);
        Assert.Matches("Max core file size +0 +0 ", facts["limits"]);
    }

    [Fact]
    public async Task No_secret_reaches_the_process_of_a_host()
    {
        Dictionary<string, string> parent = new()
        {
            ["PATH"] = "/usr/bin:/bin",
            ["AzureWebJobsStorage"] = "UseDevelopmentStorage=true",
            ["AZURE_CLIENT_SECRET"] = "one",
            ["OMOAI_API_KEY"] = "two",
            ["OMOAI_STORAGE"] = "DefaultEndpointsProtocol=https;AccountKey=three",
            ["IDENTITY_ENDPOINT"] = "http://localhost/four",
            ["DOTNET_STARTUP_HOOKS"] = "/no/such/hook.dll",
            ["DOTNET_DiagnosticPorts"] = "/tmp/port",
            ["OMOAI_MODELS"] = "/models",
        };

        var result = await hosts.RunAsync("environment", environment: parent);

        var variables = result.Output!.Value.Deserialize<string[]>()!.ToDictionary(
            variable => variable[..variable.IndexOf('=')], variable => variable[(variable.IndexOf('=') + 1)..]);
        string[] expected =
        [
            "CUDA_VISIBLE_DEVICES", "DOTNET_EnableDiagnostics", "DOTNET_ROOT", "MULTIPROCESSING_START_METHOD", "OMOAI_MODELS",
            "PATH", "TMPDIR", "TOKENIZERS_PARALLELISM", "VLLM_WORKER_MULTIPROC_METHOD",
        ];
        Assert.Equal(expected, variables.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(expected, result.Evidence.Variables);
        Assert.Equal("spawn", variables["MULTIPROCESSING_START_METHOD"]);
    }

    [Fact]
    public async Task The_start_is_logged_with_names_and_without_values()
    {
        var log = new TestHosts.Logs();

        await hosts.RunAsync("echo", logger: log, environment: [new("OMOAI_MODELS", "a-value-of-mine")]);

        var start = Assert.Single(log.Lines, line => line.Text.Contains("started", StringComparison.Ordinal)).Text;
        Assert.Contains("spawn", start, StringComparison.Ordinal);
        Assert.Contains(TestHosts.HostPath, start, StringComparison.Ordinal);
        Assert.Contains("OMOAI_MODELS", start, StringComparison.Ordinal);
        Assert.Contains("CUDA False", start, StringComparison.Ordinal);
        Assert.DoesNotContain(log.Lines, line => line.Text.Contains("a-value-of-mine", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Progress_arrives_in_order_and_within_its_bounds()
    {
        var reports = new TestHosts.Reports();

        await hosts.RunAsync("progress", progress: reports);

        Assert.Equal([0.25, 0, 1], reports.All.Select(report => report.Fraction));
        Assert.Equal("a quarter", reports.All.First().Message);
        Assert.Equal(200, reports.All.Last().Message!.Length);
    }

    [Fact]
    public async Task Peak_memory_is_that_of_the_host()
    {
        var result = await hosts.RunAsync("allocate", 300 << 20);

        Assert.InRange(result.Evidence.PeakMemoryBytes!.Value, 300 << 20, 500 << 20);
    }

    [Fact]
    public async Task A_flood_on_stdout_and_stderr_neither_blocks_the_host_nor_fills_the_parent()
    {
        var log = new TestHosts.Logs();
        var result = await hosts.RunAsync("flood", 3000, configure: options => options.MaxCapturedOutputBytes = 4096, logger: log);

        Assert.NotNull(result.Output);
        var (stdout, stderr) = (result.Evidence.Stdout, result.Evidence.Stderr);
        Assert.StartsWith("first line\n", stdout.Text, StringComparison.Ordinal);
        Assert.EndsWith("last line\n", stdout.Text, StringComparison.Ordinal);
        Assert.Equal((3000 * 1000) + 21 - 4096, stdout.DroppedBytes);
        Assert.Equal((3000 * 1000) - 4096, stderr.DroppedBytes);
        Assert.InRange(stdout.Text.Length, 4096, 4096 + 100);
        Assert.Contains(log.Lines, line => line.Text.Contains("last line", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_large_output_arrives_and_one_over_the_limit_is_a_failure()
    {
        Assert.Equal(900_000, (await hosts.RunAsync("large-output", 900_000)).Output!.Value.GetString()!.Length);

        var failure = await hosts.FailureAsync("large-output", 2_000_000);
        Assert.Equal(FailureClass.Internal, failure.Class);
        Assert.Contains("limit", failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_host_leaves_running_after_a_success_is_gone_with_it()
    {
        var result = await hosts.RunAsync("grandchild");

        Assert.False(TestHosts.IsAlive(result.Output!.Value.GetInt32()));
    }

    [Fact]
    public async Task A_host_that_answers_and_does_not_exit_is_killed_and_its_answer_stands()
    {
        var result = await hosts.RunAsync("linger");

        Assert.Equal(7, result.Output!.Value.GetInt32());
        Assert.Equal(9, result.Evidence.Signal);
    }

    [Fact]
    public async Task Other_children_of_the_parent_are_waited_for_as_ever()
    {
        var hostRuns = Task.WhenAll(hosts.RunAsync("echo"), hosts.RunAsync("exit", 5), hosts.RunAsync("grandchild"));
        var codes = new List<int>();
        while (codes.Count < 5 || !hostRuns.IsCompleted)
        {
            using var other = Process.Start("sh", ["-c", $"exit {codes.Count % 100}"]);
            await other.WaitForExitAsync();
            codes.Add(other.ExitCode);
        }

        Assert.Equal(Enumerable.Range(0, codes.Count).Select(i => i % 100), codes);
        Assert.Equal([0, 5, 0], (await hostRuns).Select(result => result.Evidence.ExitCode ?? -1));
    }

    [Fact]
    public async Task Fifty_activities_leave_no_descriptors_threads_or_zombies()
    {
        using var parent = hosts.StartParent("count-leaks");

        var counts = await parent.StandardOutput.ReadToEndAsync();

        Assert.Equal("0 0 0", counts.Trim());
    }

    private async Task<Dictionary<string, string>> FactsAsync() =>
        (await hosts.RunAsync("facts")).Output!.Value.Deserialize<Dictionary<string, string>>()!;

    private static ulong Mask(string status, string name)
    {
        var line = status.Split('\n').First(line => line.StartsWith(name + ":", StringComparison.Ordinal));
        return ulong.Parse(line[(name.Length + 1)..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    private const int SigUsr1 = 10;
    private const nint Ignore = 1;

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial int Duplicate(int fd);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int fd);

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint SetHandler(int signal, nint handler);
}
