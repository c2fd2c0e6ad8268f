using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Omoai.Isolation;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.ActivityHost.Tests;

/// <summary>The executable itself, started as a parent starts it.</summary>
public sealed class HostTests : IDisposable
{
    private readonly string _scratch = Directory.CreateTempSubdirectory("omoai-host-tests-").FullName;

    public void Dispose() => Directory.Delete(_scratch, recursive: true);

    [Fact]
    public async Task It_tells_what_it_can_load_while_its_parent_loads_nothing()
    {
        var result = await RunAsync(ActivityNames.Inspect, "{}");

        var found = result.Output!.Value.Deserialize<InspectOutput>(OmoaiJson.Compact)!;
        Assert.Equal(RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant(), found.ProcessArchitecture);
        // Either ONNX Runtime is there, or it is said what to do.
        Assert.Equal(found.OnnxRuntimeVersion is null, found.OnnxRuntimeError is not null);
        Assert.Equal(found.OnnxRuntimeVersion is not null, found.ExecutionProviders.Contains("CPUExecutionProvider"));
        var native = File.ReadLines("/proc/self/maps").Where(line => line.Contains("libonnxruntime", StringComparison.Ordinal));
        Assert.Empty(native);
    }

    [Fact]
    public async Task Bad_input_is_told_in_one_line_and_writes_no_stack_trace()
    {
        var result = await RunAsync(ActivityNames.Prepare, "null");

        Assert.Equal(new ActivityFailure(FailureClass.BadInput, false, "The activity got no input."), result.Failure);
        Assert.Equal("", result.Evidence.Stderr.Text);
    }

    private async Task<HostResult> RunAsync(string activity, string input)
    {
        var options = new IsolationOptions { HostPath = Path.Combine(AppContext.BaseDirectory, "Omoai.ActivityHost") };
        var launcher = new ActivityHostLauncher(options, NullLogger<ActivityHostLauncher>.Instance, TimeProvider.System);
        return await launcher.RunAsync(
            new HostRequest(activity, JsonDocument.Parse(input).RootElement, _scratch, TimeSpan.FromMinutes(2)));
    }
}
