using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Models;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Spectre.Console;

namespace Omoai.Local.Commands;

/// <summary><c>omoai doctor</c>: what this machine can do, and whether the rules of isolation hold on it.</summary>
internal static class DoctorCommand
{
    /// <summary>How a check came out.</summary>
    private enum Mark
    {
        Pass,

        /// <summary>Something is absent that only some jobs need.</summary>
        Missing,
        Fail,
    }

    private sealed record Check(string Name, Mark Mark, string Detail);

    public static Command Create(Option<bool> verbose)
    {
        var json = new Option<bool>("--json") { Description = "Print the checks as JSON." };
        var command = new Command("doctor", "Tell what this machine can do. Exit code 5 when a job could not run.") { json };
        command.SetInterruptibleAction((parsed, cancellationToken) => RunAsync(parsed.GetValue(json), parsed.GetValue(verbose), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(bool json, bool verbose, CancellationToken cancellationToken)
    {
        using var work = new WorkFolder();
        await using var services = LocalServices.Create(work.Path, verbose);

        // Variables that must not reach a child; set here so that the check can fail.
        const string Secret = "OMOAI_DOCTOR_SECRET_KEY";
        Environment.SetEnvironmentVariable(Secret, "x");
        var inspection = await services.GetRequiredService<HostedActivities>()
            .InspectAsync(work.Path, TimeSpan.FromSeconds(30), cancellationToken);

        var catalog = services.GetRequiredService<ModelCatalog>();
        var options = services.GetRequiredService<IOptions<ModelOptions>>().Value;
        List<Check> checks =
        [
            .. InspectionChecks(inspection, Secret),
            .. catalog.List().Select(ModelCheckOf),
            Configured("speech model of jobs that name none", () => catalog.FindSpeech(null)),
            Configured("punctuation model", () => catalog.FindPunctuation()),
            .. options.Vad is { Length: > 0 } ? (IEnumerable<Check>)[Configured("voice-activity model", () => catalog.FindConfiguredVad()!)] : [],
            .. LlmChecks(services.GetRequiredService<IOptions<LlmOptions>>().Value, catalog),
            await StorageAsync(services.GetRequiredService<IArtifactStore>(), work.Path, cancellationToken),
            Ffmpeg(services.GetRequiredService<IOptions<PipelineOptions>>().Value.Ffmpeg),
        ];
        Print(checks, json);
        return checks.Any(check => check.Mark == Mark.Fail) ? ExitCodes.MachineLacks : ExitCodes.Done;
    }

    private static IEnumerable<Check> InspectionChecks(HostedResult<InspectOutput> inspection, string secret)
    {
        var evidence = inspection.Evidence;
        if (inspection.Failure is { } failure)
        {
            // One that is busy lacks nothing.
            yield return failure.Class == FailureClass.Busy
                ? new Check("activity host", Mark.Missing, $"in use, try again: {failure.Reason}")
                : new Check("activity host", Mark.Fail, failure.Reason);
            yield break;
        }

        yield return new Check("activity host", Mark.Pass, $"started as process {evidence.Pid} in {evidence.SpawnToReadyMs:0} ms, and gone again");
        var found = inspection.Output!;
        yield return found.OnnxRuntimeError is { } error
            ? new Check("ONNX Runtime", Mark.Fail, error)
            : new Check("ONNX Runtime", Mark.Pass, $"{found.OnnxRuntimeVersion}, {found.ProcessArchitecture}: {string.Join(", ", found.ExecutionProviders)}");
        foreach (var check in GpuChecks(found, evidence))
            yield return check;

        string[] spawn = ["MULTIPROCESSING_START_METHOD", "VLLM_WORKER_MULTIPROC_METHOD", "TOKENIZERS_PARALLELISM", "CUDA_VISIBLE_DEVICES"];
        yield return Rule("fresh process", evidence.Pid != Environment.ProcessId, $"parent {Environment.ProcessId}, host {evidence.Pid}");
        yield return evidence.StartMethod == "spawn"
            ? Rule("start method", true, "spawn: posix_spawn, then exec at once")
            : new Check("isolation: start method", Mark.Missing, $"{evidence.StartMethod}: what can be done on this system, see docs/isolation.md");
        yield return Rule("spawn environment", spawn.All(evidence.Variables.Contains), string.Join(' ', spawn));
        yield return Rule("no secrets in it", !evidence.Variables.Contains(secret), $"{evidence.Variables.Count} variables by allow-list");
        yield return Rule("no CUDA in the parent", !evidence.ParentHadCuda, "read from its memory map");
        yield return Rule("no ONNX Runtime in the parent", !evidence.ParentHadOnnxRuntime, "read from its memory map");
        yield return Rule(
            "nothing left behind", !evidence.LeftRunning,
            $"exit code {evidence.ExitCode}; its peak memory, {Megabytes(evidence.PeakMemoryBytes)}, is given back");

        static Check Rule(string name, bool holds, string detail) => new($"isolation: {name}", holds ? Mark.Pass : Mark.Fail, detail);
    }

    /// <summary>The GPUs as the driver tells of them in the host; where it doesn't, why not and what the file system shows.</summary>
    private static IEnumerable<Check> GpuChecks(InspectOutput found, HostEvidence evidence)
    {
        var cuda = found.Cuda;
        if (cuda is null or { Devices.Count: 0 })
        {
            var shown = found.CudaDevices.Count > 0 ? string.Join(", ", found.CudaDevices) : "none";
            yield return new Check("GPU", Mark.Missing, $"{shown}: models run on the processor");
        }

        foreach (var device in cuda?.Devices ?? [])
        {
            var hidden = device.Visible == false ? "; not for the host that looked" : "";
            yield return new Check(
                $"GPU {device.Index}", Mark.Pass,
                $"{device.Name ?? "unnamed"}, {device.Uuid ?? "no UUID"}, {Megabytes(device.UsedBytes)} of {Megabytes(device.TotalBytes)} used{hidden}");
        }

        if (cuda is null)
            yield break;
        yield return cuda.Problem is { } problem
            ? new Check("CUDA", Mark.Missing, problem)
            : new Check("CUDA", Mark.Pass, $"up to {cuda.CudaVersion ?? "an unknown version"}, driver {cuda.DriverVersion ?? "of an unknown version"}");
        if (cuda.Devices.Count == 0)
            yield break;
        yield return cuda.NvmlProblem is { } noNvml
            ? new Check("NVML", Mark.Missing, $"{noNvml} The evidence of a run has no GPU memory.")
            : new Check("NVML", Mark.Pass, GpuMemoryOf(evidence));
        yield return new Check(
            "CUDA MPS", Mark.Pass, cuda.MpsDaemon ? "a daemon is there: hosts share the GPU through it" : "no daemon: hosts take turns on the GPU");
    }

    private static string GpuMemoryOf(HostEvidence evidence) => evidence.GpuMemoryIsOwn switch
    {
        null => "GPU memory of the host that looked: not told",
        true => $"the host that looked had {Megabytes(evidence.GpuMemoryAfterBytes)}",
        false => $"{Megabytes(evidence.GpuMemoryAfterBytes)} used on the device of the host that looked, which isn't listed by its pid",
    };

    private static string Megabytes(long? bytes) => bytes is { } known ? $"{known >> 20} MiB" : "unknown";

    private static Check ModelCheckOf(InstalledModel model) => ModelCheck.Problem(model) is { } problem
        ? new Check($"model {model.Manifest?.Name}", Mark.Fail, problem)
        : new Check($"model {model.Manifest!.Name}", Mark.Pass, $"{model.Manifest.Kind}, {model.Manifest.Language}, {model.Folder}");

    private static Check Configured(string name, Func<InstalledModel> find)
    {
        try
        {
            return new Check(name, Mark.Pass, find().Manifest!.Name);
        }
        catch (MissingRequirementException e)
        {
            return new Check(name, Mark.Fail, e.Message);
        }
    }

    /// <summary>The language model of jobs that ask for one. A server isn't asked: it may be anywhere, and cost something.</summary>
    private static IEnumerable<Check> LlmChecks(LlmOptions options, ModelCatalog catalog)
    {
        const string Name = "language model";
        LlmSettings? settings = null;
        string? problem = null;
        try
        {
            settings = options.Find(null, null, catalog);
        }
        catch (MissingRequirementException e)
        {
            problem = e.Message;
        }

        yield return settings switch
        {
            // Only jobs that ask for one need one; what is configured must be there.
            null when string.IsNullOrEmpty(options.Model) => new Check(Name, Mark.Missing, "none is configured (docs/language.md): jobs that ask for one are refused"),
            null => new Check(Name, Mark.Fail, problem!),
            { Engine: LlmEngine.OpenAi } => new Check(Name, Mark.Pass, $"{settings.Model} at {settings.Endpoint}, which isn't asked here"),
            _ => new Check(Name, Mark.Pass, $"{settings.Model}, by ONNX Runtime in the activity host"),
        };
        if (!options.Vllm.IsConfigured)
        {
            yield break;
        }

        var vllm = options.Vllm;
        var found = FindProgram(vllm.Program);
        var model = vllm.Folder is { } folder && !Directory.Exists(folder) ? $"{folder}, which isn't there: see Omoai:Llm:Vllm:Model;" : vllm.Model;
        yield return new Check(
            "vLLM", found is null || model != vllm.Model ? Mark.Fail : Mark.Pass,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{model} as '{vllm.ServedName}' on port {vllm.Port}, {vllm.MemoryShare:0.##} of the GPU's memory, by {found ?? $"{vllm.Program}, which isn't found: see Omoai:Llm:Vllm:Program"}"));
    }

    private static string? FindProgram(string name) => name.Contains(Path.DirectorySeparatorChar)
        ? File.Exists(name) ? name : null
        : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    private static async Task<Check> StorageAsync(IArtifactStore store, string folder, CancellationToken cancellationToken)
    {
        var file = Path.Combine(folder, "trial");
        await File.WriteAllTextAsync(file, "trial", cancellationToken);
        var first = await store.CommitAsync($"{ArtifactNames.WorkContainer}/doctor/trial", file, cancellationToken);
        await File.WriteAllTextAsync(file, "trial", cancellationToken);
        var second = await store.CommitAsync($"{ArtifactNames.WorkContainer}/doctor/trial", file, cancellationToken);
        return new Check("storage", first && !second ? Mark.Pass : Mark.Fail, $"a folder in {Path.GetTempPath()}: written once, and not twice");
    }

    private static Check Ffmpeg(string? configured)
    {
        const string Hint = "only WAV can be read. Install it, for example: apt-get install ffmpeg";
        try
        {
            using var process = Process.Start(new ProcessStartInfo(configured ?? "ffmpeg", "-version")
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            var version = process.StandardOutput.ReadToEnd().Split('\n')[0];
            process.WaitForExit();
            return process.ExitCode == 0
                ? new Check("ffmpeg", Mark.Pass, version)
                : new Check("ffmpeg", Mark.Missing, $"doesn't start (exit code {process.ExitCode}): {Hint}");
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return new Check("ffmpeg", Mark.Missing, $"not found: {Hint}");
        }
    }

    private static void Print(IReadOnlyList<Check> checks, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(checks, OmoaiJson.Indented));
            return;
        }

        var width = checks.Max(check => check.Name.Length);
        foreach (var check in checks)
        {
            var colour = check.Mark switch { Mark.Pass => "green", Mark.Missing => "yellow", _ => "red" };
            var mark = $"{check.Mark.ToString().ToLowerInvariant(),-7}";
            if (Console.IsOutputRedirected)
            {
                Console.Write(mark);
            }
            else
            {
                AnsiConsole.Markup($"[{colour}]{mark}[/]");
            }

            Console.WriteLine($" {check.Name.PadRight(width)}  {check.Detail}");
        }
    }
}
