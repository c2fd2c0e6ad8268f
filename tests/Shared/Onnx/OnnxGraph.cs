using System.Text;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Omoai.Tests;

/// <summary>
/// Writes small ONNX models: the few fields of onnx.proto that they need, in protobuf's encoding. A shape's dimension is a
/// number (fixed) or a name (open).
/// </summary>
internal sealed class OnnxGraph
{
    private const int Varint = 0;
    private const int Bytes = 2;

    // Messages are concatenated fields, and those of different numbers may come in any order.
    private readonly List<byte> graph = [.. Field(2, "graph")];
    private readonly List<byte> metadata = [];
    private readonly SortedSet<string> domains = new(StringComparer.Ordinal);

    public OnnxGraph Input(string name, TensorElementType element, params object[] shape) =>
        Add(11, [.. Field(1, name), .. Field(2, TensorType(element, shape))]);

    public OnnxGraph Output(string name, TensorElementType element, params object[] shape) =>
        Add(12, [.. Field(1, name), .. Field(2, TensorType(element, shape))]);

    /// <summary>An output that is a sequence of tensors.</summary>
    public OnnxGraph SequenceOutput(string name, TensorElementType element, params object[] shape) =>
        Add(12, [.. Field(1, name), .. Field(2, Field(4, Field(1, TensorType(element, shape))))]);

    public OnnxGraph Constant(string name, params long[] values) => Constant(name, TensorElementType.Int64, values);

    public OnnxGraph Constant(string name, float[] values) => Constant(name, TensorElementType.Float, values);

    public OnnxGraph Constant(string name, float[,] values) => Constant(name, TensorElementType.Float, values);

    public OnnxGraph Constant(string name, float[,,] values) => Constant(name, TensorElementType.Float, values);

    /// <summary>A number without dimensions.</summary>
    public OnnxGraph Scalar(string name, long value) => Add(
        5, [.. Field(2, (long)TensorElementType.Int64), .. Field(8, name), .. Field(9, BitConverter.GetBytes(value))]);

    /// <param name="operation">The operator; one that isn't ONNX's own has its domain before it, and a dot between them.</param>
    /// <param name="inputs">Names; empty for one that is left out.</param>
    /// <param name="outputs">Names.</param>
    /// <param name="attributes">Each an int, a long, a float, a string, or an array of ints.</param>
    public OnnxGraph Node(
        string operation, string[] inputs, string[] outputs, params (string Name, object Value)[] attributes)
    {
        var dot = operation.LastIndexOf('.');
        var domain = operation[..Math.Max(0, dot)];
        domains.Add(domain);
        return Add(1,
        [
            .. inputs.SelectMany(name => Field(1, name)),
            .. outputs.SelectMany(name => Field(2, name)),
            .. Field(4, operation[(dot + 1)..]),
            .. Field(7, domain),
            .. attributes.SelectMany(attribute => Field(5, [.. Field(1, attribute.Name), .. Attribute(attribute.Value)])),
        ]);
    }

    /// <summary>What exporters write into a file besides the graph.</summary>
    public OnnxGraph Metadata(string name, string value)
    {
        metadata.AddRange(Field(14, [.. Field(1, name), .. Field(2, value)]));
        return this;
    }

    /// <param name="name">The constant's name.</param>
    /// <param name="element">What the bytes of the values are: those of float16 come as ushort.</param>
    /// <param name="values">An array of numbers of any rank.</param>
    public OnnxGraph Tensor(string name, TensorElementType element, Array values) => Constant(name, element, values);

    /// <summary>Floats that are in a file beside the model, from its beginning on.</summary>
    /// <param name="name">The constant's name.</param>
    /// <param name="file">The file.</param>
    /// <param name="count">Numbers.</param>
    public OnnxGraph External(string name, string file, int count) => Add(
        5,
        [
            .. Field(1, count), .. Field(2, (long)TensorElementType.Float), .. Field(8, name),
            .. Field(13, [.. Field(1, "location"), .. Field(2, file)]), .. Field(14, 1),
        ]);

    /// <summary>The bytes of the model: IR version 8, operator set 17, and 1 of other domains.</summary>
    public byte[] ToModel() =>
    [
        .. Field(1, 8), .. Field(7, [.. graph]), .. Field(8, [.. Field(1, ""), .. Field(2, 17)]),
        .. domains.Where(domain => domain.Length > 0).SelectMany(domain => Field(8, [.. Field(1, domain), .. Field(2, 1)])), .. metadata,
    ];

    private static byte[] TensorType(TensorElementType element, object[] shape)
    {
        var dimensions = shape.SelectMany(dimension => Field(
            1, dimension is string name ? Field(2, name) : Field(1, (int)dimension)));
        return Field(1, [.. Field(1, (long)element), .. Field(2, [.. dimensions])]);
    }

    private static byte[] Attribute(object value) => value switch
    {
        int number => Attribute((long)number),
        long number => [.. Field(3, number), .. Field(20, 2)],
        // Four bytes: wire type 5.
        float number => [(2 << 3) | 5, .. BitConverter.GetBytes(number), .. Field(20, 1)],
        string text => [.. Field(4, text), .. Field(20, 3)],
        int[] numbers => [.. numbers.SelectMany(number => Field(8, (long)number)), .. Field(20, 7)],
        // A branch, which sees the names of the graph around it.
        OnnxGraph branch => [.. Field(6, [.. branch.graph]), .. Field(20, 5)],
        _ => throw new ArgumentException($"No attribute is a {value.GetType()}.", nameof(value)),
    };

    private static byte[] Field(int number, string text) => Field(number, Encoding.UTF8.GetBytes(text));

    private static byte[] Field(int number, byte[] content) =>
        [.. Number((number << 3) | Bytes), .. Number(content.Length), .. content];

    private static byte[] Field(int number, long value) => [.. Number((number << 3) | Varint), .. Number(value)];

    private static IEnumerable<byte> Number(long value)
    {
        // Negative numbers have ten bytes.
        var bits = (ulong)value;
        for (; bits >= 0x80; bits >>= 7)
        {
            yield return (byte)(bits | 0x80);
        }

        yield return (byte)bits;
    }

    private OnnxGraph Constant(string name, TensorElementType element, Array values)
    {
        var data = new byte[Buffer.ByteLength(values)];
        Buffer.BlockCopy(values, 0, data, 0, data.Length);
        var shape = Enumerable.Range(0, values.Rank).SelectMany(dimension => Field(1, values.GetLength(dimension)));
        return Add(5, [.. shape, .. Field(2, (long)element), .. Field(8, name), .. Field(9, data)]);
    }

    private OnnxGraph Add(int number, byte[] message)
    {
        graph.AddRange(Field(number, message));
        return this;
    }
}
