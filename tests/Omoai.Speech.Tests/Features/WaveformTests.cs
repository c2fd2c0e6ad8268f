using Omoai.Speech.Features;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Tests.Features;

public sealed class WaveformTests
{
    private static readonly FeatureSettings Plain = new() { Type = "waveform" };

    [Fact]
    public void The_samples_are_scaled_and_moved()
    {
        var extractor = FeatureExtractors.Create(Plain with { SampleScale = 100, Scale = 0.5, Offset = 3 }, 16000, Nothing);

        Assert.Equal([3, 53, -47], extractor.Compute([0, 1, -1]));
        Assert.Equal((1, 1, 3), (extractor.Width, extractor.HopSamples, extractor.FrameCount(3)));
    }

    [Fact]
    public void The_mean_goes_and_the_variance_where_asked()
    {
        Assert.Equal([-2, 0, 2], FeatureExtractors.Create(Plain with { MeanNormalize = true }, 16000, Nothing).Compute([1, 3, 5]));

        var both = FeatureExtractors.Create(Plain with { MeanNormalize = true, VarianceNormalize = true }, 16000, Nothing);
        Assert.Equal([-Math.Sqrt(1.5), 0, Math.Sqrt(1.5)], both.Compute([1, 3, 5]).Select(value => (double)value), (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Equal([0, 0, 0], both.Compute([0.5f, 0.5f, 0.5f]));
        Assert.Empty(both.Compute([]));
    }

    [Fact]
    public void An_offset_is_found_in_hours_of_sound()
    {
        // In single precision a plain sum stops growing at 2^24 / 0.1 samples, or is off long before.
        var samples = new float[4_000_000];
        Array.Fill(samples, 0.1f);

        var values = FeatureExtractors.Create(Plain with { MeanNormalize = true }, 16000, Nothing).Compute(samples);

        Assert.InRange(values.Max(Math.Abs), 0, 1e-6);
    }

    public static TheoryData<string, FeatureSettings> Unsupported => new()
    {
        { "sampleScale 0", Plain with { SampleScale = 0 } },
        { "sampleScale NaN", Plain with { SampleScale = double.NaN } },
        { "offset Infinity", Plain with { Offset = double.PositiveInfinity } },
        { "scale 1E+39", Plain with { Scale = 1e39 } },
        { "varianceNormalize without meanNormalize", Plain with { VarianceNormalize = true } },
        { "a cmvn, 'x'", Plain with { Cmvn = "x" } },
        { "stackFrames 2", Plain with { StackFrames = 2 } },
    };

    [Theory]
    [MemberData(nameof(Unsupported))]
    public void What_cant_be_computed_is_named(string named, FeatureSettings settings)
    {
        var e = Assert.Throws<MissingRequirementException>(() => FeatureExtractors.Create(settings, 16000, Nothing));

        Assert.Contains(named, e.Message, StringComparison.Ordinal);
    }

    private static Stream Nothing(string name) => throw new InvalidOperationException($"{name} was opened.");

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(100_000_000)]
    public void A_sample_rate_that_no_audio_has_is_refused(int sampleRate) =>
        Assert.Throws<MissingRequirementException>(() => FeatureExtractors.Create(
            new FeatureSettings { Type = "waveform" }, sampleRate, name => throw new FileNotFoundException(name)));
}
