using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Tests;

namespace Omoai.OnnxRuntime.Tests;

public sealed class SessionOptionsTests
{
    private static readonly byte[] Identity = new OnnxGraph()
        .Input("in", TensorElementType.Float, 1)
        .Output("out", TensorElementType.Float, 1)
        .Node("Identity", ["in"], ["out"])
        .ToModel();

    [Fact]
    public void The_library_says_its_version_and_that_it_runs_on_the_CPU()
    {
        Assert.Matches(@"^1\.\d+\.\d+", OrtEnv.Instance().GetVersionString());
        Assert.Contains("CPUExecutionProvider", OrtEnv.Instance().GetAvailableProviders());
        Assert.Same(OrtEnv.Instance(), OrtEnv.Instance());
    }

    [Fact]
    public void Options_start_with_the_defaults_of_the_runtime()
    {
        using var options = new SessionOptions();
        Assert.Equal(GraphOptimizationLevel.ORT_ENABLE_ALL, options.GraphOptimizationLevel);
        Assert.Equal(ExecutionMode.ORT_SEQUENTIAL, options.ExecutionMode);
        Assert.Equal(OrtLoggingLevel.ORT_LOGGING_LEVEL_WARNING, options.LogSeverityLevel);
        Assert.True(options.EnableMemoryPattern);
        Assert.True(options.EnableCpuMemArena);
        Assert.Equal(0, options.IntraOpNumThreads);
        Assert.Equal(0, options.InterOpNumThreads);
    }

    [Fact]
    public void Options_keep_what_they_are_given_and_a_session_takes_them()
    {
        using var options = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_BASIC,
            ExecutionMode = ExecutionMode.ORT_PARALLEL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
            EnableMemoryPattern = false,
            EnableCpuMemArena = false,
            IntraOpNumThreads = 1,
            InterOpNumThreads = 2,
        };
        options.AppendExecutionProvider_CPU(0);
        Assert.Equal(GraphOptimizationLevel.ORT_ENABLE_BASIC, options.GraphOptimizationLevel);
        Assert.Equal(ExecutionMode.ORT_PARALLEL, options.ExecutionMode);
        Assert.Equal(OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR, options.LogSeverityLevel);
        Assert.False(options.EnableMemoryPattern);
        Assert.False(options.EnableCpuMemArena);
        Assert.Equal(1, options.IntraOpNumThreads);
        Assert.Equal(2, options.InterOpNumThreads);
        options.EnableMemoryPattern = true;
        options.EnableCpuMemArena = true;
        Assert.True(options.EnableMemoryPattern);
        Assert.True(options.EnableCpuMemArena);

        using var session = new InferenceSession(Identity, options);
        using var run = new RunOptions();
        using var value = OrtValue.CreateTensorValueFromMemory(new[] { 5f }, [1]);
        using var results = session.Run(run, ["in"], [value], ["out"]);
        Assert.Equal(5f, results[0].GetTensorDataAsSpan<float>()[0]);
    }

    [Fact]
    public void A_level_that_does_not_exist_is_refused()
    {
        using var options = new SessionOptions();
        Assert.Throws<OnnxRuntimeException>(
            () => options.GraphOptimizationLevel = (GraphOptimizationLevel)42);
        Assert.Throws<OnnxRuntimeException>(() => options.ExecutionMode = (ExecutionMode)42);
        Assert.Equal(GraphOptimizationLevel.ORT_ENABLE_ALL, options.GraphOptimizationLevel);
    }

    [Fact]
    public void A_configuration_entry_reaches_the_session()
    {
        using var options = new SessionOptions();
        options.AddSessionConfigEntry("session.load_model_format", "ORT");
        Assert.Throws<OnnxRuntimeException>(() => new InferenceSession(Identity, options).Dispose());
    }

    [NoCudaFact]
    public void Asking_a_library_without_CUDA_for_CUDA_says_so()
    {
        // The official CPU package lacks the function, and .NET says so; other libraries answer for themselves.
        using var options = new SessionOptions();
        var exception = Assert.ThrowsAny<Exception>(() =>
        {
            using var cuda = new OrtCUDAProviderOptions();
            options.AppendExecutionProvider_CUDA(cuda);
        });
        Assert.True(exception is OnnxRuntimeException or EntryPointNotFoundException, exception.ToString());
        Assert.Contains("cuda", exception.Message, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>A test for machines without an NVIDIA device.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    private sealed class NoCudaFactAttribute : FactAttribute
    {
        public NoCudaFactAttribute() =>
            Skip = File.Exists("/dev/nvidia0") ? "This machine has an NVIDIA device." : null;
    }
}
