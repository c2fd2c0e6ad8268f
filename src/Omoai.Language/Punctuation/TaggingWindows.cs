namespace Omoai.Language.Punctuation;

/// <summary>One call of a tagger: it sees the words [Start, End) and decides about [From, To) of them.</summary>
internal readonly record struct TaggingWindow(int Start, int End, int From, int To);

/// <summary>
/// Covers a text of any length with calls of bounded length. Adjacent windows overlap by a quarter of their length and each
/// decision is taken where the tagger has at least an eighth of a window of context on either side; where one window hands
/// over to the next there is a pause, if there is one in reach.
/// </summary>
internal static class TaggingWindows
{
    /// <summary>The windows for a text, in order; their decided stretches touch and cover it once.</summary>
    /// <param name="pauses">Seconds after each word.</param>
    /// <param name="maxWords">The most words in a window, at least 1.</param>
    public static IReadOnlyList<TaggingWindow> Plan(IReadOnlyList<float> pauses, int maxWords)
    {
        var context = maxWords / 8;
        var windows = new List<TaggingWindow>();
        var from = 0;
        while (from < pauses.Count)
        {
            var start = Math.Max(0, from - context);
            var end = Math.Min(pauses.Count, start + maxWords);
            var to = end == pauses.Count ? end : HandOver(pauses, Math.Max(from + 1, end - 2 * context), end - context);
            windows.Add(new TaggingWindow(start, end, from, to));
            from = to;
        }

        return windows;
    }

    /// <summary>Tags for all words, however many.</summary>
    /// <param name="tagger">Called for one window after another.</param>
    /// <param name="words">Words as recognised, lower case.</param>
    /// <param name="pauses">Seconds after each word.</param>
    /// <param name="decided">Told the number of words decided so far, after each call.</param>
    /// <param name="cancellation">Looked at before each call.</param>
    public static WordTag[] Tag(
        IWordTagger tagger, IReadOnlyList<string> words, IReadOnlyList<float> pauses, Action<int> decided,
        CancellationToken cancellation)
    {
        var tags = new WordTag[words.Count];
        foreach (var window in Plan(pauses, tagger.MaxWords))
        {
            cancellation.ThrowIfCancellationRequested();
            var length = window.End - window.Start;
            var seen = tagger.Tag(
                [.. words.Skip(window.Start).Take(length)], [.. pauses.Skip(window.Start).Take(length)]);
            for (var i = window.From; i < window.To; i++)
            {
                tags[i] = seen[i - window.Start];
            }

            decided(window.To);
        }

        return tags;
    }

    /// <summary>The end in [lowest, highest] that follows the longest pause; the last of equals.</summary>
    public static int HandOver(IReadOnlyList<float> pauses, int lowest, int highest)
    {
        var best = Math.Max(lowest, highest);
        for (var end = best - 1; end >= lowest; end--)
        {
            if (pauses[end - 1] > pauses[best - 1])
            {
                best = end;
            }
        }

        return best;
    }
}
