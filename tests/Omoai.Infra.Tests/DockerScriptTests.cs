using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Omoai.Tests;

namespace Omoai.Infra.Tests;

/// <summary>The scripts of the image, run for real. They need bash and glibc's ldd, as the image has them.</summary>
public sealed class DockerScriptTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-docker-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [GlibcFact]
    public async Task Libraries_that_find_all_they_ask_for_pass()
    {
        AddLibrary("whole.so");
        File.WriteAllText(Path.Combine(_folder, "readme.txt"), "no library");

        var (code, output) = await CheckAsync(_folder);

        Assert.Equal(0, code);
        Assert.Contains("1 native libraries and executables find all they ask for.", output, StringComparison.Ordinal);
    }

    [GlibcFact]
    public async Task A_library_whose_dependency_is_missing_fails_the_check_and_is_named()
    {
        AddLibrary("whole.so");
        AddLibrary("nested/broken.so", "libc.so.6", "libq.so.6");

        var (code, output) = await CheckAsync(_folder);

        Assert.Equal(1, code);
        Assert.Contains("nested/broken.so: libq.so.6 not found", output, StringComparison.Ordinal);
        Assert.DoesNotContain("whole.so", output, StringComparison.Ordinal);
    }

    [GlibcFact]
    public async Task A_library_that_wants_a_newer_C_library_fails_the_check()
    {
        AddLibrary("newer.so", "GLIBC_2.", "GLIBC_9.");

        var (code, output) = await CheckAsync(_folder);

        Assert.Equal(1, code);
        Assert.Contains("newer.so: ", output, StringComparison.Ordinal);
        Assert.Contains("`GLIBC_9.", output, StringComparison.Ordinal);
    }

    [GlibcFact]
    public async Task What_the_platform_brings_may_be_missing()
    {
        AddLibrary("broken.so", "libc.so.6", "libq.so.6");

        var (code, _) = await CheckAsync("--allow", "libq.so.6", _folder);
        var (otherCode, _) = await CheckAsync("--allow", "libz.so.6", _folder);

        Assert.Equal(0, code);
        Assert.Equal(1, otherCode);
    }

    [GlibcFact]
    public async Task What_is_loaded_by_name_must_be_there_too()
    {
        AddLibrary("whole.so");
        AddLibrary("cuda/libloaded.so.9");

        var (missing, output) = await CheckAsync("--also", "libloaded.so.9", _folder);
        var (found, _) = await RunAsync(
            "check-native-libraries", [("LD_LIBRARY_PATH", Path.Combine(_folder, "cuda"))], "--also", "libloaded.so.9", _folder);
        var (system, _) = await CheckAsync("--also", "libc.so.6", _folder);

        Assert.Equal(1, missing);
        Assert.Contains("loaded by name: libloaded.so.9 not found", output, StringComparison.Ordinal);
        Assert.Equal(0, found);
        Assert.Equal(0, system);
    }

    [GlibcFact]
    public async Task A_library_for_another_processor_is_skipped_and_said()
    {
        AddLibrary("whole.so");
        var other = File.ReadAllBytes(AddLibrary("other.so"));
        // The machine of an ELF header: 243 is RISC-V.
        (other[18], other[19]) = (243, 0);
        File.WriteAllBytes(Path.Combine(_folder, "other.so"), other);

        var (code, output) = await CheckAsync(_folder);

        Assert.Equal(0, code);
        Assert.Contains($"skipped, for another processor: {_folder}/other.so", output, StringComparison.Ordinal);
    }

    [GlibcFact]
    public async Task A_folder_without_any_library_fails_the_check()
    {
        var (code, _) = await CheckAsync(_folder);
        var (absent, _) = await CheckAsync(Path.Combine(_folder, "absent"));

        Assert.Equal(1, code);
        Assert.Equal(2, absent);
    }

    [GlibcTheory]
    [InlineData("200 OK", 0)]
    [InlineData("503 Service Unavailable", 1)]
    public async Task The_health_check_says_what_the_host_answers(string status, int expected)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var answered = AnswerAsync(listener, status);

        var (code, output) = await RunAsync("healthcheck", [("ASPNETCORE_URLS", $"http://+:{port}")]);

        Assert.Equal((expected, "GET /api/health/live HTTP/1.1"), (code, await answered));
        Assert.Equal(expected != 0, output.Contains(status, StringComparison.Ordinal));
    }

    [GlibcFact]
    public async Task The_health_check_fails_when_nobody_listens()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();

        var (code, _) = await RunAsync("healthcheck", [("ASPNETCORE_URLS", $"http://+:{port}")]);

        Assert.Equal(1, code);
    }

    private static async Task<string?> AnswerAsync(TcpListener listener, string status)
    {
        using var client = await listener.AcceptTcpClientAsync();
        await using var stream = client.GetStream();
        using var reader = new StreamReader(stream);
        var request = await reader.ReadLineAsync();
        while (await reader.ReadLineAsync() is { Length: > 0 })
        {
        }

        await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        return request;
    }

    /// <summary>
    /// A library of the .NET runtime, whole or with one of its strings replaced by another of the same length: a missing
    /// dependency without a compiler.
    /// </summary>
    private string AddLibrary(string name, string text = "", string replacement = "")
    {
        var bytes = File.ReadAllBytes(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "libSystem.Native.so"));
        var (from, to) = (Encoding.ASCII.GetBytes(text), Encoding.ASCII.GetBytes(replacement));
        Assert.Equal(from.Length, to.Length);
        var replaced = 0;
        for (var rest = bytes.AsSpan(); from.Length > 0 && rest.IndexOf(from) is >= 0 and var at; replaced++)
        {
            to.CopyTo(rest[at..]);
            rest = rest[(at + from.Length)..];
        }

        Assert.True(from.Length == 0 || replaced > 0, $"The library has no \"{text}\".");
        var path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private static Task<(int Code, string Output)> CheckAsync(params string[] arguments) =>
        RunAsync("check-native-libraries", [], arguments);

    private static async Task<(int Code, string Output)> RunAsync(
        string script, (string Name, string Value)[] environment, params string[] arguments)
    {
        var path = Path.Combine(TestPaths.Repository, "infra", "docker", script);
        var start = new ProcessStartInfo("bash", [path, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;

        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await error);
    }

    /// <summary>Null where the scripts can run.</summary>
    private static string? Obstacle { get; } =
        OperatingSystem.IsLinux() && !RuntimeInformation.RuntimeIdentifier.Contains("musl", StringComparison.Ordinal)
        && File.Exists("/bin/bash") && File.Exists("/usr/bin/ldd")
            ? null
            : "The scripts of the image run on Linux with glibc and bash.";

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class GlibcFactAttribute : FactAttribute
    {
        public GlibcFactAttribute() => Skip = Obstacle;
    }

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class GlibcTheoryAttribute : TheoryAttribute
    {
        public GlibcTheoryAttribute() => Skip = Obstacle;
    }
}
