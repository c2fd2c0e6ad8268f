using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Language.Tests.Support;
using Omoai.Tests;
using Omoai.Transcripts.Models;
using Omoai.Transcripts.Tokenizers;

namespace Omoai.Language.Tests.Engines.Onnx;

/// <summary>
/// A decoder that does sums instead of thinking, so that what it answers can be worked out by hand: the token that follows is
/// (3 times the sum of all tokens so far and of their number, which it knows from its past, plus the position of the last one) mod 257.
/// Tokens are bytes, and 256 ends a reply.
/// </summary>
internal sealed record CountingModel
{
    public const int End = 256;
    public const int Vocabulary = 257;

    public bool Positions { get; init; } = true;
    public bool Mask { get; init; } = true;

    /// <summary>It has <c>use_cache_branch</c>: without it looks at no past, and with it takes one token at a time.</summary>
    public bool Merged { get; init; }

    /// <summary>Past and logits are float16.</summary>
    public bool Half { get; init; }
    public TensorElementType Integers { get; init; } = TensorElementType.Int64;

    /// <summary>It gives logits of the last token only.</summary>
    public bool LastOnly { get; init; }

    /// <summary>It gives logits of as many of the last tokens as it is asked for.</summary>
    public bool Keeps { get; init; }

    /// <summary>It fails where it is given more tokens at once; null for no limit.</summary>
    public int? MostTokens { get; init; }

    /// <summary>A vocabulary that its metadata doesn't say.</summary>
    public bool OpenVocabulary { get; init; }

    /// <summary>Takes one prompt at a time.</summary>
    public bool Single { get; init; }

    /// <summary>Scores after an <c>N</c> aren't numbers.</summary>
    public bool FailsAtN { get; init; }

    /// <summary>Scores of padded prompts aren't numbers.</summary>
    public bool FailsWherePadded { get; init; }

    /// <summary>It has a table of its context's length, as GPT-2 has for what each token sees, and fails beyond it, padding included.</summary>
    public bool HasTable { get; init; }

    /// <summary>A file beside the graph that has one of its constants; null for none.</summary>
    public string? DataFile { get; init; }

    public int ContextTokens { get; init; } = 512;
    public int MaxBatch { get; init; } = 8;

    public void Write(string folder, Func<ModelManifest, ModelManifest>? change = null) => Write(folder, ToModel(), change, ContextTokens, MaxBatch);

    public static void Write(
        string folder, byte[] graph, Func<ModelManifest, ModelManifest>? change = null, int contextTokens = 512, int maxBatch = 8) =>
        LlmFolder.Write(
            folder, new CausalSettings("model.onnx", "tokenizer.json", "plain", contextTokens, [End], maxBatch),
            new Dictionary<string, byte[]> { ["model.onnx"] = graph, ["tokenizer.json"] = LlmFolder.Tokenizer([], ["<|end|>"]) }, change);

    /// <summary>What it answers to the tokens of a prompt, without its end.</summary>
    public static List<int> Answer(IEnumerable<int> prompt, int maxTokens)
    {
        var all = prompt.ToList();
        var length = all.Count;
        while (all.Count - length < maxTokens && ((3 * (all.Sum() + all.Count)) + all.Count - 1) % Vocabulary is not End and var next)
        {
            all.Add(next);
        }

        return all[length..];
    }

    public byte[] ToModel()
    {
        var number = Half ? TensorElementType.Float16 : TensorElementType.Float;
        object batch = Single ? 1 : "batch";
        var graph = new OnnxGraph()
            .Input("input_ids", Integers, batch, "tokens")
            .Input("past_key_values.0.key", number, batch, 1, "past", 1)
            .Input("past_key_values.0.value", number, batch, 1, "past", 1)
            .Output("logits", number, batch, LastOnly ? 1 : "tokens", OpenVocabulary ? "vocabulary" : Vocabulary)
            .Output("present.0.key", number, batch, 1, "total", 1)
            .Output("present.0.value", number, batch, 1, "total", 1)
            .Constant("two", 2)
            .Constant("zero", 0)
            .Constant("outer", 1, 3)
            .Constant("depth", Vocabulary)
            .Constant("twice", [2f])
            .Constant("values", [0f, 10f])
            .Node("Cast", ["input_ids"], ["ids"], ("to", (int)TensorElementType.Float))
            .Constant("every", [1f])
            .Node("Add", ["ids", "every"], ["counted"])
            .Node("Unsqueeze", ["counted", "outer"], ["key"])
            .Node("Mul", ["key", "twice"], ["value"])
            .Node("Shape", ["input_ids"], ["count"], ("start", 1), ("end", 2))
            .Node("Shape", ["past_key_values.0.key"], ["past"], ("start", 2), ("end", 3));
        if (DataFile is not null)
        {
            graph.External("modulus", DataFile, 1);
        }
        else
        {
            graph.Constant("modulus", [(float)Vocabulary]);
        }

        if (Merged)
        {
            graph.Input("use_cache_branch", TensorElementType.Bool, 1)
                .Node("Cast", ["use_cache_branch"], ["flag"], ("to", (int)TensorElementType.Int64))
                .Node("Mul", ["past", "flag"], ["used.0"])
                .Constant("single", 1).Node("Sub", ["count", "single"], ["more"]).Node("Mul", ["more", "flag"], ["more.cached"])
                .Constant("first", 0).Node("Gather", ["first", "more.cached"], ["nothing"]).Node("Add", ["used.0", "nothing"], ["used"]);
        }
        else
        {
            graph.Node("Identity", ["past"], ["used"]);
        }

        foreach (var name in new[] { "key", "value" })
        {
            graph.Node("Slice", [$"past_key_values.0.{name}", "zero", "used", "two"], [$"{name}.past"])
                .Node("Cast", [$"{name}.past"], [$"{name}.float"], ("to", (int)TensorElementType.Float))
                .Node("Concat", [$"{name}.float", name], [$"{name}.all"], ("axis", 2))
                .Node("Cast", [$"{name}.all"], [$"present.0.{name}"], ("to", (int)number));
        }

        graph.Node("Shape", ["key.all"], ["total"], ("start", 2), ("end", 3))
            .Node("Sub", ["total", "count"], ["start"])
            .Node("Add", ["key.all", "value.all"], ["both"]);
        if (Mask)
        {
            graph.Input("attention_mask", Integers, batch, "total")
                .Node("Cast", ["attention_mask"], ["mask"], ("to", (int)TensorElementType.Float))
                .Node("Unsqueeze", ["mask", "outer"], ["columns"])
                .Node("Mul", ["both", "columns"], ["seen"]);
        }
        else
        {
            graph.Node("Identity", ["both"], ["seen"]);
        }

        if (Positions)
        {
            graph.Input("position_ids", Integers, batch, "tokens").Node("Identity", ["position_ids"], ["at"]);
        }
        else
        {
            // As old exports do: from the past, whatever pads.
            graph.Constant("one", 1).Node("Squeeze", ["start"], ["from"]).Node("Squeeze", ["total"], ["to"]).Node("Squeeze", ["one"], ["step"])
                .Node("Range", ["from", "to", "step"], ["at"]);
        }

        graph.Node("CumSum", ["seen", "two"], ["sums"])
            .Node("Slice", ["sums", "start", "total", "two"], ["last"])
            .Node("Squeeze", ["last", "outer"], ["sum"])
            .Node("Cast", ["at"], ["position"], ("to", (int)TensorElementType.Float))
            .Node("Add", ["sum", "position"], ["index"])
            .Node("Mod", ["index", "modulus"], ["rest"], ("fmod", 1))
            .Node("Cast", ["rest"], ["next"], ("to", (int)TensorElementType.Int64))
            .Node("OneHot", ["next", "depth", "values"], ["scores.0"]);
        var scores = "scores.0";
        if (FailsAtN)
        {
            graph.Constant("n", [(float)'N']).Node("Sub", ["ids", "n"], ["n.off"]).Node("Div", ["n.off", "n.off"], ["n.factor"])
                .Node("Unsqueeze", ["n.factor", "two"], ["n.column"]).Node("Mul", [scores, "n.column"], ["scores.n"]);
            scores = "scores.n";
        }

        if (FailsWherePadded)
        {
            graph.Node("ReduceMin", ["mask"], ["least"], ("axes", (int[])[1])).Node("Div", ["least", "least"], ["pad.factor"])
                .Node("Unsqueeze", ["pad.factor", "two"], ["pad.column"]).Node("Mul", [scores, "pad.column"], ["scores.pad"]);
            scores = "scores.pad";
        }

        if (HasTable)
        {
            var table = new float[ContextTokens];
            Array.Fill(table, 1);
            graph.Constant("table", table).Constant("length.1", 1).Node("Sub", ["total", "length.1"], ["length"])
                .Node("Gather", ["table", "length"], ["table.1"]).Node("Mul", [scores, "table.1"], ["scores.table"]);
            scores = "scores.table";
        }

        if (MostTokens is { } most)
        {
            var table = new float[most];
            Array.Fill(table, 1);
            graph.Constant("most", table).Node("Size", ["input_ids"], ["most.size"]).Scalar("most.1", 1).Node("Sub", ["most.size", "most.1"], ["most.last"])
                .Node("Gather", ["most", "most.last"], ["most.factor"]).Node("Mul", [scores, "most.factor"], ["scores.most"]);
            scores = "scores.most";
        }

        if (Keeps)
        {
            // All of them where it is 0, as in transformers.
            graph.Input("num_logits_to_keep", Integers).Node("Cast", ["num_logits_to_keep"], ["keep"], ("to", (int)TensorElementType.Int64))
                .Constant("keep.shape", 1).Node("Reshape", ["keep", "keep.shape"], ["keep.1"]).Node("Neg", ["keep.1"], ["keep.from"])
                .Constant("keep.far", long.MaxValue).Constant("keep.axis", 1)
                .Node("Slice", [scores, "keep.from", "keep.far", "keep.axis"], ["scores.keep"]);
            scores = "scores.keep";
        }

        if (LastOnly)
        {
            graph.Constant("minus", -1).Constant("far", long.MaxValue).Constant("tokens", 1)
                .Node("Slice", [scores, "minus", "far", "tokens"], ["scores.last"]);
            scores = "scores.last";
        }

        return graph.Node("Cast", [scores], ["logits"], ("to", (int)number)).ToModel();
    }
}

/// <summary>Chats without a template.</summary>
internal static class Bare
{
    /// <summary>A chat is its two texts, and nothing else.</summary>
    public static int[] Texts(Tokenizer tokenizer, string system, string user) => [.. tokenizer.Encode(system + user)];

    /// <summary>The user's text is ids, written as numbers.</summary>
    public static int[] Ids(Tokenizer tokenizer, string system, string user) =>
        [.. user.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
}
