using System.Numerics;
using Omoai.Speech.Features;

namespace Omoai.Speech.Tests.Features;

public sealed class RealFftTests
{
    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(15)]
    [InlineData(32)]
    [InlineData(225)]
    [InlineData(360)]
    [InlineData(400)]
    [InlineData(512)]
    [InlineData(1024)]
    public void The_spectrum_is_that_of_the_definition(int length)
    {
        var random = new Random(length);
        var signal = Random(random, length);
        var fft = new RealFft(length);
        var (real, imaginary) = (new Vector<float>[fft.SpectrumLength], new Vector<float>[fft.SpectrumLength]);

        // Twice: what the first transform leaves in the scratch memory must not matter.
        fft.Transform(Random(random, length), real, imaginary);
        fft.Transform(signal, real, imaginary);

        Assert.Equal((length / 2) + 1, fft.SpectrumLength);
        for (var lane = 0; lane < RealFft.Lanes; lane++)
        {
            for (var k = 0; k <= length / 2; k++)
            {
                var sum = Complex.Zero;
                for (var n = 0; n < length; n++)
                {
                    sum += signal[n][lane] * Complex.FromPolarCoordinates(1, -2 * Math.PI * k * n / length);
                }

                Assert.Equal(sum.Real, real[k][lane], 1e-4);
                Assert.Equal(sum.Imaginary, imaginary[k][lane], 1e-4);
            }
        }
    }

    [Theory]
    [InlineData(-400)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(514)]
    public void Lengths_that_have_other_factors_are_refused(int length) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new RealFft(length));

    private static Vector<float>[] Random(Random random, int length) =>
        [.. Enumerable.Range(0, length).Select(_ => new Vector<float>(
            [.. Enumerable.Range(0, RealFft.Lanes).Select(_ => (float)((random.NextDouble() * 2) - 1))]))];
}
