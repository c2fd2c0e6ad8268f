using Omoai.Speech.Ctc;

namespace Omoai.Speech.Tests.Ctc;

/// <summary>Small token lists and matrices.</summary>
internal static class Matrices
{
    /// <summary>Blank, space, a, b, c, d.</summary>
    public static TokenList Letters { get; } = new(["<blank>", "<space>", "a", "b", "c", "d"], 0);

    /// <summary>Frames that are sure of a token each: letters, <c>_</c> for blank, a space for space.</summary>
    public static LogProbabilities Sure(string frames, double probability = 0.9) =>
        Frames(frames.Select(token => Enumerable.Range(0, 6)
            .Select(id => id == "_ abcd".IndexOf(token, StringComparison.Ordinal) ? probability : (1 - probability) / 5).ToArray()));

    /// <summary>Random frames, peaked by <paramref name="contrast"/>.</summary>
    public static LogProbabilities Random(int seed, int frames, int tokens, double contrast)
    {
        var random = new Random(seed);
        return Frames(Enumerable.Range(0, frames).Select(_ =>
        {
            var weights = Enumerable.Range(0, tokens).Select(_ => Math.Exp(contrast * random.NextDouble())).ToArray();
            return weights.Select(weight => weight / weights.Sum()).ToArray();
        }));
    }

    public static LogProbabilities Frames(IEnumerable<double[]> frames)
    {
        var rows = frames.ToList();
        return new LogProbabilities([.. rows.SelectMany(row => row).Select(p => (float)Math.Log(p))], rows[0].Length);
    }

    public static string Spaced(this TokenList tokens, int[] sequence) =>
        string.Concat(sequence.Select(id => id == tokens.Space ? " " : tokens[id]));

    /// <summary>Every sequence of one token for each frame.</summary>
    public static IEnumerable<int[]> Paths(int frames, int tokens)
    {
        var path = new int[frames];
        for (; ; )
        {
            yield return path;
            var at = 0;
            while (at < frames && ++path[at] == tokens)
            {
                path[at++] = 0;
            }

            if (at == frames)
            {
                yield break;
            }
        }
    }

    /// <summary>A path without repetitions and blanks.</summary>
    public static string Collapse(this TokenList tokens, int[] path) => string.Concat(path
        .Where((token, i) => token != tokens.Blank && (i == 0 || token != path[i - 1]))
        .Select(token => token == tokens.Space ? " " : tokens[token]));

    /// <summary>What a path reads as, with one space between words and none around them.</summary>
    public static string Read(this TokenList tokens, int[] path) =>
        string.Join(' ', tokens.Collapse(path).Split(' ', StringSplitOptions.RemoveEmptyEntries));
}
