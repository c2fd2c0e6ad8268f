using System.Runtime.InteropServices;

namespace Omoai.EndToEnd.Tests;

/// <summary>What is wrong gets a clear message, the documented exit code and no stack trace.</summary>
public sealed partial class BadInputTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task An_empty_file()
    {
        File.WriteAllBytes(_folder["a.wav"], []);
        await AssertFailsAsync(3, "empty", "process", _folder["a.wav"]);
    }

    [Fact]
    public async Task Text_named_wav()
    {
        File.WriteAllText(_folder["a.wav"], "Dear all, here are the minutes of the meeting.");
        await AssertFailsAsync(3, "audio", "process", _folder["a.wav"]);
    }

    [Fact]
    public async Task A_lying_header()
    {
        Wav.Write(_folder["a.wav"], new short[16000]);
        var bytes = File.ReadAllBytes(_folder["a.wav"]);
        bytes[22] = 0; // channels
        File.WriteAllBytes(_folder["a.wav"], bytes);
        await AssertFailsAsync(3, "channels", "process", _folder["a.wav"]);
    }

    [Fact]
    public async Task A_twentieth_of_a_second()
    {
        Wav.Write(_folder["a.wav"], new short[800]);
        await AssertFailsAsync(3, "0.05", "process", _folder["a.wav"]);
    }

    [Fact]
    public async Task A_file_that_is_not_there() => await AssertFailsAsync(3, "isn't there", "process", _folder["a.wav"]);

    [Fact]
    public async Task A_folder() => await AssertFailsAsync(3, "folder", "process", _folder.Path);

    [Theory]
    [InlineData("process")]
    [InlineData("process", "a.wav", "--nonsense")]
    [InlineData("process", "a.wav", "--format")]
    [InlineData("process", "a.wav", "--summary", "poem")]
    [InlineData("process", "a.wav", "--format", "docx")]
    [InlineData("process", "a.wav", "--channels", "both")]
    [InlineData("process", "a.wav", "--language", "en_GB")]
    [InlineData("process", "a.wav", "--hot-words", "@/no/such/file")]
    [InlineData("nonsense")]
    public async Task Wrong_usage(params string[] arguments) => await AssertFailsAsync(2, "", arguments);

    [Fact]
    public async Task A_configuration_out_of_range_names_the_key()
    {
        Wav.Write(_folder["a.wav"], new short[16000]);
        await AssertFailsAsync(2, "MaxAttempts", ["process", _folder["a.wav"]], new() { ["Omoai__Pipeline__MaxAttempts"] = "0" });
    }

    [Fact]
    public async Task A_configuration_of_the_wrong_type_names_the_key()
    {
        await AssertFailsAsync(2, "MaxAttempts", ["process", OmoaiProgram.Sample], new() { ["Omoai__Pipeline__MaxAttempts"] = "abc" });
    }

    [Fact]
    public async Task No_folder_for_temporary_files()
    {
        await AssertFailsAsync(2, "TMPDIR", ["process", OmoaiProgram.Sample], new() { ["TMPDIR"] = _folder["nowhere"] });
    }

    [Fact]
    public async Task Files_that_can_not_be_moved_to_the_output_folder_are_kept()
    {
        Wav.Write(_folder["a.wav"], Wav.Read(OmoaiProgram.Sample)[..(5 * Wav.SampleRate)]);
        Directory.CreateDirectory(Path.Combine(_folder["out"], "final.json"));

        var outcome = await OmoaiProgram.RunAsync("process", _folder["a.wav"], "-o", _folder["out"]);

        AssertFailed(outcome, 4, "can't be moved");
        var kept = outcome.Error.Split("They are in ")[1].Trim();
        Assert.True(File.Exists(Path.Combine(kept, "final.json")));
        Directory.Delete(Path.Combine(kept, "..", ".."), recursive: true);
    }

    [Fact]
    public async Task A_doctor_says_so_when_no_job_could_run()
    {
        var outcome = await OmoaiProgram.RunAsync(["doctor"], new() { ["Omoai__Models__Speech"] = "whisper" }, null);

        Assert.Equal(5, outcome.ExitCode);
        Assert.Contains("fail", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_model() => await AssertFailsAsync(5, "models list", "process", OmoaiProgram.Sample, "--asr", "nonsense");

    [Fact]
    public async Task A_language_that_the_model_does_not_know() =>
        await AssertFailsAsync(5, "'en'", "process", OmoaiProgram.Sample, "--language", "vi");

    [Fact]
    public async Task A_summary_by_a_language_model_where_there_is_none()
    {
        Wav.Write(_folder["a.wav"], Wav.Read(OmoaiProgram.Sample)[..(5 * Wav.SampleRate)]);
        await AssertFailsAsync(5, "language model", "process", _folder["a.wav"], "--summary", "llm");
        await AssertFailsAsync(5, "Omoai:Llm:Model", "process", _folder["a.wav"], "--punctuation", "llm");
    }

    [Theory]
    [InlineData("there are model, llm, none", "--punctuation", "1")]
    [InlineData("there are extractive, llm, none", "--summary", "short")]
    [InlineData("there are none, s, ms, clock", "--timestamps", "hours")]
    [InlineData("there are raw, segments, words", "--include", "segments,all")]
    [InlineData("BCP 47", "--summary-language", "en_GB")]
    [InlineData("0 to 4", "--spelling-edits", "5")]
    [InlineData("200 characters", "--llm", "")]
    [InlineData("--quantity", "--quantity", "")]
    public async Task An_option_with_a_value_that_it_has_not(string message, string option, string value)
    {
        await AssertFailsAsync(2, message, "process", OmoaiProgram.Sample, option, option == "--llm" ? new string('x', 201) : value);
    }

    [Fact]
    public async Task A_stage_with_an_option_that_it_has_not() => await AssertFailsAsync(2, "--timestamps", "postprocess", _folder.Path, "--timestamps", "ms");

    [Fact]
    public async Task A_setting_of_the_language_model_that_is_wrong() => await AssertFailsAsync(
        2, "Omoai:Llm:OpenAi:Model", ["process", OmoaiProgram.Sample, "-o", _folder["out"]], new() { ["Omoai__Llm__OpenAi__Endpoint"] = "http://127.0.0.1:1/v1" });

    [Fact]
    public async Task No_ffmpeg_for_what_is_not_wav()
    {
        File.WriteAllBytes(_folder["a.mp3"], [0xFF, 0xFB, 0x90, 0x00, .. new byte[4000]]);
        await AssertFailsAsync(5, "install", ["process", _folder["a.mp3"]], new() { ["PATH"] = _folder.Path });
    }

    [Fact]
    public async Task A_damaged_model_file()
    {
        CopyFolder(Path.Combine(OmoaiProgram.Folder, "models"), _folder["models"]);
        var model = Path.Combine(_folder["models"], "demo-en", "speech", "model.onnx");
        var bytes = File.ReadAllBytes(model);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(model, bytes);
        var environment = new Dictionary<string, string?> { ["Omoai__Models__Folders__0"] = _folder["models"] };

        await AssertFailsAsync(5, "damaged", ["process", OmoaiProgram.Sample], environment);
        await AssertFailsAsync(5, "damaged", ["models", "verify"], environment);
    }

    [Fact]
    public async Task A_missing_native_library()
    {
        CopyFolder(OmoaiProgram.ActivityHostFolder, _folder["host"]);
        foreach (var library in Directory.EnumerateFiles(_folder["host"], "*libonnxruntime*", SearchOption.AllDirectories))
        {
            File.Delete(library);
        }

        await AssertFailsAsync(
            5, "ONNX Runtime", ["process", OmoaiProgram.Sample], new() { ["Omoai__Isolation__HostPath"] = Path.Combine(_folder["host"], "Omoai.ActivityHost") });
    }

    [Fact]
    public async Task A_missing_activity_host() => await AssertFailsAsync(
        5, "nowhere", ["process", OmoaiProgram.Sample], new() { ["Omoai__Isolation__HostPath"] = "/nowhere/Omoai.ActivityHost" });

    [OrdinaryUserFact]
    public async Task An_output_folder_that_can_not_be_written_to()
    {
        var folder = Directory.CreateDirectory(_folder["out"]).FullName;
        await Programs.RunAsync("chmod", "755", _folder.Path);
        await Programs.RunAsync("chmod", "555", folder);
        var outcome = await OmoaiProgram.RunAsync(
            OrdinaryUserFactAttribute.Prefix[0],
            [.. OrdinaryUserFactAttribute.Prefix[1..], Path.Combine(OmoaiProgram.Folder, "omoai"), "process", OmoaiProgram.Sample, "-o", folder],
            null, null);

        AssertFailed(outcome, 2, "can't be written to");
    }

    [Fact]
    public async Task An_interrupt_ends_the_job_and_its_processes()
    {
        // An activity host that never gets anywhere.
        File.WriteAllText(_folder["host"], "#!/bin/sh\nsleep 1000 & exec sleep 1000\n");
        await Programs.RunAsync("chmod", "755", _folder["host"]);
        var environment = new Dictionary<string, string?> { ["Omoai__Isolation__HostPath"] = _folder["host"] };
        var hosts = new List<int>();

        var outcome = await OmoaiProgram.RunAsync(["process", OmoaiProgram.Sample, "-o", _folder["out"]], environment, async process =>
        {
            while (hosts.Count == 0)
            {
                hosts.AddRange(ChildrenOf(process.Id));
                await Task.Delay(20);
            }

            Kill(process.Id, Sigint);
        });

        AssertFailed(outcome, 130, "cancelled");
        Assert.All(hosts, host => Assert.False(Directory.Exists($"/proc/{host}"), $"{host} is still there."));
    }

    private Task AssertFailsAsync(int exitCode, string message, params string[] arguments) =>
        AssertFailsAsync(exitCode, message, arguments, null);

    private async Task AssertFailsAsync(int exitCode, string message, string[] arguments, Dictionary<string, string?>? environment)
    {
        string[] output = arguments[0] == "process" && exitCode != 2 ? ["-o", _folder["out"]] : [];
        AssertFailed(await OmoaiProgram.RunAsync([.. arguments, .. output], environment, null), exitCode, message);
    }

    private static void AssertFailed(Outcome outcome, int exitCode, string message)
    {
        Assert.True(exitCode == outcome.ExitCode, $"Exit code {outcome.ExitCode}: {outcome.Error}");
        Assert.Contains(message, outcome.Error, StringComparison.OrdinalIgnoreCase);
        Assert.NotEqual("", outcome.Error.Trim());
        Assert.DoesNotContain("   at ", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", outcome.Error, StringComparison.Ordinal);
    }

    private static IEnumerable<int> ChildrenOf(int pid) => Directory.EnumerateDirectories("/proc")
        .Select(folder => int.TryParse(Path.GetFileName(folder), out var child) ? child : 0)
        .Where(child => child > 0 && ParentOf(child) == pid);

    private static int ParentOf(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private static void CopyFolder(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    private const int Sigint = 2;

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}

/// <summary>A test that must not run as root, for whom every folder can be written to: root is given up with setpriv.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class OrdinaryUserFactAttribute : FactAttribute
{
    /// <summary>What to put before a command so that it runs as an ordinary user.</summary>
    public static string[] Prefix { get; } = Environment.UserName == "root"
        ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        : ["env"];

    public OrdinaryUserFactAttribute() => Skip = Programs.Find(Prefix[0]) is null ? "setpriv is not on this machine." : null;
}
