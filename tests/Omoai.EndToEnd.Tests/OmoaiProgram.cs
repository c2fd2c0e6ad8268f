using System.Diagnostics;
using Omoai.Tests;

namespace Omoai.EndToEnd.Tests;

/// <summary>The built <c>omoai</c> program, run as a user runs it.</summary>
internal static class OmoaiProgram
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    /// <summary>The program's folder, built in the same configuration as this test.</summary>
    public static string Folder { get; } = Path.Combine(
        [TestPaths.Repository, "src", "Omoai.Local", .. AppContext.BaseDirectory.TrimEnd('/').Split('/').TakeLast(3)]);

    public static string ActivityHostFolder { get; } = Path.Combine(Folder, "activity-host");

    public static string Sample { get; } = Path.Combine(TestPaths.Repository, "samples", "standup.wav");

    public static string SampleText { get; } = File.ReadAllText(Path.Combine(TestPaths.Repository, "samples", "standup.txt"));

    public static Task<Outcome> RunAsync(params string[] arguments) => RunAsync(arguments, null, null);

    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Variables to set, or to take away where the value is null.</param>
    /// <param name="started">Called once it runs.</param>
    public static Task<Outcome> RunAsync(
        string[] arguments, Dictionary<string, string?>? environment, Func<Process, Task>? started) =>
        RunAsync(Path.Combine(Folder, "omoai"), arguments, environment, started);

    public static async Task<Outcome> RunAsync(
        string program, string[] arguments, Dictionary<string, string?>? environment, Func<Process, Task>? started)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment ?? [])
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(patience.Token);
            var error = process.StandardError.ReadToEndAsync(patience.Token);
            if (started is not null)
            {
                await started(process);
            }

            await process.WaitForExitAsync(patience.Token);
            return new Outcome(process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }
}

internal sealed record Outcome(int ExitCode, string Output, string Error);

/// <summary>A folder for one test.</summary>
internal sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("omoai-test-").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>A test that needs ffmpeg; skipped, saying so, where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FfmpegTheoryAttribute : TheoryAttribute
{
    public FfmpegTheoryAttribute() => Skip = Programs.Find("ffmpeg") is null ? "ffmpeg is not on this machine." : null;
}

internal static class Programs
{
    public static string? Find(string name) => Environment.GetEnvironmentVariable("PATH")!.Split(':')
        .Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    public static async Task RunAsync(string name, params string[] arguments)
    {
        var outcome = await OmoaiProgram.RunAsync(name, arguments, null, null);
        Assert.True(outcome.ExitCode == 0, $"{name} {string.Join(' ', arguments)}: {outcome.Error}");
    }
}
