using Omoai.Speech.Audio;

namespace Omoai.Speech.Tests.Audio;

public sealed class ResamplerTests
{
    public static TheoryData<int> Rates => [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 44_101, 7919];

    [Theory]
    [MemberData(nameof(Rates))]
    public void A_tone_keeps_its_frequency_amplitude_and_phase(int rate)
    {
        foreach (double frequency in (double[])[100, 1000, 0.44 * Math.Min(rate, 16_000)])
        {
            float[] output = Resample(TestAudio.Tone(frequency, 0.5, rate), rate);
            float[] expected = TestAudio.Tone(frequency, 0.5);

            // Away from the ends, where the tone's sudden start and end ring.
            for (int i = 2000; i < 6000; i++)
            {
                Assert.Equal(expected[i], output[i], 0.0005);
            }
        }
    }

    [Theory]
    [InlineData(44_100, 8_100)]
    [InlineData(44_100, 9_000)]
    [InlineData(48_000, 8_100)]
    [InlineData(48_000, 15_000)]
    [InlineData(96_000, 40_000)]
    [InlineData(22_050, 9_500)]
    [InlineData(44_101, 12_000)]
    public void A_tone_above_half_the_output_rate_is_gone(int rate, double frequency)
    {
        float[] output = Resample(TestAudio.Tone(frequency, 0.5, rate), rate);

        double peak = output[2000..6000].Max(Math.Abs);
        Assert.InRange(20 * Math.Log10(peak / 0.5 + 1e-12), -300, -80);
    }

    [Fact]
    public void Going_up_leaves_no_mirror_image()
    {
        float[] output = Resample(TestAudio.Tone(3000, 0.5, 8000), 8000);
        float[] tone = TestAudio.Tone(3000, 0.5);

        Assert.All(Enumerable.Range(2000, 4000), i => Assert.Equal(tone[i], output[i], 5e-5));
    }

    [Theory]
    [MemberData(nameof(Rates))]
    public void The_output_is_as_long_as_the_input(int rate)
    {
        foreach (int length in (int[])[0, 1, 2, 7, 999, 12_345])
        {
            int expected = (int)Math.Round((double)length * 16_000 / rate, MidpointRounding.AwayFromZero);
            Assert.Equal(expected, Resample(new float[length], rate).Length);
        }
    }

    [Theory]
    [MemberData(nameof(Rates))]
    public void The_size_of_the_blocks_does_not_matter(int rate)
    {
        float[] input = TestAudio.Noise(0.25, 0.5);
        float[] whole = Resample(input, rate);

        var random = new Random(rate);
        var resampler = new Resampler(rate);
        var pieces = new List<float>();
        for (int at = 0; at < input.Length;)
        {
            int length = Math.Min(input.Length - at, random.Next(1, 700));
            pieces.AddRange(resampler.Process(input.AsSpan(at, length)));
            at += length;
        }
        pieces.AddRange(resampler.Finish());

        Assert.Equal(whole.Length, pieces.Count);
        Assert.All(Enumerable.Range(0, whole.Length), i => Assert.Equal(whole[i], pieces[i], 1e-6));
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(44_100)]
    [InlineData(384_000)]
    [InlineData(100_003)]
    public void A_constant_stays_what_it_is(int rate)
    {
        float[] output = Resample([.. Enumerable.Repeat(0.25f, rate / 2)], rate);

        Assert.All(output[3000..5000], sample => Assert.Equal(0.25, sample, 1e-5));
    }

    private static float[] Resample(float[] input, int rate)
    {
        var resampler = new Resampler(rate);
        return [.. resampler.Process(input).ToArray(), .. resampler.Finish()];
    }
}
