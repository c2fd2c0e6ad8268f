using Omoai.Language.Engines.Onnx;

namespace Omoai.Language.Tests.Engines.Onnx;

public sealed class TokenSamplerTests
{
    // Probabilities 0.5, 0.25, 0.125, 0.125 at temperature 1, and one that can't be.
    private static readonly float[] Scores = [MathF.Log(4), MathF.Log(8), float.NegativeInfinity, MathF.Log(2), MathF.Log(2)];

    [Fact]
    public void At_no_temperature_it_is_the_likeliest_and_of_equals_the_lowest()
    {
        Assert.Equal(1, new TokenSampler(0, 1, 7).Next(Scores));
        Assert.Equal(2, new TokenSampler(0, 1, 7).Next([-1, 0, 5, 5, 3, 5]));
        float[] many = new float[1000];
        many[333] = many[334] = many[999] = 1;
        Assert.Equal(333, new TokenSampler(0, 1, 7).Next(many));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.7)]
    public void Scores_that_are_not_numbers_give_none(double temperature)
    {
        Assert.Null(new TokenSampler(temperature, 1, 7).Next([1, float.NaN, 3]));
        Assert.Null(new TokenSampler(temperature, 1, 7).Next([1, float.PositiveInfinity, 3]));
        Assert.Null(new TokenSampler(temperature, 1, 7).Next([float.NegativeInfinity, float.NegativeInfinity]));
    }

    [Theory]
    [InlineData(1, 1, new[] { 0.25, 0.5, 0, 0.125, 0.125 })]
    [InlineData(0.5, 1, new[] { 4 / 22.0, 16 / 22.0, 0, 1 / 22.0, 1 / 22.0 })]
    [InlineData(1, 0.5, new[] { 0.0, 1, 0, 0, 0 })]
    [InlineData(1, 0.7, new[] { 1 / 3.0, 2 / 3.0, 0, 0, 0 })]
    [InlineData(1, 0.8, new[] { 2 / 7.0, 4 / 7.0, 0, 1 / 7.0, 0 })]
    public void Draws_follow_temperature_and_nucleus(double temperature, double topP, double[] expected)
    {
        const int Draws = 20000;
        var sampler = new TokenSampler(temperature, topP, 11);
        var counts = new int[Scores.Length];
        for (var i = 0; i < Draws; i++)
        {
            counts[sampler.Next(Scores)!.Value]++;
        }

        // Six standard deviations.
        Assert.All(expected.Zip(counts), pair => Assert.InRange(
            pair.Second / (double)Draws - pair.First, -6 * Math.Sqrt(pair.First / Draws), 6 * Math.Sqrt(pair.First / Draws)));
    }

    [Fact]
    public void Seeds_decide()
    {
        Assert.Equal(Draw(5), Draw(5));
        Assert.NotEqual(Draw(5), Draw(6));

        // What SplitMix64 draws is the same on all machines.
        Assert.Equal("1141134113", Draw(1)[..10]);

        static string Draw(int seed)
        {
            var sampler = new TokenSampler(1, 1, seed);
            return string.Concat(Enumerable.Range(0, 100).Select(_ => sampler.Next(Scores)));
        }
    }
}
