namespace Omoai.Language.Summaries.Llm;

/// <summary>Reads replies of language models: JSON, as far as it is any, or else plain text with English or Vietnamese labels.</summary>
/// <remarks>Nothing that a reply holds makes this fail, and the time it takes is in proportion to its length.</remarks>
internal static class SummaryReplies
{
    /// <summary>So many braces are taken for the beginning of the reply's JSON.</summary>
    private const int MaxAttempts = 8;

    private static readonly string[] Texts =
        ["text", "point", "keypoint", "topic", "title", "name", "noidung", "diem", "y", "ychinh", "chude", "tieude", "chuong", "ten"];

    private static readonly string[] Sources =
        [
            "segments", "segment", "segmentids", "firstsegment", "startsegment", "citations", "sources", "ids", "id", "doan", "cacdoan",
            "doandau", "doandautien", "sodoan",
        ];

    private static readonly string[] Times = ["time", "start", "timestamp", "at", "thoigian", "luc"];

    /// <summary>What a reply says; null where that can't be read.</summary>
    /// <param name="reply">The reply.</param>
    /// <param name="cut">Whether its end is missing.</param>
    public static SummaryReply? Read(string reply, bool cut) => ReadJson(reply) ?? LabelledText.Read(reply, cut);

    private static SummaryReply? ReadJson(string text)
    {
        var start = text.IndexOf('{', StringComparison.Ordinal);
        for (var attempt = 0; start >= 0 && attempt < MaxAttempts; attempt++)
        {
            if (FromMembers(LenientJson.ReadObject(text, start)) is { HasContent: true } reply)
            {
                return reply;
            }

            start = text.IndexOf('{', start + 1);
        }

        return null;
    }

    private static SummaryReply FromMembers(IReadOnlyList<(string Key, object? Value)> members)
    {
        var reply = SummaryReply.Empty;
        foreach (var (key, value) in members)
        {
            reply = LabelledText.Label(key) switch
            {
                Part.Title => reply with { Title = reply.Title ?? Line(value, ShownText.MaxTitle) },
                Part.Abstract => reply with { Abstract = reply.Abstract ?? Line(value, ShownText.MaxAbstract) },
                Part.Points when reply.Points.Count == 0 => reply with { Points = Items(value, ShownText.MaxPoint) },
                Part.Topics when reply.Topics.Count == 0 => reply with { Topics = Items(value, ShownText.MaxTitle) },
                Part.Chapters when reply.Chapters.Count == 0 => reply with { Chapters = Items(value, ShownText.MaxTitle) },
                _ => reply,
            };
        }

        return reply;
    }

    private static string? Line(object? value, int maxCharacters) => value switch
    {
        string text => ShownText.CleanOrNull(text, maxCharacters),
        IReadOnlyList<object?> lines => ShownText.CleanOrNull(
            string.Join(' ', lines.OfType<string>().Take(SummaryReply.MaxItems)), maxCharacters),
        _ => null,
    };

    private static IReadOnlyList<CitedText> Items(object? value, int maxCharacters) => value switch
    {
        IReadOnlyList<object?> items =>
            [.. items.Take(SummaryReply.MaxItems).Select(item => Item(item, maxCharacters)).OfType<CitedText>()],
        // Points in one string, a line each.
        string text => [.. text.Split('\n').Take(SummaryReply.MaxItems).Select(line => Item(line, maxCharacters)).OfType<CitedText>()],
        _ => [],
    };

    private static CitedText? Item(object? item, int maxCharacters)
    {
        switch (item)
        {
            case string text:
                return LabelledText.Item(text, maxCharacters);
            case IReadOnlyList<(string Key, object? Value)> members:
                var folded = members.Take(16).Select(member => (Key: ShownText.Fold(ShownText.Bounded(member.Key, 40)), member.Value)).ToList();
                var cited = Texts.Select(name => Find(name) as string).OfType<string>().FirstOrDefault() is { } found
                    ? LabelledText.Item(found, maxCharacters)
                    : null;
                var sources = Sources.Select(Find).FirstOrDefault(source => source is not null);
                var time = Times.Select(name => Find(name) as string).OfType<string>().FirstOrDefault();
                return cited is null ? null : cited with
                {
                    Segments = sources is not null && Ids(sources) is { Count: > 0 } ids ? ids : cited.Segments,
                    Seconds = cited.Seconds ?? (time is null ? null : Citations.Time(ShownText.Bounded(time, 20))),
                };

                object? Find(string name) => folded.FirstOrDefault(member => member.Key == name).Value;
            default:
                return null;
        }
    }

    private static IReadOnlyList<int> Ids(object sources)
    {
        var texts = sources switch
        {
            string one => [one],
            IReadOnlyList<object?> many => many.OfType<string>().Take(SummaryReply.MaxItems),
            _ => [],
        };
        return [.. new SortedSet<int>(texts.SelectMany(text => Citations.Ids(ShownText.Bounded(text, 200))))];
    }
}
