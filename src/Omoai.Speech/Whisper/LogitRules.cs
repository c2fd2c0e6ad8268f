using System.Buffers;
using System.Numerics.Tensors;

namespace Omoai.Speech.Whisper;

/// <summary>
/// Which token may follow, as Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022,
/// arXiv:2212.04356), section 4.5, decode with timestamps: they come in pairs around the text, never go back, the first is
/// early, and one is taken wherever all together are likelier than the likeliest other token.
/// </summary>
internal sealed class LogitRules
{
    /// <summary>The latest first timestamp: 1 s.</summary>
    private const int MaxInitialTimestamp = 50;

    private readonly WhisperTokens _tokens;
    private readonly int[] _suppressed;

    /// <param name="tokens">The model's tokens.</param>
    /// <param name="suppressed">Text tokens that are never written; other ids are left out, as those follow from the rules.</param>
    public LogitRules(WhisperTokens tokens, IEnumerable<int> suppressed)
    {
        _tokens = tokens;
        _suppressed = [.. suppressed.Where(id => id < tokens.EndOfText)];
    }

    /// <summary>Makes the scores of what may not follow negative infinity. At least one token is left.</summary>
    /// <param name="logits">The scores of all tokens.</param>
    /// <param name="written">What was written after the prompt.</param>
    public void Apply(Span<float> logits, IReadOnlyList<int> written)
    {
        const float Never = float.NegativeInfinity;
        var (end, timestamps) = (_tokens.EndOfText, _tokens.TimestampBegin);
        logits[(end + 1)..timestamps].Fill(Never);
        logits[_tokens.Count..].Fill(Never);
        foreach (var id in _suppressed)
        {
            logits[id] = Never;
        }

        if (written.Count == 0)
        {
            // So the models' begin_suppress_tokens, which are text or the end, need no rule of their own.
            logits[..timestamps].Fill(Never);
            logits[(timestamps + MaxInitialTimestamp + 1)..].Fill(Never);
            return;
        }

        if (_tokens.IsTimestamp(written[^1]))
        {
            // Text follows the first timestamp of a pair; another timestamp, or the end, the second.
            if (written.Count < 2 || _tokens.IsTimestamp(written[^2]))
            {
                logits[timestamps..].Fill(Never);
                return;
            }

            logits[..end].Fill(Never);
            logits[timestamps..written[^1]].Fill(Never);
        }
        else if (LastTimestamp(written) is { } last)
        {
            // A segment takes some time.
            logits[timestamps..(last + 1)].Fill(Never);
        }

        if (LogSumExp(logits[timestamps..]) > TensorPrimitives.Max<float>(logits[..timestamps]))
        {
            logits[..timestamps].Fill(Never);
        }
    }

    /// <summary>ln(Σ exp(x)); negative infinity where all are.</summary>
    public static double LogSumExp(ReadOnlySpan<float> values)
    {
        var max = values.IsEmpty ? float.NegativeInfinity : TensorPrimitives.Max(values);
        if (float.IsNegativeInfinity(max))
        {
            return max;
        }

        var powers = ArrayPool<float>.Shared.Rent(values.Length);
        var used = powers.AsSpan(0, values.Length);
        TensorPrimitives.Subtract(values, max, used);
        TensorPrimitives.Exp(used, used);
        var sum = TensorPrimitives.Sum<float>(used);
        ArrayPool<float>.Shared.Return(powers);
        return max + Math.Log(sum);
    }

    private int? LastTimestamp(IReadOnlyList<int> written)
    {
        for (var i = written.Count - 1; i >= 0; i--)
        {
            if (_tokens.IsTimestamp(written[i]))
            {
                return written[i];
            }
        }

        return null;
    }
}
