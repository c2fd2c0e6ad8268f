using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Tests;

namespace Omoai.OnnxRuntime.Tests;

public sealed class OrtValueTests
{
    [Fact]
    public void Every_element_type_passes_through_a_session_unchanged()
    {
        PassesThrough(TensorElementType.Float, float.NaN, 0f, float.MaxValue);
        PassesThrough(TensorElementType.Double, 0.1, double.MinValue);
        PassesThrough(TensorElementType.Int8, sbyte.MinValue, (sbyte)1);
        PassesThrough(TensorElementType.UInt8, (byte)0, byte.MaxValue);
        PassesThrough(TensorElementType.Int16, short.MinValue, (short)1);
        PassesThrough(TensorElementType.UInt16, (ushort)0, ushort.MaxValue);
        PassesThrough(TensorElementType.Int32, int.MinValue, 1);
        PassesThrough(TensorElementType.UInt32, 0u, uint.MaxValue);
        PassesThrough(TensorElementType.Int64, long.MinValue, 1L);
        PassesThrough(TensorElementType.UInt64, 0ul, ulong.MaxValue);
        PassesThrough(TensorElementType.Bool, true, false);
        PassesThrough(TensorElementType.Float16, new Float16(0x3C00), new Float16(0xFBFF));
        PassesThrough(TensorElementType.BFloat16, new BFloat16(0x3F80), new BFloat16(0xFF7F));
    }

    [Theory]
    [InlineData(1f, 0x3C00, 0x3F80)]
    [InlineData(-2.5f, 0xC100, 0xC020)]
    [InlineData(float.PositiveInfinity, 0x7C00, 0x7F80)]
    [InlineData(0.1f, 0x2E66, 0x3DCD)]
    public void Numbers_of_sixteen_bits_are_rounded_to_the_nearest(float number, int half, int brain)
    {
        Assert.Equal(half, ((Float16)number).value);
        Assert.Equal(brain, ((BFloat16)number).value);
        Assert.Equal((float)BitConverter.UInt16BitsToHalf((ushort)half), new Float16((ushort)half).ToFloat());
        Assert.Equal(BitConverter.UInt32BitsToSingle((uint)brain << 16), (float)new BFloat16((ushort)brain));
    }

    [Fact]
    public void A_tensor_lies_over_the_memory_it_was_made_of()
    {
        var memory = new float[] { 0, 1, 2, 3, 4, 5 };
        using var value = OrtValue.CreateTensorValueFromMemory(
            OrtMemoryInfo.DefaultInstance, memory.AsMemory(1, 4), [2, 2]);
        value.GetTensorMutableDataAsSpan<float>()[3] = 40;
        memory[1] = 10;
        Assert.Equal([0, 10, 2, 3, 40, 5], memory);
        Assert.Equal([10, 2, 3, 40], value.GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public void A_scalar_has_one_element_and_an_empty_tensor_none()
    {
        using var scalar = OrtValue.CreateTensorValueFromMemory(new[] { 7L }, []);
        Assert.Empty(scalar.GetTensorTypeAndShape().Shape);
        Assert.Equal([7L], scalar.GetTensorDataAsSpan<long>().ToArray());

        using var empty = OrtValue.CreateTensorValueFromMemory(Array.Empty<float>(), [0, 3]);
        Assert.Equal([0L, 3L], empty.GetTensorTypeAndShape().Shape);
        Assert.Equal(0, empty.GetTensorDataAsSpan<float>().Length);
    }

    [Fact]
    public void A_tensor_in_native_memory_is_written_and_read()
    {
        using var value = OrtValue.CreateAllocatedTensorValue(
            OrtAllocator.DefaultInstance, TensorElementType.Int32, [3]);
        new[] { 1, 2, 3 }.CopyTo(value.GetTensorMutableDataAsSpan<int>());
        Assert.True(value.IsTensor);
        Assert.Equal([3L], value.GetTensorTypeAndShape().Shape);
        Assert.Equal([1, 2, 3], value.GetTensorDataAsSpan<int>().ToArray());
    }

    [Fact]
    public void Elements_are_read_as_what_they_are_or_as_bytes()
    {
        using var value = OrtValue.CreateTensorValueFromMemory(new[] { 1f, 2f }, [2]);
        Assert.Throws<OnnxRuntimeException>(() => { value.GetTensorDataAsSpan<long>(); });
        Assert.Throws<OnnxRuntimeException>(() => { value.GetTensorMutableDataAsSpan<int>(); });
        Assert.Equal([0, 0, 0x80, 0x3F, 0, 0, 0, 0x40], value.GetTensorDataAsSpan<byte>().ToArray());
    }

    [Fact]
    public void A_shape_that_the_memory_cannot_fill_is_refused()
    {
        Assert.Throws<OnnxRuntimeException>(
            () => OrtValue.CreateTensorValueFromMemory(new float[3], [2, 2]).Dispose());
        Assert.Throws<ArgumentOutOfRangeException>(
            () => OrtValue.CreateTensorValueFromMemory(new float[4], [-2, -2]).Dispose());
        Assert.Throws<OnnxRuntimeException>(
            () => OrtValue.CreateTensorValueFromMemory(new decimal[1], [1]).Dispose());
    }

    private static void PassesThrough<T>(TensorElementType element, params T[] data)
        where T : unmanaged
    {
        using var session = new InferenceSession(new OnnxGraph()
            .Input("in", element, data.Length)
            .Output("out", element, data.Length)
            .Node("Identity", ["in"], ["out"])
            .ToModel());
        using var options = new RunOptions();
        using var value = OrtValue.CreateTensorValueFromMemory(data, [data.Length]);
        using var results = session.Run(options, ["in"], [value], ["out"]);

        Assert.Equal(element, session.InputMetadata["in"].ElementDataType);
        Assert.Equal(typeof(T), session.InputMetadata["in"].ElementType);
        Assert.Equal(element, results[0].GetTensorTypeAndShape().ElementDataType);
        Assert.Equal(data, results[0].GetTensorDataAsSpan<T>().ToArray());
    }
}
