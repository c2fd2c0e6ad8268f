using System.Text.RegularExpressions;
using Omoai.Transcripts.Quality;

namespace Omoai.Transcripts.Tests;

/// <summary>The metrics beside those of another implementation: a full matrix, and its own way to divide texts.</summary>
public sealed partial class ReferenceQualityTests
{
    private static readonly string[] Words =
    [
        "the", "The", "cat", "it's", "it’s", "O'Neill", "well-known", "3.5", "$5", "A", "a", "NAM", "nam", "100%",
        "đường", "Đường", "việt", "vie\u0323\u0302t", "phố", "pho\u0302\u0301", "tie\u0302\u0301ng", "Tiếng", "soft\u00ADhyphen", "😀",
    ];

    private static readonly string[] Marks = [",", ".", "?", "!", "...", "”", "\"", "'", "»", ")", ";", " —"];
    private static readonly string[] Spaces = [" ", " ", " ", "  ", "\n", "\t"];

    // The only letters that the words above have in two forms.
    private static readonly (string Nfd, string Nfc)[] Compositions =
        [("e\u0323\u0302", "\u1EC7"), ("o\u0302\u0301", "\u1ED1"), ("e\u0302\u0301", "\u1EBF")];

    [Fact]
    public void Error_rates_are_those_of_a_full_matrix()
    {
        var random = new Random(8);
        for (var round = 0; round < 500; round++)
        {
            var reference = Text(random, random.Next(25));
            var hypothesis = random.Next(3) == 0 ? Text(random, random.Next(25)) : Changed(random, reference);
            var quality = TranscriptQualities.Compare(reference, hypothesis);

            AssertSame(AsWritten(reference), AsWritten(hypothesis), quality.Wer);
            AssertSame(Bare(reference), Bare(hypothesis), quality.UnpunctuatedWer);
            AssertSame(Tokens(reference), Tokens(hypothesis), quality.FormattedWer);
            AssertSame(Characters(reference), Characters(hypothesis), quality.Cer);
        }
    }

    [Fact]
    public void PER_is_that_of_a_full_matrix_where_only_one_alignment_has_the_fewest_edits()
    {
        var random = new Random(9);
        for (var round = 0; round < 400; round++)
        {
            // Words that are all different, with three that stay between any two that don't.
            var (reference, hypothesis) = (new List<string>(), new List<string>());
            for (var i = random.Next(3); i < 30; i++)
            {
                var word = $"w{i}";
                switch (i % 4 == 0 ? random.Next(4) : 0)
                {
                    case 0:
                        reference.Add(word);
                        hypothesis.Add(word);
                        break;
                    case 1:
                        reference.Add(word);
                        hypothesis.Add("x" + word);
                        break;
                    case 2:
                        reference.Add(word);
                        break;
                    default:
                        hypothesis.Add(word);
                        break;
                }

                Mark(random, reference);
                Mark(random, hypothesis);
            }

            var (one, other) = (string.Join(' ', reference), string.Join(' ', hypothesis));
            var (errors, length) = MarkErrors(Tokens(one), Tokens(other));

            var rate = PunctuationErrorRate.Compute(one, other);
            Assert.Equal((errors, length), (rate.Errors, rate.ReferenceLength));
        }
    }

    private static void Mark(Random random, List<string> text)
    {
        for (var i = random.Next(3) - 1; i > 0 || random.Next(6) == 0; i--)
        {
            text.Add(Marks[random.Next(Marks.Length)].Trim());
        }
    }

    private static string Text(Random random, int words) => string.Concat(Enumerable.Range(0, words).Select(_ =>
        (random.Next(6) == 0 ? "(“"[..random.Next(1, 3)] : "") + Words[random.Next(Words.Length)]
        + (random.Next(3) == 0 ? Marks[random.Next(Marks.Length)] : "") + Spaces[random.Next(Spaces.Length)]));

    /// <summary>The same with some of what stands between white space dropped, doubled or replaced.</summary>
    private static string Changed(Random random, string text) => string.Join(' ', text.Split(' ').SelectMany(word => random.Next(12) switch
    {
        0 => Array.Empty<string>(),
        1 => [word, word],
        2 => [Words[random.Next(Words.Length)]],
        3 => [word + "."],
        _ => [word],
    }));

    private static void AssertSame(List<string> reference, List<string> hypothesis, ErrorRate rate)
    {
        Assert.Equal(Matrix(reference, hypothesis)[reference.Count, hypothesis.Count], rate.Errors);
        Assert.Equal(reference.Count, rate.ReferenceLength);
        Assert.Equal(hypothesis.Count - reference.Count, rate.Insertions - rate.Deletions);
    }

    private static string Composed(string text) =>
        Compositions.Aggregate(text, (composed, pair) => composed.Replace(pair.Nfd, pair.Nfc, StringComparison.Ordinal));

    private static List<string> AsWritten(string text) => [.. WhiteSpace().Split(Composed(text)).Where(word => word.Length > 0)];

    private static List<string> Characters(string text)
    {
        var line = WhiteSpace().Replace(Composed(text), " ").Trim();
        var result = new List<string>();
        for (var i = 0; i < line.Length; i += result[^1].Length)
        {
            result.Add(line.Substring(i, char.IsHighSurrogate(line[i]) ? 2 : 1));
        }

        return result;
    }

    private static List<string> Tokens(string text) =>
        [.. Token().Matches(Composed(text).Replace("\u00AD", "", StringComparison.Ordinal)).Select(match => match.Length > 1 ? match.Value.Replace('’', '\'') : match.Value)];

    private static List<string> Bare(string text) =>
        [.. Tokens(text).Where(token => !IsMark(token)).Select(token => token.ToLowerInvariant())];

    private static bool IsMark(string token) => token.Length == 1 && char.IsPunctuation(token[0]);

    private static int[,] Matrix(List<string> reference, List<string> hypothesis)
    {
        var cost = new int[reference.Count + 1, hypothesis.Count + 1];
        for (var i = 0; i <= reference.Count; i++)
        {
            for (var j = 0; j <= hypothesis.Count; j++)
            {
                cost[i, j] = i == 0 ? j : j == 0 ? i : Math.Min(
                    cost[i - 1, j - 1] + (reference[i - 1] == hypothesis[j - 1] ? 0 : 1), Math.Min(cost[i - 1, j], cost[i, j - 1]) + 1);
            }
        }

        return cost;
    }

    /// <summary>The edits of the marks in every gap between words that are aligned, and the reference's marks.</summary>
    private static (int Errors, int Length) MarkErrors(List<string> reference, List<string> hypothesis)
    {
        var expected = Gaps(reference);
        var actual = Gaps(hypothesis);
        var cost = Matrix(Only(reference), Only(hypothesis));
        var (errors, length) = (0, 0);
        var (i, j) = (expected.Count - 1, actual.Count - 1);
        List<string> expectedMarks = [.. expected[i]];
        List<string> actualMarks = [.. actual[j]];
        while (i > 0 || j > 0)
        {
            if (i > 0 && j > 0 && cost[i, j] == cost[i - 1, j - 1] + (Only(reference)[i - 1] == Only(hypothesis)[j - 1] ? 0 : 1))
            {
                Close();
                expectedMarks = [.. expected[--i]];
                actualMarks = [.. actual[--j]];
            }
            else if (i > 0 && cost[i, j] == cost[i - 1, j] + 1)
            {
                expectedMarks.InsertRange(0, expected[--i]);
            }
            else
            {
                actualMarks.InsertRange(0, actual[--j]);
            }
        }

        Close();
        return (errors, length);

        void Close()
        {
            errors += Matrix(expectedMarks, actualMarks)[expectedMarks.Count, actualMarks.Count];
            length += expectedMarks.Count;
        }

        static List<string> Only(List<string> tokens) => [.. tokens.Where(token => !IsMark(token))];

        static List<List<string>> Gaps(List<string> tokens)
        {
            List<List<string>> gaps = [[]];
            foreach (var token in tokens)
            {
                if (IsMark(token))
                {
                    gaps[^1].Add(token);
                }
                else
                {
                    gaps.Add([]);
                }
            }

            return gaps;
        }
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();

    /// <summary>A mark, or a word: with an apostrophe inside it, if a letter or digit follows.</summary>
    [GeneratedRegex(@"[^\s\p{P}]+(?:['’](?=[\p{L}\p{N}])[^\s\p{P}]+)*|\p{P}")]
    private static partial Regex Token();
}
