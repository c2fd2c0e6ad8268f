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
/// from both ends (Myers, "An O(ND) difference algorithm and its variations", 1986, section 4b): near-linear for similar
/// sequences. Where those would take longer than all of the matrix, 64 rows of it at a time (Myers, "A fast bit-vector
/// algorithm for approximate string matching", 1999, as Hyyrö, "A bit-vector algorithm for computing Levenshtein and
/// Damerau edit distances", 2003, has it for whole sequences), the middle is found by that (Hirschberg, "A linear space
/// algorithm for computing maximal common subsequences", 1975). For lengths N and M and distance D the memory is
/// O(N + M) and the time O(N + M + D²) as a rule, O(N M / 64) at worst.
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
        var (one, other) = (Intern(reference, ids), Intern(hypothesis, ids));
        return new Aligner(one, other, ids.Count, cancellationToken).Align();
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

    private sealed class Aligner(int[] reference, int[] hypothesis, int tokens, CancellationToken cancellationToken)
    {
        private const int Unreached = int.MinValue / 2;

        /// <summary>Cells of the matrix that a step of the bit vectors takes for as long as a path needs for one; measured.</summary>
        private const int CellsPerStep = 32;

        /// <summary>Paths that are always tried: less than this isn't worth a choice.</summary>
        private const int FewSteps = 4096;

        // Indexed by diagonal + length of the hypothesis + 1: how far into the reference the best path on that diagonal
        // (reference index less hypothesis index) reaches. The backward paths are those of the reversed sequences.
        private readonly int[] forward = new int[reference.Length + hypothesis.Length + 3];
        private readonly int[] backward = new int[reference.Length + hypothesis.Length + 3];
        private readonly List<Edit> edits = new(Math.Max(reference.Length, hypothesis.Length));
        private BitRows? rows;

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
                var middle = FindMiddle(refFrom, refTo, hypFrom, hypTo);
                Align(refFrom, middle.Reference, hypFrom, middle.Hypothesis);
                Align(middle.Reference, refTo, middle.Hypothesis, hypTo);
            }

            for (var i = 0; i < suffix; i++)
            {
                edits.Add(new Edit(EditKind.Equal, refTo + i, hypTo + i));
            }
        }

        /// <summary>A point that an alignment with the fewest edits passes, about half of its edits on either side.</summary>
        private (int Reference, int Hypothesis) FindMiddle(int refFrom, int refTo, int hypFrom, int hypTo)
        {
            var (n, m) = (refTo - refFrom, hypTo - hypFrom);
            var steps = Math.Max(FewSteps, (long)n * m / CellsPerStep);
            for (var distance = 0; ; distance++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                steps -= 2 * (Math.Min(distance, n) + Math.Min(distance, m) + 1);
                if (steps < 0)
                {
                    rows ??= new BitRows(tokens, Math.Max(reference.Length, hypothesis.Length), cancellationToken);
                    var halves = rows.FindMiddle(reference.AsSpan(refFrom..refTo), hypothesis.AsSpan(hypFrom..hypTo));
                    return (refFrom + halves.Reference, hypFrom + halves.Hypothesis);
                }

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

    /// <summary>Edit distances by rows of the matrix, 64 of them at a time, each bit one.</summary>
    private sealed class BitRows(int tokens, int length, CancellationToken cancellationToken)
    {
        // For each token, which rows of the 64 it is that of.
        private readonly ulong[] matches = new ulong[tokens];

        // By column, how much the last row of those done grows against the column before: 1, 0 or -1.
        private readonly sbyte[] growth = new sbyte[length];
        private readonly int[] first = new int[length + 1];
        private readonly int[] second = new int[length + 1];

        /// <summary>The half of the longer sequence, and how much of the other one an alignment with the fewest edits puts to it: the
        /// least where there are several.</summary>
        public (int Reference, int Hypothesis) FindMiddle(ReadOnlySpan<int> reference, ReadOnlySpan<int> hypothesis)
        {
            // The distance is the same both ways.
            var turned = hypothesis.Length > reference.Length;
            var rows = turned ? hypothesis : reference;
            var columns = turned ? reference : hypothesis;
            var middle = rows.Length / 2;
            Distances(rows[..middle], columns, reverse: false, first);
            Distances(rows[middle..], columns, reverse: true, second);
            var best = 0;
            for (var i = 1; i <= columns.Length; i++)
            {
                best = first[i] + second[columns.Length - i] < first[best] + second[columns.Length - best] ? i : best;
            }

            return turned ? (best, middle) : (middle, best);
        }

        /// <summary>The distances between all rows and the first 0, 1, 2, … columns; of both read backwards, if asked.</summary>
        private void Distances(ReadOnlySpan<int> rows, ReadOnlySpan<int> columns, bool reverse, int[] distances)
        {
            var deltas = growth.AsSpan(0, columns.Length);
            deltas.Fill(1);
            for (var from = 0; from < rows.Length; from += 64)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var count = Math.Min(64, rows.Length - from);
                var block = reverse ? rows[^(from + count)..^from] : rows.Slice(from, count);
                for (var row = 0; row < count; row++)
                {
                    matches[block[reverse ? count - 1 - row : row]] |= 1UL << row;
                }

                AddBlock(count, columns, reverse, deltas);
                foreach (var token in block)
                {
                    matches[token] = 0;
                }
            }

            distances[0] = rows.Length;
            for (var i = 0; i < columns.Length; i++)
            {
                distances[i + 1] = distances[i] + deltas[i];
            }
        }

        /// <summary>Goes on by the rows in <see cref="matches"/>: <paramref name="deltas"/> are of the row above them, then of their last.</summary>
        private void AddBlock(int count, ReadOnlySpan<int> columns, bool reverse, Span<sbyte> deltas)
        {
            // Which rows are one more, and one less, than the row above in the same column.
            var (more, less) = (ulong.MaxValue, 0UL);
            for (var i = 0; i < deltas.Length; i++)
            {
                var equal = matches[columns[reverse ? columns.Length - 1 - i : i]];
                var (grows, falls) = ((ulong)(deltas[i] + 1) >> 1, (ulong)(deltas[i] >> 31) & 1);
                var vertical = equal | less;
                equal |= falls;
                var diagonal = (((equal & more) + more) ^ more) | equal;
                var (right, left) = (less | ~(diagonal | more), more & diagonal);
                deltas[i] = (sbyte)((int)(right >> (count - 1) & 1) - (int)(left >> (count - 1) & 1));
                (right, left) = ((right << 1) | grows, (left << 1) | falls);
                (more, less) = (left | ~(vertical | right), right & vertical);
            }
        }
    }
}
