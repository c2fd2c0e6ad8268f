using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Microsoft.ML.OnnxRuntime;

/// <summary>An input or output of a session: here, a tensor. To be disposed of.</summary>
public unsafe class OrtValue : IDisposable
{
    private readonly ValueHandle _handle;

    internal OrtValue(nint value)
    {
        _handle = new ValueHandle(value, default);
        int kind;
        Native.Check(Native.Api->GetValueType(value, &kind));
        OnnxType = (OnnxValueType)kind;
    }

    private OrtValue(nint tensor, MemoryHandle pin)
    {
        _handle = new ValueHandle(tensor, pin);
        OnnxType = OnnxValueType.ONNX_TYPE_TENSOR;
    }

    public OnnxValueType OnnxType { get; }

    public bool IsTensor => OnnxType == OnnxValueType.ONNX_TYPE_TENSOR;

    public bool IsSparseTensor => OnnxType == OnnxValueType.ONNX_TYPE_SPARSETENSOR;

    internal SafeHandle Handle => _handle;

    /// <summary>A tensor over an array, pinned until the tensor is disposed of; nothing is copied.</summary>
    /// <exception cref="OnnxRuntimeException">It is too short for the shape, or of a type that no tensor has.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A dimension is negative.</exception>
    public static OrtValue CreateTensorValueFromMemory<T>(T[] data, long[] shape)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(data);
        return CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, new Memory<T>(data), shape);
    }

    /// <inheritdoc cref="CreateTensorValueFromMemory{T}(T[], long[])"/>
    public static OrtValue CreateTensorValueFromMemory<T>(OrtMemoryInfo memoryInfo, Memory<T> memory, long[] shape)
        where T : unmanaged
    {
        var element = ElementTypes.Of(typeof(T));
        var elements = ElementCount(shape);
        if (memory.Length < elements)
        {
            throw new OnnxRuntimeException(
                ErrorCode.InvalidArgument,
                $"Managed memory size: {memory.Length} elements is less than shape size: {elements} elements");
        }

        var pin = memory.Pin();
        try
        {
            nint value;
            using var info = memoryInfo.Use();
            fixed (long* dimensions = shape)
            {
                Native.Check(Native.Api->CreateTensorWithDataAsOrtValue(
                    info.Pointer,
                    pin.Pointer,
                    (nuint)elements * (nuint)sizeof(T),
                    dimensions,
                    (nuint)shape.Length,
                    (int)element,
                    &value));
            }

            return new OrtValue(value, pin);
        }
        catch
        {
            pin.Dispose();
            throw;
        }
    }

    /// <summary>A tensor in native memory, for its content see <see cref="GetTensorMutableDataAsSpan{T}"/>.</summary>
    public static OrtValue CreateAllocatedTensorValue(
        OrtAllocator allocator, TensorElementType elementType, long[] shape)
    {
        nint value;
        _ = ElementCount(shape);
        using var native = allocator.Use();
        fixed (long* dimensions = shape)
        {
            Native.Check(Native.Api->CreateTensorAsOrtValue(
                native.Pointer, dimensions, (nuint)shape.Length, (int)elementType, &value));
        }

        return new OrtValue(value);
    }

    /// <summary>The elements, valid until this is disposed of.</summary>
    /// <exception cref="OnnxRuntimeException">It is no tensor, or T is neither its elements' type nor byte.</exception>
    public ReadOnlySpan<T> GetTensorDataAsSpan<T>()
        where T : unmanaged => GetTensorMutableDataAsSpan<T>();

    /// <inheritdoc cref="GetTensorDataAsSpan{T}"/>
    public Span<T> GetTensorMutableDataAsSpan<T>()
        where T : unmanaged
    {
        var info = GetTensorTypeAndShape();
        var (type, size) = ElementTypes.Of(info.ElementDataType);
        if (typeof(T) != type && typeof(T) != typeof(byte))
        {
            throw new OnnxRuntimeException(
                ErrorCode.InvalidArgument,
                $"Requested type: {typeof(T)} does not match the actual type: {type}");
        }

        var bytes = info.ElementCount * size;
        if (bytes == 0)
        {
            return [];
        }

        void* data;
        using var value = _handle.Use();
        Native.Check(Native.Api->GetTensorMutableData(value.Pointer, &data));
        return new Span<T>(data, checked((int)(bytes / sizeof(T))));
    }

    /// <exception cref="OnnxRuntimeException">It is no tensor.</exception>
    public OrtTensorTypeAndShapeInfo GetTensorTypeAndShape()
    {
        if (!IsTensor && !IsSparseTensor)
        {
            throw new OnnxRuntimeException(ErrorCode.InvalidArgument, $"{OnnxType} is not a tensor.");
        }

        nint info;
        using var value = _handle.Use();
        Native.Check(Native.Api->GetTensorTypeAndShape(value.Pointer, &info));
        try
        {
            return new OrtTensorTypeAndShapeInfo(info);
        }
        finally
        {
            Native.Api->ReleaseTensorTypeAndShapeInfo(info);
        }
    }

    public void Dispose() => _handle.Dispose();

    private static long ElementCount(long[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        var count = 1L;
        foreach (var dimension in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(dimension, nameof(shape));
            count = checked(count * dimension);
        }

        return count;
    }

    /// <summary>The native value, and the pin of the managed memory that it lies over, if it does.</summary>
    private sealed class ValueHandle : SafeHandle
    {
        private MemoryHandle _pin;

        public ValueHandle(nint value, MemoryHandle pin)
            : base(0, ownsHandle: true)
        {
            SetHandle(value);
            _pin = pin;
        }

        public override bool IsInvalid => handle == 0;

        protected override bool ReleaseHandle()
        {
            Native.Api->ReleaseValue(handle);
            _pin.Dispose();
            return true;
        }
    }
}
