using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Omoai.Isolation.Hosts;

[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]

namespace Omoai.Isolation.Tests;

/// <summary>Starts the test host and looks at what is left of it. Each test class that has one gets its own scratch folder.</summary>
public sealed class TestHosts : IDisposable
{
    public static readonly string HostPath = Path.Combine(AppContext.BaseDirectory, "Omoai.Isolation.TestHost");

    public string Scratch { get; } = Directory.CreateTempSubdirectory("omoai-isolation-tests-").FullName;

    public void Dispose() => Directory.Delete(Scratch, recursive: true);

    /// <summary>Runs an activity of the test host; no run of a passing test comes near the default deadline.</summary>
    public async Task<HostResult> RunAsync(
        string activity, object? input = null, double deadlineSeconds = 60, Action<IsolationOptions>? configure = null,
        IProgress<HostProgress>? progress = null, IEnumerable<KeyValuePair<string, string>>? environment = null,
        bool portable = false, ILogger<ActivityHostLauncher>? logger = null, bool network = false, string? scratch = null,
        CancellationToken cancellationToken = default)
    {
        var options = Options();
        configure?.Invoke(options);
        using var launcher = new ActivityHostLauncher(options, logger ?? new Logs(), TimeProvider.System)
        {
            Starter = portable ? ("process", PortableHostProcess.StartAsync) : HostProcess.ForThisSystem(),
            ParentEnvironment = environment is null ? HostEnvironment.OfThisProcess : () => environment,
        };
        var request = new HostRequest(
            activity, JsonSerializer.SerializeToElement(input ?? 0), scratch ?? Scratch, TimeSpan.FromSeconds(deadlineSeconds))
        {
            Need = new HostNeed { Network = network },
        };
        var result = await launcher.RunAsync(request, progress, cancellationToken);

        Assert.True(result.Output is null != result.Failure is null, "a result has either an output or a failure");
        Assert.False(File.Exists(PipeOf(result)), "the socket's file is still there");
        if (result.Evidence.Pid != 0)
            Assert.False(IsAlive(result.Evidence.Pid), "the host is still there");
        return result;
    }

    /// <summary>Those of a worker that knows of no other, and has room for all that a test starts.</summary>
    public IsolationOptions Options() => new()
    {
        HostPath = HostPath,
        KillGrace = TimeSpan.FromSeconds(1),
        LeaseFolder = Path.Combine(Scratch, "leases"),
        CpuHosts = 32,
    };

    /// <summary>Runs one that must fail.</summary>
    public async Task<ActivityFailure> FailureAsync(string activity, object? input = null, Action<IsolationOptions>? configure = null) =>
        Assert.IsType<ActivityFailure>((await RunAsync(activity, input, configure: configure)).Failure);

    /// <summary>An executable script in the scratch folder, to take the host's place.</summary>
    public string Script(string name, string body)
    {
        var path = Path.Combine(Scratch, name);
        File.WriteAllText(path, $"#!/bin/sh\n{body}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    /// <summary>Whether a process runs: not ended, and not a zombie.</summary>
    public static bool IsAlive(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[stat.LastIndexOf(')') + 2] is not ('Z' or 'X');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>The processes whose command line holds a text.</summary>
    public static int[] Running(string text) =>
        [.. Directory.EnumerateDirectories("/proc").Where(folder => char.IsAsciiDigit(folder[^1]))
            .Where(folder => Read(Path.Combine(folder, "cmdline")).Contains(text, StringComparison.Ordinal))
            .Select(folder => int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture))];

    /// <summary>Whether a process is a child of this one, be it a zombie.</summary>
    public static bool IsChild(int pid)
    {
        var stat = Read($"/proc/{pid}/stat");
        return stat[(stat.LastIndexOf(')') + 1)..].Split(' ') is ["", _, var parent, ..] && parent == $"{Environment.ProcessId}";
    }

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    public static int[] Pids(string text) =>
        [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(pid => int.Parse(pid, CultureInfo.InvariantCulture))];

    private static string? PipeOf(HostResult result)
    {
        var words = result.Evidence.Command.Split(' ');
        return words.SkipWhile(word => word != "--pipe").Skip(1).FirstOrDefault();
    }

    /// <summary>Reports at once, and lets a test wait for the first report.</summary>
    public sealed class Reports : IProgress<HostProgress>
    {
        private readonly TaskCompletionSource<HostProgress> _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ConcurrentQueue<HostProgress> All { get; } = new();

        public Task<HostProgress> First => _first.Task.WaitAsync(TimeSpan.FromSeconds(60));

        public void Report(HostProgress value)
        {
            All.Enqueue(value);
            _first.TrySetResult(value);
        }
    }

    public sealed class Logs : ILogger<ActivityHostLauncher>
    {
        public ConcurrentQueue<(LogLevel Level, string Text)> Lines { get; } = new();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue((logLevel, formatter(state, exception)));
    }

    /// <summary>The test host as a parent.</summary>
    public Process StartParent(params string[] arguments)
    {
        var info = new ProcessStartInfo(HostPath, [.. arguments, Scratch]) { RedirectStandardOutput = true };
        return Process.Start(info)!;
    }
}
