using System.Globalization;
using Omoai.Language.Summaries.Llm;

namespace Omoai.Language.Tests.Summaries.Llm;

public sealed class NumberWordsTests
{
    [Theory]
    [InlineData("twenty minutes", "20")]
    [InlineData("twenty-five of 30", "25 30")]
    [InlineData("one hundred and five", "105")]
    [InlineData("two thousand three hundred and forty one", "2341")]
    [InlineData("two million dollars, $2 million, 2,000,000", "2000000 2000000 2000000")]
    [InlineData("3.5 percent, three point five", "3.5 3.5")]
    [InlineData("99999999999999999999999999999999 point five, 79228162514264337593543950335 point nine million", "1000000000000000000.5 1000000000000000000.9")]
    [InlineData("2.5 million, two point five million", "2500000 2500000")]
    [InlineData("at 9:30 in Q3 of 2026-05-04", "9 30 3 2026 5 4")]
    [InlineData("1,234.5 and 1.500", "1234.5 1.5")]
    [InlineData("hai mươi lăm, mười lăm, hai mươi mốt", "25 15 21")]
    [InlineData("một trăm hai mươi ba", "123")]
    [InlineData("một trăm linh năm", "105")]
    [InlineData("ba triệu năm trăm nghìn", "3500000")]
    [InlineData("ba phẩy năm", "3.5")]
    [InlineData("first of all, one of us had a hundred and an hour", "")]
    [InlineData("năm nay ba tôi không đi", "")]
    [InlineData("ten and twenty", "10 20")]
    public void Numbers_are_found_in_digits_and_words(string text, string expected) => Assert.Equal(
        expected, string.Join(' ', NumberWords.Stated(Token.Read(text, english: true), digitsOnly: false).Select(Write)));

    [Theory]
    [InlineData("nineteen ninety nine", 1999)]
    [InlineData("twenty twenty six", 2026)]
    [InlineData("two zero two six", 2026)]
    [InlineData("hai lăm", 25)]
    [InlineData("one of them", 1)]
    [InlineData("năm người", 5)]
    public void What_is_said_may_be_read_in_several_ways(string text, int expected) =>
        Assert.Contains(expected, NumberWords.Readings(Token.Read(text, english: true)));

    [Fact]
    public void Separators_are_those_of_the_language()
    {
        Assert.Equal(1.5m, NumberWords.Parse("1.500", english: true));
        Assert.Equal(1500, NumberWords.Parse("1.500", english: false));
        Assert.Equal(1.5m, NumberWords.Parse("1,5", english: false));
        Assert.Equal(1.5m, NumberWords.Parse("1.5", english: false));
        Assert.Equal(1234.5m, NumberWords.Parse("1.234,5", english: false));
        Assert.Equal(1e18m, NumberWords.Parse(new string('9', 100), english: true));
        Assert.Equal(1e18m, NumberWords.Parse(new string('9', 25), english: true));
    }

    private static string Write(decimal number) => number.ToString("0.##########", CultureInfo.InvariantCulture);
}
