using Omoai.Speech.Features;

namespace Omoai.Speech.Tests.Features;

public sealed class RealFftTests
{
    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(64)]
    [InlineData(512)]
    public void The_spectrum_is_that_of_the_definition(int length)
    {
        var random = new Random(length);
        var signal = Enumerable.Range(0, length).Select(_ => (float)((random.NextDouble() * 2) - 1)).ToArray();
        var fft = new RealFft(length);
        var (real, imaginary) = (new float[fft.SpectrumLength], new float[fft.SpectrumLength]);

        // Twice: what the first transform leaves in the scratch memory must not matter.
        fft.Transform(signal.Reverse().ToArray(), real, imaginary);
        fft.Transform(signal, real, imaginary);

        for (var k = 0; k <= length / 2; k++)
        {
            var sum = System.Numerics.Complex.Zero;
            for (var n = 0; n < length; n++)
            {
                sum += signal[n] * System.Numerics.Complex.FromPolarCoordinates(1, -2 * Math.PI * k * n / length);
            }

            Assert.Equal(sum.Real, real[k], 1e-4);
            Assert.Equal(sum.Imaginary, imaginary[k], 1e-4);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(400)]
    public void Lengths_that_are_no_power_of_two_are_refused(int length) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new RealFft(length));
}
