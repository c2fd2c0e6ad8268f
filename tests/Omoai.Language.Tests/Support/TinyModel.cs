using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Tests;
using Omoai.Transcripts;
using Omoai.Transcripts.Models;

namespace Omoai.Language.Tests.Support;

/// <summary>
/// A punctuation model of a few nodes. A word whose first character is <c>z</c> or unknown gets a comma, one
/// before more than half a second of silence a period; a word of 16 characters or more is upper case.
/// </summary>
internal static class TinyModel
{
    public const string Alphabet = "abcdefghijklmnopqrstuvwxyz";
    public static readonly string[] Marks = ["", ",", "."];
    public static readonly string[] Cases = ["lower", "capitalised", "upper"];

    /// <summary>Writes a model folder.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="change">Changes the manifest.</param>
    /// <param name="pausesName">The name of the graph's second input.</param>
    /// <param name="pausesRank">The rank of the graph's second input: 1 is right.</param>
    public static void WriteFolder(
        string folder, Func<ModelManifest, ModelManifest>? change = null, string pausesName = "pauses", int pausesRank = 1)
    {
        var graph = Graph(pausesName, pausesRank);
        File.WriteAllBytes(Path.Combine(folder, "model.onnx"), graph);
        var manifest = new ModelManifest
        {
            Schema = 1,
            Name = "tiny",
            Kind = ModelKinds.Punctuation,
            Language = "en",
            Licence = "MIT",
            Punctuation = new PunctuationSettings("model.onnx", Alphabet, 16, 32, Marks, Cases),
            Files = new Dictionary<string, ModelFile>
            {
                ["model.onnx"] = new(graph.Length, Convert.ToHexStringLower(SHA256.HashData(graph))),
            },
        };
        manifest = change is null ? manifest : change(manifest);
        File.WriteAllText(
            Path.Combine(folder, ModelManifest.FileName), JsonSerializer.Serialize(manifest, OmoaiJson.Indented));
    }

    private static byte[] Graph(string pausesName, int pausesRank)
    {
        // punctuation = float(chars) W + pauses P + B; case = float(chars) V + C
        var w = new float[16, 3];
        w[0, 1] = 10;
        var v = new float[16, 3];
        v[15, 2] = 1;
        object[] pausesShape = pausesRank == 1 ? ["words"] : ["words", 1];
        return new OnnxGraph()
            .Input("chars", TensorElementType.Int64, "words", 16)
            .Input(pausesName, TensorElementType.Float, pausesShape)
            .Output("punctuation", TensorElementType.Float, "words", 3)
            .Output("case", TensorElementType.Float, "words", 3)
            .Constant("W", w)
            .Constant("P", new float[,] { { 0, 0, 1 } })
            .Constant("B", [0.5f, -255, 0])
            .Constant("V", v)
            .Constant("C", [0.5f, -1, 0])
            .Constant("axes", 1)
            .Node("Cast", ["chars"], ["floats"], ("to", (long)TensorElementType.Float))
            .Node("MatMul", ["floats", "W"], ["byChars"])
            .Node("Unsqueeze", [pausesName, "axes"], ["column"])
            .Node("MatMul", ["column", "P"], ["byPause"])
            .Node("Add", ["byChars", "byPause"], ["sum"])
            .Node("Add", ["sum", "B"], ["punctuation"])
            .Node("MatMul", ["floats", "V"], ["byLength"])
            .Node("Add", ["byLength", "C"], ["case"])
            .ToModel();
    }
}
