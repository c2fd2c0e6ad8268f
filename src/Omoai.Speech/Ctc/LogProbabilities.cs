using System.Numerics.Tensors;

namespace Omoai.Speech.Ctc;

/// <summary>What a CTC model gives for a stretch of speech: for each frame the natural logarithm of each token's probability.</summary>
public sealed class LogProbabilities
{
    /// <summary>Lower values, minus infinity among them, are raised to this, so that sums of them stay ordered.</summary>
    public const float Lowest = -1e4f;

    private readonly float[] _values;

    /// <param name="values">[frames, tokens], row by row; numbers.</param>
    /// <param name="tokens">Tokens in a frame.</param>
    public LogProbabilities(ReadOnlySpan<float> values, int tokens)
        : this(values.ToArray(), tokens, logits: false)
    {
    }

    private LogProbabilities(float[] values, int tokens, bool logits)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(tokens, 1);
        if (values.Length % tokens != 0)
        {
            throw new ArgumentException($"{values.Length} values aren't whole frames of {tokens}.", nameof(values));
        }

        (_values, Tokens, Frames) = (values, tokens, values.Length / tokens);
        var scratch = new float[logits ? tokens : 0];
        for (var frame = 0; logits && frame < Frames; frame++)
        {
            // ln softmax(x) = x - max - ln Σ exp(x - max).
            var row = _values.AsSpan(frame * tokens, tokens);
            TensorPrimitives.Subtract(row, TensorPrimitives.Max<float>(row), row);
            TensorPrimitives.Subtract(row, MathF.Log(SumOfExp(row, scratch)), row);
        }

        TensorPrimitives.Max(_values, Lowest, _values);
        // Of the values left, only ones that aren't numbers, or that no probability has, make this so.
        if (!float.IsFinite(TensorPrimitives.Sum<float>(_values)))
        {
            throw new ArgumentException("Some values aren't numbers.", nameof(values));
        }
    }

    public int Frames { get; }

    public int Tokens { get; }

    /// <summary>The values of one frame.</summary>
    public ReadOnlySpan<float> this[int frame] => _values.AsSpan(frame * Tokens, Tokens);

    /// <summary>Takes over an array: it isn't copied, and is changed.</summary>
    /// <param name="values">[frames, tokens], row by row.</param>
    /// <param name="tokens">Tokens in a frame.</param>
    /// <param name="logits">Whether the values are logits rather than logarithms of probabilities.</param>
    /// <exception cref="ArgumentException">They are neither.</exception>
    public static LogProbabilities Take(float[] values, int tokens, bool logits)
    {
        if (!logits && values.Length >= tokens && SumOfExp(values.AsSpan(0, tokens), new float[tokens]) > 1.1f)
        {
            throw new ArgumentException(
                "The probabilities of a frame sum up to more than 1. If the graph gives logits, set 'logits' in model.json.", nameof(values));
        }

        return new LogProbabilities(values, tokens, logits);
    }

    private static float SumOfExp(ReadOnlySpan<float> row, float[] scratch)
    {
        TensorPrimitives.Exp(row, scratch);
        return TensorPrimitives.Sum<float>(scratch);
    }
}
