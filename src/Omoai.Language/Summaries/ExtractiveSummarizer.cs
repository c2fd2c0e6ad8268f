using Omoai.Transcripts;

namespace Omoai.Language.Summaries;

/// <summary>
/// Chooses the segments that say most about the whole: LexRank centrality with a bonus for openings, then maximal marginal
/// relevance against redundancy. The same text always gives the same summary; ties go to the earlier segment.
/// </summary>
/// <remarks>
/// Sources: <see cref="SentenceGraph"/>; Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking", SIGIR 1998.
/// </remarks>
internal static class ExtractiveSummarizer
{
    /// <summary>The weight of salience against novelty.</summary>
    private const double Lambda = 0.7;

    /// <summary>A segment more like a chosen one than this says it again (cosine).</summary>
    private const double SaysItAgain = 0.6;

    /// <summary>A segment with fewer words of content is worth less in proportion.</summary>
    private const int FullContent = 5;

    private const double OpeningOfText = 1.3;
    private const double OpeningOfParagraph = 1.1;
    private const int MaxAbstractSentences = 3;

    /// <summary>Summarises; null where there are no segments.</summary>
    /// <param name="segments">The transcript.</param>
    /// <param name="words">The words of each segment, bare and lower case.</param>
    /// <param name="maxKeyPoints">At least 1. A short text gets fewer: a third of its segments.</param>
    /// <param name="cancellation">Stops it.</param>
    public static Summary? Summarize(
        IReadOnlyList<Segment> segments, IReadOnlyList<string[]> words, int maxKeyPoints, CancellationToken cancellation)
    {
        if (segments.Count == 0)
        {
            return null;
        }

        var language = LanguageWords.Detect(words.SelectMany(list => list));
        // "Good morning" and "this morning" are no topic that two sentences share.
        var terms = words.Select(list => list.Where(word => language.IsContent(word) && !language.Courtesies.Contains(word))
            .Select(language.Stem).ToArray()).ToArray();
        var graph = SentenceGraph.Build(terms, cancellation);
        var salience = Salience(segments, words, terms, graph.Rank(), language);
        var count = Math.Min(maxKeyPoints, Math.Max(1, segments.Count / 3));
        var chosen = Choose(graph, salience, count, cancellation);

        var abstractLength = Math.Clamp(segments.Count / 5, 1, MaxAbstractSentences);
        var summary = string.Join(' ', chosen.Take(abstractLength).Order().Select(id => segments[id].Text));
        var keyPoints = chosen.Order()
            .Select(id => new KeyPoint(segments[id].Text, [segments[id].Id], segments[id].Start, segments[id].End)).ToArray();
        return new Summary(Titles.Choose(segments, words, salience, chosen[0], language), summary, keyPoints);
    }

    private static double[] Salience(
        IReadOnlyList<Segment> segments, IReadOnlyList<string[]> words, string[][] terms, double[] rank, LanguageWords language)
    {
        var salience = new double[segments.Count];
        for (var i = 0; i < salience.Length; i++)
        {
            var content = words[i].Count(word => language.IsContent(word) && !language.Courtesies.Contains(word));
            if (content < 2)
            {
                // "Good morning everyone": however central, nothing that a reader wants to know.
                continue;
            }

            var opening = i == 0 ? OpeningOfText
                : segments[i].Paragraph != segments[i - 1].Paragraph ? OpeningOfParagraph
                : 1;
            salience[i] = rank[i] * opening * Math.Min(1, (double)terms[i].Length / FullContent);
        }

        return salience;
    }

    /// <summary>Ids in the order of their choice, at least one.</summary>
    private static List<int> Choose(SentenceGraph graph, double[] salience, int count, CancellationToken cancellation)
    {
        var highest = salience.Max();
        var candidates = Enumerable.Range(0, salience.Length).Where(i => salience[i] > 0).ToList();
        var chosen = new List<int>();
        var nearest = new double[salience.Length];
        while (chosen.Count < count && candidates.Count > 0)
        {
            cancellation.ThrowIfCancellationRequested();
            var best = candidates.MaxBy(i => (Lambda * salience[i] / highest - (1 - Lambda) * nearest[i], -i));
            chosen.Add(best);
            candidates.Remove(best);
            foreach (var i in candidates)
            {
                nearest[i] = Math.Max(nearest[i], graph.Similarity(i, best));
            }

            candidates.RemoveAll(i => nearest[i] > SaysItAgain);
        }

        return chosen.Count > 0 ? chosen : [0];
    }
}
