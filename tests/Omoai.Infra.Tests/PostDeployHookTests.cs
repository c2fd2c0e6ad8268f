using System.Diagnostics;
using System.Text.Json;
using Omoai.Infra.Tests.Bicep;

namespace Omoai.Infra.Tests;

/// <summary>A test that runs a shell script; skipped on Windows.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class UnixFactAttribute : FactAttribute
{
    public UnixFactAttribute() => Skip = OperatingSystem.IsWindows() ? "Windows has no /bin/sh." : null;
}

/// <summary>Runs the hook with stand-ins for az, azd and curl that write down how they were called.</summary>
public sealed class PostDeployHookTests : IDisposable
{
    private const string Key = "aB3-_x/Yz+q9==";

    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-hook-").FullName;

    public PostDeployHookTests()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "bin"));
        Directory.CreateDirectory(Path.Combine(_folder, "tmp"));
        Stub("azd", "");
        Stub("curl", "");
        Stub("sleep", "");
        Stub("az", $$"""
            case "$*" in
              *'[0].probes['*) cat "$STATE/probes" ;;
              *ca-model*'[0].image'*) echo registry/omoai:1 ;;
              *'[0].image'*) echo registry/omoai:2 ;;
              *'keys show'*) cat "$STATE/key" ;;
              *'deployment group create'*)
                for last; do case $last in @*) cp "${last#@}" "$STATE/parameters.json"; ls -l "${last#@}" >"$STATE/mode" ;; esac; done ;;
            esac
            """);
        Put("probes", "2");
        Put("key", Key);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [UnixFact]
    public void The_app_is_subscribed_with_its_key()
    {
        var (exit, output) = Run();

        Assert.True(exit == 0, output);
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder, "parameters.json")));
        var parameters = json.RootElement.GetProperty("parameters");
        Assert.Equal(Key, parameters.GetProperty("blobsExtensionKey").GetProperty("value").GetString());
        Assert.Equal("ca-omoai.example.net", parameters.GetProperty("appHost").GetProperty("value").GetString());
        Assert.Contains(Calls(), call => call.StartsWith("az deployment group create", StringComparison.Ordinal) && call.Contains("events.bicep", StringComparison.Ordinal));
        Assert.DoesNotContain(Calls(), call => call.StartsWith("azd", StringComparison.Ordinal));
    }

    [UnixFact]
    public void The_key_is_neither_printed_nor_on_a_command_line_nor_left_behind()
    {
        var (_, output) = Run();

        Assert.DoesNotContain(Key, output, StringComparison.Ordinal);
        Assert.DoesNotContain(Calls(), call => call.Contains(Key, StringComparison.Ordinal));
        Assert.StartsWith("-rw-------", File.ReadAllText(Path.Combine(_folder, "mode")), StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(_folder, "tmp")));
    }

    [UnixFact]
    public void An_app_that_had_a_placeholder_is_provisioned_again()
    {
        Put("probes", "0");
        var (exit, output) = Run(("OMOAI_MODEL_APP_NAME", "ca-model"));

        Assert.True(exit == 0, output);
        Assert.Contains("azd provision --no-prompt", Calls());
    }

    [UnixFact]
    public void A_second_app_gets_the_same_image()
    {
        var (exit, output) = Run(("OMOAI_MODEL_APP_NAME", "ca-model"));

        Assert.True(exit == 0, output);
        Assert.Contains(
            Calls(),
            call => call.Contains("containerapp update", StringComparison.Ordinal) && call.Contains("--name ca-model --image registry/omoai:2", StringComparison.Ordinal));
    }

    [UnixFact]
    public void An_app_that_does_not_answer_is_given_up()
    {
        Stub("curl", "echo 'curl: (22) 503' >&2; exit 22");
        var (exit, output) = Run();

        Assert.Equal(1, exit);
        Assert.Contains("doesn't answer after 20 s: curl: (22) 503", output, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_folder, "parameters.json")));
    }

    [UnixFact]
    public void Without_a_key_nothing_is_subscribed()
    {
        Put("key", "");
        var (exit, output) = Run();

        Assert.Equal(1, exit);
        Assert.Contains("no system key blobs_extension", output, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_folder, "parameters.json")));
    }

    private (int Exit, string Output) Run(params (string Name, string Value)[] more)
    {
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("exec \"$0\" 2>&1");
        start.ArgumentList.Add(Path.Combine(InfraFiles.Folder, "hooks", "postdeploy.sh"));
        start.Environment.Clear();
        start.Environment["PATH"] = $"{Path.Combine(_folder, "bin")}:/usr/bin:/bin";
        start.Environment["STATE"] = _folder;
        start.Environment["TMPDIR"] = Path.Combine(_folder, "tmp");
        start.Environment["AZURE_RESOURCE_GROUP"] = "rg-test";
        start.Environment["AZURE_SUBSCRIPTION_ID"] = "subscription";
        start.Environment["OMOAI_APP_NAME"] = "ca-omoai";
        start.Environment["OMOAI_APP_URL"] = "https://ca-omoai.example.net";
        start.Environment["OMOAI_STORAGE_ACCOUNT"] = "stomoai";
        start.Environment["OMOAI_EVENT_TOPIC"] = "evgt-omoai";
        start.Environment["OMOAI_PATIENCE_SECONDS"] = "20";
        foreach (var (name, value) in more)
        {
            start.Environment[name] = value;
        }
        using var process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }

    private string[] Calls() => File.ReadAllLines(Path.Combine(_folder, "calls"));

    private void Put(string name, string content) => File.WriteAllText(Path.Combine(_folder, name), content);

    private void Stub(string name, string body)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        string path = Path.Combine(_folder, "bin", name);
        File.WriteAllText(path, $"#!/bin/sh\necho \"{name} $*\" >>\"$STATE/calls\"\n{body}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
