namespace Omoai.Transcripts.Alignment;

/// <summary>What an <see cref="Edit"/> does.</summary>
public enum EditKind
{
    /// <summary>The same token in both.</summary>
    Equal,

    /// <summary>Another token in the hypothesis.</summary>
    Substitute,

    /// <summary>A token that only the hypothesis has.</summary>
    Insert,

    /// <summary>A token that only the reference has.</summary>
    Delete,
}

/// <summary>One step of an alignment.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Reference">Index of the reference's token; for an insertion, of the one that it comes before.</param>
/// <param name="Hypothesis">Index of the hypothesis' token; for a deletion, of the one that would follow.</param>
public readonly record struct Edit(EditKind Kind, int Reference, int Hypothesis);

/// <summary>
/// Levenshtein alignment: the fewest substitutions, insertions and deletions, each of cost 1, that turn the reference
/// into the hypothesis.
/// </summary>
/// <remarks>
/// Furthest-reaching paths by diagonal (Ukkonen, "Algorithms for approximate string matching", 1985), met in the middle
/// from both ends (Myers, "An O(ND) difference algorithm and its variations", 1986, section 4b). For lengths N and M
/// and distance D the memory is O(N + M) and the time O(N + M + D²) as a rule, O((N + M) D) at worst: near-linear for
/// similar sequences.
/// <para>
/// Of several alignments with the fewest edits one is chosen by a fixed rule, so the same input always gives the same
/// answer: what the sequences have in common at their start is aligned first, then what they have in common at their
/// end, then each half of what is between them in the same way.
/// </para>
/// </remarks>
public static class SequenceAlignment
{
    /// <summary>Aligns two sequences.</summary>
    /// <returns>Edits in order that cover every token of both, each once.</returns>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static IReadOnlyList<Edit> Align<T>(
        IReadOnlyList<T> reference, IReadOnlyList<T> hypothesis, IEqualityComparer<T>? comparer = null,
        CancellationToken cancellationToken = default)
        where T : notnull
    {
        // Tokens become numbers, so that each is hashed once and compared cheaply ever after.
        var ids = new Dictionary<T, int>(comparer);
        var aligner = new Aligner(Intern(reference, ids), Intern(hypothesis, ids), cancellationToken);
        return aligner.Align();
    }

    private static int[] Intern<T>(IReadOnlyList<T> tokens, Dictionary<T, int> ids)
        where T : notnull
    {
        var result = new int[tokens.Count];
        for (var i = 0; i < result.Length; i++)
        {
            if (!ids.TryGetValue(tokens[i], out result[i]))
            {
                result[i] = ids[tokens[i]] = ids.Count;
            }
        }

        return result;
    }

    private sealed class Aligner(int[] reference, int[] hypothesis, CancellationToken cancellationToken)
    {
        private const int Unreached = int.MinValue / 2;

        // Indexed by diagonal + length of the hypothesis + 1: how far into the reference the best path on that diagonal
        // (reference index less hypothesis index) reaches. The backward paths are those of the reversed sequences.
        private readonly int[] forward = new int[reference.Length + hypothesis.Length + 3];
        private readonly int[] backward = new int[reference.Length + hypothesis.Length + 3];
        private readonly List<Edit> edits = new(Math.Max(reference.Length, hypothesis.Length));

        public List<Edit> Align()
        {
            Align(0, reference.Length, 0, hypothesis.Length);
            return edits;
        }

        private void Align(int refFrom, int refTo, int hypFrom, int hypTo)
        {
            while (refFrom < refTo && hypFrom < hypTo && reference[refFrom] == hypothesis[hypFrom])
            {
                edits.Add(new Edit(EditKind.Equal, refFrom++, hypFrom++));
            }

            var suffix = 0;
            while (refFrom < refTo && hypFrom < hypTo && reference[refTo - 1] == hypothesis[hypTo - 1])
            {
                (refTo, hypTo, suffix) = (refTo - 1, hypTo - 1, suffix + 1);
            }

            if (refTo - refFrom == 1 && hypTo - hypFrom == 1)
            {
                edits.Add(new Edit(EditKind.Substitute, refFrom, hypFrom));
            }
            else if (refFrom == refTo || hypFrom == hypTo)
            {
                for (var i = refFrom; i < refTo; i++)
                {
                    edits.Add(new Edit(EditKind.Delete, i, hypFrom));
                }

                for (var i = hypFrom; i < hypTo; i++)
                {
                    edits.Add(new Edit(EditKind.Insert, refFrom, i));
                }
            }
            else
            {
                // At least two edits remain, at least one on each side of the middle: both halves are smaller.
                var (refMiddle, hypMiddle) = FindMiddle(refFrom, refTo, hypFrom, hypTo);
                Align(refFrom, refMiddle, hypFrom, hypMiddle);
                Align(refMiddle, refTo, hypMiddle, hypTo);
            }

            for (var i = 0; i < suffix; i++)
            {
                edits.Add(new Edit(EditKind.Equal, refTo + i, hypTo + i));
            }
        }

        /// <summary>A point that an alignment with the fewest edits passes, half of its edits on either side.</summary>
        private (int Reference, int Hypothesis) FindMiddle(int refFrom, int refTo, int hypFrom, int hypTo)
        {
            var (n, m) = (refTo - refFrom, hypTo - hypFrom);
            for (var distance = 0; ; distance++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (Advance(reverse: false) is { } met)
                {
                    return (refFrom + met.X, hypFrom + met.Y);
                }

                if (Advance(reverse: true) is { } metBack)
                {
                    return (refTo - metBack.X, hypTo - metBack.Y);
                }

                // Extends one side's paths by one edit. Where they meet the other side's, that many edits are the
                // fewest: distances never fall along a diagonal, so paths that overlap on one can be joined there.
                (int X, int Y)? Advance(bool reverse)
                {
                    var (mine, other) = reverse ? (backward, forward) : (forward, backward);
                    var (a, b, origin) = (reference, hypothesis, m + 1);
                    var (aStart, bStart, step) = reverse ? (refTo - 1, hypTo - 1, -1) : (refFrom, hypFrom, 1);
                    var (low, high) = (Math.Max(-distance, -m), Math.Min(distance, n));
                    var otherDistance = reverse ? distance : distance - 1;
                    var (otherLow, otherHigh) = (Math.Max(-otherDistance, -m), Math.Min(otherDistance, n));
                    mine[origin + low - 1] = mine[origin + high + 1] = Unreached;
                    if (distance == 0)
                    {
                        mine[origin] = -1;
                    }

                    var (below, here) = (Unreached, mine[origin + low]);
                    for (var k = low; k <= high; k++)
                    {
                        var above = mine[origin + k + 1];
                        // After a deletion, a substitution or an insertion, as far as the sequences reach.
                        var x = Math.Max(Math.Max(below, here) + 1, above);
                        x = Math.Min(x, Math.Min(n, m + k));
                        while (x < n && x - k < m && a[aStart + (step * x)] == b[bStart + (step * (x - k))])
                        {
                            x++;
                        }

                        mine[origin + k] = x;
                        (below, here) = (here, above);
                        var opposite = n - m - k;
                        if (opposite >= otherLow && opposite <= otherHigh && x + other[origin + opposite] >= n)
                        {
                            return (x, x - k);
                        }
                    }

                    return null;
                }
            }
        }
    }
}
