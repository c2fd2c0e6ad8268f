using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Tests;

namespace Omoai.Speech.Tests.Whisper;

/// <summary>
/// A decoder without a cache whose scores are told beforehand for each position, whatever was written, but that a token of
/// the prompt may make another token likelier.
/// </summary>
internal sealed class ScriptedDecoder
{
    /// <summary>The position whose scores choose the first token after a prompt with language and task.</summary>
    public const int First = 2;

    private const int Positions = 232;

    private readonly WhisperFolder _folder;
    private readonly float[,] _scores;
    private readonly List<(int Token, int Target)> _marks = [];
    private readonly float[,,] _attention = new float[2, Positions, WhisperFolder.EncoderFrames];

    public ScriptedDecoder(WhisperFolder folder)
    {
        _folder = folder;
        _scores = new float[Positions, folder.Tokens.Count];
        for (var position = 0; position < Positions; position++)
        {
            for (var id = 0; id < folder.Tokens.Count; id++)
            {
                _scores[position, id] = -30;
            }
        }
    }

    public bool Attentions { get; init; }

    /// <summary>Says the scores of some tokens at a position; the others' are -30.</summary>
    public ScriptedDecoder At(int position, params (int Id, double Score)[] scores)
    {
        foreach (var (id, score) in scores)
        {
            _scores[position, id] = (float)score;
        }

        return this;
    }

    /// <summary>Says which tokens come one after another, and then the end.</summary>
    public ScriptedDecoder Says(params int[] tokens)
    {
        foreach (var (i, id) in tokens.Append(_folder.Tokens.EndOfText).Index())
        {
            At(First + i, (id, 0));
        }

        return this;
    }

    /// <summary>With this token in the prompt, the target is what comes after the first timestamp.</summary>
    public ScriptedDecoder Mark(int token, int target)
    {
        _marks.Add((token, target));
        for (var position = 0; position < Positions; position++)
        {
            // 60 more is not enough anywhere else.
            _scores[position, target] = position == First + 1 ? -30 : -120;
        }

        return this;
    }

    /// <summary>Says which frames head 1 of layer 0 looks at from a position; head 0 looks at the last.</summary>
    public ScriptedDecoder Looks(int position, int first, int end)
    {
        for (var frame = first; frame < end; frame++)
        {
            _attention[1, position, frame] = 1f / (end - first);
        }

        _attention[0, position, WhisperFolder.EncoderFrames - 1] = 1;
        return this;
    }

    public void Write() => _folder.Write("decoder_model.onnx", ToModel());

    private byte[] ToModel()
    {
        var count = _folder.Tokens.Count;
        var marks = new float[count, _marks.Count + 1];
        var targets = new float[_marks.Count + 1, count];
        foreach (var (i, (token, target)) in _marks.Index())
        {
            marks[token, i] = 1;
            targets[i, target] = 60;
        }

        var graph = new OnnxGraph()
            .Input("input_ids", TensorElementType.Int64, "batch_size", "decoder_sequence_length")
            .Input("encoder_hidden_states", TensorElementType.Float, "batch_size", "encoder_sequence_length", WhisperFolder.Width)
            .Output("logits", TensorElementType.Float, "batch_size", "decoder_sequence_length", count)
            .Constant("scores", _scores)
            .Constant("marks", marks)
            .Constant("targets", targets)
            .Constant("zero", 0L)
            .Constant("one", 1L)
            .Node("Shape", ["input_ids"], ["length"], ("start", 1), ("end", 2))
            .Node("Slice", ["scores", "zero", "length", "zero"], ["told"])
            .Node("Gather", ["marks", "input_ids"], ["marked"])
            .Node("ReduceSum", ["marked", "one"], ["sum"])
            .Node("MatMul", ["sum", "targets"], ["likelier"])
            .Node("Add", ["told", "likelier"], ["logits"]);
        if (Attentions)
        {
            graph.Output("cross_attentions.0", TensorElementType.Float, "batch_size", 2, "decoder_sequence_length", WhisperFolder.EncoderFrames)
                .Tensor("looks", TensorElementType.Float, _attention)
                .Node("Slice", ["looks", "zero", "length", "one"], ["looked"])
                .Node("Unsqueeze", ["looked", "zero"], ["cross_attentions.0"]);
        }

        return graph.ToModel();
    }
}
