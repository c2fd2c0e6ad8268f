using Omoai.Transcripts.Alignment;

namespace Omoai.Language.Punctuation.Llm;

/// <summary>Recognised pieces [From, To) that a reply has as [ReplyFrom, ReplyTo).</summary>
/// <param name="From">First recognised one.</param>
/// <param name="To">After the last.</param>
/// <param name="ReplyFrom">The reply's first.</param>
/// <param name="ReplyTo">After its last.</param>
/// <param name="Same">The letters are the same; else it is one piece in another's place.</param>
internal readonly record struct Link(int From, int To, int ReplyFrom, int ReplyTo, bool Same);

/// <summary>
/// What of a reply stands for what was recognised. By edit distance of pieces first; between the pieces that are the same, where
/// there are few, once more by how alike they are, where pieces may be one in the one and several in the other ("cannot").
/// </summary>
/// <param name="Links">In order.</param>
/// <param name="Edits">Recognised pieces that didn't come back, and pieces that were added between others. What comes before the
/// first or after the last that came back is not counted: it is a greeting, and left out.</param>
/// <param name="Tail">Those of <paramref name="Edits"/> after the last that came back.</param>
internal sealed record ReplyAlignment(IReadOnlyList<Link> Links, int Edits, int Tail)
{
    /// <summary>So many pieces can be one.</summary>
    private const int MostJoined = 4;

    /// <summary>Longer stretches of differences, recognised pieces times those of the reply, are not looked into.</summary>
    private const int LargestGap = 4096;

    private const float JoinCost = 0.1f;

    /// <summary>Aligns the keys of pieces.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static ReplyAlignment Align(IReadOnlyList<string> recognised, IReadOnlyList<string> reply, CancellationToken cancellation)
    {
        var links = new List<Link>();
        int from = 0, replyFrom = 0;
        foreach (var edit in SequenceAlignment.Align(recognised, reply, StringComparer.Ordinal, cancellation))
        {
            if (edit.Kind == EditKind.Equal)
            {
                AlignGap(recognised, from, edit.Reference, reply, replyFrom, edit.Hypothesis, links);
                links.Add(new Link(edit.Reference, edit.Reference + 1, edit.Hypothesis, edit.Hypothesis + 1, Same: true));
                (from, replyFrom) = (edit.Reference + 1, edit.Hypothesis + 1);
            }
        }

        AlignGap(recognised, from, recognised.Count, reply, replyFrom, reply.Count, links);
        int edits = 0, tail = recognised.Count;
        (from, replyFrom) = (0, -1);
        foreach (var link in links.Where(link => link.Same))
        {
            edits += replyFrom < 0 ? link.From : Math.Max(link.From - from, link.ReplyFrom - replyFrom);
            (from, replyFrom) = (link.To, link.ReplyTo);
            tail = recognised.Count - link.To;
        }

        return new ReplyAlignment(links, edits + tail, tail);
    }

    /// <summary>The fewest edits of characters (code units) that make one text of the other.</summary>
    public static int Distance(string one, string other)
    {
        var row = new int[other.Length + 1];
        for (var j = 0; j <= other.Length; j++)
        {
            row[j] = j;
        }

        for (var i = 1; i <= one.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= other.Length; j++)
            {
                (diagonal, row[j]) = (
                    row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (one[i - 1] == other[j - 1] ? 0 : 1)));
            }
        }

        return row[^1];
    }

    private static void AlignGap(
        IReadOnlyList<string> recognised, int from, int to, IReadOnlyList<string> reply, int replyFrom, int replyTo, List<Link> links)
    {
        var (n, m) = (to - from, replyTo - replyFrom);
        if (n == 0 || m == 0 || n * m > LargestGap)
        {
            return;
        }

        var costs = new float[n + 1, m + 1];
        var steps = new (int Recognised, int Reply)[n + 1, m + 1];
        for (var i = 0; i <= n; i++)
        {
            for (var j = i == 0 ? 1 : 0; j <= m; j++)
            {
                costs[i, j] = float.MaxValue;
                Try(i, j, 1, 1, i > 0 && j > 0 ? Replace(recognised[from + i - 1], reply[replyFrom + j - 1]) : 0);
                Try(i, j, 1, 0, 1);
                Try(i, j, 0, 1, 1);
                for (var k = 2; k <= MostJoined; k++)
                {
                    if (i > 0 && j >= k && IsJoined(recognised[from + i - 1], reply, replyFrom + j - k, k))
                    {
                        Try(i, j, 1, k, JoinCost);
                    }

                    if (j > 0 && i >= k && IsJoined(reply[replyFrom + j - 1], recognised, from + i - k, k))
                    {
                        Try(i, j, k, 1, JoinCost);
                    }
                }
            }
        }

        var first = links.Count;
        for (var (i, j) = (n, m); i > 0 || j > 0;)
        {
            var (a, b) = steps[i, j];
            if (a > 0 && b > 0)
            {
                var same = a + b > 2 || recognised[from + i - 1] == reply[replyFrom + j - 1];
                links.Insert(first, new Link(from + i - a, from + i, replyFrom + j - b, replyFrom + j, same));
            }

            (i, j) = (i - a, j - b);
        }

        void Try(int i, int j, int a, int b, float cost)
        {
            if (i >= a && j >= b && costs[i - a, j - b] + cost < costs[i, j])
            {
                (costs[i, j], steps[i, j]) = (costs[i - a, j - b] + cost, (a, b));
            }
        }
    }

    /// <summary>One piece in another's place costs a little less than to leave out the one and add the other.</summary>
    private static float Replace(string one, string other) =>
        one == other ? 0 : 0.5f + 1.4f * Distance(one, other) / Math.Max(one.Length, other.Length);

    private static bool IsJoined(string whole, IReadOnlyList<string> parts, int first, int count)
    {
        var at = 0;
        for (var i = first; i < first + count; i++)
        {
            if (string.CompareOrdinal(whole, at, parts[i], 0, parts[i].Length) != 0)
            {
                return false;
            }

            at += parts[i].Length;
        }

        return at == whole.Length;
    }
}
