using System.Numerics.Tensors;

namespace Omoai.Speech.Ctc;

/// <summary>Writes the likeliest token of each frame, less repetitions and blanks (best path decoding, Graves 2006).</summary>
public static class GreedyDecoder
{
    /// <returns>Token ids; where a token parts words, there is one between words, and none before the first or after the last.</returns>
    public static int[] Decode(LogProbabilities logProbabilities, TokenList tokens)
    {
        var sequence = new List<int>();
        var before = tokens.Blank;
        for (var frame = 0; frame < logProbabilities.Frames; frame++)
        {
            var best = TensorPrimitives.IndexOfMax(logProbabilities[frame]);
            var atBoundary = sequence.Count == 0 || sequence[^1] == tokens.Space;
            if (best != before && best != tokens.Blank && !(best == tokens.Space && atBoundary))
            {
                sequence.Add(best);
            }

            before = best;
        }

        if (sequence.Count > 0 && sequence[^1] == tokens.Space)
        {
            sequence.RemoveAt(sequence.Count - 1);
        }

        return [.. sequence];
    }
}
