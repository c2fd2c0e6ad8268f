using System.Text;
using System.Text.Json;
using Omoai.Language.Summaries.Llm;

namespace Omoai.Language.Tests.Summaries.Llm;

public sealed class SummaryRepliesTests
{
    private const string Json = """
        {"title":"The outage","abstract":"It failed. It was fixed.","keyPoints":[{"text":"Maria fixed it.","segments":[3,5]}],"topics":[{"text":"Cause","segment":2}],"chapters":[{"title":"Start","firstSegment":0}]}
        """;

    private const string English = """
        Sure, here is the summary.

        **Title:** The outage

        ## Abstract
        It failed.
        It was fixed.

        ## Key points
        - Maria fixed it. [3, 5]

        Topics:
        1. Cause [2]

        Chapters:
        • Start (segment 0)
        """;

    private const string Vietnamese = """
        TIÊU ĐỀ: The outage
        Tom tat: It failed. It was fixed.
        Các ý chính:
        – Maria fixed it. (đoạn 3; 5)
        Chủ đề
        1) Cause [2]
        CHƯƠNG
        * Start [0]
        """;

    [Theory]
    [InlineData(Json)]
    [InlineData("Here it is:\n```json\n" + Json + "\n```\nAnything else?")]
    [InlineData("A {note} first. {\"summary\":" + Json + "}")]
    [InlineData("""{"Title": "The outage", "ABSTRACT": "It failed. It was fixed.", "Key Points": [{"Text": "Maria fixed it.", "Segments": "3, 5",},], "topics": [{"topic": "Cause", "segment": "2"}], "chapters": [{"title": "Start", "first_segment": 0,}],}""")]
    [InlineData("""{"tiêu đề": "The outage", "tóm tắt": "It failed. It was fixed.", "điểm chính": ["Maria fixed it. [3, 5]"], "chủ đề": ["[2] Cause"], "chương": ["Start [0]"]}""")]
    [InlineData("{title: \"The outage\", abstract: \"It failed.\n It was fixed.\", keyPoints: [{text: \"Maria fixed it.\", segments: [3, 5}], topics: [{\"text\": \"Cause\", \"segment\": 2]], \"chapters\": [{\"title\": \"Start\", \"firstSegment\": 0}")]
    [InlineData(English)]
    [InlineData(Vietnamese)]
    public void Replies_are_read_whatever_they_look_like(string reply)
    {
        var read = SummaryReplies.Read(reply, cut: false)!;
        Assert.Equal(("The outage", "It failed. It was fixed."), (read.Title, read.Abstract));
        Is(read.Points, "Maria fixed it.", 3, 5);
        Is(read.Topics, "Cause", 2);
        Is(read.Chapters, "Start", 0);

        static void Is(IReadOnlyList<CitedText> items, string text, params int[] segments)
        {
            var item = Assert.Single(items);
            Assert.Equal(text, item.Text);
            Assert.Equal(segments, item.Segments);
        }
    }

    [Theory]
    [InlineData("Points [1, 3-5].", 1, 3, 4, 5)]
    [InlineData("Points (segments 2, 4).", 2, 4)]
    [InlineData("Points [segment 7].", 7)]
    [InlineData("Points [3][4].", 3, 4)]
    [InlineData("Points (2026).")]
    [InlineData("Points [0-100000].")]
    [InlineData("Points [9-2].")]
    [InlineData("Points [99999999999].")]
    public void Citations_are_taken_out(string text, params int[] segments)
    {
        var item = LabelledText.Item("- " + text, 400)!;
        Assert.Equal(segments, item.Segments);
        Assert.Equal(text.Contains("(2026)", StringComparison.Ordinal) || text.Contains("[99999", StringComparison.Ordinal) ? text : "Points.", item.Text);
    }

    [Theory]
    [InlineData("[00:01:02] The cause", 62, "The cause")]
    [InlineData("- [01:02] The cause", 62, "The cause")]
    [InlineData("00:01:02 The cause", 62, "The cause")]
    [InlineData("1:02 - The cause", 62, "The cause")]
    [InlineData("[1:00:02 – 1:03:00] The cause", 3602, "The cause")]
    [InlineData("10:30 was too late", null, "10:30 was too late")]
    public void Times_are_taken_out(string text, int? seconds, string expected)
    {
        var item = LabelledText.Item(text, 120)!;
        Assert.Equal(((double?)seconds, expected), (item.Seconds, item.Text));
    }

    [Theory]
    [InlineData("HACKED")]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("{\"title\":\"HACKED\"}")]
    [InlineData("Title: HACKED")]
    [InlineData("I'm sorry, I can't help with that.\n- really\n- not")]
    [InlineData("{\"title\":\"…\",\"abstract\":\"…\",\"keyPoints\":[{\"text\":\"…\",\"segments\":[0]}]}")]
    public void What_says_nothing_is_unreadable(string reply) => Assert.Null(SummaryReplies.Read(reply, cut: false));

    [Fact]
    public void Of_a_reply_that_is_cut_what_is_whole_is_read()
    {
        var cut = SummaryReplies.Read(
            """{"title":"The outage","abstract":"It failed. It was fixed.","keyPoints":[{"text":"Maria fixed it.","segments":[3]},{"text":"The release is approved only""",
            cut: true)!;
        Assert.Equal(("The outage", "It failed. It was fixed."), (cut.Title, cut.Abstract));
        Assert.Equal("Maria fixed it.", Assert.Single(cut.Points).Text);

        var text = SummaryReplies.Read("Title: The outage\nKey points:\n- Maria fixed it. [3]\n- The release is approved only", cut: true)!;
        Assert.Equal("Maria fixed it.", Assert.Single(text.Points).Text);
    }

    [Theory]
    [InlineData(@"{""keyPoints"": ""- Maria fixed it. [3]\n- It failed. [5]""}")]
    [InlineData("{\"keyPoints\": \"- Maria fixed it. [3]\n- It failed. [5]\"}")]
    public void Points_in_one_string_are_a_line_each(string reply) => Assert.Equal(
        [("Maria fixed it.", 3), ("It failed.", 5)],
        SummaryReplies.Read(reply, cut: false)!.Points.Select(point => (point.Text, Assert.Single(point.Segments))));

    [Fact]
    public void Quotes_that_nobody_escaped_stay_in_the_text() => Assert.Equal(
        "He said \"hello\" twice.", SummaryReplies.Read("""{"abstract": "He said "hello" twice.", "title": "A"}""", cut: false)!.Abstract);

    [Fact]
    public void Garbage_is_read_or_not_and_never_fails()
    {
        var random = new Random(8);
        string[] seeds = [Json, English, Vietnamese, Json.Replace("Maria", "99999999999999999999999999999 point five", StringComparison.Ordinal)];
        var verifier = new PointVerifier(Talk.Incident, "en", "en");
        const string Odd = "{}[]\":,\\\n\r\t -*•#<>`(0123456789)\u0000\u001B\u202E\u0301\uD800\uDC00éđ";
        for (var n = 0; n < 10_000; n++)
        {
            var text = new StringBuilder(seeds[random.Next(seeds.Length)]);
            for (var edits = random.Next(1, 12); edits > 0 && text.Length > 1; edits--)
            {
                var at = random.Next(text.Length);
                switch (random.Next(4))
                {
                    case 0:
                        text.Remove(at, Math.Min(random.Next(1, 20), text.Length - at));
                        break;
                    case 1:
                        text[at] = Odd[random.Next(Odd.Length)];
                        break;
                    case 2:
                        text.Insert(at, new string(Odd[random.Next(Odd.Length)], random.Next(1, 30)));
                        break;
                    default:
                        text.Length = at + 1;
                        break;
                }
            }

            var reply = SummaryReplies.Read(text.ToString(), cut: n % 2 == 0);
            IsClean(reply);
            Assert.All(reply?.Points ?? [], point => Assert.True(verifier.Verify(point) is null or { Segments.Count: > 0 }));
        }
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{\"a\":[")]
    [InlineData("\"")]
    [InlineData("\" ")]
    [InlineData("{\"abstract\":\"")]
    [InlineData("- [1 ")]
    [InlineData("[](")]
    [InlineData("Title:\n- a [1]\n")]
    [InlineData("Key points:\nab ")]
    [InlineData("Abstract: a\u0301\u0301\u0301")]
    [InlineData("{\"keyPoints\":[{\"text\":\"a\",\"segments\":[1]},")]
    [InlineData("a\u0301")]
    [InlineData("\u001B]")]
    [InlineData("<a ")]
    [InlineData("</think>")]
    public void The_longest_reply_is_read_in_time_to_its_length(string unit)
    {
        // What takes more than in proportion takes minutes for these, and the run would not end.
        var reply = string.Concat(Enumerable.Repeat(unit, (1 << 20) / unit.Length));
        IsClean(SummaryReplies.Read(reply, cut: true));
        IsClean(SummaryReplies.Read("Key points:\n- " + reply, cut: false));
    }

    private static void IsClean(SummaryReply? reply)
    {
        if (reply is null)
        {
            return;
        }

        Assert.True(reply.HasContent);
        Is(reply.Title, 120);
        Is(reply.Abstract, 2000);
        Assert.All(reply.Points, point => Is(point.Text, 400));
        Assert.All(reply.Topics.Concat(reply.Chapters), item => Is(item.Text, 120));
        Assert.InRange(reply.Points.Count, 0, SummaryReply.MaxItems);

        static void Is(string? text, int max)
        {
            if (text is not null)
            {
                Assert.InRange(text.Length, 1, max);
                Assert.DoesNotContain(text, c => char.IsControl(c) || c is '<' or '>' or '\u202E' || c == '\uFFFD');
                Assert.Equal(text, JsonSerializer.Deserialize<string>(JsonSerializer.Serialize(text)));
            }
        }
    }
}
