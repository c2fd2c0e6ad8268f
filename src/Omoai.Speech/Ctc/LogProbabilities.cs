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
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(tokens, 1);
        if (values.Length % tokens != 0)
        {
            throw new ArgumentException($"{values.Length} values aren't whole frames of {tokens}.", nameof(values));
        }

        _values = new float[values.Length];
        TensorPrimitives.Max(values, Lowest, _values);
        // Of the values left, only ones that aren't numbers, or that no probability has, make this so.
        if (!float.IsFinite(TensorPrimitives.Sum<float>(_values)))
        {
            throw new ArgumentException("Some values aren't numbers.", nameof(values));
        }

        Tokens = tokens;
        Frames = values.Length / tokens;
    }

    public int Frames { get; }

    public int Tokens { get; }

    /// <summary>The values of one frame.</summary>
    public ReadOnlySpan<float> this[int frame] => _values.AsSpan(frame * Tokens, Tokens);
}
