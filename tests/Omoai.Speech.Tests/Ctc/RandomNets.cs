using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Tests;

namespace Omoai.Speech.Tests.Ctc;

/// <summary>
/// Small graphs with random weights and the input and output names of public exports, and for each a plain loop that computes the same
/// from the whole stretch: without batches, chunks or caches.
/// </summary>
internal abstract class RandomNet
{
    protected const int Width = 8;

    private readonly Random _random;

    protected RandomNet(int seed, int bins, int tokens)
    {
        (_random, Bins, Tokens) = (new Random(seed), bins, tokens);
        (First, Second) = (Weights(Width, bins, 3), Weights(Width, Width, 3));
        Output = Weights(Width, tokens);
    }

    public int Bins { get; }

    public int Tokens { get; }

    /// <summary>Two convolutions of three frames and step two.</summary>
    protected float[,,] First { get; }

    protected float[,,] Second { get; }

    protected float[,] Output { get; }

    public static float[] Features(int seed, int frames, int bins)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, frames * bins).Select(_ => (float)((2 * random.NextDouble()) - 1))];
    }

    protected float[,] Weights(int rows, int columns)
    {
        var weights = new float[rows, columns];
        Fill(weights, rows);
        return weights;
    }

    protected float[,,] Weights(int outputs, int inputs, int kernel)
    {
        var weights = new float[outputs, inputs, kernel];
        Fill(weights, inputs * kernel);
        return weights;
    }

    protected static double[][] Rows(float[] values, int width) =>
        [.. values.Chunk(width).Select(row => Array.ConvertAll(row, value => (double)value))];

    /// <summary>relu(conv(x)) over time; zeros outside.</summary>
    protected static double[][] Convolve(double[][] rows, float[,,] weights, int step, int padding, bool relu)
    {
        var (outputs, inputs, kernel) = (weights.GetLength(0), weights.GetLength(1), weights.GetLength(2));
        var count = ((rows.Length + (2 * padding) - kernel) / step) + 1;
        return [.. Enumerable.Range(0, Math.Max(count, 0)).Select(frame => Enumerable.Range(0, outputs).Select(output =>
        {
            var sum = 0.0;
            for (var i = 0; i < kernel; i++)
            {
                if ((frame * step) - padding + i is var at && at >= 0 && at < rows.Length)
                {
                    for (var input = 0; input < inputs; input++)
                    {
                        sum += weights[output, input, i] * rows[at][input];
                    }
                }
            }

            return relu ? Math.Max(sum, 0) : sum;
        }).ToArray())];
    }

    protected static double[] Times(double[] row, float[,] weights) => [.. Enumerable.Range(0, weights.GetLength(1)).Select(
        column => row.Select((value, i) => value * weights[i, column]).Sum())];

    protected static double[] Plus(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    protected static double[] LogSoftmax(double[] row)
    {
        var sum = Math.Log(row.Sum(Math.Exp));
        return Array.ConvertAll(row, value => value - sum);
    }

    /// <summary>Nodes that a graph needs often, one after another.</summary>
    protected static OnnxGraph Convolution(OnnxGraph graph, string input, string output, string weights, int step, int padding) => graph
        .Node("Conv", [input, weights], [output + "_linear"], ("kernel_shape", new[] { 3 }), ("strides", new[] { step }), ("pads", new[] { padding, padding }))
        .Node("Relu", [output + "_linear"], [output]);

    private void Fill(Array weights, int inputs)
    {
        var values = new float[weights.Length];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = (float)(((2 * _random.NextDouble()) - 1) * 2 / Math.Sqrt(inputs));
        }

        Buffer.BlockCopy(values, 0, weights, 0, Buffer.ByteLength(values));
    }
}

/// <summary>How an <see cref="OfflineNet"/> is exported.</summary>
internal sealed record OfflineExport(string Input, string Output)
{
    public string? Length { get; init; }

    public TensorElementType LengthType { get; init; } = TensorElementType.Int64;

    public string? OutputLength { get; init; }

    public bool BinsFirst { get; init; }

    /// <summary>Of the convolutions: 1 gives ceil(frames / 4), 0 takes frames away.</summary>
    public int Padding { get; init; } = 1;

    public bool Logits { get; init; }

    /// <summary>The output layer is a graph of its own.</summary>
    public bool WithoutHead { get; init; }

    public bool Half { get; init; }
}

/// <summary>Two convolutions, the mean over the stretch added to each frame, and the output layer; all of it masked by the lengths.</summary>
internal sealed class OfflineNet(int seed, int bins, int tokens, OfflineExport export) : RandomNet(seed, bins, tokens)
{
    public byte[] Graph()
    {
        var element = export.Half ? TensorElementType.Float16 : TensorElementType.Float;
        var graph = new OnnxGraph()
            .Constant("first", First).Constant("second", Second).Constant("weights", Output)
            .Constant("zero_f", [0f]).Scalar("zero", 0).Scalar("one", 1).Scalar("two", 2).Constant("axis1", 1).Constant("axis2", 2);
        graph = export.BinsFirst
            ? graph.Input(export.Input, element, "B", Bins, "T").Node("Cast", [export.Input], ["x0"], ("to", 1))
            : graph.Input(export.Input, element, "B", "T", Bins).Node("Cast", [export.Input], ["float"], ("to", 1))
                .Node("Transpose", ["float"], ["x0"], ("perm", new[] { 0, 2, 1 }));
        if (export.Length is { } length)
        {
            graph.Input(length, export.LengthType, "B").Node("Cast", [length], ["length0"], ("to", 7));
        }
        else
        {
            // As many as there are.
            graph.Constant("minus1", -1).Node("Shape", ["x0"], ["shape"]).Node("Gather", ["shape", "two"], ["length0"]);
            graph.Node("Unsqueeze", ["length0", "zero_axis"], ["length0_"]).Constant("zero_axis", 0);
        }

        var start = export.Length is null ? "length0_" : "length0";
        Mask(graph, "x0", "x", start);
        Convolution(graph, "x", "a", "first", 2, export.Padding);
        Shorten(graph, start, "length1");
        Mask(graph, "a", "b", "length1");
        Convolution(graph, "b", "c", "second", 2, export.Padding);
        Shorten(graph, "length1", "length2");
        Mask(graph, "c", "d", "length2");
        var output = export.Half ? "result" : export.Output;
        graph.Node("ReduceSum", ["d", "axis2"], ["sum"])
            .Node("Cast", ["length2"], ["count"], ("to", 1))
            .Constant("axes12", 1, 2).Node("Unsqueeze", ["count", "axes12"], ["count3"])
            .Node("Div", ["sum", "count3"], ["mean"])
            .Node("Add", ["d", "mean"], ["e"])
            .Node("Transpose", ["e"], [export.WithoutHead ? output : "f"], ("perm", new[] { 0, 2, 1 }));
        if (!export.WithoutHead)
        {
            graph.Node("MatMul", ["f", "weights"], [export.Logits ? output : "scores"]);
        }

        if (!export.WithoutHead && !export.Logits)
        {
            graph.Node("LogSoftmax", ["scores"], [output]);
        }

        if (export.Half)
        {
            graph.Node("Cast", [output], [export.Output], ("to", 10));
        }

        graph.Output(export.Output, element, "B", "T_OUT", export.WithoutHead ? Width : Tokens);
        if (export.OutputLength is { } lengths)
        {
            graph.Node("Cast", ["length2"], [lengths], ("to", (int)export.LengthType)).Output(lengths, export.LengthType, "B");
        }

        return graph.ToModel();
    }

    /// <summary>The output layer.</summary>
    public byte[] Head(string input, string output) => new OnnxGraph()
        .Input(input, TensorElementType.Float, "B", "T", Width).Output(output, TensorElementType.Float, "B", "T", Tokens)
        .Constant("weights", Output).Node("MatMul", [input, "weights"], ["scores"]).Node("LogSoftmax", ["scores"], [output]).ToModel();

    /// <summary>Log-probabilities of one stretch.</summary>
    public double[][] Reference(float[] features)
    {
        var rows = Convolve(
            Convolve(Rows(features, Bins), First, 2, export.Padding, relu: true), Second, 2, export.Padding, relu: true);
        var mean = Enumerable.Range(0, Width).Select(i => rows.Average(row => row[i])).ToArray();
        return [.. rows.Select(row => LogSoftmax(Times(Plus(row, mean), Output)))];
    }

    private static void Mask(OnnxGraph graph, string input, string output, string lengths) => graph
        .Node("Shape", [input], [output + "_shape"]).Node("Gather", [output + "_shape", "two"], [output + "_frames"])
        .Node("Range", ["zero", output + "_frames", "one"], [output + "_range"])
        .Node("Unsqueeze", [lengths, "axis1"], [output + "_length"])
        .Node("Less", [output + "_range", output + "_length"], [output + "_mask2"])
        .Node("Unsqueeze", [output + "_mask2", "axis1"], [output + "_mask"])
        .Node("Where", [output + "_mask", input, "zero_f"], [output]);

    // (length + 2 padding - 3) / 2 + 1.
    private void Shorten(OnnxGraph graph, string length, string output) => graph
        .Constant(output + "_off", (2 * export.Padding) - 1)
        .Node("Add", [length, output + "_off"], [output + "_sum"]).Node("Div", [output + "_sum", "two"], [output]);
}

/// <summary>As SenseVoice is exported: four frames of the language, of events and of the text's form come before the audio's.</summary>
internal sealed class SenseVoiceNet : RandomNet
{
    private readonly float[,] _embedding, _layer;

    public SenseVoiceNet(int seed, int bins, int tokens)
        : base(seed, bins, tokens) => (_embedding, _layer) = (Weights(16, bins), Weights(bins, Width));

    public byte[] Graph() => new OnnxGraph()
        .Input("x", TensorElementType.Float, "N", "T", Bins).Input("x_length", TensorElementType.Int32, "N")
        .Input("language", TensorElementType.Int32, "N").Input("text_norm", TensorElementType.Int32, "N")
        .Output("logits", TensorElementType.Float, "N", "T", Tokens)
        .Constant("table", _embedding).Constant("layer", _layer).Constant("weights", Output).Constant("zero_f", [0f])
        .Scalar("zero", 0).Scalar("one", 1).Scalar("two", 2).Constant("four", 4).Constant("axis1", 1).Constant("axis2", 2)
        .Constant("events", 1, 2).Constant("axis0", 0)
        .Node("Gather", ["table", "language"], ["l2"]).Node("Unsqueeze", ["l2", "axis1"], ["l"])
        .Node("Gather", ["table", "text_norm"], ["t2"]).Node("Unsqueeze", ["t2", "axis1"], ["t"])
        .Node("Gather", ["table", "events"], ["e2"]).Node("Unsqueeze", ["e2", "axis0"], ["e1"])
        .Node("Shape", ["x"], ["shape"]).Node("Gather", ["shape", "zero_axis"], ["n"]).Constant("zero_axis", 0)
        .Constant("ones", 1, 1).Node("Concat", ["n", "ones"], ["times"], ("axis", 0)).Node("Tile", ["e1", "times"], ["e"])
        .Node("Concat", ["l", "e", "t", "x"], ["all"], ("axis", 1))
        .Node("Cast", ["x_length"], ["length"], ("to", 7)).Node("Add", ["length", "four"], ["length4"])
        .Node("Shape", ["all"], ["all_shape"]).Node("Gather", ["all_shape", "one"], ["frames"])
        .Node("Range", ["zero", "frames", "one"], ["range"]).Node("Unsqueeze", ["length4", "axis1"], ["lengths"])
        .Node("Less", ["range", "lengths"], ["mask2"]).Node("Unsqueeze", ["mask2", "axis2"], ["mask"])
        .Node("Where", ["mask", "all", "zero_f"], ["masked"])
        .Node("ReduceSum", ["masked", "axis1"], ["sum"]).Node("Cast", ["lengths"], ["count"], ("to", 1))
        .Node("Unsqueeze", ["count", "axis2"], ["count3"]).Node("Div", ["sum", "count3"], ["mean"])
        .Node("Add", ["all", "mean"], ["mixed"])
        .Node("MatMul", ["mixed", "layer"], ["hidden"]).Node("MatMul", ["hidden", "weights"], ["logits"]).ToModel();

    public double[][] Reference(float[] features, int language, int textNorm)
    {
        double[] Row(int id) => [.. Enumerable.Range(0, Bins).Select(i => (double)_embedding[id, i])];
        double[][] rows = [Row(language), Row(1), Row(2), Row(textNorm), .. Rows(features, Bins)];
        var mean = Enumerable.Range(0, Bins).Select(i => rows.Average(row => row[i])).ToArray();
        return [.. rows.Skip(4).Select(row => LogSoftmax(Times(Times(Plus(row, mean), _layer), Output)))];
    }
}

/// <summary>
/// A streaming encoder of one layer: two convolutions without padding that make one frame of four and look three further; attention
/// over the chunk and the frames before it that are cached; a causal convolution.
/// </summary>
internal sealed class StreamingNet : RandomNet
{
    private const int Key = 4;

    private readonly float[,] _query, _key, _value, _back;
    private readonly float[,,] _causal;

    public StreamingNet(int seed, int bins, int tokens)
        : base(seed, bins, tokens)
    {
        (_query, _key, _value, _back) = (Weights(Width, Key), Weights(Width, Key), Weights(Width, Key), Weights(Key, Width));
        _causal = Weights(Width, Width, 3);
    }

    /// <summary>encoder.onnx of wenet's export_onnx_cpu.py: with a cache of fixed length and a mask, or one that grows.</summary>
    public byte[] WenetEncoder(bool grows)
    {
        var graph = Common("chunk", new OnnxGraph().Input("chunk", TensorElementType.Float, 1, "T", Bins))
            .Input("offset", TensorElementType.Int64)
            .Input("att_cache", TensorElementType.Float, 1, 1, "T_CACHE", 2 * Key).Input("cnn_cache", TensorElementType.Float, 1, 1, Width, 2)
            .Output("output", TensorElementType.Float, 1, "T", Width)
            .Output("r_att_cache", TensorElementType.Float, 1, 1, "T_CACHE", 2 * Key).Output("r_cnn_cache", TensorElementType.Float, 1, 1, Width, 2)
            .Node("Add", ["offset", "n"], ["end"]).Node("Range", ["offset", "end", "one"], ["at"]).Node("Cast", ["at"], ["at_f"], ("to", 1))
            .Constant("hundredth", [0.01f]).Node("Mul", ["at_f", "hundredth"], ["position1"]).Node("Unsqueeze", ["position1", "axis1"], ["position"])
            .Node("Add", ["h0", "position"], ["h"])
            .Constant("key_end", Key).Constant("value_end", 2 * Key).Constant("axis3", 3)
            .Node("Slice", ["att_cache", "axis0", "key_end", "axis3"], ["old_key4"]).Node("Squeeze", ["old_key4", "axis0"], ["old_key"])
            .Node("Slice", ["att_cache", "key_end", "value_end", "axis3"], ["old_value4"]).Node("Squeeze", ["old_value4", "axis0"], ["old_value"])
            .Node("Squeeze", ["cnn_cache", "axis0"], ["old_frames"]);
        Layer(graph, grows ? null : "mask");
        if (!grows)
        {
            graph.Input("required_cache_size", TensorElementType.Int64).Input("att_mask", TensorElementType.Bool, 1, 1, "T_ADD_T_CACHE")
                .Node("Shape", ["keys"], ["keys_shape"]).Node("Slice", ["keys_shape", "axis1", "axis2"], ["keys_count"])
                .Node("Slice", ["att_mask", "axis0", "keys_count", "axis2"], ["mask"])
                .Node("Neg", ["required_cache_size"], ["minus"]).Node("Unsqueeze", ["minus", "axis0"], ["kept_from"]);
        }

        return graph.Node("Concat", ["keys", "values"], ["both"], ("axis", 2)).Node("Unsqueeze", ["both", "axis0"], ["both4"])
            .Node("Slice", ["both4", grows ? "axis0" : "kept_from", "max", "axis2"], ["r_att_cache"])
            .Node("Unsqueeze", ["new_frames", "axis0"], ["r_cnn_cache"]).Node("Identity", ["result"], ["output"]).ToModel();
    }

    /// <summary>ctc.onnx of the same.</summary>
    public byte[] WenetHead() => new OnnxGraph()
        .Input("hidden", TensorElementType.Float, 1, "T", Width).Output("probs", TensorElementType.Float, 1, "T", Tokens)
        .Constant("weights", Output).Node("MatMul", ["hidden", "weights"], ["scores"]).Node("LogSoftmax", ["scores"], ["probs"]).ToModel();

    /// <summary>As icefall exports a streaming zipformer2 of one layer; the states that this one has no use for count the chunks.</summary>
    /// <param name="frames">Frames that it takes, no more and no fewer.</param>
    /// <param name="left">Output frames that it caches.</param>
    public byte[] Zipformer(int frames, int left)
    {
        var graph = Common("x", new OnnxGraph().Input("x", TensorElementType.Float, "N", frames, Bins))
            .Output("log_probs", TensorElementType.Float, "N", (frames - 3) / 4, Tokens)
            .Node("Identity", ["h0"], ["h"])
            .Node("Transpose", ["cached_key_0"], ["old_key"], ("perm", new[] { 1, 0, 2 }))
            .Node("Transpose", ["cached_val1_0"], ["old_value"], ("perm", new[] { 1, 0, 2 }))
            .Node("Identity", ["cached_conv1_0"], ["old_frames"])
            // Frame j of the cache is real where j >= left - processed.
            .Constant("left", left).Scalar("keys_n", left + ((frames - 3) / 4)).Node("Sub", ["left", "processed_lens"], ["unreal"])
            .Node("Range", ["zero", "keys_n", "one"], ["keys_range"]).Node("Less", ["keys_range", "unreal"], ["masked"])
            .Node("Not", ["masked"], ["mask"])
            .Node("Add", ["processed_lens", "n"], ["new_processed_lens"])
            .Constant("minus_left", -left);
        void State(string name, params object[] shape) => graph.Input(name, TensorElementType.Float, shape).Output("new_" + name, TensorElementType.Float, shape);
        State("cached_key_0", left, "N", Key);
        State("cached_nonlin_attn_0", 1, "N", left, Width);
        State("cached_val1_0", left, "N", Key);
        State("cached_val2_0", left, "N", Key);
        State("cached_conv1_0", "N", Width, 2);
        State("cached_conv2_0", "N", Width, 2);
        State("embed_states", "N", 4, 3, 5);
        graph.Input("processed_lens", TensorElementType.Int64, "N").Output("new_processed_lens", TensorElementType.Int64, "N");
        Layer(graph, "mask");
        graph.Node("Slice", ["keys", "minus_left", "max", "axis1"], ["kept_key"]).Node("Transpose", ["kept_key"], ["new_cached_key_0"], ("perm", new[] { 1, 0, 2 }))
            .Node("Slice", ["values", "minus_left", "max", "axis1"], ["kept_value"]).Node("Transpose", ["kept_value"], ["new_cached_val1_0"], ("perm", new[] { 1, 0, 2 }))
            .Node("Identity", ["new_frames"], ["new_cached_conv1_0"]).Constant("one_f", [1f]).Constant("weights", Output);
        var sum = "result";
        foreach (var name in new[] { "cached_nonlin_attn_0", "cached_val2_0", "cached_conv2_0", "embed_states" })
        {
            graph.Node("Add", [name, "one_f"], ["new_" + name]).Node("ReduceMean", [name], [name + "_mean"], ("keepdims", 0))
                .Node("Add", [sum, name + "_mean"], [name + "_sum"]);
            sum = name + "_sum";
        }

        return graph.Node("MatMul", [sum, "weights"], ["scores"]).Node("LogSoftmax", ["scores"], ["log_probs"]).ToModel();
    }

    /// <summary>Log-probabilities of a whole stretch.</summary>
    /// <param name="features">[frames, bins].</param>
    /// <param name="chunk">Output frames of a chunk.</param>
    /// <param name="left">Output frames before it that it sees.</param>
    /// <param name="position">Of the first frame, in frames; null where positions don't count.</param>
    /// <param name="perChunk">Added to each chunk's output, times its number.</param>
    public double[][] Reference(float[] features, int chunk, int left, int? position, double perChunk)
    {
        var rows = Convolve(Convolve(Rows(features, Bins), First, 2, 0, relu: true), Second, 2, 0, relu: true);
        rows = [.. rows.Select((row, i) => Array.ConvertAll(row, value => value + (position is { } start ? 0.01 * (start + i) : 0)))];
        var attended = rows.Select((row, i) =>
        {
            var from = Math.Max((i / chunk * chunk) - left, 0);
            var to = Math.Min(((i / chunk) + 1) * chunk, rows.Length);
            var query = Times(row, _query);
            var weights = rows[from..to].Select(other => Math.Exp(Times(other, _key).Zip(query, (a, b) => a * b).Sum())).ToArray();
            var mixed = rows[from..to].Select((other, j) => Array.ConvertAll(Times(other, _value), value => value * weights[j] / weights.Sum()))
                .Aggregate(Plus);
            return Plus(row, Times(mixed, _back));
        }).ToArray();
        var zeros = new double[Width];
        var causal = Convolve([zeros, zeros, .. attended], _causal, 1, 0, relu: true);
        return [.. attended.Select((row, i) =>
            LogSoftmax(Times(Array.ConvertAll(Plus(row, causal[i]), value => value + (perChunk * (i / chunk))), Output)))];
    }

    private OnnxGraph Common(string input, OnnxGraph graph)
    {
        graph.Constant("first", First).Constant("second", Second).Constant("query", _query).Constant("key", _key).Constant("value", _value)
            .Constant("back", _back).Constant("causal", _causal).Constant("lowest", [-1e9f]).Scalar("zero", 0).Scalar("one", 1)
            .Constant("axis0", 0).Constant("axis1", 1).Constant("axis2", 2).Constant("max", long.MaxValue).Constant("minus2", -2)
            .Node("Transpose", [input], ["columns"], ("perm", new[] { 0, 2, 1 }));
        Convolution(graph, "columns", "a", "first", 2, 0);
        Convolution(graph, "a", "b", "second", 2, 0);
        return graph.Node("Transpose", ["b"], ["h0"], ("perm", new[] { 0, 2, 1 }))
            .Node("Shape", ["h0"], ["h0_shape"]).Node("Gather", ["h0_shape", "one"], ["n"]);
    }

    /// <summary>From h, old_key, old_value and old_frames to keys, values, new_frames and the result.</summary>
    private static void Layer(OnnxGraph graph, string? mask)
    {
        graph.Node("MatMul", ["h", "query"], ["q"]).Node("MatMul", ["h", "key"], ["k"]).Node("MatMul", ["h", "value"], ["v"])
            .Node("Concat", ["old_key", "k"], ["keys"], ("axis", 1)).Node("Concat", ["old_value", "v"], ["values"], ("axis", 1))
            .Node("Transpose", ["keys"], ["keys_t"], ("perm", new[] { 0, 2, 1 })).Node("MatMul", ["q", "keys_t"], ["scores_all"]);
        if (mask is not null)
        {
            graph.Node("Where", [mask, "scores_all", "lowest"], ["scores_masked"]);
        }

        graph.Node("Softmax", [mask is null ? "scores_all" : "scores_masked"], ["attention"], ("axis", -1))
            .Node("MatMul", ["attention", "values"], ["mixed"]).Node("MatMul", ["mixed", "back"], ["mixed_back"])
            .Node("Add", ["h", "mixed_back"], ["attended"]).Node("Transpose", ["attended"], ["attended_t"], ("perm", new[] { 0, 2, 1 }))
            .Node("Concat", ["old_frames", "attended_t"], ["frames_all"], ("axis", 2));
        Convolution(graph, "frames_all", "convolved", "causal", 1, 0);
        graph.Node("Transpose", ["convolved"], ["convolved_t"], ("perm", new[] { 0, 2, 1 })).Node("Add", ["attended", "convolved_t"], ["result"])
            .Node("Slice", ["frames_all", "minus2", "max", "axis2"], ["new_frames"]);
    }
}

/// <summary>As wav2vec2 is exported: samples to logits, by convolutions of ten samples and step five, and of four and step four.</summary>
internal sealed class WaveformNet : RandomNet
{
    private readonly float[,,] _ten, _four;

    public WaveformNet(int seed, int tokens)
        : base(seed, 1, tokens)
    {
        (_ten, _four) = (Weights(Width, 1, 10), Weights(Width, Width, 4));
    }

    public byte[] Graph() => new OnnxGraph()
        .Input("input_values", TensorElementType.Float, "batch_size", "sequence_length")
        .Output("logits", TensorElementType.Float, "batch_size", "frames", Tokens)
        .Constant("axis1", 1).Constant("ten", _ten).Constant("four", _four).Constant("weights", Output)
        .Node("Unsqueeze", ["input_values", "axis1"], ["x"])
        .Node("Conv", ["x", "ten"], ["a_"], ("kernel_shape", new[] { 10 }), ("strides", new[] { 5 })).Node("Relu", ["a_"], ["a"])
        .Node("Conv", ["a", "four"], ["b_"], ("kernel_shape", new[] { 4 }), ("strides", new[] { 4 })).Node("Relu", ["b_"], ["b"])
        .Node("Transpose", ["b"], ["c"], ("perm", new[] { 0, 2, 1 })).Node("MatMul", ["c", "weights"], ["logits"]).ToModel();

    public double[][] Reference(float[] samples) =>
    [
        .. Convolve(Convolve(Rows(samples, 1), _ten, 5, 0, relu: true), _four, 4, 0, relu: true).Select(row => LogSoftmax(Times(row, Output))),
    ];
}

/// <summary>No states: convolutions that see a few frames on either side, and then every fourth frame.</summary>
internal sealed class ContextNet : RandomNet
{
    private readonly float[,,] _third;

    public ContextNet(int seed, int bins, int tokens)
        : base(seed, bins, tokens) => _third = Weights(Width, Width, 3);

    public byte[] Graph()
    {
        var graph = new OnnxGraph()
            .Input("x", TensorElementType.Float, "N", "T", Bins).Output("y", TensorElementType.Float, "N", "T_OUT", Tokens)
            .Constant("first", First).Constant("second", Second).Constant("third", _third).Constant("weights", Output)
            .Node("Transpose", ["x"], ["columns"], ("perm", new[] { 0, 2, 1 }));
        Convolution(graph, "columns", "a", "first", 2, 1);
        Convolution(graph, "a", "b", "second", 2, 1);
        Convolution(graph, "b", "c", "third", 1, 1);
        return graph.Node("Transpose", ["c"], ["d"], ("perm", new[] { 0, 2, 1 })).Node("MatMul", ["d", "weights"], ["scores"])
            .Node("LogSoftmax", ["scores"], ["y"]).ToModel();
    }

    public double[][] Reference(float[] features) =>
    [
        .. Convolve(
            Convolve(Convolve(Rows(features, Bins), First, 2, 1, relu: true), Second, 2, 1, relu: true), _third, 1, 1, relu: true)
            .Select(row => LogSoftmax(Times(row, Output))),
    ];
}
