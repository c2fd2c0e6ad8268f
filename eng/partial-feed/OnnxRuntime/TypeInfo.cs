using Microsoft.ML.OnnxRuntime.Tensors;

namespace Microsoft.ML.OnnxRuntime;

/// <summary>The kinds of values, numbered as in <c>ONNXType</c>.</summary>
public enum OnnxValueType
{
    ONNX_TYPE_UNKNOWN = 0,
    ONNX_TYPE_TENSOR = 1,
    ONNX_TYPE_SEQUENCE = 2,
    ONNX_TYPE_MAP = 3,
    ONNX_TYPE_OPAQUE = 4,
    ONNX_TYPE_SPARSETENSOR = 5,
    ONNX_TYPE_OPTIONAL = 6,
}

/// <summary>The element type and the shape of a tensor.</summary>
public readonly unsafe struct OrtTensorTypeAndShapeInfo
{
    internal OrtTensorTypeAndShapeInfo(nint info)
    {
        int element;
        nuint count, rank;
        Native.Check(Native.Api->GetTensorElementType(info, &element));
        Native.Check(Native.Api->GetTensorShapeElementCount(info, &count));
        Native.Check(Native.Api->GetDimensionsCount(info, &rank));
        ElementDataType = (TensorElementType)element;
        ElementCount = (long)count;
        Shape = new long[rank];
        fixed (long* shape = Shape)
        {
            Native.Check(Native.Api->GetDimensions(info, shape, rank));
        }
    }

    public TensorElementType ElementDataType { get; }

    public bool IsString => ElementDataType == TensorElementType.String;

    public long ElementCount { get; }

    public int DimensionsCount => Shape.Length;

    public long[] Shape { get; }
}

/// <summary>What a model says about one of its inputs or outputs.</summary>
public unsafe class NodeMetadata
{
    private readonly TensorElementType _element;
    private readonly int[] _dimensions = [];
    private readonly string[] _symbolicDimensions = [];

    internal NodeMetadata(nint typeInfo)
    {
        int kind;
        Native.Check(Native.Api->GetOnnxTypeFromTypeInfo(typeInfo, &kind));
        OnnxValueType = (OnnxValueType)kind;
        if (!IsTensor)
        {
            return;
        }

        // The tensor's part belongs to the type info: it isn't released by itself.
        nint tensor;
        int element;
        nuint rank;
        Native.Check(Native.Api->CastTypeInfoToTensorInfo(typeInfo, &tensor));
        Native.Check(Native.Api->GetTensorElementType(tensor, &element));
        Native.Check(Native.Api->GetDimensionsCount(tensor, &rank));
        var dimensions = new long[rank];
        var names = new nint[rank];
        fixed (long* dimension = dimensions)
        fixed (nint* name = names)
        {
            Native.Check(Native.Api->GetDimensions(tensor, dimension, rank));
            Native.Check(Native.Api->GetSymbolicDimensions(tensor, name, rank));
        }

        _element = (TensorElementType)element;
        _dimensions = Array.ConvertAll(dimensions, dimension => (int)Math.Clamp(dimension, -1, int.MaxValue));
        _symbolicDimensions = Array.ConvertAll(names, Native.Utf8);
    }

    public OnnxValueType OnnxValueType { get; }

    public bool IsTensor => OnnxValueType is OnnxValueType.ONNX_TYPE_TENSOR or OnnxValueType.ONNX_TYPE_SPARSETENSOR;

    /// <summary>The length of each dimension; -1 where the model leaves it open.</summary>
    /// <exception cref="OnnxRuntimeException">It is no tensor.</exception>
    public int[] Dimensions => Tensor(_dimensions);

    /// <summary>The name of each dimension; empty where it has none.</summary>
    /// <exception cref="OnnxRuntimeException">It is no tensor.</exception>
    public string[] SymbolicDimensions => Tensor(_symbolicDimensions);

    /// <exception cref="OnnxRuntimeException">It is no tensor.</exception>
    public TensorElementType ElementDataType => Tensor(_element);

    /// <exception cref="OnnxRuntimeException">It is no tensor.</exception>
    public bool IsString => ElementDataType == TensorElementType.String;

    /// <summary>The .NET type of the elements.</summary>
    /// <exception cref="OnnxRuntimeException">It is no tensor.</exception>
    public Type ElementType => IsString ? typeof(string) : ElementTypes.Of(ElementDataType).Type;

    private T Tensor<T>(T fact) => IsTensor
        ? fact
        : throw new OnnxRuntimeException(ErrorCode.Fail, $"{OnnxValueType} is not a tensor.");
}
