using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Tests;

namespace Omoai.OnnxRuntime.Tests;

public sealed class IoBindingTests : IDisposable
{
    private readonly InferenceSession _session = new(new OnnxGraph()
        .Input("added", TensorElementType.Float, 1)
        .Input("past", TensorElementType.Float, "length")
        .Output("present", TensorElementType.Float, "longer")
        .Output("negated", TensorElementType.Float, "longer")
        .Node("Concat", ["past", "added"], ["present"], ("axis", 0))
        .Node("Neg", ["present"], ["negated"])
        .ToModel());

    private readonly RunOptions _options = new();

    [Fact]
    public void An_output_can_be_the_next_runs_input()
    {
        using var binding = _session.CreateIoBinding();
        var past = OrtValue.CreateTensorValueFromMemory(new float[] { 1 }, [1]);
        foreach (var added in (float[])[2, 3, 4])
        {
            using var value = OrtValue.CreateTensorValueFromMemory(new[] { added }, [1]);
            binding.BindInput("added", value);
            binding.BindInput("past", past);
            Bind(binding);
            binding.SynchronizeBoundInputs();

            var outputs = _session.RunWithBoundResults(_options, binding);

            // In the order in which they were bound.
            Assert.Equal(2, outputs.Count);
            Assert.Equal(outputs[1].GetTensorDataAsSpan<float>().ToArray(), Array.ConvertAll(outputs[0].GetTensorDataAsSpan<float>().ToArray(), x => -x));
            outputs[0].Dispose();
            past.Dispose();
            past = outputs[1];
        }

        Assert.Equal([1f, 2, 3, 4], past.GetTensorDataAsSpan<float>().ToArray());
        past.Dispose();

        void Bind(OrtIoBinding binding)
        {
            using var memory = new OrtMemoryInfo("Cpu", OrtAllocatorType.DeviceAllocator, 0, OrtMemType.Default);
            binding.ClearBoundOutputs();
            binding.BindOutputToDevice("negated", memory);
            binding.BindOutputToDevice("present", OrtMemoryInfo.DefaultInstance);
        }
    }

    [Fact]
    public void Outputs_that_are_cleared_are_not_given()
    {
        using var binding = _session.CreateIoBinding();
        using var value = OrtValue.CreateTensorValueFromMemory(new float[1], [1]);
        binding.BindInput("added", value);
        binding.BindInput("past", value);
        binding.BindOutputToDevice("present", OrtMemoryInfo.DefaultInstance);
        binding.ClearBoundOutputs();
        binding.BindOutputToDevice("negated", OrtMemoryInfo.DefaultInstance);

        using var outputs = _session.RunWithBoundResults(_options, binding);

        Assert.Equal([-0f, -0f], Assert.Single(outputs).GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public void Unknown_inputs_and_missing_ones_are_errors()
    {
        using var wrong = _session.CreateIoBinding();
        using var binding = _session.CreateIoBinding();
        using var value = OrtValue.CreateTensorValueFromMemory(new float[1], [1]);

        Assert.Throws<OnnxRuntimeException>(() => wrong.BindInput("other", value));
        binding.BindInput("added", value);
        binding.BindOutputToDevice("present", OrtMemoryInfo.DefaultInstance);
        Assert.Throws<OnnxRuntimeException>(() => _session.RunWithBoundResults(_options, binding));
    }

    public void Dispose()
    {
        _session.Dispose();
        _options.Dispose();
    }
}
