using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Omoai.Tests;
using Omoai.Tests.Native;

namespace Omoai.Isolation.Tests.Bug;

/// <summary>
/// The class of bug that this project exists for, and that it can't happen here: each test shows the one and the other. The driver is one of
/// our own that, like CUDA's, can't be used in a process forked after it was initialised.
/// </summary>
public sealed partial class BugTests(TestHosts hosts) : IClassFixture<TestHosts>
{
    private const int SigKill = 9;

    [CompilerFact]
    public void A_program_that_initialises_the_driver_and_forks_can_not_use_it_in_the_child()
    {
        var program = CCompiler.BuildProgram("fork_after_init.c", Path.Combine(hosts.Scratch, "fork-after-init"));

        Assert.Equal(["parent 0", "fork 3", "fork first 0"], Output(program, Driver()));
    }

    [CompilerAndPythonFact]
    public void Nor_can_Python_by_fork_but_it_can_by_spawn()
    {
        var script = Path.Combine(TestPaths.Repository, "tests", "Omoai.Isolation.Tests", "Bug", "fork_after_init.py");

        Assert.Equal(
            ["parent 0", "os.fork 3", "multiprocessing fork 3", "multiprocessing spawn 0"],
            Output("python3", script, Driver()));
    }

    [CompilerFact]
    public async Task Hosts_can_use_the_driver_even_where_their_parent_has_initialised_it_and_that_is_noticed()
    {
        using var parent = hosts.StartParent("driver-parent", Driver(), "3");
        var lines = (await parent.StandardOutput.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        // Last in each host's line: that its evidence accuses the parent.
        Assert.Equal(["parent 0 0", "fork 3 3", "host 0 0 True", "host 0 0 True", "host 0 0 True"], lines);
    }

    [Fact]
    public async Task A_grandchild_outlives_a_plain_kill_of_its_parent_but_not_the_end_of_a_host()
    {
        using var plain = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "sleep 1000 & echo $!; wait"]) { RedirectStandardOutput = true })!;
        var grandchild = int.Parse((await plain.StandardOutput.ReadLineAsync())!, CultureInfo.InvariantCulture);
        plain.Kill();
        await plain.WaitForExitAsync();
        var outlives = TestHosts.IsAlive(grandchild);
        _ = Kill(grandchild, SigKill);

        var reports = new TestHosts.Reports();
        var result = await hosts.RunAsync("block", deadlineSeconds: 3, progress: reports);
        var pids = TestHosts.Pids((await reports.First).Message!);

        Assert.True(outlives);
        Assert.Equal(FailureClass.Timeout, result.Failure!.Class);
        Assert.Equal(2, pids.Length);
        Assert.DoesNotContain(pids, TestHosts.IsAlive);
    }

    [Fact]
    public async Task A_resident_process_keeps_memory_after_its_work_and_a_parent_of_hosts_does_not()
    {
        using var parent = hosts.StartParent("heap-parent");
        var figures = (await parent.StandardOutput.ReadToEndAsync()).Split(' ').Select(text => int.Parse(text, CultureInfo.InvariantCulture)).ToArray();

        // MiB; the work takes 200 and has freed nearly all of them in the end.
        var (byHosts, byItself, peaks) = (figures[0], figures[1], figures[2..]);
        Assert.InRange(byItself, 150, 400);
        Assert.InRange(byHosts, -400, 75);
        Assert.Equal(3, peaks.Length);
        Assert.All(peaks, peak => Assert.InRange(peak, 200, 500));
    }

    [CompilerAndPythonFact]
    public void The_script_for_a_real_GPU_shows_the_same_with_the_driver_of_our_own()
    {
        var folder = Directory.CreateDirectory(Path.Combine(hosts.Scratch, "driver")).FullName;
        var accounts = Directory.CreateDirectory(Path.Combine(folder, "accounts")).FullName;
        CCompiler.BuildLibrary("fake_cuda.c", Path.Combine(folder, "libcuda.so.1"), $"GPU_FOLDER=\"{accounts}\"");
        CCompiler.BuildLibrary("fake_nvml.c", Path.Combine(folder, "libnvidia-ml.so.1"), $"GPU_FOLDER=\"{accounts}\"");

        var lines = Output("/usr/bin/env", $"LD_LIBRARY_PATH={folder}", "python3", Path.Combine(TestPaths.Repository, "docs", "evidence", "fork-after-cuda.py"));

        Assert.Equal(
            [
                "before: 1024 MiB used",
                "with CUDA in the parent: 1580 MiB used",
                "os.fork: error 3",
                "multiprocessing fork: error 3",
                "spawned child at work: 2136 MiB used",
                "spawn: works",
                "multiprocessing spawn: works",
                "after the children: 1580 MiB used",
                "after the parent: 1024 MiB used",
                "As expected: forked children can't use CUDA, spawned ones can, and all memory is back.",
            ],
            lines.Skip(1));
    }

    private string Driver()
    {
        // By this name, a parent that has it mapped is noticed.
        var folder = Directory.CreateDirectory(Path.Combine(hosts.Scratch, $"{Guid.NewGuid():n}")).FullName;
        return CCompiler.BuildLibrary("fake_cuda.c", Path.Combine(folder, "libcuda.so.1"));
    }

    private static string[] Output(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, output);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}
