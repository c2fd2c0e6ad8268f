using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.ActivityHost.Cuda;
using Omoai.Isolation;
using Omoai.Tests;
using Omoai.Tests.Native;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.ActivityHost.Tests;

/// <summary>The executable itself, started as a parent starts it.</summary>
[Collection(ModelsInThisProcess)]
public sealed class HostTests : IDisposable
{
    /// <summary>Tests that load models into this process run one after the other with those that look at what is loaded.</summary>
    public const string ModelsInThisProcess = "models in this process";

    private readonly string _scratch = Directory.CreateTempSubdirectory("omoai-host-tests-").FullName;

    public void Dispose() => Directory.Delete(_scratch, recursive: true);

    [Fact]
    public async Task It_tells_what_it_can_load_while_its_parent_loads_nothing()
    {
        var before = NativeLibraries();
        var result = await RunAsync(ActivityNames.Inspect, "{}");

        var found = result.Output!.Value.Deserialize<InspectOutput>(OmoaiJson.Compact)!;
        Assert.Equal(RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant(), found.ProcessArchitecture);
        // Either ONNX Runtime is there, or it is said what to do.
        Assert.Equal(found.OnnxRuntimeVersion is null, found.OnnxRuntimeError is not null);
        Assert.Equal(found.OnnxRuntimeVersion is not null, found.ExecutionProviders.Contains("CPUExecutionProvider"));
        Assert.NotNull(found.Cuda);
        Assert.Equal(found.Cuda.Problem is null, found.Cuda.Devices.Any(device => device.Visible == true));
        Assert.Equal(before, NativeLibraries());
    }

    [Fact]
    public async Task Bad_input_is_told_in_one_line_and_writes_no_stack_trace()
    {
        var result = await RunAsync(ActivityNames.Prepare, "null");

        Assert.Equal(new ActivityFailure(FailureClass.BadInput, false, "The activity got no input."), result.Failure);
        Assert.Equal("", result.Evidence.Stderr.Text);
    }

    [CompilerTheory]
    [InlineData(0, 300 << 20, true)]
    [InlineData(1124 << 20, 1224 << 20, false, "OTHER_PIDS")]
    public async Task The_evidence_has_the_hosts_GPU_memory_before_and_after_or_that_of_its_device(
        long before, long after, bool isOwn, params string[] defines)
    {
        var library = CCompiler.BuildLibrary("fake_nvml.c", Path.Combine(_scratch, "libnvidia-ml.so.1"), defines);

        var evidence = (await RunAsync(ActivityNames.Prepare, "null", nvml: library)).Evidence;

        Assert.Equal((before, after, isOwn), (evidence.GpuMemoryBeforeBytes, evidence.GpuMemoryAfterBytes, evidence.GpuMemoryIsOwn));
    }

    [CompilerFact]
    public async Task A_host_that_may_see_no_GPU_is_not_measured_and_loads_no_library_of_the_driver()
    {
        // Loading it would be seen.
        var library = CCompiler.BuildLibrary("fake_nvml.c", Path.Combine(_scratch, "libnvidia-ml.so.1"), "NOISY");

        var hidden = (await RunAsync(ActivityNames.Prepare, "null", nvml: library, device: "")).Evidence;
        var seen = (await RunAsync(ActivityNames.Prepare, "null", nvml: library)).Evidence;

        Assert.Equal((null, null, null), (hidden.GpuMemoryBeforeBytes, hidden.GpuMemoryAfterBytes, hidden.GpuMemoryIsOwn));
        Assert.Equal("", hidden.Stderr.Text);
        Assert.Equal("nvml loaded\n", seen.Stderr.Text);
    }

    [Fact]
    public async Task It_tells_what_graphs_take_and_give_and_what_is_wrong_with_one()
    {
        string[] graphs = [Path.Combine(_scratch, "good.onnx"), Path.Combine(_scratch, "broken.onnx"), Path.Combine(_scratch, "none.onnx")];
        File.WriteAllBytes(graphs[0], new OnnxGraph()
            .Input("x", TensorElementType.Float, "batch", "frames", 80)
            .Output("y", TensorElementType.Float, "batch", "frames", 80)
            .Output("z", TensorElementType.Int64, 3)
            .Constant("three", 1, 2, 3)
            .Node("Neg", ["x"], ["y"])
            .Node("Identity", ["three"], ["z"])
            .Metadata("model_type", "wenet_ctc").Metadata("note", "tiếng Việt").Metadata("long", new string('x', 20_000))
            .ToModel());
        File.WriteAllText(graphs[1], "no protobuf");
        var before = NativeLibraries();

        var result = await RunAsync(ActivityNames.InspectModel, JsonSerializer.Serialize(new InspectModelInput(graphs), OmoaiJson.Compact));

        var found = result.Output!.Value.Deserialize<InspectModelOutput>(OmoaiJson.Compact)!.Graphs;
        Assert.Equal(["good.onnx", "broken.onnx", "none.onnx"], found.Select(graph => graph.File));
        Assert.Equivalent(new TensorFacts("x", "float", [-1, -1, 80]), Assert.Single(found[0].Inputs), strict: true);
        Assert.Equivalent(new[] { new TensorFacts("y", "float", [-1, -1, 80]), new TensorFacts("z", "int64", [3]) }, found[0].Outputs, strict: true);
        // What is too long is left out: it has to go through the pipe.
        Assert.Equal(new Dictionary<string, string> { ["model_type"] = "wenet_ctc", ["note"] = "tiếng Việt" }, found[0].Metadata);
        Assert.Null(found[0].Problem);
        Assert.All(found.Skip(1), graph => Assert.NotEqual("", graph.Problem!));
        Assert.Equal(before, NativeLibraries());
    }

    [Fact]
    public async Task Too_many_graphs_are_no_model()
    {
        var input = new InspectModelInput([.. Enumerable.Repeat("x.onnx", 65)]);
        var result = await RunAsync(ActivityNames.InspectModel, JsonSerializer.Serialize(input, OmoaiJson.Compact));
        Assert.Equal(FailureClass.BadInput, result.Failure?.Class);
    }

    [Theory]
    [InlineData("speech", "speech-ctc", "cpu")]
    [InlineData("punctuation", "punctuation", null)]
    public async Task It_tries_a_model_of_any_kind(string folder, string kind, string? provider)
    {
        var model = Path.Combine(TestPaths.Repository, "models", "demo-en", folder);
        var result = await RunAsync(ActivityNames.TryModel, JsonSerializer.Serialize(new TryModelInput(model, _scratch), OmoaiJson.Compact), device: "");
        Assert.Equal(new TryModelOutput(kind, provider), result.Output?.Deserialize<TryModelOutput>(OmoaiJson.Compact));
    }

    [Fact]
    public async Task A_model_that_does_not_run_is_missing()
    {
        var result = await RunAsync(ActivityNames.TryModel, JsonSerializer.Serialize(new TryModelInput(_scratch, _scratch), OmoaiJson.Compact));
        Assert.Equal(FailureClass.ModelMissing, result.Failure?.Class);
        Assert.Contains(_scratch, result.Failure!.Reason, StringComparison.Ordinal);
    }

    /// <summary>How much of ONNX Runtime is mapped into this process: by other tests, if at all.</summary>
    private static int NativeLibraries() =>
        File.ReadLines("/proc/self/maps").Count(line => line.Contains("libonnxruntime", StringComparison.Ordinal));

    private async Task<HostResult> RunAsync(string activity, string input, string? nvml = null, string? device = "0")
    {
        var options = new IsolationOptions
        {
            HostPath = Path.Combine(AppContext.BaseDirectory, "Omoai.ActivityHost"),
            Devices = device,
            LeaseFolder = Path.Combine(_scratch, "leases"),
        };
        var environment = HostEnvironment.OfThisProcess();
        if (nvml is not null)
            environment = environment.Append(new(GpuMemoryMeter.LibraryVariable, nvml));
        var launcher = new ActivityHostLauncher(options, NullLogger<ActivityHostLauncher>.Instance, TimeProvider.System)
        {
            ParentEnvironment = () => environment,
        };
        return await launcher.RunAsync(
            new HostRequest(activity, JsonDocument.Parse(input).RootElement, _scratch, TimeSpan.FromMinutes(2)));
    }
}
