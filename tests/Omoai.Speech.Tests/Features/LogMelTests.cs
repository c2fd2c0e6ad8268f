using Omoai.Speech.Audio;
using Omoai.Speech.Features;
using Omoai.Tests;
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

    [SharedDataFact]
    public async Task A_recording_s_features_are_those_of_a_naive_computation()
    {
        var file = Path.Combine(TestPaths.SharedData!, "speech", "librispeech-1995-1837-0001.wav");
        await using var reader = await WavReader.OpenAsync(File.OpenRead(file), file, default);
        var samples = new float[24000];
        for (var read = 0; read < samples.Length;)
        {
            read += await reader!.ReadAsync(samples.AsMemory(read), default);
        }

        Assert.Equal(new AudioFormat(16000, 1, reader!.Format.Codec), reader.Format);
        AssertLikeNaive(Demo, 16000, samples);
    }

    [Theory]
    [InlineData("snip", 399, 0)]
    [InlineData("snip", 560, 2)]
    [InlineData("kaldi", 0, 0)]
    [InlineData("kaldi", 79, 0)]
    [InlineData("kaldi", 80, 1)]
    [InlineData("kaldi", 240, 2)]
    [InlineData("center-zero", 0, 0)]
    [InlineData("center-zero", 1, 1)]
    [InlineData("center-reflect", 1, 1)]
    [InlineData("center-reflect", 2, 1)]
    [InlineData("center-reflect", 159, 1)]
    [InlineData("center-reflect", 160, 2)]
    public void However_short_a_stretch_is_its_frames_are_there(string edges, int samples, int frames)
    {
        var logMel = new LogMel(Plain with { Edges = edges, PreEmphasis = 0.97, PreEmphasisPerFrame = false }, 16000);

        var features = logMel.Compute(Sound(samples, 0.4, 16000));

        Assert.Equal(frames, logMel.FrameCount(samples));
        Assert.Equal(frames * 80, features.Length);
        Assert.All(features, value => Assert.InRange(value, Math.Log(0.9e-6), 20));
    }

    [Fact]
    public void A_single_frame_is_levelled_to_zero()
    {
        var logMel = new LogMel(Plain with { MeanNormalize = true, VarianceNormalize = true }, 16000);

        Assert.All(logMel.Compute(Sound(400, 0.4, 16000)), value => Assert.Equal(0, value));
    }

    [Fact]
    public void A_bin_is_levelled_over_an_hour_as_over_a_minute()
    {
        // A constant is its own mean. It is the worst case, whose rounding errors all have one sign: one sum of so many in single
        // precision is off by 0.2.
        var logMel = new LogMel(Plain with { WindowLength = 4, FftLength = 4, HopLength = 1, Bins = 1, MeanNormalize = true }, 16000);

        Assert.InRange(logMel.Compute(new float[1_000_000]).Max(Math.Abs), 0, 2e-3);
    }

    [Fact]
    public void A_day_of_samples_is_counted_and_more_than_fits_is_refused()
    {
        const int day = 24 * 3600 * 16000;
        Assert.Equal(8_639_998, new LogMel(Plain, 16000).FrameCount(day));
        Assert.Equal(8_640_000, new LogMel(Plain with { Edges = "kaldi" }, 16000).FrameCount(day));
        var dense = Plain with { WindowLength = 4, FftLength = 4, HopLength = 1 };
        Assert.Equal(int.MaxValue, new LogMel(dense with { Edges = "center-zero" }, 16000).FrameCount(int.MaxValue - 1));
        Assert.Equal(int.MaxValue, new LogMel(dense with { Edges = "kaldi" }, 16000).FrameCount(int.MaxValue));

        // 1024 values for every sample.
        var wide = new LogMel(dense with { Bins = 1024 }, 16000);
        var e = Assert.Throws<BadInputException>(() => wide.Compute(new float[1 << 20]));
        Assert.Contains("Split it", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public void Nothing_is_allocated_for_a_frame_but_its_values(int stack)
    {
        var settings = Plain with
        {
            RemoveDcOffset = true,
            PreEmphasis = 0.97,
            PreEmphasisPerFrame = false,
            Edges = "center-reflect",
            MeanNormalize = true,
            VarianceNormalize = true,
            StackFrames = stack,
            StackStep = stack,
        };
        var logMel = new LogMel(settings, 16000);
        var (brief, lengthy) = (Sound(16000, 0.3, 16000), Sound(160_000, 0.3, 16000));
        Allocated(brief);
        Allocated(lengthy);

        // The values themselves are 4 bytes each; twice where they are stacked in the end.
        var bytes = (stack == 1 ? 4 : 8) * 80 * (1001 - 101);
        Assert.InRange(Allocated(lengthy) - Allocated(brief) - bytes, -8 * 80 * stack, 8 * 80 * stack);

        long Allocated(float[] samples)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            logMel.Compute(samples);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public void Whatever_settings_say_they_are_refused_or_computed()
    {
        var random = new Random(11);
        var computed = 0;
        for (var i = 0; i < 2000; i++)
        {
            var settings = Strange(random);
            var samples = Sound(random.Next(0, 3000), 0.3, 16000);
            try
            {
                var extractor = FeatureExtractors.Create(settings, 16000, name => new MemoryStream(new byte[random.Next(100)]));
                Assert.Equal(extractor.FrameCount(samples.Length) * extractor.Width, extractor.Compute(samples).Length);
                computed++;
            }
            catch (MissingRequirementException)
            {
                // As it should be.
            }
        }

        Assert.InRange(computed, 100, 1900);
    }

    /// <summary>Some of the demo's settings, changed to something that may be out of place.</summary>
    private static FeatureSettings Strange(Random random)
    {
        var settings = Demo with { Bins = random.Next(1, 40) };
        for (var changes = random.Next(1, 4); changes > 0; changes--)
        {
            int[] lengths = [int.MinValue, -1, 0, 1, 2, 3, 4, 5, 63, 64, 100, 225, 400, 512, 1000, 65536, 65537, int.MaxValue];
            double[] values = [double.NegativeInfinity, -1e300, -1, -1e-300, 0, 1e-300, 1e-10, 0.97, 1, 20, 8000, 1e40, double.NaN];
            var (length, value) = (lengths[random.Next(lengths.Length)], values[random.Next(values.Length)]);
            settings = random.Next(20) switch
            {
                0 => settings with { SampleScale = value },
                1 => settings with { PreEmphasis = value },
                2 => settings with { WindowLength = length },
                3 => settings with { HopLength = length },
                4 => settings with { FftLength = length },
                5 => settings with { Bins = length },
                6 => settings with { LowHz = value },
                7 => settings with { HighHz = value },
                8 => settings with { LogFloor = value },
                9 => settings with { DynamicRange = value },
                10 => settings with { StackFrames = length },
                11 => settings with { StackStep = length },
                12 => settings with { Scale = value },
                13 => settings with { Offset = value },
                14 => settings with { Edges = random.Next(2) == 0 ? "kaldi" : "center-reflect" },
                15 => settings with { MelScale = random.Next(2) == 0 ? "htk" : "slaney", MelAreaNormalize = true },
                16 => settings with { DropLastFrame = true, ClampToFloor = true, Log = "log10" },
                17 => settings with { VarianceNormalize = true, Power = false },
                18 => settings with { Cmvn = "file" },
                _ => settings with { Type = random.Next(2) == 0 ? "waveform" : "mfcc" },
            };
        }

        return settings;
    }

    public static TheoryData<string, FeatureSettings> Unsupported => new()
    {
        { "type 'mfcc'", Demo with { Type = "mfcc" } },
        { "window 'blackman'", Demo with { Window = "blackman" } },
        { "window ''", Demo with { Window = null! } },
        { "edges 'wrap'", Demo with { Edges = "wrap" } },
        { "melScale 'bark'", Demo with { MelScale = "bark" } },
        { "log 'log2'", Demo with { Log = "log2" } },
        { "sampleScale -1", Demo with { SampleScale = -1 } },
        { "preEmphasis 1.5", Demo with { PreEmphasis = 1.5 } },
        { "preEmphasis NaN", Demo with { PreEmphasis = double.NaN } },
        { "varianceNormalize without meanNormalize", Plain with { VarianceNormalize = true } },
        { "stackFrames 0", Demo with { StackFrames = 0 } },
        { "stackStep 0", Demo with { StackStep = 0 } },
        { "stackFrames 1000000", Demo with { StackFrames = 1_000_000 } },
        { "fftLength 514", Demo with { FftLength = 514 } },
        { "fftLength -512", Demo with { FftLength = -512 } },
        { "fftLength 131072", Demo with { FftLength = 131072 } },
        { "windowLength 0", Demo with { WindowLength = 0 } },
        { "bins (1 to 1024)", Demo with { Bins = 1025 } },
        { "frequencies 20 to -400 Hz", Demo with { HighHz = -400 } },
        { "frequencies NaN to 8000 Hz", Demo with { LowHz = double.NaN } },
        { "offset NaN", Demo with { Offset = double.NaN } },
        { "windowLength 513", Demo with { WindowLength = 513 } },
        { "hopLength 0", Demo with { HopLength = 0 } },
        { "hopLength 7", Demo with { HopLength = 7 } },
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
