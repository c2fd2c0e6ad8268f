using Omoai.Transcripts.Alignment;

namespace Omoai.Transcripts.Tests;

public sealed class SequenceAlignmentTests
{
    [Theory]
    [InlineData("", "", "")]
    [InlineData("abc", "abc", "EEE")]
    [InlineData("", "ab", "II")]
    [InlineData("ab", "", "DD")]
    [InlineData("abc", "axc", "ESE")]
    [InlineData("abcd", "acd", "EDEE")]
    [InlineData("acd", "abcd", "EIEE")]
    [InlineData("aac", "ac", "EDE")] // of two equal tokens the first one is kept
    [InlineData("ab", "cd", "SS")]
    public void The_fewest_edits_are_found(string reference, string hypothesis, string expected)
    {
        var edits = Align(reference, hypothesis);

        Assert.Equal(expected, string.Concat(edits.Select(edit => edit.Kind.ToString()[0])));
    }

    [Fact]
    public void Kitten_becomes_sitting_by_two_substitutions_and_an_insertion()
    {
        var edits = Align("kitten", "sitting");

        Assert.Equal(
            [
                new(EditKind.Substitute, 0, 0), new(EditKind.Equal, 1, 1), new(EditKind.Equal, 2, 2),
                new(EditKind.Equal, 3, 3), new(EditKind.Substitute, 4, 4), new(EditKind.Equal, 5, 5),
                new(EditKind.Insert, 6, 6),
            ],
            edits);
    }

    [Fact]
    public void Tokens_are_compared_with_the_comparer_given()
    {
        var edits = SequenceAlignment.Align(["Good", "day"], ["good", "night"], StringComparer.OrdinalIgnoreCase);

        Assert.Equal([EditKind.Equal, EditKind.Substitute], edits.Select(edit => edit.Kind));
    }

    [Fact]
    public void Random_sequences_cost_what_the_full_matrix_says_and_every_token_is_covered()
    {
        var random = new Random(20260504);
        for (var round = 0; round < 3000; round++)
        {
            var alphabet = random.Next(1, 6);
            var reference = RandomTokens(random, random.Next(0, 25), alphabet);
            var hypothesis = random.Next(2) == 0
                ? RandomTokens(random, random.Next(0, 25), alphabet)
                : Mutate(random, reference, alphabet);

            var edits = SequenceAlignment.Align(reference, hypothesis);

            Assert.Equal(FullMatrixDistance(reference, hypothesis), edits.Count(edit => edit.Kind != EditKind.Equal));
            AssertCovers(reference, hypothesis, edits);
            Assert.Equal(edits, SequenceAlignment.Align(reference, hypothesis));
        }
    }

    [Theory]
    [InlineData(40, 0)] // hardly anything in common: rows of bits
    [InlineData(3, 0)] // few tokens, each often
    [InlineData(40, 60)] // much in common: paths, then rows of bits in some of the halves
    public void Long_sequences_cost_what_the_full_matrix_says(int alphabet, int mutations)
    {
        var random = new Random(20260505);
        foreach (var length in new[] { 63, 64, 65, 127, 129, 256, 400, 777 })
        {
            var reference = RandomTokens(random, length, alphabet);
            var hypothesis = mutations == 0 ? RandomTokens(random, random.Next(length / 2, 2 * length), alphabet) : reference;
            for (var i = 0; i < mutations; i++)
            {
                hypothesis = Mutate(random, hypothesis, alphabet);
            }

            foreach (var (one, other) in new[] { (reference, hypothesis), (hypothesis, reference) })
            {
                var edits = SequenceAlignment.Align(one, other);

                Assert.Equal(FullMatrixDistance(one, other), edits.Count(edit => edit.Kind != EditKind.Equal));
                AssertCovers(one, other, edits);
            }
        }
    }

    [Theory]
    [InlineData(1, 9000)]
    [InlineData(9000, 1)]
    [InlineData(2, 9001)]
    public void A_token_or_two_among_many_others_are_found(int few, int many)
    {
        var reference = Enumerable.Range(0, few).Select(i => few < many ? 4000 + (70 * i) : i).ToList();
        var hypothesis = Enumerable.Range(0, many).Select(i => few < many ? i : 0).ToList();

        var edits = SequenceAlignment.Align(reference, hypothesis);

        Assert.Equal(Math.Min(few, many), edits.Count(edit => edit.Kind == EditKind.Equal));
        AssertCovers(reference, hypothesis, edits);
    }

    [Fact]
    public void Long_similar_sequences_are_aligned_exactly()
    {
        var random = new Random(7);
        var reference = RandomTokens(random, 20_000, 3000);
        var hypothesis = reference.ToList();
        for (var i = 0; i < 500; i++)
        {
            // Tokens that the reference lacks, far apart: each is one substitution, and nothing is cheaper.
            hypothesis[i * 40] = -1 - i;
        }

        var edits = SequenceAlignment.Align(reference, hypothesis);

        Assert.Equal(500, edits.Count(edit => edit.Kind == EditKind.Substitute));
        Assert.Equal(20_000, edits.Count);
    }

    [Fact]
    public void Long_sequences_without_a_common_token_are_aligned_in_linear_memory()
    {
        var (reference, hypothesis) = (Enumerable.Range(0, 20_000).ToList(), Enumerable.Range(20_000, 20_000).ToList());
        var before = GC.GetAllocatedBytesForCurrentThread();

        var edits = SequenceAlignment.Align(reference, hypothesis);

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(20_000, edits.Count(edit => edit.Kind != EditKind.Equal));
        AssertCovers(reference, hypothesis, edits);
        // A matrix of 20,000 x 20,000 bytes would be 400 MB.
        Assert.InRange(allocated, 0, 10_000_000);
    }

    [Fact]
    public void A_cancelled_alignment_ends()
    {
        var cancelled = new CancellationToken(canceled: true);

        Assert.Throws<OperationCanceledException>(
            () => SequenceAlignment.Align([1, 2], [3, 4], cancellationToken: cancelled));
    }

    private static IReadOnlyList<Edit> Align(string reference, string hypothesis) =>
        SequenceAlignment.Align(reference.ToCharArray(), hypothesis.ToCharArray());

    private static void AssertCovers(List<int> reference, List<int> hypothesis, IReadOnlyList<Edit> edits)
    {
        var (i, j) = (0, 0);
        foreach (var edit in edits)
        {
            Assert.Equal((i, j), (edit.Reference, edit.Hypothesis));
            if (edit.Kind is EditKind.Equal or EditKind.Substitute)
            {
                Assert.Equal(edit.Kind == EditKind.Equal, reference[i] == hypothesis[j]);
            }

            i += edit.Kind == EditKind.Insert ? 0 : 1;
            j += edit.Kind == EditKind.Delete ? 0 : 1;
        }

        Assert.Equal((reference.Count, hypothesis.Count), (i, j));
    }

    private static List<int> RandomTokens(Random random, int count, int alphabet) =>
        [.. Enumerable.Range(0, count).Select(_ => random.Next(alphabet))];

    private static List<int> Mutate(Random random, List<int> tokens, int alphabet)
    {
        var result = tokens.ToList();
        for (var i = random.Next(5); i > 0; i--)
        {
            var at = random.Next(result.Count + 1);
            if (at == result.Count || random.Next(3) == 0)
            {
                result.Insert(at, random.Next(alphabet));
            }
            else if (random.Next(2) == 0)
            {
                result.RemoveAt(at);
            }
            else
            {
                result[at] = random.Next(alphabet);
            }
        }

        return result;
    }

    private static int FullMatrixDistance(List<int> reference, List<int> hypothesis)
    {
        var cost = new int[reference.Count + 1, hypothesis.Count + 1];
        for (var i = 0; i <= reference.Count; i++)
        {
            for (var j = 0; j <= hypothesis.Count; j++)
            {
                cost[i, j] = (i, j) switch
                {
                    (0, _) => j,
                    (_, 0) => i,
                    _ => Math.Min(
                        cost[i - 1, j - 1] + (reference[i - 1] == hypothesis[j - 1] ? 0 : 1),
                        Math.Min(cost[i - 1, j], cost[i, j - 1]) + 1),
                };
            }
        }

        return cost[reference.Count, hypothesis.Count];
    }
}
