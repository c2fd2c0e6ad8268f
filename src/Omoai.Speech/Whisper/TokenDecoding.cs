using System.IO.Compression;
using System.Numerics.Tensors;

namespace Omoai.Speech.Whisper;

/// <summary>What a decoder wrote for one stretch, and how sure it was.</summary>
/// <param name="Tokens">After the prompt, without the end; at most <see cref="TokenDecoding.MaxTokens"/>.</param>
/// <param name="LogProbabilities">The natural logarithm of each token's probability among those that might follow.</param>
/// <param name="AverageLogProbability">Their mean, the end's among them.</param>
/// <param name="CompressionRatio">Bytes of the text over bytes of it compressed: high where it repeats itself.</param>
/// <param name="Attention">For each token, and for the end where it came, the weights that it was written with, [heads, frames]; empty
/// without.</param>
internal sealed record Hypothesis(
    IReadOnlyList<int> Tokens, IReadOnlyList<double> LogProbabilities, double AverageLogProbability, double CompressionRatio,
    IReadOnlyList<float[]> Attention)
{
    private const double MaxCompressionRatio = 2.4;
    private const double MinAverageLogProbability = -1;
    private const double MinNoSpeech = 0.6;

    /// <summary>It neither repeats itself nor is guesswork.</summary>
    public bool IsSound => CompressionRatio <= MaxCompressionRatio && !IsUnlikely;

    private bool IsUnlikely => AverageLogProbability < MinAverageLogProbability;

    /// <summary>Whether nobody spoke, as the model thinks.</summary>
    /// <param name="noSpeech">The probability that it gave to that.</param>
    public bool IsSilence(double noSpeech) => noSpeech > MinNoSpeech && IsUnlikely;
}

/// <summary>The steps of the decoder that may still be spent on trying a stretch again.</summary>
internal sealed class StepBudget
{
    // Enough for all temperatures where the text has a usual length, and for four where each try goes on to its last token.
    // Without an end to it a short recording that is never sound would take more time than its job has, each time again.
    public int Left { get; set; } = 4 * TokenDecoding.MaxTokens;
}

/// <summary>Decodes steps of a <see cref="WhisperDecoder"/> to tokens by <see cref="LogitRules"/>.</summary>
internal sealed class TokenDecoding(WhisperDecoder decoder, WhisperTokens tokens, LogitRules rules)
{
    /// <summary>The most tokens of one stretch: half the decoder's context, as the other half is for previous text.</summary>
    public const int MaxTokens = 448 / 2;

    /// <summary>The samples that are drawn at each temperature above 0.</summary>
    public const int BestOf = 5;

    /// <summary>What is tried in turn: greedy decoding, then samples of ever flatter distributions.</summary>
    public static IReadOnlyList<double> Temperatures { get; } = [0, 0.2, 0.4, 0.6, 0.8, 1];

    /// <summary>Decodes all rows greedily.</summary>
    /// <exception cref="InvalidDataException">The decoder's scores aren't numbers.</exception>
    public IReadOnlyList<Hypothesis> Greedy(WhisperDecoder.Run run, WhisperDecoder.Step start, CancellationToken cancellationToken) =>
        Decode(run, start, (_, scores, _) => TensorPrimitives.IndexOfMax(scores), null, cancellationToken);

    /// <summary>Whether an attempt is worth another, and another may be had.</summary>
    public static bool IsTriedAgain(Hypothesis attempt, double noSpeech, StepBudget budget) =>
        !attempt.IsSound && !attempt.IsSilence(noSpeech) && budget.Left >= MaxTokens;

    /// <summary>Decodes one stretch again, as often as it takes to be sound and the budget allows.</summary>
    /// <param name="run">The stretch <see cref="BestOf"/> times: a step of many rows takes little longer than one of one.</param>
    /// <param name="start">The step after its prompt.</param>
    /// <param name="greedy">The attempt that wasn't sound.</param>
    /// <param name="noSpeech">The probability that nobody speaks.</param>
    /// <param name="budget">Where the steps are taken from.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The first sound attempt, or the last.</returns>
    /// <exception cref="InvalidDataException">The decoder's scores aren't numbers.</exception>
    public Hypothesis FallBack(
        WhisperDecoder.Run run, WhisperDecoder.Step start, Hypothesis greedy, double noSpeech, StepBudget budget,
        CancellationToken cancellationToken)
    {
        var attempt = greedy;
        for (var i = 1; i < Temperatures.Count && IsTriedAgain(attempt, noSpeech, budget); i++)
        {
            // The same audio gives the same words, whatever came before it.
            var temperature = Temperatures[i];
            Random[] randoms = [.. Enumerable.Range(i * BestOf, BestOf).Select(seed => new Random(seed))];
            attempt = Decode(run, start, (row, scores, all) => Draw(scores, all, temperature, randoms[row]), budget, cancellationToken)
                .MaxBy(hypothesis => hypothesis.LogProbabilities.Sum() / Math.Max(hypothesis.Tokens.Count, 1))!;
        }

        return attempt;
    }

    /// <summary>One of the tokens, with a probability in proportion to exp(score / temperature).</summary>
    /// <param name="scores">The scores, negative infinity for never.</param>
    /// <param name="all">ln(Σ exp(score)).</param>
    /// <param name="temperature">Above 0.</param>
    /// <param name="random">Where chance comes from.</param>
    internal static int Draw(ReadOnlySpan<float> scores, double all, double temperature, Random random)
    {
        var total = 0.0;
        foreach (var score in scores)
        {
            total += Math.Exp((score - all) / temperature);
        }

        var (left, last) = (random.NextDouble() * total, 0);
        for (var i = 0; i < scores.Length; i++)
        {
            var weight = Math.Exp((scores[i] - all) / temperature);
            if (weight > 0)
            {
                last = i;
                left -= weight;
                if (left < 0)
                {
                    break;
                }
            }
        }

        return last;
    }

    /// <summary>The ratio that tells a loop; 0 for no text.</summary>
    internal static double CompressionRatioOf(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty)
        {
            return 0;
        }

        using var compressed = new MemoryStream();
        using (var zlib = new ZLibStream(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            zlib.Write(text);
        }

        return (double)text.Length / compressed.Length;
    }

    private delegate int Choice(int row, ReadOnlySpan<float> scores, double all);

    private List<Hypothesis> Decode(
        WhisperDecoder.Run run, WhisperDecoder.Step start, Choice choose, StepBudget? budget, CancellationToken cancellationToken)
    {
        var rows = Enumerable.Range(0, start.Logits.Count).Select(_ => new Row()).ToList();
        var step = start;
        try
        {
            for (var length = 0; ; length++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                for (var i = 0; i < rows.Count; i++)
                {
                    if (!rows[i].Ended)
                    {
                        Extend(rows, i, step.Logits[i], decoder.HeadCount > 0 ? step.Attention[i] : null, choose);
                    }
                }

                if (length == MaxTokens - 1 || rows.All(row => row.Ended))
                {
                    return [.. rows.Select(row => row.ToHypothesis(tokens))];
                }

                if (budget is not null)
                {
                    budget.Left--;
                }

                var next = run.Next(step, [.. rows.Select(row => row.Ended ? tokens.EndOfText : row.Tokens[^1])]);
                if (step != start)
                {
                    step.Dispose();
                }

                step = next;
            }
        }
        finally
        {
            if (step != start)
            {
                step.Dispose();
            }
        }
    }

    private void Extend(List<Row> rows, int index, float[] logits, float[]? attention, Choice choose)
    {
        var row = rows[index];

        // A step may be continued more than once.
        var scores = logits.AsSpan().ToArray();
        rules.Apply(scores, row.Tokens);
        var all = LogitRules.LogSumExp(scores);
        if (!double.IsFinite(all))
        {
            throw new InvalidDataException("its decoder's scores aren't numbers");
        }

        var token = choose(index, scores, all);
        row.LogProbabilities.Add(scores[token] - all);
        if (attention is not null)
        {
            row.Attention.Add(attention);
        }

        if (token == tokens.EndOfText)
        {
            row.Ended = true;
        }
        else
        {
            row.Tokens.Add(token);
        }
    }

    private sealed class Row
    {
        public List<int> Tokens { get; } = [];

        public List<double> LogProbabilities { get; } = [];

        public List<float[]> Attention { get; } = [];

        public bool Ended { get; set; }

        public Hypothesis ToHypothesis(WhisperTokens tokens)
        {
            var text = new List<byte>();
            foreach (var token in Tokens)
            {
                text.AddRange(tokens.TextOf(token));
            }

            return new Hypothesis(
                Tokens, LogProbabilities, LogProbabilities.Sum() / (Tokens.Count + 1), CompressionRatioOf([.. text]), Attention);
        }
    }
}
