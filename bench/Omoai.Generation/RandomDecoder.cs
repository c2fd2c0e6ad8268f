using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Tests;

namespace Omoai.Generation;

/// <summary>
/// A decoder of random weights as Optimum exports one: <c>input_ids</c>, <c>attention_mask</c>, <c>position_ids</c> and
/// <c>past_key_values.N.key</c> and <c>.value</c> in, <c>logits</c> and <c>present.N.key</c> and <c>.value</c> out. Layers of attention and
/// a feed-forward network of four times the width, each after a normalisation (GPT-2's shape, with SiLU). The last token's logit is always
/// 0, which is never the highest of thousands of random ones.
/// </summary>
internal sealed class RandomDecoder(int layers, int width, int heads, int vocabulary, int context)
{
    private readonly Random _random = new(3);
    private readonly OnnxGraph _graph = new();

    public byte[] ToModel()
    {
        const TensorElementType Ids = TensorElementType.Int64, Values = TensorElementType.Float;
        _graph.Input("input_ids", Ids, "batch", "sequence")
            .Input("attention_mask", Ids, "batch", "total")
            .Input("position_ids", Ids, "batch", "sequence");
        for (var layer = 0; layer < layers; layer++)
        {
            foreach (var part in new[] { "key", "value" })
            {
                _graph.Input($"past_key_values.{layer}.{part}", Values, "batch", heads, "past", width / heads);
            }
        }

        _graph.Output("logits", Values, "batch", "sequence", vocabulary);
        for (var layer = 0; layer < layers; layer++)
        {
            foreach (var part in new[] { "key", "value" })
            {
                _graph.Output($"present.{layer}.{part}", Values, "batch", heads, "total", width / heads);
            }
        }

        AddMask();
        _graph.Constant("embeddings", Weights(vocabulary, width, 1)).Constant("positions", Weights(context, width, 0.1));
        Node("Gather", "token", "embeddings", "input_ids");
        Node("Gather", "position", "positions", "position_ids");
        Node("Add", "x0", "token", "position");
        _graph.Constant("by_heads", 0, 0, heads, width / heads).Constant("together", 0, 0, width);
        _graph.Constant("scale", [(float)(1 / Math.Sqrt(width / heads))]);
        _graph.Constant("ones", [.. Enumerable.Repeat(1f, width)]).Constant("zeros", new float[width]);
        for (var layer = 0; layer < layers; layer++)
        {
            AddLayer(layer);
        }

        var head = Weights(width, vocabulary, 1 / Math.Sqrt(width));
        for (var i = 0; i < width; i++)
        {
            head[i, vocabulary - 1] = 0;
        }

        _graph.Constant("head", head);
        Node("LayerNormalization", "last", $"x{layers}", "ones", "zeros");
        Node("MatMul", "logits", "last", "head");
        return _graph.ToModel();
    }

    /// <summary>What each token may see: itself and those before it that aren't padding; 0 there, and very little elsewhere.</summary>
    private void AddMask()
    {
        _graph.Scalar("0", 0).Scalar("1", 1).Constant("axis1", 1).Constant("axes12", 1, 2);
        _graph.Constant("seen", [0f]).Constant("unseen", [-1e9f]);
        Node("Shape", "mask_shape", "attention_mask");
        Node("Gather", "total", "mask_shape", "1");
        Node("Shape", "ids_shape", "input_ids");
        Node("Gather", "sequence", "ids_shape", "1");
        Node("Sub", "past", "total", "sequence");
        Node("Range", "keys", "0", "total", "1");
        Node("Range", "queries", "past", "total", "1");
        Node("Unsqueeze", "queries_down", "queries", "axis1");
        Node("LessOrEqual", "before", "keys", "queries_down");
        _graph.Node("Cast", ["attention_mask"], ["real"], ("to", (int)TensorElementType.Bool));
        Node("Unsqueeze", "real_keys", "real", "axes12");
        Node("And", "visible", "before", "real_keys");
        Node("Where", "mask", "visible", "seen", "unseen");
    }

    private void AddLayer(int layer)
    {
        var p = $"{layer}.";
        _graph.Constant(p + "qkv", Weights(width, 3 * width, 1 / Math.Sqrt(width)))
            .Constant(p + "out", Weights(width, width, 1 / Math.Sqrt(width)))
            .Constant(p + "up", Weights(width, 4 * width, 1 / Math.Sqrt(width)))
            .Constant(p + "down", Weights(4 * width, width, 0.5 / Math.Sqrt(width)));
        Node("LayerNormalization", p + "n1", $"x{layer}", "ones", "zeros");
        Node("MatMul", p + "all", p + "n1", p + "qkv");
        _graph.Node("Split", [p + "all"], [p + "q", p + "k", p + "v"], ("axis", -1));
        foreach (var part in new[] { "q", "k", "v" })
        {
            Node("Reshape", $"{p}{part}h", p + part, "by_heads");
            _graph.Node("Transpose", [$"{p}{part}h"], [$"{p}{part}t"], ("perm", new[] { 0, 2, 1, 3 }));
        }

        _graph.Node("Concat", [$"past_key_values.{layer}.key", p + "kt"], [$"present.{layer}.key"], ("axis", 2));
        _graph.Node("Concat", [$"past_key_values.{layer}.value", p + "vt"], [$"present.{layer}.value"], ("axis", 2));
        _graph.Node("Transpose", [$"present.{layer}.key"], [p + "ktt"], ("perm", new[] { 0, 1, 3, 2 }));
        Node("MatMul", p + "products", p + "qt", p + "ktt");
        Node("Mul", p + "scaled", p + "products", "scale");
        Node("Add", p + "scores", p + "scaled", "mask");
        _graph.Node("Softmax", [p + "scores"], [p + "weights"], ("axis", -1));
        Node("MatMul", p + "mixed", p + "weights", $"present.{layer}.value");
        _graph.Node("Transpose", [p + "mixed"], [p + "mixed_t"], ("perm", new[] { 0, 2, 1, 3 }));
        Node("Reshape", p + "joined", p + "mixed_t", "together");
        Node("MatMul", p + "attended", p + "joined", p + "out");
        Node("Add", p + "y", $"x{layer}", p + "attended");
        Node("LayerNormalization", p + "n2", p + "y", "ones", "zeros");
        Node("MatMul", p + "wide", p + "n2", p + "up");
        Node("Sigmoid", p + "gate", p + "wide");
        Node("Mul", p + "active", p + "wide", p + "gate");
        Node("MatMul", p + "narrow", p + "active", p + "down");
        Node("Add", $"x{layer + 1}", p + "y", p + "narrow");
    }

    private void Node(string operation, string output, params string[] inputs) => _graph.Node(operation, inputs, [output]);

    /// <summary>Evenly spread numbers of the deviation given.</summary>
    private float[,] Weights(int rows, int columns, double deviation)
    {
        var values = new float[rows, columns];
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++)
            {
                values[i, j] = (float)(((2 * _random.NextDouble()) - 1) * Math.Sqrt(3) * deviation);
            }
        }

        return values;
    }
}
