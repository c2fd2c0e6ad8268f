using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Omoai.Speech.Whisper;

/// <summary>Tensors in the processor's memory, of the element type that a graph wants.</summary>
internal static class TensorValues
{
    /// <param name="values">The elements, row by row.</param>
    /// <param name="type">Float or Float16.</param>
    /// <param name="shape">The dimensions.</param>
    public static OrtValue Floats(ReadOnlySpan<float> values, TensorElementType type, params long[] shape)
    {
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, type, shape);
        if (type == TensorElementType.Float16)
        {
            TensorPrimitives.ConvertToHalf(values, MemoryMarshal.Cast<byte, Half>(value.GetTensorMutableDataAsSpan<byte>()));
        }
        else
        {
            values.CopyTo(value.GetTensorMutableDataAsSpan<float>());
        }

        return value;
    }

    /// <param name="values">The elements, row by row.</param>
    /// <param name="type">Int32 or Int64.</param>
    /// <param name="shape">The dimensions.</param>
    public static OrtValue Integers(int[] values, TensorElementType type, params long[] shape) => type == TensorElementType.Int32
        ? OrtValue.CreateTensorValueFromMemory(values, shape)
        : OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(values, value => (long)value), shape);

    /// <summary>One flag.</summary>
    public static OrtValue Flag(bool value) => OrtValue.CreateTensorValueFromMemory(new[] { value }, [1]);

    /// <summary>Elements of a tensor of Float or Float16, from one on.</summary>
    public static float[] Read(OrtValue value, int first, int count)
    {
        if (value.GetTensorTypeAndShape().ElementDataType == TensorElementType.Float)
        {
            return value.GetTensorDataAsSpan<float>().Slice(first, count).ToArray();
        }

        var result = new float[count];
        TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(value.GetTensorDataAsSpan<byte>()).Slice(first, count), result);
        return result;
    }
}
