using Omoai.Speech.Features;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Tests.Features;

public sealed class LogMelTests
{
    private static readonly FeatureSettings Demo = new()
    {
        Type = "log-mel",
        WindowLength = 400,
        HopLength = 160,
        FftLength = 512,
        Bins = 80,
        HighHz = 8000,
        DynamicRange = 14,
        MeanNormalize = true,
        Scale = 0.5,
    };

    private static readonly FeatureSettings Plain = Demo with { DynamicRange = null, MeanNormalize = false, Scale = 1 };

    [Fact]
    public void The_demo_model_s_features_are_those_of_a_naive_computation() =>
        AssertLikeNaive(Demo, 16000, Sound(16000, 0.4, 16000));

    [Fact]
    public void Other_lengths_rates_and_levels_are_those_of_a_naive_computation() =>
        AssertLikeNaive(
            Plain with { WindowLength = 200, HopLength = 75, FftLength = 256, Bins = 23, LowHz = 64, HighHz = 3800, LogFloor = 1e-4 },
            8000, Sound(8000, 0.3, 8000));

    [Fact]
    public void The_dynamic_range_is_that_of_the_whole_stretch()
    {
        // Half of it silent: there, everything is raised to 14 below the loudest value of the other half.
        var samples = Sound(16000, 0.5, 16000);
        samples.AsSpan(8000).Clear();

        AssertLikeNaive(Demo with { MeanNormalize = false }, 16000, samples);
        var features = new LogMel(Demo with { MeanNormalize = false }, 16000).Compute(samples);
        Assert.Equal(14 * 0.5, features.Max() - features.Min(), 1e-4);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(399, 0)]
    [InlineData(400, 1)]
    [InlineData(559, 1)]
    [InlineData(560, 2)]
    [InlineData(16000, 98)]
    public void Frames_are_whole_windows(int samples, int frames)
    {
        var logMel = new LogMel(Demo, 16000);

        Assert.Equal(frames, logMel.FrameCount(samples));
        Assert.Equal(frames * 80, logMel.Compute(new float[samples]).Length);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(30)]
    [InlineData(79)]
    public void A_tone_at_a_filter_s_centre_is_loudest_there(int bin)
    {
        var mel = Mel(20) + ((bin + 1) * (Mel(8000) - Mel(20)) / 81);
        var hertz = 700 * (Math.Exp(mel / 1127) - 1);
        var samples = Enumerable.Range(0, 1600).Select(i => (float)(0.5 * Math.Sin(2 * Math.PI * hertz * i / 16000))).ToArray();

        var frame = new LogMel(Plain, 16000).Compute(samples).AsSpan(3 * 80, 80).ToArray();

        Assert.Equal(bin, Array.IndexOf(frame, frame.Max()));
    }

    [Fact]
    public void Silence_is_the_logarithm_of_the_floor_and_level()
    {
        Assert.All(new LogMel(Plain, 16000).Compute(new float[4000]), value => Assert.Equal(Math.Log(1e-6), value, 1e-4));
        Assert.All(new LogMel(Demo, 16000).Compute(new float[4000]), value => Assert.Equal(0, value, 1e-4));
    }

    public static TheoryData<string, FeatureSettings> Unsupported => new()
    {
        { "type 'mfcc'", Demo with { Type = "mfcc" } },
        { "window 'povey'", Demo with { Window = "povey" } },
        { "melScale 'slaney'", Demo with { MelScale = "slaney" } },
        { "fftLength 500", Demo with { FftLength = 500 } },
        { "windowLength 513", Demo with { WindowLength = 513 } },
        { "hopLength 0", Demo with { HopLength = 0 } },
        { "0 bins", Demo with { Bins = 0 } },
        { "frequencies 20 to 8001 Hz", Demo with { HighHz = 8001 } },
        { "logFloor 0", Demo with { LogFloor = 0 } },
        { "logFloor 1E-50", Demo with { LogFloor = 1e-50 } },
        { "logFloor 1E+39", Demo with { LogFloor = 1e39 } },
        { "dynamicRange 1E+39", Demo with { DynamicRange = 1e39 } },
        { "scale 1E+39", Demo with { Scale = 1e39 } },
        { "dynamicRange -1", Demo with { DynamicRange = -1 } },
        { "scale NaN", Demo with { Scale = double.NaN } },
    };

    [Theory]
    [MemberData(nameof(Unsupported))]
    public void What_cant_be_computed_is_named(string named, FeatureSettings settings)
    {
        var e = Assert.Throws<MissingRequirementException>(() => new LogMel(settings, 16000));

        Assert.Contains(named, e.Message, StringComparison.Ordinal);
    }

    /// <summary>Noise and a chirp.</summary>
    private static float[] Sound(int count, double loudness, int rate)
    {
        var random = new Random(7);
        return Enumerable.Range(0, count).Select(i => (float)(
            (loudness * Math.Sin(2 * Math.PI * 3000 * i / rate * i / count)) + (0.01 * (random.NextDouble() - 0.5)))).ToArray();
    }

    private static void AssertLikeNaive(FeatureSettings settings, int rate, float[] samples)
    {
        var expected = Naive(settings, rate, samples);
        var actual = new LogMel(settings, rate).Compute(samples);

        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(
                Math.Abs(expected[i] - actual[i]) < 1e-3, $"{actual[i]}, not {expected[i]}, in frame {i / settings.Bins}");
        }
    }

    private static double Mel(double hertz) => 1127 * Math.Log(1 + (hertz / 700));

    /// <summary>The definition, word for word, in double precision.</summary>
    private static double[] Naive(FeatureSettings settings, int rate, float[] samples)
    {
        var points = Enumerable.Range(0, settings.Bins + 2)
            .Select(i => Mel(settings.LowHz) + (i * (Mel(settings.HighHz) - Mel(settings.LowHz)) / (settings.Bins + 1)))
            .ToArray();
        var rows = new List<double[]>();
        for (var start = 0; start + settings.WindowLength <= samples.Length; start += settings.HopLength)
        {
            var row = new double[settings.Bins];
            for (var k = 0; k <= settings.FftLength / 2; k++)
            {
                var (real, imaginary) = (0.0, 0.0);
                for (var n = 0; n < settings.WindowLength; n++)
                {
                    var hann = 0.5 - (0.5 * Math.Cos(2 * Math.PI * n / settings.WindowLength));
                    var angle = 2 * Math.PI * k * n / settings.FftLength;
                    real += samples[start + n] * hann * Math.Cos(angle);
                    imaginary -= samples[start + n] * hann * Math.Sin(angle);
                }

                var mel = Mel((double)k * rate / settings.FftLength);
                for (var bin = 0; bin < settings.Bins; bin++)
                {
                    var (left, centre, right) = (points[bin], points[bin + 1], points[bin + 2]);
                    var weight = Math.Max(0, Math.Min((mel - left) / (centre - left), (right - mel) / (right - centre)));
                    row[bin] += weight * ((real * real) + (imaginary * imaginary));
                }
            }

            rows.Add([.. row.Select(energy => Math.Log(energy + settings.LogFloor))]);
        }

        var floor = rows.Max(row => row.Max()) - (settings.DynamicRange ?? double.PositiveInfinity);
        rows = [.. rows.Select(row => row.Select(value => Math.Max(value, floor)).ToArray())];
        var mean = Enumerable.Range(0, settings.Bins).Select(bin => settings.MeanNormalize ? rows.Average(row => row[bin]) : 0).ToArray();
        return [.. rows.SelectMany(row => row.Select((value, bin) => (value - mean[bin]) * settings.Scale))];
    }
}
