using Omoai.Language.Punctuation;
using Omoai.Language.Tests.Support;

namespace Omoai.Language.Tests.Punctuation;

public sealed class TaggingWindowsTests
{
    [Theory]
    [InlineData(0, 256)]
    [InlineData(1, 256)]
    [InlineData(256, 256)]
    [InlineData(257, 256)]
    [InlineData(1000, 256)]
    [InlineData(5000, 1)]
    [InlineData(50, 2)]
    [InlineData(50, 7)]
    public void Decisions_cover_the_text_once_and_no_window_is_too_long(int words, int maxWords)
    {
        var windows = TaggingWindows.Plan(Pauses(words, seed: 1), maxWords);
        Assert.Equal(Enumerable.Range(0, words), windows.SelectMany(window => Enumerable.Range(window.From, window.To - window.From)));
        Assert.All(windows, window =>
        {
            Assert.InRange(window.End - window.Start, 1, maxWords);
            Assert.True(window.Start <= window.From && window.To <= window.End);
        });
    }

    [Fact]
    public void Every_decision_inside_a_long_text_has_context_on_both_sides()
    {
        var windows = TaggingWindows.Plan(Pauses(3000, seed: 2), 256);
        Assert.All(windows.Skip(1), window => Assert.Equal(32, window.From - window.Start));
        Assert.All(windows.SkipLast(1), window => Assert.InRange(window.End - window.To, 32, 64));
    }

    [Fact]
    public void Windows_hand_over_at_the_longest_pause_in_reach()
    {
        var pauses = new float[400];
        pauses[150] = 3;
        pauses[205] = 1;
        pauses[210] = 2;
        Assert.Equal(211, TaggingWindows.Plan(pauses, 256)[0].To);
    }

    [Fact]
    public void A_text_of_5000_windows_gets_the_decisions_of_one_endless_window()
    {
        const int words = 5000 * 17;
        var text = Enumerable.Range(0, words).Select(i => $"w{i * 7919 % 1013}").ToArray();
        var pauses = Pauses(words, seed: 3);
        var narrow = new FakeTagger(LooksThreeWordsAround, maxWords: 24);
        var tags = TaggingWindows.Tag(narrow, text, pauses, _ => { }, CancellationToken.None);

        Assert.True(narrow.CallLengths.Count >= 4700, $"only {narrow.CallLengths.Count} windows");
        Assert.Equal(LooksThreeWordsAround(text, pauses), tags);
    }

    [Fact]
    public void A_tagger_that_looks_farther_than_the_context_shows_the_seams()
    {
        // The test above could not fail if its tagger didn't look around: this one does so beyond the context.
        var text = Enumerable.Range(0, 500).Select(i => $"w{i}").ToArray();
        var pauses = new float[500];
        IReadOnlyList<WordTag> Position(IReadOnlyList<string> words, IReadOnlyList<float> _) =>
            [.. words.Select((_, i) => new WordTag(i > 20 ? "," : "", WordCase.Lower))];
        var tags = TaggingWindows.Tag(new FakeTagger(Position, 24), text, pauses, _ => { }, CancellationToken.None);
        Assert.NotEqual(Position(text, pauses), tags);
    }

    [Fact]
    public void Cancelling_stops_between_windows()
    {
        using var source = new CancellationTokenSource();
        var tagger = new FakeTagger((words, _) => [.. words.Select(_ => FakeTagger.Nothing)], 10);
        Assert.ThrowsAny<OperationCanceledException>(() => TaggingWindows.Tag(
            tagger, [.. Enumerable.Repeat("word", 100)], new float[100], _ => source.Cancel(), source.Token));
        Assert.Single(tagger.CallLengths);
    }

    private static IReadOnlyList<WordTag> LooksThreeWordsAround(IReadOnlyList<string> words, IReadOnlyList<float> pauses) =>
        [.. words.Select((_, i) =>
        {
            var around = Enumerable.Range(i - 3, 7).Where(j => j >= 0 && j < words.Count)
                .Sum(j => words[j].Sum(c => (int)c) * (j - i + 5) + (int)(pauses[j] * 10));
            return new WordTag((around % 3) switch { 0 => "", 1 => ",", _ => "." }, (WordCase)(around % 2));
        })];

    private static float[] Pauses(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle())];
    }
}
