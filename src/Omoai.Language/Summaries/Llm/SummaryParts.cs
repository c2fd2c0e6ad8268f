using System.Globalization;

namespace Omoai.Language.Summaries.Llm;

/// <summary>The summary of a stretch of a transcript.</summary>
/// <param name="First">Id of its first segment.</param>
/// <param name="Last">Id of its last segment.</param>
/// <param name="Reply">What it says.</param>
internal sealed record SummaryPart(int First, int Last, SummaryReply Reply)
{
    /// <summary>So many chapters and topics of all parts are kept where the whole has none.</summary>
    private const int MaxMerged = SummaryReply.MaxItems;

    /// <summary>Its chapters; it is one itself where it has none.</summary>
    private IEnumerable<CitedText> Chapters => Reply is { Chapters.Count: 0, Title: { } title } ? [new CitedText(title, [First])] : Reply.Chapters;

    /// <summary>
    /// What stands for several parts: what a model made of them, and where it left something out, what they have themselves; a title is
    /// never lost.
    /// </summary>
    /// <param name="parts">One or more, in order.</param>
    /// <param name="reply">What the model made of them; null where nothing can be read.</param>
    public static SummaryPart Merge(IReadOnlyList<SummaryPart> parts, SummaryReply? reply)
    {
        var replies = parts.Select(part => part.Reply).ToArray();
        var deepest = replies.Max(own => own.Points.Count);
        return new SummaryPart(parts[0].First, parts[^1].Last, new SummaryReply(
            reply?.Title ?? replies.Select(own => own.Title).FirstOrDefault(title => title is not null),
            reply?.Abstract
                ?? ShownText.CleanOrNull(string.Join(' ', replies.Select(own => own.Abstract).OfType<string>()), ShownText.MaxAbstract),
            // The first point of each, then the second of each: what is cut off isn't the end of the recording.
            Filled(reply?.Points, Enumerable.Range(0, deepest).SelectMany(n => replies.Where(own => n < own.Points.Count).Select(own => own.Points[n]))),
            Filled(reply?.Topics, replies.SelectMany(own => own.Topics)),
            Filled(reply?.Chapters, parts.SelectMany(part => part.Chapters))));

        static IReadOnlyList<CitedText> Filled(IReadOnlyList<CitedText>? own, IEnumerable<CitedText> others) =>
            own is { Count: > 0 } ? own : [.. others.Take(MaxMerged)];
    }

    /// <summary>
    /// The lines of a prompt that tell of it, the most important first, and the tokens that they have together; those that don't have
    /// room are left out, and a title is cut.
    /// </summary>
    public (string Text, int Tokens) Render(SummaryPrompts prompts, int room)
    {
        var label = string.Create(CultureInfo.InvariantCulture, $"# [{First}-{Last}] ");
        var title = (Reply.Title ?? "…").Split(' ');
        List<string> lines = [label + string.Join(' ', title, 0, prompts.Fit(label, title, 0, room))];
        var used = prompts.Count(lines[0]);
        var others = Reply.Points.Select(point => Cited("-", point))
            .Concat(Reply.Abstract is { } text ? [$"= {text}"] : [])
            .Concat(Reply.Topics.Where(topic => topic.Segments.Count > 0).Select(topic => Cited("@", topic)));
        foreach (var line in others)
        {
            if (prompts.Count(line) is var tokens && used + tokens <= room)
            {
                lines.Add(line);
                used += tokens;
            }
        }

        return (string.Join('\n', lines), used);
    }

    private static string Cited(string bullet, CitedText item) => item.Segments.Count == 0
        ? $"{bullet} {item.Text}"
        : $"{bullet} {item.Text} [{string.Join(", ", item.Segments.Take(PointVerifier.MaxCited).Select(id => id.ToString(CultureInfo.InvariantCulture)))}]";
}
