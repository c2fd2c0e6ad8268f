using Omoai.Language.Tests.Support;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Language.Tests.Summaries;

public sealed class ExtractiveSummarizerTests
{
    private const string Incident = """
        Good morning everyone. This is the review of the payment outage from last Tuesday. Thank you all for joining.

        The payment database ran out of connections at nine in the evening. The payment service failed for forty minutes,
        and customers saw errors at the checkout. The payment database ran out of connections. My dog is called Oscar.

        The root cause was a connection leak in the new payment client. Maria found the connection leak, and she fixed it
        the same night. We had no alert on database connections, so the on-call engineer lost twenty minutes.

        Daniel will add an alert on database connections before Friday. Maria will test the payment client under load.
        Can somebody write to the customers? Let us meet again next week.

        Thank you all, and have a good day.
        """;

    [Fact]
    public void Key_points_are_about_the_topic_without_greetings_and_repetition_in_order_of_time()
    {
        var (segments, summary) = Summarize(Incident);
        var points = summary.KeyPoints.Select(point => point.Text).ToArray();

        Assert.Equal(5, points.Length); // A third of 15 sentences.
        Assert.Contains(points, point => point.Contains("connections", StringComparison.Ordinal));
        Assert.Contains(points, point => point.Contains("connection leak", StringComparison.Ordinal));
        Assert.DoesNotContain(points, point => point.StartsWith("Good morning", StringComparison.Ordinal));
        Assert.DoesNotContain(points, point => point.StartsWith("Thank you", StringComparison.Ordinal));
        Assert.DoesNotContain(points, point => point.Contains("Oscar", StringComparison.Ordinal));
        Assert.Single(points, point => point.StartsWith("The payment database ran out of connections", StringComparison.Ordinal));
        Assert.Equal(summary.KeyPoints.OrderBy(point => point.Start), summary.KeyPoints);
        Assert.All(summary.KeyPoints, point => Cites(segments, point));
    }

    [Fact]
    public void The_title_is_a_phrase_of_the_text_about_its_topic()
    {
        var (_, summary) = Summarize(Incident);
        Assert.Contains("payment", summary.Title, StringComparison.OrdinalIgnoreCase);
        Assert.InRange(summary.Title.Split(' ').Length, 2, 8);
        Assert.True(char.IsUpper(summary.Title[0]) && char.IsLetter(summary.Title[^1]), summary.Title);
        Assert.Contains(summary.Title, Incident, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void The_abstract_is_up_to_three_whole_sentences_in_order()
    {
        var (segments, summary) = Summarize(Incident);
        var chosen = segments.Where(segment => summary.Abstract.Contains(segment.Text, StringComparison.Ordinal)).ToArray();
        Assert.InRange(chosen.Length, 1, 3);
        Assert.Equal(string.Join(' ', chosen.Select(segment => segment.Text)), summary.Abstract);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void No_more_key_points_than_asked_for(int count) =>
        Assert.Equal(count, Summarize(Incident, count).Summary.KeyPoints.Count);

    [Fact]
    public void The_same_text_gives_the_same_summary()
    {
        var first = Summarize(Incident).Summary;
        var second = Summarize(Incident).Summary;
        Assert.Equal((first.Title, first.Abstract), (second.Title, second.Abstract));
        Assert.Equal(first.KeyPoints.Select(point => point.Text), second.KeyPoints.Select(point => point.Text));
    }

    [Fact]
    public void Equal_sentences_are_chosen_from_the_front()
    {
        var summary = Summarize("Alpha beta gamma delta kappa. Sigma omega lambda theta rho. Mu nu xi pi tau.").Summary;
        Assert.Equal("Alpha beta gamma delta kappa.", Assert.Single(summary.KeyPoints).Text);
    }

    [Fact]
    public void One_sentence_is_its_own_abstract_and_key_point()
    {
        var (segments, summary) = Summarize("The queue stopped for twenty minutes.");
        Assert.Equal("The queue stopped for twenty minutes.", summary.Abstract);
        Cites(segments, Assert.Single(summary.KeyPoints));
        Assert.Equal("The queue stopped for twenty minutes", summary.Title);
    }

    [Theory]
    [InlineData("Hello.", "Hello")]
    [InlineData("Good morning everyone. Thank you all.", "Good morning everyone")]
    public void Courtesies_alone_still_have_a_title_and_a_point(string text, string title)
    {
        var summary = Summarize(text).Summary;
        Assert.Equal(title, summary.Title);
        Assert.Single(summary.KeyPoints);
    }

    [Fact]
    public void Vietnamese_function_words_do_not_relate_sentences()
    {
        var (_, summary) = Summarize("""
            Xin chào quý vị và các bạn. Hôm nay chúng ta nói về giá gạo xuất khẩu của Việt Nam. Giá gạo xuất khẩu đã tăng
            mạnh trong tháng này. Nhưng đó là điều mà chúng ta đã được nghe rồi. Các bạn có thể ở lại với chúng tôi.
            Nông dân ở đồng bằng bán gạo với giá cao. Cảm ơn các bạn.
            """);
        Assert.Equal(2, summary.KeyPoints.Count);
        Assert.All(summary.KeyPoints, point => Assert.Contains("gạo", point.Text, StringComparison.Ordinal));
        Assert.InRange(summary.Title.Split(' ').Length, 2, 8);
    }

    [Fact]
    public void Twenty_five_thousand_words_are_summarised()
    {
        var random = new Random(6);
        var text = string.Join(' ', Enumerable.Range(0, 2500).Select(_ =>
            string.Join(' ', Enumerable.Range(0, 10).Select(_ => $"w{(int)(3000 * Math.Pow(random.NextDouble(), 4))}x")) + "."));
        var (segments, summary) = Summarize(text, 50);
        Assert.Equal(50, summary.KeyPoints.Count);
        Assert.All(summary.KeyPoints, point => Cites(segments, point));
    }

    private static void Cites(IReadOnlyList<Segment> segments, KeyPoint point)
    {
        var cited = segments.Where(segment => point.Segments.Contains(segment.Id)).ToArray();
        Assert.Equal(point.Segments, cited.Select(segment => segment.Id));
        Assert.Equal(string.Join(' ', cited.Select(segment => segment.Text)), point.Text);
        Assert.Equal((cited[0].Start, cited[^1].End), (point.Start, point.End));
    }

    private static (IReadOnlyList<Segment> Segments, Summary Summary) Summarize(string written, int maxKeyPoints = 7)
    {
        var result = PostProcessing.Process(
            [new RecognizedPart(0, Speech.Read(written))], FakeTagger.Knowing(written),
            new PostProcessInput([], "", null, MaxKeyPoints: maxKeyPoints)).Result;
        return (result.Segments, result.Summary!);
    }
}
