using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Tests;

namespace Omoai.Language.Tests.Engines.Onnx;

/// <summary>
/// One layer of GroupQueryAttention with random weights, fed as onnxruntime-genai's exports feed it: with how many tokens of a row the
/// mask shows. Its tokens are those of <see cref="CountingModel"/>.
/// </summary>
internal static class GroupQueryModel
{
    private const TensorElementType Long = TensorElementType.Int64;
    private const TensorElementType Float = TensorElementType.Float;
    private const int Heads = 2;
    private const int Width = 16;
    private const int Context = 512;

    public static byte[] ToModel()
    {
        var random = new Random(11);
        return new OnnxGraph()
            .Input("input_ids", Long, "batch", "tokens")
            .Input("attention_mask", Long, "batch", "total")
            .Input("position_ids", Long, "batch", "tokens")
            .Input("past_key_values.0.key", Float, "batch", 1, "past", Width)
            .Input("past_key_values.0.value", Float, "batch", 1, "past", Width)
            .Output("logits", Float, "batch", "tokens", CountingModel.Vocabulary)
            .Output("present.0.key", Float, "batch", 1, "total", Width)
            .Output("present.0.value", Float, "batch", 1, "total", Width)
            .Constant("words", Weights(CountingModel.Vocabulary, Width))
            .Constant("places", Weights(Context, Width))
            .Constant("to.query", Weights(Width, Heads * Width))
            .Constant("to.key", Weights(Width, Width))
            .Constant("to.value", Weights(Width, Width))
            .Constant("to.logits", Weights(Heads * Width, CountingModel.Vocabulary))
            .Constant("row", 1)
            .Constant("one", 1)
            .Scalar("column", 1)
            .Node("Gather", ["words", "input_ids"], ["word"])
            .Node("Gather", ["places", "position_ids"], ["place"])
            .Node("Add", ["word", "place"], ["states"])
            .Node("MatMul", ["states", "to.query"], ["query"])
            .Node("MatMul", ["states", "to.key"], ["key"])
            .Node("MatMul", ["states", "to.value"], ["value"])
            .Node("ReduceSum", ["attention_mask", "row"], ["shown"], ("keepdims", 0))
            .Node("Sub", ["shown", "one"], ["shown.before"])
            .Node("Cast", ["shown.before"], ["lengths"], ("to", (int)TensorElementType.Int32))
            .Node("Shape", ["attention_mask"], ["mask.shape"])
            .Node("Gather", ["mask.shape", "column"], ["total"])
            .Node("Cast", ["total"], ["longest"], ("to", (int)TensorElementType.Int32))
            .Node(
                "com.microsoft.GroupQueryAttention",
                ["query", "key", "value", "past_key_values.0.key", "past_key_values.0.value", "lengths", "longest"],
                ["attention", "present.0.key", "present.0.value"], ("num_heads", Heads), ("kv_num_heads", 1))
            .Node("MatMul", ["attention", "to.logits"], ["logits"])
            .ToModel();

        float[,] Weights(int rows, int columns)
        {
            var weights = new float[rows, columns];
            for (var row = 0; row < rows; row++)
            {
                for (var column = 0; column < columns; column++)
                {
                    weights[row, column] = random.NextSingle() - 0.5f;
                }
            }

            return weights;
        }
    }
}
