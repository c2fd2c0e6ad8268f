using Omoai.Language.Summaries.Llm;
using Omoai.Transcripts;

namespace Omoai.Language.Tests.Summaries.Llm;

public sealed class PointVerifierTests
{
    [Theory]
    [InlineData("The payment service failed for 40 minutes.", true, 3)]
    [InlineData("The payment service failed for 14 minutes.", false, 3)]
    [InlineData("The payment service failed for forty-five minutes.", false, 3)]
    [InlineData("The payment database had no connections left at 9:30.", true, 2)]
    [InlineData("A connection leak in the payment client caused the outage.", true, 4)]
    [InlineData("An on-call engineer lost 20 minutes because database connections had no alert.", true, 7)]
    [InlineData("Daniel will add an alert for the database before Friday.", true, 8)]
    [InlineData("Maria will add an alert for the database before Friday.", false, 8)]
    [InlineData("An alert on database connections will be added by Maria.", false, 8)]
    [InlineData("An alert on database connections will be added by Peter.", false, 8)]
    [InlineData("Daniel will add an alert on database connections before Monday.", false, 8)]
    [InlineData("Daniel will add an alert on NASA database connections.", false, 8)]
    [InlineData("The outage cost 2 million dollars.", true, 1, 10)]
    [InlineData("The outage cost $2,000,000.", true, 1, 10)]
    [InlineData("The outage cost 2 dollars.", false, 1, 10)]
    [InlineData("The whole team agreed to move to Germany.", false, 2)]
    [InlineData("Customers praised the friendly new office.", false, 3)]
    [InlineData("The payment service failed for 40 minutes.", false, 9)]
    [InlineData("Maria resigned.", false, 5)]
    [InlineData("The outage continued.", false, 1)]
    [InlineData("It is so.", false, 0)]
    public void A_point_is_held_to_what_it_cites(string text, bool supported, params int[] cited)
    {
        var point = Verify(Talk.Incident, "en", text, cited)!;
        Assert.Equal(supported, point.Supported);
        Assert.Equal(cited, point.Segments);
        Assert.Equal((cited[0] * Talk.SegmentSeconds, (cited[^1] * Talk.SegmentSeconds) + 9), (point.Start, point.End));
    }

    [Theory]
    [InlineData("The new client will ship before Maria has tested it under load.", false, 9)]
    [InlineData("The new client will not ship before Maria tested it under load.", true, 9)]
    [InlineData("Daniel will not add an alert on database connections before Friday.", false, 8)]
    [InlineData("An alert on database connections was missing.", true, 7)]
    public void A_denial_that_comes_or_goes_is_seen(string text, bool supported, int cited) =>
        Assert.Equal(supported, Verify(Talk.Incident, "en", text, cited)!.Supported);

    [Theory]
    [InlineData("Giá gạo xuất khẩu tăng 15% trong tháng này.", true, 2)]
    [InlineData("Gia\u0301 ga\u0323o xuất khẩu tăng mười lăm phần trăm.", true, 2)]
    [InlineData("Giá gạo xuất khẩu tăng 50% trong tháng này.", false, 2)]
    [InlineData("Theo ông Nguyễn Văn An, nông dân đồng bằng bán gạo giá cao.", true, 3)]
    [InlineData("Theo ông Nguyễn Văn Bình, nông dân đồng bằng bán gạo giá cao.", false, 3)]
    [InlineData("Chính phủ tăng thuế xuất khẩu gạo trong năm nay.", false, 4)]
    [InlineData("Chính phủ không tăng thuế xuất khẩu gạo.", true, 4)]
    [InlineData("Thời tiết mùa hè rất nóng nực.", false, 2)]
    public void Vietnamese_is_held_to_its_syllables(string text, bool supported, int cited) =>
        Assert.Equal(supported, Verify(Talk.Rice, "vi", ShownText.Clean(text, 400), cited)!.Supported);

    [Fact]
    public void Who_she_is_stands_in_the_segment_before_and_is_cited_then()
    {
        var point = Verify(Talk.Incident, "en", "Maria fixed the leak the same night.", 6)!;
        Assert.Equal((true, "5,6"), (point.Supported, string.Join(',', point.Segments)));
    }

    [Fact]
    public void Without_a_citation_the_segment_that_is_most_like_it_is_cited()
    {
        var point = Verify(Talk.Incident, "en", "Daniel will add a database alert before Friday.")!;
        Assert.Equal((true, 8), (point.Supported, Assert.Single(point.Segments)));

        var invented = Verify(Talk.Incident, "en", "Daniel bought a horse.", 500)!;
        Assert.Equal((false, 8), (invented.Supported, Assert.Single(invented.Segments)));

        Assert.Null(Verify(Talk.Incident, "en", "Elephants swim.", -1, 11));
    }

    [Fact]
    public void Too_many_citations_bear_out_no_more_than_some()
    {
        var talk = Talk.Of(string.Join('\n', "alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima".Split(' ').Select(word => $"We saw the {word}.")));
        var point = Verify(talk, "en", "Alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima.", [.. Enumerable.Range(0, 12)])!;
        Assert.Equal(PointVerifier.MaxCited, point.Segments.Count);
    }

    [Theory]
    [InlineData("Dịch vụ thanh toán hỏng trong 40 phút.", null, 3)]
    [InlineData("Dịch vụ thanh toán hỏng trong 50 phút.", false, 3)]
    [InlineData("Thiệt hại khoảng 2 triệu đô la.", null, 10)]
    [InlineData("Daniel sẽ thêm cảnh báo trước thứ Sáu.", null, 8)]
    [InlineData("Maria sẽ thêm cảnh báo trước thứ Sáu.", false, 8)]
    public void In_another_language_only_numbers_and_names_are_checked_and_nothing_is_said_to_be_borne_out(string text, bool? supported, int cited) =>
        Assert.Equal(supported, new PointVerifier(Talk.Incident, "en-GB", "vi").Verify(new CitedText(text, [cited]))!.Supported);

    [Fact]
    public void Text_without_spaces_is_compared_by_pairs_of_letters()
    {
        var talk = Talk.Of("新しい製品は好評です。\n会議は来週の金曜日に開かれます。");
        Assert.True(Verify(talk, "ja", "来週の金曜日に会議が開かれる。", 1)!.Supported);
        Assert.False(Verify(talk, "ja", "来週の金曜日に会議が開かれる。", 0)!.Supported);
    }

    private static KeyPoint? Verify(IReadOnlyList<Segment> talk, string language, string text, params int[] cited) =>
        new PointVerifier(talk, language, language).Verify(new CitedText(text, cited));
}
