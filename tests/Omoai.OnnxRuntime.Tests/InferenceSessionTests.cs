using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Tests;

namespace Omoai.OnnxRuntime.Tests;

public sealed class InferenceSessionTests
{
    private static readonly byte[] Add = new OnnxGraph()
        .Input("x", TensorElementType.Float, "batch", 2)
        .Input("y", TensorElementType.Float, "batch", 2)
        .Output("sum", TensorElementType.Float, "batch", 2)
        .Node("Add", ["x", "y"], ["sum"])
        .ToModel();

    private static readonly float[] OneToFour = [1, 2, 3, 4];

    [Fact]
    public void A_model_is_loaded_from_its_bytes_and_from_a_file_of_any_name()
    {
        var file = Path.Combine(Path.GetTempPath(), $"модель {Guid.NewGuid():N}.onnx");
        File.WriteAllBytes(file, Add);
        try
        {
            using var options = new SessionOptions();
            using var fromBytes = new InferenceSession(Add);
            using var fromBytesWithOptions = new InferenceSession(Add, options);
            using var fromFile = new InferenceSession(file);
            using var fromFileWithOptions = new InferenceSession(file, options);
            foreach (var session in new[] { fromBytes, fromBytesWithOptions, fromFile, fromFileWithOptions })
            {
                Assert.Equal([2, 4, 6, 8], RunAdd(session, OneToFour, OneToFour, [2, 2]));
            }
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Metadata_says_names_types_and_shapes_in_the_order_of_the_model()
    {
        using var session = new InferenceSession(Add);

        Assert.Equal(["x", "y"], session.InputNames);
        Assert.Equal(["sum"], session.OutputNames);
        Assert.Equal(["x", "y"], session.InputMetadata.Keys.Order());
        var input = session.InputMetadata["y"];
        Assert.True(input.IsTensor);
        Assert.False(input.IsString);
        Assert.Equal(OnnxValueType.ONNX_TYPE_TENSOR, input.OnnxValueType);
        Assert.Equal(TensorElementType.Float, input.ElementDataType);
        Assert.Equal(typeof(float), input.ElementType);
        Assert.Equal([-1, 2], input.Dimensions);
        Assert.Equal(["batch", ""], input.SymbolicDimensions);
        Assert.Equal([-1, 2], session.OutputMetadata["sum"].Dimensions);
    }

    [Fact]
    public void Metadata_of_a_sequence_says_that_it_is_no_tensor()
    {
        using var session = new InferenceSession(new OnnxGraph()
            .Input("x", TensorElementType.Float, 2)
            .SequenceOutput("sequence", TensorElementType.Float, 2)
            .Node("SequenceConstruct", ["x"], ["sequence"])
            .ToModel());

        var output = session.OutputMetadata["sequence"];
        Assert.False(output.IsTensor);
        Assert.Equal(OnnxValueType.ONNX_TYPE_SEQUENCE, output.OnnxValueType);
        Assert.Throws<OnnxRuntimeException>(() => output.Dimensions);

        using var options = new RunOptions();
        using var x = OrtValue.CreateTensorValueFromMemory(new float[2], [2]);
        using var results = session.Run(options, ["x"], [x], ["sequence"]);
        Assert.False(results[0].IsTensor);
        Assert.Throws<OnnxRuntimeException>(() => { results[0].GetTensorDataAsSpan<float>(); });
        Assert.Throws<OnnxRuntimeException>(() => { results[0].GetTensorTypeAndShape(); });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1000)]
    public void An_open_dimension_takes_any_length(int batch)
    {
        using var session = new InferenceSession(Add);
        var x = Enumerable.Range(0, batch * 2).Select(i => (float)i).ToArray();

        using var options = new RunOptions();
        using var value = OrtValue.CreateTensorValueFromMemory(x, [batch, 2]);
        using var results = session.Run(options, ["x", "y"], [value, value], ["sum"]);

        var sum = Assert.Single(results);
        var shape = sum.GetTensorTypeAndShape();
        Assert.Equal([batch, 2], shape.Shape);
        Assert.Equal(2, shape.DimensionsCount);
        Assert.Equal(batch * 2, shape.ElementCount);
        Assert.Equal(TensorElementType.Float, shape.ElementDataType);
        Assert.False(shape.IsString);
        Assert.Equal(x.Select(element => element * 2), sum.GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public void Inputs_are_told_apart_by_name_and_outputs_come_in_the_order_asked_for()
    {
        using var subtract = new InferenceSession(new OnnxGraph()
            .Input("x", TensorElementType.Float, 1)
            .Input("y", TensorElementType.Float, 1)
            .Output("difference", TensorElementType.Float, 1)
            .Node("Sub", ["x", "y"], ["difference"])
            .ToModel());
        using var options = new RunOptions();
        using var seven = OrtValue.CreateTensorValueFromMemory(new[] { 7f }, [1]);
        using var five = OrtValue.CreateTensorValueFromMemory(new[] { 5f }, [1]);
        using var difference = subtract.Run(options, ["y", "x"], [five, seven], ["difference"]);
        Assert.Equal(2, difference[0].GetTensorDataAsSpan<float>()[0]);

        using var session = new InferenceSession(new OnnxGraph()
            .Input("x", TensorElementType.Float, 4)
            .Input("k", TensorElementType.Int64, 1)
            .Output("values", TensorElementType.Float, "k")
            .Output("indices", TensorElementType.Int64, "k")
            .Node("TopK", ["x", "k"], ["values", "indices"])
            .ToModel());
        using var x = OrtValue.CreateTensorValueFromMemory(new[] { 3f, 9f, 1f, 8f }, [4]);
        using var k = OrtValue.CreateTensorValueFromMemory(new[] { 2L }, [1]);
        using var top = session.Run(options, ["x", "k"], [x, k], ["indices", "values"]);
        Assert.Equal(2, top.Count);
        Assert.Equal([1L, 3L], top[0].GetTensorDataAsSpan<long>().ToArray());
        Assert.Equal([9f, 8f], top[1].GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public void A_run_can_write_into_values_that_are_there()
    {
        using var session = new InferenceSession(Add);
        using var options = new RunOptions();
        float[] x = [1, 2];
        var sum = new float[2];
        using var input = OrtValue.CreateTensorValueFromMemory(x, [1, 2]);
        using var output = OrtValue.CreateTensorValueFromMemory(sum, [1, 2]);
        using var tooLarge = OrtValue.CreateTensorValueFromMemory(new float[4], [2, 2]);

        session.Run(options, ["x", "y"], [input, input], ["sum"], [output]);
        Assert.Equal([2, 4], sum);
        x[0] = 5;
        session.Run(options, ["x", "y"], [input, input], ["sum"], [output]);
        Assert.Equal([10, 4], sum);

        Assert.Throws<ArgumentException>(() => session.Run(options, ["x", "y"], [input, input], ["sum"], []));
        Assert.Throws<OnnxRuntimeException>(() => session.Run(options, ["x", "y"], [input, input], ["sum"], [tooLarge]));
    }

    [Fact]
    public void An_output_can_be_the_input_of_another_session()
    {
        using var session = new InferenceSession(Add);
        using var options = new RunOptions();
        using var value = OrtValue.CreateTensorValueFromMemory(OneToFour, [2, 2]);
        using var first = session.Run(options, ["x", "y"], [value, value], ["sum"]);
        using var second = session.Run(options, ["x", "y"], [first[0], value], session.OutputNames);
        Assert.Equal([3, 6, 9, 12], second[0].GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public void An_unknown_input_or_output_name_is_refused_by_name()
    {
        using var session = new InferenceSession(Add);
        using var options = new RunOptions();
        using var value = OrtValue.CreateTensorValueFromMemory(OneToFour, [2, 2]);

        var input = Assert.Throws<OnnxRuntimeException>(
            () => session.Run(options, ["x", "z"], [value, value], ["sum"]));
        Assert.Contains("'z'", input.Message, StringComparison.Ordinal);
        var output = Assert.Throws<OnnxRuntimeException>(
            () => session.Run(options, ["x", "y"], [value, value], ["total"]));
        Assert.Contains("'total'", output.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_input_a_wrong_shape_and_a_wrong_type_are_refused()
    {
        using var session = new InferenceSession(Add);
        using var options = new RunOptions();
        using var good = OrtValue.CreateTensorValueFromMemory(OneToFour, [2, 2]);
        using var wide = OrtValue.CreateTensorValueFromMemory(OneToFour, [1, 4]);
        using var flat = OrtValue.CreateTensorValueFromMemory(OneToFour, [4]);
        using var whole = OrtValue.CreateTensorValueFromMemory(new long[4], [2, 2]);

        Assert.Throws<OnnxRuntimeException>(() => session.Run(options, ["x"], [good], ["sum"]));
        Assert.Throws<ArgumentException>(() => session.Run(options, ["x", "y"], [good], ["sum"]));
        foreach (var bad in new[] { wide, flat, whole })
        {
            Assert.Throws<OnnxRuntimeException>(() => session.Run(options, ["x", "y"], [good, bad], ["sum"]));
        }

        // The session is as good as before.
        Assert.Equal([2, 4, 6, 8], RunAdd(session, OneToFour, OneToFour, [2, 2]));
    }

    [Fact]
    public void Bytes_that_are_no_model_are_refused()
    {
        var noise = new byte[10_000];
        new Random(1).NextBytes(noise);
        foreach (var model in new[] { [], [1, 2, 3], noise, Add[..^10], "RIFF"u8.ToArray() })
        {
            Assert.Throws<OnnxRuntimeException>(() => new InferenceSession(model).Dispose());
        }
    }

    [Fact]
    public void A_graph_that_cannot_run_is_refused()
    {
        var unknownOperation = new OnnxGraph()
            .Input("x", TensorElementType.Float, 1)
            .Output("y", TensorElementType.Float, 1)
            .Node("Transmogrify", ["x"], ["y"])
            .ToModel();
        var exception = Assert.Throws<OnnxRuntimeException>(() => new InferenceSession(unknownOperation).Dispose());
        Assert.Contains("Transmogrify", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        var file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.onnx");
        var exception = Assert.Throws<OnnxRuntimeException>(() => new InferenceSession(file).Dispose());
        Assert.Contains(file, exception.Message, StringComparison.Ordinal);
        Assert.Contains("NoSuchFile", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_options_can_end_a_run()
    {
        using var session = new InferenceSession(Add);
        using var options = new RunOptions { Terminate = true };
        using var value = OrtValue.CreateTensorValueFromMemory(OneToFour, [2, 2]);
        Assert.Throws<OnnxRuntimeException>(() => session.Run(options, ["x", "y"], [value, value], ["sum"]));

        options.Terminate = false;
        using var results = session.Run(options, ["x", "y"], [value, value], ["sum"]);
        Assert.Equal([2, 4, 6, 8], results[0].GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public async Task A_session_serves_several_threads_at_once()
    {
        using var session = new InferenceSession(Add);
        var runs = Enumerable.Range(0, 4).Select(n => Task.Run(() =>
        {
            for (var i = 0; i < 200; i++)
            {
                Assert.Equal([n + i, 2 * n], RunAdd(session, [n, n], [i, n], [1, 2]));
            }
        }));
        await Task.WhenAll(runs);
    }

    private static float[] RunAdd(InferenceSession session, float[] x, float[] y, long[] shape)
    {
        using var options = new RunOptions();
        using var left = OrtValue.CreateTensorValueFromMemory(x, shape);
        using var right = OrtValue.CreateTensorValueFromMemory(y, shape);
        using var results = session.Run(options, ["x", "y"], [left, right], ["sum"]);
        return results[0].GetTensorDataAsSpan<float>().ToArray();
    }
}
