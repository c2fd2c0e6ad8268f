using Omoai.Transcripts;

namespace Omoai.Language.Paragraphs;

/// <summary>Groups words into segments (a sentence, or a part of one that is too long) and segments into paragraphs.</summary>
internal static class SegmentBuilder
{
    /// <summary>A segment with more words is broken.</summary>
    public const int MaxWords = 60;

    /// <summary>A segment that lasts longer is broken, seconds.</summary>
    public const double MaxSeconds = 30;

    /// <summary>A paragraph with more sentences is broken.</summary>
    public const int MaxSentences = 8;

    /// <summary>A comma is as good a place to break a sentence as this much silence, seconds.</summary>
    private const double CommaSeconds = 0.5;

    /// <summary>Builds the segments of a text.</summary>
    /// <param name="words">All words, as written.</param>
    /// <param name="pauses">Seconds after each word.</param>
    /// <param name="endsSentence">For each word, whether a sentence ends with it; true for the last.</param>
    /// <param name="paragraphGapSeconds">A silence at least this long after a sentence starts a paragraph.</param>
    /// <param name="endsParagraph">For each word that ends a sentence, whether a paragraph ends with it, too, whatever the silence.</param>
    public static IReadOnlyList<Segment> Build(
        Word[] words, float[] pauses, Func<int, bool> endsSentence, double paragraphGapSeconds, Func<int, bool>? endsParagraph = null)
    {
        var sentences = new List<Range>();
        for (int i = 0, first = 0; i < words.Length; i++)
        {
            if (endsSentence(i) || i == words.Length - 1)
            {
                sentences.Add(first..(i + 1));
                first = i + 1;
            }
        }

        var segments = new List<Segment>();
        var paragraph = 0;
        foreach (var run in Paragraphs(
            sentences, pauses, last => SilenceAfter(words, last) >= paragraphGapSeconds || endsParagraph?.Invoke(last) == true))
        {
            foreach (var sentence in sentences[run])
            {
                foreach (var part in Break(words, pauses, sentence.Start.Value, sentence.End.Value))
                {
                    var own = words[part];
                    segments.Add(new Segment(
                        segments.Count, paragraph, own[0].Start, own[^1].End, string.Join(' ', own.Select(word => word.Text)), own));
                }
            }

            paragraph++;
        }

        return segments;
    }

    /// <summary>Ranges of sentences, each a paragraph.</summary>
    private static IEnumerable<Range> Paragraphs(
        List<Range> sentences, float[] pauses, Func<int, bool> endsParagraph)
    {
        for (int first = 0, next = 1; first < sentences.Count; first = next++)
        {
            while (next < sentences.Count && !endsParagraph(sentences[next - 1].End.Value - 1))
            {
                next++;
            }

            foreach (var run in BreakRun(first, next))
            {
                yield return run;
            }
        }

        // A run of too many sentences is broken at its longest pause that leaves at least two on either side.
        IEnumerable<Range> BreakRun(int first, int end)
        {
            if (end - first <= MaxSentences)
            {
                return [first..end];
            }

            var margin = Math.Max(2, (end - first) / 5);
            var at = Enumerable.Range(first + margin, end - first - 2 * margin + 1)
                .MaxBy(next => (pauses[sentences[next - 1].End.Value - 1], -Math.Abs(2 * next - first - end)));
            return BreakRun(first, at).Concat(BreakRun(at, end));
        }
    }

    private static double SilenceAfter(Word[] words, int word) => words[word + 1].Start - words[word].End;

    /// <summary>
    /// A sentence in parts that are short enough, broken where the pause is longest, a comma counting as a pause; never near
    /// its ends, so that no part is a scrap and the depth stays logarithmic.
    /// </summary>
    private static IEnumerable<Range> Break(Word[] words, float[] pauses, int first, int end)
    {
        var count = end - first;
        if (count == 1 || (count <= MaxWords && words[end - 1].End - words[first].Start <= MaxSeconds))
        {
            return [first..end];
        }

        var margin = Math.Max(1, count / 5);
        var at = Enumerable.Range(first + margin, count - 2 * margin + 1)
            .MaxBy(next => (
                pauses[next - 1] + (words[next - 1].Text.EndsWith(',') ? CommaSeconds : 0),
                -Math.Abs(2 * next - first - end)));
        return Break(words, pauses, first, at).Concat(Break(words, pauses, at, end));
    }
}
