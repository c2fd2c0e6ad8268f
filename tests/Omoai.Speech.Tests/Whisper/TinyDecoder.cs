using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Tests;

namespace Omoai.Speech.Tests.Whisper;

/// <summary>
/// A Whisper decoder of two layers with random weights, with the names and shapes of Optimum's exports: without a cache,
/// with one, and both merged.
/// </summary>
internal sealed class TinyDecoder(int tokens, int endOfText, int timestampBegin, TensorElementType type = TensorElementType.Float)
{
    private const int Layers = 2;
    private const int Heads = 2;
    private const int Width = WhisperFolder.Width;
    private const int HeadWidth = Width / Heads;
    private const int Positions = 448;

    /// <summary>Names the second graph's positions, as some versions do.</summary>
    public bool CachePosition { get; init; }

    /// <summary>The second graph takes the encoder's states as well, as some versions do.</summary>
    public bool StatesWithPast { get; init; }

    /// <summary>Gives the weights of cross-attention too.</summary>
    public bool Attentions { get; init; }

    /// <summary>The last layer has weights of 8 bits, and its inputs are quantized as they come (dynamic quantization).</summary>
    public bool Int8 { get; init; }

    /// <summary><c>decoder_model.onnx</c>.</summary>
    public byte[] WithoutPast()
    {
        var graph = Constants(new OnnxGraph());
        Inputs(graph, states: true, past: false);
        Outputs(graph, "", encoder: true);
        Body(graph, "", past: false);
        return graph.ToModel();
    }

    /// <summary><c>decoder_with_past_model.onnx</c>.</summary>
    public byte[] WithPast()
    {
        var graph = Constants(new OnnxGraph());
        Inputs(graph, StatesWithPast, past: true);
        Outputs(graph, "", encoder: false);
        Body(graph, "", past: true);
        return graph.ToModel();
    }

    /// <summary><c>decoder_model_merged.onnx</c>: the branch with a cache gives the encoder's keys and values empty.</summary>
    public byte[] Merged()
    {
        var graph = Constants(new OnnxGraph());
        WhisperFolder.Constant(graph, type, "empty", new float[0, Heads, 1, HeadWidth]);
        Inputs(graph, states: true, past: true);
        graph.Input("use_cache_branch", TensorElementType.Bool, 1);
        Outputs(graph, "", encoder: true);

        var without = new OnnxGraph();
        Outputs(without, "no_past/", encoder: true);
        Body(without, "no_past/", past: false);

        var with = new OnnxGraph();
        Outputs(with, "with_past/", encoder: true);
        Body(with, "with_past/", past: true);
        foreach (var name in Cache("encoder"))
        {
            with.Node("Identity", ["empty"], ["with_past/present." + name]);
        }

        return graph.Node(
            "If", ["use_cache_branch"], [.. OutputNames(encoder: true)],
            ("then_branch", with), ("else_branch", without)).ToModel();
    }

    private static IEnumerable<string> Cache(string whose) =>
        Enumerable.Range(0, Layers).SelectMany(layer => new[] { $"{layer}.{whose}.key", $"{layer}.{whose}.value" });

    private IEnumerable<string> OutputNames(bool encoder) =>
    [
        "logits", .. Cache("decoder").Select(name => "present." + name),
        .. encoder ? Cache("encoder").Select(name => "present." + name) : [],
        .. Attentions ? Enumerable.Range(0, Layers).Select(layer => $"cross_attentions.{layer}") : [],
    ];

    private void Inputs(OnnxGraph graph, bool states, bool past)
    {
        graph.Input("input_ids", TensorElementType.Int64, "batch_size", "decoder_sequence_length");
        if (states)
        {
            graph.Input("encoder_hidden_states", type, "batch_size", "encoder_sequence_length / 2", Width);
        }

        if (past)
        {
            foreach (var name in Cache("decoder").Concat(Cache("encoder")))
            {
                graph.Input("past_key_values." + name, type, "batch_size", Heads, "past_length_" + name[2..5], HeadWidth);
            }

            if (CachePosition)
            {
                graph.Input("cache_position", TensorElementType.Int64, "decoder_sequence_length");
            }
        }
    }

    private void Outputs(OnnxGraph graph, string prefix, bool encoder)
    {
        foreach (var name in OutputNames(encoder))
        {
            _ = name switch
            {
                "logits" => graph.Output(prefix + name, type, "batch_size", "decoder_sequence_length", tokens),
                _ when name.StartsWith("cross", StringComparison.Ordinal) =>
                    graph.Output(prefix + name, type, "batch_size", Heads, "decoder_sequence_length", "encoder_sequence_length"),
                _ => graph.Output(prefix + name, type, $"batch_{name}", Heads, $"length_{name}", HeadWidth),
            };
        }
    }

    private OnnxGraph Constants(OnnxGraph graph)
    {
        var random = new Random(7);
        var mask = new float[Positions, Positions];
        for (var i = 0; i < Positions; i++)
        {
            for (var j = i + 1; j < Positions; j++)
            {
                mask[i, j] = -10000;
            }
        }

        // So that text, timestamps and the end take turns.
        var bias = new float[tokens];
        bias[endOfText] = 1;
        bias.AsSpan(timestampBegin).Fill(-6);

        WhisperFolder.Constant(graph, type, "mask", mask);
        WhisperFolder.Constant(graph, type, "bias", bias);
        WhisperFolder.Constant(graph, type, "scale", new[] { (float)(1 / Math.Sqrt(HeadWidth)) });
        WhisperFolder.Constant(graph, type, "ones", Enumerable.Repeat(1f, Width).ToArray());
        WhisperFolder.Constant(graph, type, "zeros", new float[Width]);
        graph.Constant("zero", 0L).Constant("origin", 0, 0).Constant("axis0", 0L).Constant("axes01", 0, 1)
            .Constant("split", 0, 0, Heads, HeadWidth).Constant("join", 0, 0, Width);
        Weights("tokens", 1.3, tokens, Width);
        Weights("positions", 1, Positions, Width);
        if (Int8)
        {
            // The same numbers, which are below 4, in steps of a 16th: with all 8 bits sums saturate on some processors.
            var exact = WhisperFolder.Normal(random, 1, Width * tokens);
            var bytes = new sbyte[Width, tokens];
            Buffer.BlockCopy(Array.ConvertAll(exact, value => (sbyte)Math.Round(value * 16)), 0, bytes, 0, bytes.Length);
            graph.Tensor("output8", TensorElementType.Int8, bytes);
            WhisperFolder.Constant(graph, type, "step8", new[] { 1 / 16f });
        }
        else
        {
            Weights("output", 1, Width, tokens);
        }

        for (var layer = 0; layer < Layers; layer++)
        {
            foreach (var name in (string[])["q", "k", "v", "o", "cq", "ck", "cv", "co"])
            {
                Weights($"w{layer}.{name}", 0.6, Width, Width);
            }

            Weights($"w{layer}.up", 0.4, Width, 2 * Width);
            Weights($"w{layer}.down", 0.4, 2 * Width, Width);
        }

        return graph;

        void Weights(string name, double scale, params int[] shape) =>
            WhisperFolder.Weights(graph, type, name, random, scale, shape);
    }

    /// <summary>The nodes; <paramref name="p"/> goes before every name, but for the constants' and the inputs'.</summary>
    private void Body(OnnxGraph graph, string p, bool past)
    {
        graph.Node("Shape", ["input_ids"], [p + "length"], ("start", 1), ("end", 2));
        var first = "zero";
        var last = p + "length";
        if (past)
        {
            first = p + "first";
            last = p + "last";
            graph.Node("Shape", ["past_key_values.0.decoder.key"], [first], ("start", 2), ("end", 3));
            if (CachePosition)
            {
                // The name for it that counts, where there is one.
                first = p + "named";
                graph.Node("Slice", ["cache_position", "zero", p + "length"], [first]);
            }

            graph.Node("Add", [first, p + "length"], [last]);
        }

        graph.Node("Gather", ["tokens", "input_ids"], [p + "embedded"])
            .Node("Slice", ["positions", first, last, "axis0"], [p + "place"])
            .Node("Add", [p + "embedded", p + "place"], [p + "x0"]);
        if (!past)
        {
            graph.Node("Concat", [p + "length", p + "length"], [p + "square"], ("axis", 0))
                .Node("Slice", ["mask", "origin", p + "square", "axes01"], [p + "causal"]);
        }

        var x = p + "x0";
        for (var layer = 0; layer < Layers; layer++)
        {
            var l = $"{p}{layer}.";
            Norm(x, l + "h1");
            Project(l + "h1", $"w{layer}.q", l + "q");
            Project(l + "h1", $"w{layer}.k", past ? l + "newk" : $"{p}present.{layer}.decoder.key");
            Project(l + "h1", $"w{layer}.v", past ? l + "newv" : $"{p}present.{layer}.decoder.value");
            if (past)
            {
                Join($"past_key_values.{layer}.decoder.key", l + "newk", $"{p}present.{layer}.decoder.key");
                Join($"past_key_values.{layer}.decoder.value", l + "newv", $"{p}present.{layer}.decoder.value");
            }

            Attend(l + "self", l + "q", $"{p}present.{layer}.decoder.key", $"{p}present.{layer}.decoder.value",
                past ? null : p + "causal", l + "weights", $"w{layer}.o", x, l + "x1");

            Norm(l + "x1", l + "h2");
            Project(l + "h2", $"w{layer}.cq", l + "cq");
            var (key, value) = past
                ? ($"past_key_values.{layer}.encoder.key", $"past_key_values.{layer}.encoder.value")
                : ($"{p}present.{layer}.encoder.key", $"{p}present.{layer}.encoder.value");
            if (!past)
            {
                Project("encoder_hidden_states", $"w{layer}.ck", key);
                Project("encoder_hidden_states", $"w{layer}.cv", value);
            }

            Attend(l + "cross", l + "cq", key, value, null,
                Attentions ? $"{p}cross_attentions.{layer}" : l + "cweights", $"w{layer}.co", l + "x1", l + "x2");

            Norm(l + "x2", l + "h3");
            graph.Node("MatMul", [l + "h3", $"w{layer}.up"], [l + "up"])
                .Node("Relu", [l + "up"], [l + "relu"])
                .Node("MatMul", [l + "relu", $"w{layer}.down"], [l + "down"])
                .Node("Add", [l + "x2", l + "down"], [l + "x3"]);
            x = l + "x3";
        }

        Norm(x, p + "normed");
        if (Int8)
        {
            graph.Node("DynamicQuantizeLinear", [p + "normed"], [p + "bytes", p + "step", p + "offset"])
                .Node("MatMulInteger", [p + "bytes", "output8", p + "offset"], [p + "sums"])
                .Node("Cast", [p + "sums"], [p + "floats"], ("to", (long)TensorElementType.Float))
                .Node("Mul", [p + "step", "step8"], [p + "unit"])
                .Node("Mul", [p + "floats", p + "unit"], [p + "scores"]);
        }
        else
        {
            graph.Node("MatMul", [p + "normed", "output"], [p + "scores"]);
        }

        graph.Node("Add", [p + "scores", "bias"], [p + "logits"]);

        void Norm(string input, string output) => graph.Node("LayerNormalization", [input, "ones", "zeros"], [output]);

        void Join(string before, string added, string output) => graph.Node("Concat", [before, added], [output], ("axis", 2));

        // [batch, length, width] to [batch, heads, length, width of a head]
        void Project(string input, string weights, string output) => graph
            .Node("MatMul", [input, weights], [output + "/m"])
            .Node("Reshape", [output + "/m", "split"], [output + "/s"])
            .Node("Transpose", [output + "/s"], [output], ("perm", new[] { 0, 2, 1, 3 }));

        void Attend(
            string n, string q, string k, string v, string? mask, string weights, string outWeights, string residual, string output)
        {
            graph.Node("Transpose", [k], [n + "/kt"], ("perm", new[] { 0, 1, 3, 2 }))
                .Node("MatMul", [q, n + "/kt"], [n + "/raw"])
                .Node("Mul", [n + "/raw", "scale"], [n + "/scaled"]);
            if (mask is not null)
            {
                graph.Node("Add", [n + "/scaled", mask], [n + "/masked"]);
            }

            graph.Node("Softmax", [mask is null ? n + "/scaled" : n + "/masked"], [weights], ("axis", 3))
                .Node("MatMul", [weights, v], [n + "/o"])
                .Node("Transpose", [n + "/o"], [n + "/ot"], ("perm", new[] { 0, 2, 1, 3 }))
                .Node("Reshape", [n + "/ot", "join"], [n + "/oj"])
                .Node("MatMul", [n + "/oj", outWeights], [n + "/op"])
                .Node("Add", [residual, n + "/op"], [output]);
        }
    }
}
