using System.Numerics.Tensors;

namespace Omoai.Language.Engines.Onnx;

/// <summary>
/// Chooses the next token of one reply: the likeliest, or one by chance among the likeliest that have a probability together (nucleus
/// sampling, Holtzman et al., "The curious case of neural text degeneration", 2020). What it draws depends on its seed and its scores only.
/// </summary>
/// <param name="temperature">0 takes the likeliest; what scores are divided by.</param>
/// <param name="topP">More than 0, to 1.</param>
/// <param name="seed">Any number.</param>
internal sealed class TokenSampler(double temperature, double topP, int seed)
{
    // Below this scores would be divided by what a float takes for nearly nothing.
    private const double LeastTemperature = 1e-4;

    private ulong _state = (ulong)(uint)seed;
    private float[] _weights = [];
    private int[] _candidates = [];

    /// <summary>The next token; null where scores aren't numbers. Of equally likely ones the likeliest is the lowest.</summary>
    /// <param name="scores">Its logits, one or more; minus infinity is a token that can't be.</param>
    public int? Next(ReadOnlySpan<float> scores)
    {
        // The index of the first NaN, where there is one.
        var best = TensorPrimitives.IndexOfMax(scores);
        return !float.IsFinite(scores[best]) ? null : temperature < LeastTemperature ? best : Draw(scores, scores[best]);
    }

    private int Draw(ReadOnlySpan<float> scores, float highest)
    {
        if (_weights.Length < scores.Length)
        {
            (_weights, _candidates) = (new float[scores.Length], new int[scores.Length]);
        }

        var weights = _weights.AsSpan(0, scores.Length);
        TensorPrimitives.Subtract(scores, highest, weights);
        TensorPrimitives.Divide(weights, (float)temperature, weights);
        TensorPrimitives.Exp(weights, weights);
        var sum = 0.0;
        foreach (var weight in weights)
        {
            sum += weight;
        }

        // Tokens below this have less than 1 - topP together, so that none of them is needed: few are left to be sorted.
        var least = topP < 1 ? (1 - topP) * sum / scores.Length : 0;
        var count = 0;
        for (var id = 0; id < weights.Length; id++)
        {
            if (weights[id] > 0 && weights[id] >= least)
            {
                _candidates[count++] = id;
            }
        }

        var candidates = _candidates.AsSpan(0, count);
        var mass = sum;
        if (topP < 1)
        {
            candidates.Sort((a, b) => _weights[b].CompareTo(_weights[a]) is not 0 and var order ? order : a.CompareTo(b));
            var kept = 0;
            for (mass = 0; kept < count && mass < topP * sum; kept++)
            {
                mass += _weights[candidates[kept]];
            }

            candidates = candidates[..kept];
        }

        var left = NextDouble() * mass;
        foreach (var id in candidates)
        {
            left -= _weights[id];
            if (left < 0)
            {
                return id;
            }
        }

        // Sums round.
        return candidates[^1];
    }

    /// <summary>0 to less than 1, by SplitMix64 (Steele et al., "Fast splittable pseudorandom number generators", 2014).</summary>
    private double NextDouble()
    {
        var z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1L << 53));
    }
}
