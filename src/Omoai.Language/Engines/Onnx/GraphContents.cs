using System.Text;

namespace Omoai.Language.Engines.Onnx;

/// <summary>
/// What of a graph ONNX Runtime doesn't tell before it runs, found in the few fields of onnx.proto that lead to it.
/// </summary>
/// <param name="Locations">
/// Files that its tensors are taken from besides its own, as they are written. ONNX Runtime would read any file beside the graph, checked
/// or not.
/// </param>
/// <param name="Operators">Names of its operators, without their domains; those of branches and functions, too.</param>
internal sealed record GraphContents(IReadOnlySet<string> Locations, IReadOnlySet<string> Operators)
{
    private const int MaxDepth = 32;
    private const int MaxText = 4096;

    private static readonly Dictionary<(Message Message, int Field), Message> Parts = new()
    {
        [(Message.Model, 7)] = Message.Graph,
        [(Message.Model, 25)] = Message.Function,
        [(Message.Graph, 1)] = Message.Node,
        [(Message.Graph, 5)] = Message.Tensor,
        [(Message.Graph, 15)] = Message.SparseTensor,
        [(Message.Function, 7)] = Message.Node,
        [(Message.Function, 11)] = Message.Attribute,
        [(Message.Node, 5)] = Message.Attribute,
        [(Message.Attribute, 5)] = Message.Tensor,
        [(Message.Attribute, 6)] = Message.Graph,
        [(Message.Attribute, 10)] = Message.Tensor,
        [(Message.Attribute, 11)] = Message.Graph,
        [(Message.Attribute, 22)] = Message.SparseTensor,
        [(Message.Attribute, 23)] = Message.SparseTensor,
        [(Message.SparseTensor, 1)] = Message.Tensor,
        [(Message.SparseTensor, 2)] = Message.Tensor,
        [(Message.Tensor, 13)] = Message.Entry,
    };

    private enum Message
    {
        Model,
        Graph,
        Function,
        Node,
        Attribute,
        Tensor,
        SparseTensor,
        Entry,
    }

    /// <summary>Reads a graph's file, its tensors skipped.</summary>
    /// <param name="graph">An ONNX model in protobuf; can be sought in.</param>
    /// <exception cref="InvalidDataException">It isn't one.</exception>
    public static GraphContents Read(Stream graph)
    {
        var (locations, operators) = (new HashSet<string>(), new HashSet<string>());
        Read(graph, graph.Length, Message.Model, 0, locations, operators);
        return new GraphContents(locations, operators);
    }

    private static void Read(
        Stream stream, long end, Message message, int depth, HashSet<string> locations, HashSet<string> operators)
    {
        Require(depth <= MaxDepth);
        var (key, value) = ("", "");
        while (stream.Position < end)
        {
            var tag = Number(stream);
            switch (tag & 7)
            {
                case 0:
                    Number(stream);
                    break;
                case 1:
                    stream.Position += 8;
                    break;
                case 5:
                    stream.Position += 4;
                    break;
                case 2:
                    var length = Number(stream);
                    Require(stream.Position <= end && length <= (ulong)(end - stream.Position));
                    var next = stream.Position + (long)length;
                    var field = (int)Math.Min(tag >> 3, int.MaxValue);
                    if (Parts.TryGetValue((message, field), out var part))
                    {
                        Read(stream, next, part, depth + 1, locations, operators);
                    }
                    else if (message == Message.Entry && field is 1 or 2)
                    {
                        (key, value) = field == 1 ? (Text(stream, length), value) : (key, Text(stream, length));
                    }
                    else if (message == Message.Node && field == 4)
                    {
                        operators.Add(Text(stream, length));
                    }

                    stream.Position = next;
                    break;
                default:
                    Require(false);
                    break;
            }
        }

        Require(stream.Position == end);
        if (key == "location")
        {
            locations.Add(value);
        }
    }

    private static string Text(Stream stream, ulong length)
    {
        Require(length <= MaxText);
        var bytes = new byte[length];
        stream.ReadExactly(bytes);
        return Encoding.UTF8.GetString(bytes);
    }

    private static ulong Number(Stream stream)
    {
        var number = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = stream.ReadByte();
            Require(next >= 0);
            number |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return number;
            }
        }

        throw new InvalidDataException("A number is too long.");
    }

    private static void Require(bool fine)
    {
        if (!fine)
        {
            throw new InvalidDataException("It is no ONNX model.");
        }
    }
}
