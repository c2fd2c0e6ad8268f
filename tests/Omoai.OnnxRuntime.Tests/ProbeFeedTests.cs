using System.Diagnostics;
using Omoai.Tests;

namespace Omoai.OnnxRuntime.Tests;

/// <summary>
/// eng/probe-feed in a folder of its own, with a <c>dotnet</c> and an <c>npm</c> that only pretend: packages named
/// missing fail to restore as NuGet would have them fail, and each call is written down.
/// </summary>
public sealed class ProbeFeedTests : IDisposable
{
    private const string Gpu = "Microsoft.ML.OnnxRuntime.Gpu";
    private const string Cpu = "Microsoft.ML.OnnxRuntime";
    private const string Functions = "Microsoft.Azure.Functions.Worker";

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"omoai-probe-{Guid.NewGuid():N}");

    public ProbeFeedTests()
    {
        foreach (var folder in new[] { "bin", "eng/partial-feed" })
        {
            Directory.CreateDirectory(Path.Combine(_folder, folder));
        }

        string[] files = ["Directory.Packages.props", "eng/probe-feed", "eng/partial-feed/package-lock.json"];
        foreach (var file in files)
        {
            File.Copy(Path.Combine(TestPaths.Repository, file), Path.Combine(_folder, file));
        }

        Executable("bin/dotnet", """
            #!/bin/sh
            echo "dotnet $1 $(sed -n 's/.*<ItemGroup>//p' "$2")" >>calls
            for package in $UNREACHABLE; do
                if grep -q "\"$package\"" "$2"; then echo "x : error NU1301: no service index"; exit 1; fi
            done
            for package in $MISSING; do
                if [ -n "$UNLESS" ] && grep -q "$UNLESS" "$2"; then continue; fi
                if grep -q "\"$package\"" "$2"; then echo "x : error NU1101: Unable to find $package"; exit 1; fi
            done
            """);
        Executable("bin/nvidia-smi", "#!/bin/sh\n[ -z \"$NO_GPU\" ]\n");
        Executable("bin/npm", """
            #!/bin/sh
            echo "npm $*" >>../../calls
            mkdir -p node_modules
            touch node_modules/.package-lock.json
            """);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [UnixTheory]
    [InlineData("", "gpu", "true")]
    [InlineData(Functions, "gpu", "false")]
    [InlineData(Gpu, "cpu", "true")]
    [InlineData($"{Gpu} {Cpu} {Functions}", "stand-in", "false")]
    public void The_best_flavour_that_restores_is_taken(string missing, string flavour, string functions)
    {
        var (exitCode, output) = Probe(missing: missing);

        Assert.Equal(0, exitCode);
        Assert.Equal(5, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        var props = Props();
        Assert.Contains($">{flavour}</OmoaiOnnxRuntime>", props, StringComparison.Ordinal);
        Assert.Contains($">{functions}</OmoaiFunctionsRestore>", props, StringComparison.Ordinal);
        Assert.Equal(flavour == "stand-in", Calls().Contains("npm ci --ignore-scripts", StringComparison.Ordinal));
        var left = Directory.GetFileSystemEntries(Path.Combine(_folder, "artifacts"));
        Assert.Equal("feed.props", Path.GetFileName(Assert.Single(left)));
    }

    [UnixTheory]
    [InlineData("gpu")]
    [InlineData("cpu")]
    [InlineData("stand-in")]
    public void A_flavour_that_is_asked_for_is_taken_and_no_other_package_tried(string asked)
    {
        Assert.Equal(0, Probe(asked: asked).ExitCode);
        Assert.Contains($">{asked}</OmoaiOnnxRuntime>", Props(), StringComparison.Ordinal);
        Assert.Equal(asked == "gpu", Calls().Contains($"\"{Gpu}\"", StringComparison.Ordinal));
        Assert.Equal(asked == "cpu", Calls().Contains($"\"{Cpu}\"", StringComparison.Ordinal));

        // Asking no more brings the best one back.
        Assert.Equal(0, Probe().ExitCode);
        Assert.Contains(">gpu</OmoaiOnnxRuntime>", Props(), StringComparison.Ordinal);
    }

    [UnixFact]
    public void A_flavour_that_is_asked_for_and_not_there_is_an_error()
    {
        var (exitCode, output) = Probe(asked: "gpu", missing: Gpu);
        Assert.Equal(1, exitCode);
        Assert.Contains("gpu", output, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_folder, "artifacts", "feed.props")));
        Assert.Equal(1, Probe(asked: "tpu").ExitCode);
    }

    [UnixFact]
    public void The_feed_is_asked_again_only_when_the_versions_change()
    {
        Assert.Equal(0, Probe(missing: Gpu).ExitCode);
        var calls = Calls();

        var (exitCode, output) = Probe();
        Assert.Equal(0, exitCode);
        Assert.Contains("CPU package", output, StringComparison.Ordinal);
        Assert.Equal("", Probe(arguments: "--quiet").Output);
        Assert.Equal(calls, Calls());

        File.AppendAllText(Path.Combine(_folder, "Directory.Packages.props"), "<!-- newer -->");
        Assert.Contains("GPU package", Probe(arguments: "--quiet").Output, StringComparison.Ordinal);
        Assert.NotEqual(calls, Calls());
    }

    [UnixTheory]
    [InlineData("", "package")]
    [InlineData("Azure.Storage.Blobs", "sdk")]
    public void The_sdk_s_hashing_takes_the_place_of_a_package_that_is_missing_and_only_then(string missing, string hashing)
    {
        // Missing is what the package asks for, so it restores once that is not asked for any more.
        Assert.Equal(0, Probe(missing: missing, unless: "PrunePackageReference Include=\"System.IO.Hashing\"").ExitCode);

        Assert.Contains($">{hashing}</OmoaiSystemIOHashing>", Props(), StringComparison.Ordinal);
    }

    [UnixFact]
    public void Without_Azure_Storage_Blobs_it_fails()
    {
        var (exitCode, output) = Probe(missing: "Azure.Storage.Blobs");

        Assert.Equal(1, exitCode);
        Assert.Contains("Azure.Storage.Blobs", output, StringComparison.Ordinal);
    }

    [UnixFact]
    public void Without_a_network_it_says_so_and_does_not_take_the_packages_for_missing()
    {
        var (exitCode, output) = Probe(unreachable: $"{Gpu} {Cpu}");
        Assert.Equal(1, exitCode);
        Assert.Contains("No package feed answers", output, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_folder, "artifacts", "feed.props")));
    }

    [UnixFact]
    public void Without_a_network_what_the_cache_holds_is_taken_until_the_feed_answers()
    {
        Assert.Equal(0, Probe(unreachable: $"{Gpu} {Functions}").ExitCode);
        Assert.Contains(">cpu</OmoaiOnnxRuntime>", Props(), StringComparison.Ordinal);
        Assert.Contains(">false</OmoaiFunctionsRestore>", Props(), StringComparison.Ordinal);

        Assert.Equal(0, Probe().ExitCode);
        Assert.Contains(">gpu</OmoaiOnnxRuntime>", Props(), StringComparison.Ordinal);
        Assert.Contains(">true</OmoaiFunctionsRestore>", Props(), StringComparison.Ordinal);
    }

    [UnixTheory]
    [InlineData("", "cpu")]
    [InlineData("gpu", "gpu")]
    public void Where_no_GPU_is_the_GPU_package_is_taken_only_when_it_is_asked_for(string asked, string flavour)
    {
        Assert.Equal(0, Probe(asked: asked, gpu: false).ExitCode);

        Assert.Contains($">{flavour}</OmoaiOnnxRuntime>", Props(), StringComparison.Ordinal);
        Assert.Equal(asked == "gpu", Calls().Contains(Gpu, StringComparison.Ordinal));
    }

    [UnixFact]
    public void A_GPU_that_has_come_is_seen()
    {
        Probe(gpu: false);
        Probe();

        Assert.Contains(">gpu</OmoaiOnnxRuntime>", Props(), StringComparison.Ordinal);
    }

    [UnixTheory]
    [InlineData("", "true")]
    [InlineData($"{Functions}.Extensions.DurableTask.AzureManaged", "false")]
    public void The_back_end_that_a_feed_lacks_is_left_out_alone(string missing, string scheduler)
    {
        Assert.Equal(0, Probe(missing: missing).ExitCode);

        Assert.Contains($">{scheduler}</OmoaiSchedulerRestore>", Props(), StringComparison.Ordinal);
        Assert.Contains(">true</OmoaiFunctionsRestore>", Props(), StringComparison.Ordinal);
    }

    [UnixFact]
    public void All_the_Functions_packages_must_restore_together()
    {
        Probe();
        var call = Calls().Split('\n').Single(line => line.Contains($"\"{Functions}\"", StringComparison.Ordinal));
        string[] packages =
            ["", ".Sdk", ".Extensions.DurableTask", ".Extensions.Http.AspNetCore", ".Extensions.Storage.Blobs"];
        foreach (var package in packages)
        {
            Assert.Contains($"\"{Functions}{package}\"", call, StringComparison.Ordinal);
        }
    }

    private (int ExitCode, string Output) Probe(
        string missing = "", string unreachable = "", string asked = "", string arguments = "", string unless = "", bool gpu = true)
    {
        var start = new ProcessStartInfo(Path.Combine(_folder, "eng", "probe-feed"), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = $"{Path.Combine(_folder, "bin")}:{start.Environment["PATH"]}";
        start.Environment["MISSING"] = missing;
        start.Environment["UNREACHABLE"] = unreachable;
        start.Environment["UNLESS"] = unless;
        start.Environment["NO_GPU"] = gpu ? "" : "1";
        start.Environment["OmoaiOnnxRuntime"] = asked;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd() + errors.GetAwaiter().GetResult();
        process.WaitForExit();
        return (process.ExitCode, output);
    }

    private string Props() => File.ReadAllText(Path.Combine(_folder, "artifacts", "feed.props"));

    private string Calls() => File.ReadAllText(Path.Combine(_folder, "calls"));

    private void Executable(string file, string text)
    {
        var path = Path.Combine(_folder, file);
        File.WriteAllText(path, text);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    /// <summary>A test that runs a shell script.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    private sealed class UnixFactAttribute : FactAttribute
    {
        public UnixFactAttribute() => Skip = OperatingSystem.IsWindows() ? "A shell script." : null;
    }

    /// <summary>As <see cref="UnixFactAttribute"/>, for theories.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    private sealed class UnixTheoryAttribute : TheoryAttribute
    {
        public UnixTheoryAttribute() => Skip = OperatingSystem.IsWindows() ? "A shell script." : null;
    }
}
