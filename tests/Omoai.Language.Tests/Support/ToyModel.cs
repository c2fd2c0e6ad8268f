using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Tests;
using Omoai.Transcripts.Models;

namespace Omoai.Language.Tests.Support;

/// <summary>
/// A language model that is really trained, in seconds, for one task: it writes the words of the prompt again, the first one with a
/// capital, and a full stop at the end. It is a decoder as Optimum exports it, of two layers: the first gives each position the three tokens
/// before it (by positions, made by hand), the second is learned (<see cref="ToyTraining"/>).
/// </summary>
/// <remarks>
/// The prompt must have one run of one or more of the <see cref="Words"/>, each after one space, in lower case, and nothing else that is
/// " word" of them; at least one other character before it and three after it. So <c>### {{text}} ###</c> will do, and a system text without
/// these words in lower case. Replies of texts in which the same three words in a row come twice may skip or repeat what is between.
/// </remarks>
internal static class ToyModel
{
    public static readonly string[] Words =
    [
        "we", "you", "they", "she", "he", "it", "the", "about", "this", "that", "our", "my", "and", "but", "so", "because", "when", "if",
        "is", "was", "are", "will", "can", "should", "have", "need", "want", "think", "know", "said", "write", "send", "read", "meet",
        "call", "start", "finish", "team", "plan", "report", "budget", "meeting", "project", "customer", "problem", "question", "answer",
        "week", "day", "today", "tomorrow", "monday", "friday", "new", "good", "next", "last", "first", "not", "very", "with", "for",
    ];

    private const int Bytes = 256;
    private const int Width = ToyTraining.Width;

    // Kinds of tokens: the words, the full stop, and all others.
    private const int Stop = 62;
    private const int Other = 63;
    private const string StopText = ".";
    private const string End = "<|end|>";

    private static readonly Lazy<string> TrainedFolder = new(() =>
    {
        var folder = Directory.CreateTempSubdirectory("omoai-toy-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        Write(folder, Train(steps: 300));
        return folder;
    });

    /// <summary>The folder of the trained model, made once a process and deleted at its end.</summary>
    public static string Folder => TrainedFolder.Value;

    private static int EndToken => Bytes + (2 * Words.Length);

    private static int Vocabulary => EndToken + 1;

    /// <summary>Tokens that it learns to write: the words, with capitals, the end, and the full stop.</summary>
    private static int[] Outputs => [.. Enumerable.Range(Bytes, (2 * Words.Length) + 1), StopText[0]];

    /// <summary>What it should answer to words.</summary>
    public static string Answer(string words) => char.ToUpperInvariant(words[0]) + words[1..] + StopText;

    /// <summary>Any of the words, so many.</summary>
    public static string Sentence(Random random, int words) =>
        string.Join(' ', Enumerable.Range(0, words).Select(_ => Words[random.Next(Words.Length)]));

    /// <summary>Trains for so many steps; 0 doesn't.</summary>
    public static ToyTraining Train(int steps)
    {
        var training = new ToyTraining(Outputs.Length);
        training.Learn(steps, Example);
        return training;
    }

    /// <summary>Writes the model's folder.</summary>
    public static void Write(string folder, ToyTraining training) => LlmFolder.Write(
        folder, new CausalSettings("model.onnx", "tokenizer.json", "plain", 2048, [EndToken]),
        new Dictionary<string, byte[]>
        {
            ["model.onnx"] = Graph(training),
            ["tokenizer.json"] = LlmFolder.Tokenizer([.. Words.Select(word => " " + word), .. Words.Select(Capitalised)], [End]),
        });

    private static string Capitalised(string word) => char.ToUpperInvariant(word[0]) + word[1..];

    private static (int[] Kinds, int[] Follows) Example(Random random)
    {
        int[] words = [.. Enumerable.Range(0, random.Next(1, 20)).Select(_ => random.Next(Words.Length))];
        return (
            [.. Enumerable.Repeat(Other, random.Next(1, 30)), .. words, .. Enumerable.Repeat(Other, random.Next(3, 12)), .. words, Stop],
            [Words.Length + words[0], .. words.Skip(1), Outputs.Length - 1, Outputs.Length - 2]);
    }

    private static byte[] Graph(ToyTraining training)
    {
        const TensorElementType Float = TensorElementType.Float;
        const TensorElementType Long = TensorElementType.Int64;
        var codes = new float[Vocabulary, Width];
        for (var id = 0; id < Vocabulary; id++)
        {
            var kind = id == StopText[0] ? Stop : id < Bytes || id == EndToken ? Other : (id - Bytes) % Words.Length;
            Buffer.BlockCopy(ToyTraining.Code(kind), 0, codes, id * Width * sizeof(float), Width * sizeof(float));
        }

        // Angles of any kind: their cosines add up at no distance but 0.
        var random = new Random(2);
        float[] angles = [.. Enumerable.Range(0, Width / 2).Select(_ => random.NextSingle() * MathF.PI)];
        var shifts = new float[1, ToyTraining.Shifts, 1, 1];
        for (var shift = 0; shift < ToyTraining.Shifts; shift++)
        {
            shifts[0, shift, 0, 0] = shift + 1;
        }

        // Bytes but the full stop are never written.
        var bias = new float[Vocabulary];
        Array.Fill(bias, -100);
        var output = new float[2 * Width, Vocabulary];
        foreach (var (i, id) in Outputs.Index())
        {
            bias[id] = training.Bias.Values[i];
            for (var feature = 0; feature < 2 * Width; feature++)
            {
                output[feature, id] = training.Output.Values[(i * 2 * Width) + feature];
            }
        }

        var graph = new OnnxGraph()
            .Input("input_ids", Long, "batch", "tokens")
            .Input("attention_mask", Long, "batch", "total")
            .Input("position_ids", Long, "batch", "tokens")
            .Output("logits", Float, "batch", "tokens", Vocabulary)
            .Constant("codes", codes).Constant("angles", angles).Tensor("shifts", Float, shifts).Constant("sharpness", [3f])
            .Constant("gains.0", training.Gains[0].Values).Constant("gains.1", training.Gains[1].Values)
            .Constant("gains.2", training.Gains[2].Values).Constant("own", training.Own.Values)
            .Constant("output", output).Constant("bias", bias)
            .Constant("none", [0f]).Constant("hidden", [-1e9f])
            .Constant("zero", 0).Constant("one", 1).Constant("two", 2).Constant("three", 3).Constant("outer", 1, 3).Constant("inner", 1, 2)
            .Constant("axis", 1);

        // What each position may see: what isn't padding, up to itself.
        graph.Node("Shape", ["input_ids"], ["tokens"], ("start", 1)).Node("Shape", ["attention_mask"], ["total"], ("start", 1))
            .Node("Sub", ["total", "tokens"], ["past"])
            .Node("Squeeze", ["zero"], ["from"]).Node("Squeeze", ["total"], ["to"]).Node("Squeeze", ["past"], ["begin"])
            .Node("Squeeze", ["one"], ["step"])
            .Node("Range", ["from", "to", "step"], ["columns"]).Node("Range", ["begin", "to", "step"], ["rows"])
            .Node("Unsqueeze", ["rows", "one"], ["row"]).Node("LessOrEqual", ["columns", "row"], ["before"])
            .Node("Cast", ["attention_mask"], ["given"], ("to", (int)TensorElementType.Bool)).Node("Unsqueeze", ["given", "inner"], ["seen"])
            .Node("And", ["before", "seen"], ["visible"]).Node("Where", ["visible", "none", "hidden"], ["mask"]);

        // The first layer: a head for each shift, that attends to the position so far before its own.
        graph.Node("Gather", ["codes", "input_ids"], ["code"]).Node("Unsqueeze", ["code", "axis"], ["x"])
            .Node("Cast", ["position_ids"], ["positions"], ("to", (int)Float)).Node("Unsqueeze", ["positions", "outer"], ["position"])
            .Node("Mul", ["position", "angles"], ["k.angle"])
            .Node("Cos", ["k.angle"], ["k.cos"]).Node("Sin", ["k.angle"], ["k.sin"]).Node("Concat", ["k.cos", "k.sin"], ["key.0"], ("axis", 3))
            .Node("Sub", ["position", "shifts"], ["wanted"]).Node("Mul", ["wanted", "angles"], ["q.angle"])
            .Node("Cos", ["q.angle"], ["q.cos"]).Node("Sin", ["q.angle"], ["q.sin"]).Node("Concat", ["q.cos", "q.sin"], ["q"], ("axis", 3))
            .Node("Mul", ["q", "sharpness"], ["query.0"]);
        Attend(graph, 0, Width, "x");
        graph.Node("Slice", ["taken.0", "zero", "one", "axis"], ["x.1"]).Node("Slice", ["taken.0", "one", "two", "axis"], ["x.2"])
            .Node("Slice", ["taken.0", "two", "three", "axis"], ["x.3"]);

        // The second: what was learned.
        graph.Node("Concat", ["x.1", "x.2", "x.3", "x"], ["key.1"], ("axis", 3))
            .Node("Mul", ["x", "gains.0"], ["q.0"]).Node("Mul", ["x.1", "gains.1"], ["q.1"]).Node("Mul", ["x.2", "gains.2"], ["q.2"])
            .Node("Mul", ["x", "none"], ["nothing"]).Node("Add", ["nothing", "own"], ["q.own"])
            .Node("Concat", ["q.0", "q.1", "q.2", "q.own"], ["query.1"], ("axis", 3));
        Attend(graph, 1, (ToyTraining.Shifts + 1) * Width, "x");
        return graph.Node("Concat", ["taken.1", "x"], ["found"], ("axis", 3)).Node("Squeeze", ["found", "axis"], ["features"])
            .Node("MatMul", ["features", "output"], ["scores"]).Node("Add", ["scores", "bias"], ["logits"])
            .ToModel();
    }

    /// <summary>A layer's attention: one head of keys and values, and any number of queries.</summary>
    private static void Attend(OnnxGraph graph, int layer, int keyWidth, string values)
    {
        const TensorElementType Float = TensorElementType.Float;
        graph.Input($"past_key_values.{layer}.key", Float, "batch", 1, "past", keyWidth)
            .Input($"past_key_values.{layer}.value", Float, "batch", 1, "past", Width)
            .Output($"present.{layer}.key", Float, "batch", 1, "total", keyWidth)
            .Output($"present.{layer}.value", Float, "batch", 1, "total", Width)
            .Node("Concat", [$"past_key_values.{layer}.key", $"key.{layer}"], [$"present.{layer}.key"], ("axis", 2))
            .Node("Concat", [$"past_key_values.{layer}.value", values], [$"present.{layer}.value"], ("axis", 2))
            .Node("Transpose", [$"present.{layer}.key"], [$"keys.{layer}"], ("perm", (int[])[0, 1, 3, 2]))
            .Node("MatMul", [$"query.{layer}", $"keys.{layer}"], [$"match.{layer}"])
            .Node("Add", [$"match.{layer}", "mask"], [$"masked.{layer}"])
            .Node("Softmax", [$"masked.{layer}"], [$"weights.{layer}"], ("axis", -1))
            .Node("MatMul", [$"weights.{layer}", $"present.{layer}.value"], [$"taken.{layer}"]);
    }
}
