using System.Diagnostics;
using Omoai.Transcripts.Alignment;

namespace Omoai.Generation;

/// <summary>Two texts of the same words are aligned: alike, less alike, and not at all; and how time grows with their length.</summary>
internal sealed class Alignment(Bench bench)
{
    private const int Longest = 20_000;

    /// <summary>A text that is held against another.</summary>
    private sealed record Case(string Name, string Figure, Func<Random, string[], string[]> Make);

    public Task RunAsync()
    {
        var random = new Random(1);
        var words = new Vocabulary(random, 3000);
        var others = new Vocabulary(random, 3000, ending: "x");
        Case[] cases =
        [
            new("1 % edits", "1_percent", (of, text) => Edit(of, text, words, 0.01)),
            new("10 % edits", "10_percent", (of, text) => Edit(of, text, words, 0.1)),
            new("50 % edits", "50_percent", (of, text) => Edit(of, text, words, 0.5)),
            new("another text", "another_text", (of, text) => Text(of, words, text.Length)),
            new("no word in common", "no_word_in_common", (of, text) => Text(of, others, text.Length)),
        ];
        int[] lengths = [Longest / 4, Longest / 2, Longest];
        var rounds = bench.Quick ? 5 : 21;
        Console.WriteLine($"alignment: words against as many, median of {rounds} rounds in turn, one thread; milliseconds at each length");
        Console.WriteLine($"  {"",-20}{string.Concat(lengths.Select(length => $"{length,10}"))}{"edits",10}{"MB",8}");

        var pairs = cases.Select(each => lengths.Select(length =>
        {
            var text = Text(random, words, length);
            return (Reference: text, Hypothesis: each.Make(random, text));
        }).ToArray()).ToArray();
        var times = cases.Select(_ => lengths.Select(_ => new List<double>()).ToArray()).ToArray();
        var edits = new int[cases.Length];
        var allocated = new long[cases.Length];
        // The first round is for what happens once.
        for (var round = 0; round <= rounds; round++)
        {
            for (var i = 0; i < cases.Length; i++)
            {
                for (var j = 0; j < lengths.Length; j++)
                {
                    var (reference, hypothesis) = pairs[i][j];
                    var before = GC.GetAllocatedBytesForCurrentThread();
                    var began = Stopwatch.GetTimestamp();
                    var alignment = SequenceAlignment.Align(reference, hypothesis, StringComparer.Ordinal);
                    var time = Stopwatch.GetElapsedTime(began).TotalSeconds;
                    allocated[i] = GC.GetAllocatedBytesForCurrentThread() - before;
                    edits[i] = alignment.Count(edit => edit.Kind != EditKind.Equal);
                    if (round > 0)
                    {
                        times[i][j].Add(time);
                    }
                }
            }
        }

        for (var i = 0; i < cases.Length; i++)
        {
            var medians = times[i].Select(Bench.Median).ToArray();
            Console.WriteLine(
                $"  {cases[i].Name,-20}{string.Concat(medians.Select(time => $"{1000 * time,10:F2}"))}{edits[i],10}{allocated[i] / 1e6,8:F1}");
            bench.Figure($"alignment_{cases[i].Figure}_seconds", medians[^1]);
        }

        double Growth(int i) => Bench.Median(times[i][^1]) / Bench.Median(times[i][0]);
        Console.WriteLine($"  four times as long takes {Growth(0):F1} times as long at 1 % edits, {Growth(1):F1} at 10 %");
        bench.Figure("alignment_worst_seconds", times.Max(each => Bench.Median(each[^1])));
        bench.Figure("alignment_worst_allocated_mb", allocated.Max() / 1e6);
        bench.Figure("alignment_1_percent_time_at_20000_over_5000_words", Growth(0));
        return Task.CompletedTask;
    }

    private static string[] Text(Random random, Vocabulary words, int length) =>
        [.. Enumerable.Range(0, length).Select(_ => words.Next(random))];

    /// <summary>A share of the words is replaced, dropped, or has another one after it, each as often.</summary>
    private static string[] Edit(Random random, string[] text, Vocabulary words, double share) =>
    [
        .. text.SelectMany(word => random.NextDouble() >= share ? new[] { word } : random.Next(3) switch
        {
            0 => [words.Next(random)],
            1 => Array.Empty<string>(),
            _ => [word, words.Next(random)],
        }),
    ];
}
