using Omoai.Speech.Ctc;

namespace Omoai.Speech.Tests.Ctc;

public sealed class LogProbabilitiesTests
{
    [Fact]
    public void Logits_of_any_size_become_log_probabilities()
    {
        var result = LogProbabilities.Take([1000, 1001, 1000, -2000, -2000, float.NegativeInfinity], 3, logits: true);

        Assert.Equal(1 - Math.Log(Math.E + 2), result[0][1], 1e-5);
        Assert.Equal(-Math.Log(Math.E + 2), result[0][2], 1e-5);
        Assert.Equal(-Math.Log(2), result[1][0], 1e-5);
        Assert.Equal(LogProbabilities.Lowest, result[1][2]);
    }

    [Theory]
    [InlineData(float.NaN, true)]
    [InlineData(float.PositiveInfinity, true)]
    [InlineData(float.NaN, false)]
    [InlineData(1f, false)]
    public void What_no_probability_has_is_refused(float value, bool logits) =>
        Assert.Throws<ArgumentException>(() => LogProbabilities.Take([value, -1, -2], 3, logits));
}
