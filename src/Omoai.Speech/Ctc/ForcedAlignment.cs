using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Ctc;

/// <summary>A word with its frames.</summary>
/// <param name="Text">The word.</param>
/// <param name="FirstFrame">The first frame of its first token.</param>
/// <param name="EndFrame">One more than the last frame of its last token.</param>
/// <param name="Confidence">Above 0, up to 1.</param>
public readonly record struct AlignedWord(string Text, int FirstFrame, int EndFrame, double Confidence);

/// <summary>Finds which frames a known text was written in: the likeliest of its alignments (Viterbi).</summary>
public static class ForcedAlignment
{
    /// <summary>Aligns a text.</summary>
    /// <param name="logProbabilities">At least one frame for each token, and one more between equal neighbours.</param>
    /// <param name="sequence">Token ids, as a decoder gives them.</param>
    /// <param name="tokens">The tokens.</param>
    /// <returns>For each frame a state: 2·i + 1 for the i-th token, 2·i for the gap before it. A gap is blank; at a
    /// word's boundary it may be spaces too, for the pauses that a model writes as more than one.</returns>
    /// <exception cref="ArgumentException">The text doesn't fit into the frames.</exception>
    /// <exception cref="BadInputException">There are more frames times tokens than an array holds.</exception>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int[] Align(LogProbabilities logProbabilities, ReadOnlySpan<int> sequence, TokenList tokens)
    {
        var states = (2 * sequence.Length) + 1;
        if ((long)logProbabilities.Frames * states > Array.MaxLength)
        {
            throw new BadInputException(
                $"{sequence.Length} tokens in {logProbabilities.Frames} frames are too many to be aligned at once. Split the stretch.");
        }

        var steps = ArrayPool<byte>.Shared.Rent(logProbabilities.Frames * states);
        try
        {
            var (scores, before) = (new double[states], new double[states]);
            Array.Fill(before, double.NegativeInfinity);
            for (var frame = 0; frame < logProbabilities.Frames; frame++)
            {
                for (var state = 0; state < states; state++)
                {
                    // Where a path may come from: the same state, the one before, or past a gap that may be left out.
                    var (step, best) = (0, before[state]);
                    if (state > 0 && before[state - 1] > best)
                    {
                        (step, best) = (1, before[state - 1]);
                    }

                    if (state % 2 == 1 && state > 1 && sequence[state / 2] != sequence[(state / 2) - 1]
                        && before[state - 2] > best)
                    {
                        (step, best) = (2, before[state - 2]);
                    }

                    if (frame == 0)
                    {
                        best = state < 2 ? 0 : double.NegativeInfinity;
                    }

                    scores[state] = best + StateScore(logProbabilities[frame], sequence, tokens, state);
                    steps[(frame * states) + state] = (byte)step;
                }

                (scores, before) = (before, scores);
            }

            var path = new int[logProbabilities.Frames];
            var last = states > 1 && before[states - 2] > before[states - 1] ? states - 2 : states - 1;
            if (path.Length == 0 ? states > 1 : double.IsNegativeInfinity(before[last]))
            {
                throw new ArgumentException(
                    $"{sequence.Length} tokens don't fit into {logProbabilities.Frames} frames.", nameof(sequence));
            }

            for (var frame = path.Length - 1; frame >= 0; frame--)
            {
                path[frame] = last;
                last -= steps[(frame * states) + last];
            }

            return path;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(steps);
        }
    }

    /// <summary>The words of a text with their frames and confidence.</summary>
    /// <remarks>
    /// The confidence is a geometric mean over the word's tokens. Each token gives the probability of the likeliest of
    /// its frames: how sure the model was of what is written. And every frame from the word before to the word after
    /// gives the ratio of its state's probability to that of the frame's likeliest token: so what the model heard and
    /// the text leaves out, or puts elsewhere, counts against the word too ("goodness of pronunciation", Witt and Young
    /// 2000). It ranks words by their chance to be wrong; it isn't that chance.
    /// </remarks>
    /// <inheritdoc cref="Align"/>
    public static IReadOnlyList<AlignedWord> Words(
        LogProbabilities logProbabilities, ReadOnlySpan<int> sequence, TokenList tokens)
    {
        var path = Align(logProbabilities, sequence, tokens);
        var losses = new double[path.Length];
        var first = new int[sequence.Length];
        var end = new int[sequence.Length];
        var surest = new float[sequence.Length];
        Array.Fill(surest, LogProbabilities.Lowest);
        for (var frame = 0; frame < path.Length; frame++)
        {
            var row = logProbabilities[frame];
            losses[frame] = StateScore(row, sequence, tokens, path[frame]) - TensorPrimitives.Max(row);
            if (path[frame] % 2 == 1)
            {
                var token = path[frame] / 2;
                first[token] = end[token] == 0 ? frame : first[token];
                end[token] = frame + 1;
                surest[token] = Math.Max(surest[token], row[sequence[token]]);
            }
        }

        var words = new List<AlignedWord>();
        var ranges = tokens.Words(sequence);
        for (var i = 0; i < ranges.Count; i++)
        {
            var (at, length) = ranges[i].GetOffsetAndLength(sequence.Length);
            var from = i == 0 ? 0 : end[ranges[i - 1].End.Value - 1];
            var to = i == ranges.Count - 1 ? path.Length : first[ranges[i + 1].Start.Value];
            var sum = losses.AsSpan(from..to).ToArray().Sum() + surest.AsSpan(at, length).ToArray().Sum();
            words.Add(new AlignedWord(
                tokens.Text(sequence.Slice(at, length)), first[at], end[at + length - 1],
                Math.Clamp(Math.Exp(sum / length), 1e-4, 1)));
        }

        return words;
    }

    private static float StateScore(ReadOnlySpan<float> row, ReadOnlySpan<int> sequence, TokenList tokens, int state)
    {
        var next = state / 2;
        if (state % 2 == 1)
        {
            return row[sequence[next]];
        }

        var atBoundary = tokens.Space >= 0 && (next == 0 || next == sequence.Length
            || sequence[next] == tokens.Space || sequence[next - 1] == tokens.Space);
        return atBoundary ? Math.Max(row[tokens.Blank], row[tokens.Space]) : row[tokens.Blank];
    }
}
