using Omoai.Transcripts;

namespace Omoai.Language.Summaries;

/// <summary>Finds a title in the text: a phrase of nouns that the salient segments use, such as people open with.</summary>
internal static class Titles
{
    private const int MaxWords = 8;
    private const int MaxRun = 4;

    /// <summary>A shorter text has no phrase that stands out.</summary>
    private const int MinSegments = 3;

    /// <summary>People say first what it is about.</summary>
    private const int OpeningSegments = 3;

    private const double OpeningBonus = 2;

    /// <summary>The best phrase, or the leading words of the top segment where there is none.</summary>
    /// <param name="segments">The transcript.</param>
    /// <param name="words">The words of each segment, bare and lower case.</param>
    /// <param name="salience">How salient each segment is, 0 or more.</param>
    /// <param name="top">The segment chosen first.</param>
    /// <param name="language">The words of the language.</param>
    public static string Choose(
        IReadOnlyList<Segment> segments, IReadOnlyList<string[]> words, double[] salience, int top, LanguageWords language)
    {
        var weights = new Dictionary<string, double>(StringComparer.Ordinal);
        for (var i = 0; i < segments.Count; i++)
        {
            foreach (var term in words[i].Where(word => IsNounLike(word, language)).Select(language.Stem).Distinct())
            {
                weights[term] = weights.GetValueOrDefault(term) + 1 + salience[i];
            }
        }

        var best = (Score: 0.0, Segment: top, Words: 0..0);
        for (var i = 0; i < segments.Count; i++)
        {
            if (salience[i] == 0)
            {
                continue;
            }

            foreach (var phrase in Phrases(segments[i], words[i], language))
            {
                // The root keeps a long phrase from winning by length alone.
                var content = words[i][phrase].Where(word => IsNounLike(word, language)).Select(language.Stem).Distinct().ToArray();
                var score = content.Sum(term => weights[term]) / Math.Sqrt(content.Length)
                    * (content.Length == 1 ? 0.5 : 1) * (i < OpeningSegments ? OpeningBonus : 1);
                if (score > best.Score)
                {
                    best = (score, i, phrase);
                }
            }
        }

        return best.Score > 0 && segments.Count >= MinSegments
            ? Write(segments[best.Segment], best.Words)
            : Write(segments[top], LeadingClause(segments[top], words[top], language));
    }

    /// <summary>"tuesday standup", and "tuesday standup for the transcription team".</summary>
    private static IEnumerable<Range> Phrases(Segment segment, string[] words, LanguageWords language)
    {
        for (var i = 1; i < words.Length; i++)
        {
            if (!language.Openers.Contains(words[i - 1]) || HasMark(segment, i - 1))
            {
                continue;
            }

            var end = EndOfRun(i);
            if (end == i)
            {
                continue;
            }

            yield return i..end;
            if (end + 1 < words.Length && !HasMark(segment, end - 1) && words[end] is "of" or "for" or "with" or "on" or "about")
            {
                var second = end + 1 < words.Length && language.Openers.Contains(words[end + 1]) ? end + 2 : end + 1;
                var secondEnd = EndOfRun(second);
                if (secondEnd > second && secondEnd - i <= MaxWords)
                {
                    yield return i..secondEnd;
                }
            }
        }

        int EndOfRun(int from)
        {
            var end = from;
            while (end < words.Length && end - from < MaxRun && IsNounLike(words[end], language)
                && (end == from || !HasMark(segment, end - 1)))
            {
                end++;
            }

            return end;
        }
    }

    private static bool IsNounLike(string word, LanguageWords language) =>
        language.IsContent(word) && !language.Courtesies.Contains(word) && !language.Verbs.Contains(word)
        && !word.EndsWith("ly", StringComparison.Ordinal)
        && !(word.Length > 4 && word.EndsWith("ed", StringComparison.Ordinal));

    private static Range LeadingClause(Segment segment, string[] words, LanguageWords language)
    {
        var end = Enumerable.Range(0, Math.Min(MaxWords, segment.Words.Count)).FirstOrDefault(i => HasMark(segment, i), MaxWords - 1);
        // A mark after one or two words closes an opener, not a clause.
        end = end < 2 ? MaxWords - 1 : end;
        end = Math.Min(end + 1, words.Length);
        if (end < words.Length && !HasMark(segment, end - 1))
        {
            // Cut in the middle: at least not after "before the".
            while (end > 1 && language.Stops.Contains(words[end - 1]))
            {
                end--;
            }
        }

        return 0..end;
    }

    private static bool HasMark(Segment segment, int word) => char.IsPunctuation(segment.Words[word].Text[^1]);

    private static string Write(Segment segment, Range range)
    {
        var title = string.Join(' ', segment.Words.Take(range).Select(word => word.Text)).TrimEnd('.', ',', '?', '!', '…', ':', ';');
        return title.Length == 0 ? segment.Text : char.ToUpperInvariant(title[0]) + title[1..];
    }
}
