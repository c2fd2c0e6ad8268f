using Omoai.Transcripts;

namespace Omoai.Language.Tests.Summaries.Llm;

/// <summary>Transcripts made by hand.</summary>
internal static class Talk
{
    public const double SegmentSeconds = 10;

    /// <summary>A segment of ten seconds for each line; an empty line begins a paragraph.</summary>
    public static IReadOnlyList<Segment> Of(string text)
    {
        var segments = new List<Segment>();
        var paragraph = 0;
        foreach (var line in text.ReplaceLineEndings("\n").Split('\n'))
        {
            if (line.Length == 0)
            {
                paragraph++;
                continue;
            }

            var start = segments.Count * SegmentSeconds;
            Word[] words = [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word => new Word(word, start, start + 9, 0.9))];
            segments.Add(new Segment(segments.Count, paragraph, start, start + 9, line, words));
        }

        return segments;
    }

    /// <summary>The review of an outage, in English.</summary>
    public static IReadOnlyList<Segment> Incident { get; } = Of("""
        Good morning everyone.
        This is the review of the payment outage from last Tuesday.
        The payment database ran out of connections at nine thirty in the evening.
        The payment service failed for forty minutes, and customers saw errors at the checkout.

        The root cause was a connection leak in the new payment client.
        Maria found the connection leak.
        She fixed it the same night.
        We had no alert on database connections, so the on-call engineer lost twenty minutes.

        Daniel will add an alert on database connections before Friday.
        The new client will not ship before Maria has tested it under load.
        It cost us about two million dollars, and I told Daniel so.
        """);

    public static IReadOnlyList<Segment> Rice { get; } = Of("""
        Xin chào quý vị và các bạn.
        Hôm nay chúng ta nói về giá gạo xuất khẩu của Việt Nam.
        Giá gạo xuất khẩu đã tăng mười lăm phần trăm trong tháng này.
        Ông Nguyễn Văn An nói rằng nông dân ở đồng bằng bán gạo với giá cao.
        Chính phủ không tăng thuế xuất khẩu gạo trong năm nay.
        """);
}
