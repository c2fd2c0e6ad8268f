using Omoai.Transcripts;

namespace Omoai.Language.Summaries.Llm;

/// <summary>Makes topics and chapters of a reply consistent with the transcript.</summary>
internal static class Outline
{
    public const int MaxTopics = 30, MaxChapters = 20;

    /// <summary>Topics that begin with a segment that there is, in order; those at the same segment are one.</summary>
    public static IReadOnlyList<Topic> Topics(IReadOnlyList<CitedText> items, IReadOnlyList<Segment> segments) =>
        [.. Placed(items, segments).Take(MaxTopics).Select(item => new Topic(item.Text, item.Segment, segments[item.Segment].Start))];

    /// <summary>
    /// Consecutive chapters that cover the whole: the first begins with it, and each ends where the next begins. Those at the same
    /// segment are one, and of too many the shortest join those before them. Null where there are none.
    /// </summary>
    public static IReadOnlyList<Chapter>? Chapters(IReadOnlyList<CitedText> items, IReadOnlyList<Segment> segments)
    {
        var starts = Placed(items, segments).ToList();
        if (starts.Count == 0)
        {
            return null;
        }

        starts[0] = (starts[0].Text, 0);
        while (starts.Count > MaxChapters)
        {
            starts.RemoveAt(Enumerable.Range(1, starts.Count - 1).MinBy(i => (Last(i) - starts[i].Segment, i)));
        }

        return
            [
                .. starts.Select((start, i) => new Chapter(
                    start.Text, start.Segment, Last(i), segments[start.Segment].Start, segments[Last(i)].End)),
            ];

        int Last(int i) => i + 1 < starts.Count ? starts[i + 1].Segment - 1 : segments.Count - 1;
    }

    /// <summary>The segment that is spoken at a time: one that begins in that second, or the last that began before; null after the end.</summary>
    public static int? SegmentAt(double seconds, IReadOnlyList<Segment> segments)
    {
        if (seconds > segments.Max(segment => segment.End) + 1)
        {
            return null;
        }

        var (first, end) = (0, segments.Count);
        while (first < end)
        {
            var middle = (first + end) / 2;
            (first, end) = segments[middle].Start < seconds ? (middle + 1, end) : (first, middle);
        }

        return first < segments.Count && segments[first].Start < seconds + 1 ? first : Math.Max(0, first - 1);
    }

    private static IEnumerable<(string Text, int Segment)> Placed(IReadOnlyList<CitedText> items, IReadOnlyList<Segment> segments) => items
        .Select(item => (item.Text, Segment: item.Segments.Count > 0 ? item.Segments[0]
            : item.Seconds is { } seconds ? SegmentAt(seconds, segments) ?? -1
            : -1))
        .Where(item => item.Segment >= 0 && item.Segment < segments.Count)
        .DistinctBy(item => item.Segment).OrderBy(item => item.Segment);
}
