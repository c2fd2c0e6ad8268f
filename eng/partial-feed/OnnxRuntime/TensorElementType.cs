namespace Microsoft.ML.OnnxRuntime.Tensors;

/// <summary>The element types of tensors, numbered as in <c>ONNXTensorElementDataType</c>.</summary>
public enum TensorElementType
{
    Float = 1,
    UInt8 = 2,
    Int8 = 3,
    UInt16 = 4,
    Int16 = 5,
    Int32 = 6,
    Int64 = 7,
    String = 8,
    Bool = 9,
    Float16 = 10,
    Double = 11,
    UInt32 = 12,
    UInt64 = 13,
    Complex64 = 14,
    Complex128 = 15,
    BFloat16 = 16,
}

/// <summary>Which .NET type holds which element type.</summary>
internal static class ElementTypes
{
    private static readonly Dictionary<TensorElementType, (Type Type, int Size)> ByElement = new()
    {
        [TensorElementType.Float] = (typeof(float), sizeof(float)),
        [TensorElementType.UInt8] = (typeof(byte), sizeof(byte)),
        [TensorElementType.Int8] = (typeof(sbyte), sizeof(sbyte)),
        [TensorElementType.UInt16] = (typeof(ushort), sizeof(ushort)),
        [TensorElementType.Int16] = (typeof(short), sizeof(short)),
        [TensorElementType.Int32] = (typeof(int), sizeof(int)),
        [TensorElementType.Int64] = (typeof(long), sizeof(long)),
        [TensorElementType.Bool] = (typeof(bool), sizeof(bool)),
        [TensorElementType.Float16] = (typeof(Float16), sizeof(ushort)),
        [TensorElementType.Double] = (typeof(double), sizeof(double)),
        [TensorElementType.UInt32] = (typeof(uint), sizeof(uint)),
        [TensorElementType.UInt64] = (typeof(ulong), sizeof(ulong)),
        [TensorElementType.BFloat16] = (typeof(BFloat16), sizeof(ushort)),
    };

    private static readonly Dictionary<Type, TensorElementType> ByType =
        ByElement.ToDictionary(entry => entry.Value.Type, entry => entry.Key);

    /// <summary>The element type that <paramref name="type"/> holds.</summary>
    /// <exception cref="OnnxRuntimeException">There is none.</exception>
    public static TensorElementType Of(Type type) => ByType.TryGetValue(type, out var element)
        ? element
        : throw new OnnxRuntimeException(ErrorCode.InvalidArgument, $"Tensor of type: {type} is not supported");

    /// <summary>The .NET type of an element and its size in bytes.</summary>
    /// <exception cref="OnnxRuntimeException">No .NET type of fixed size holds it.</exception>
    public static (Type Type, int Size) Of(TensorElementType element) => ByElement.TryGetValue(element, out var type)
        ? type
        : throw new OnnxRuntimeException(ErrorCode.InvalidArgument, $"Tensor of type: {element} is not supported");
}
