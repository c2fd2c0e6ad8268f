using System.Globalization;
using System.Text;
using System.Text.Json;
using Omoai.Speech.Features;
using Omoai.Tests;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Tests.Features;

/// <summary>
/// The settings of each family against References/features.json, which References/features.py made by numpy. A value may be off by a
/// thousandth of the standard deviation of all the values of its family.
/// </summary>
public sealed class FeatureReferenceTests
{
    private static readonly FeatureSettings Wenet = new()
    {
        Type = "log-mel",
        SampleScale = 32768,
        RemoveDcOffset = true,
        PreEmphasis = 0.97,
        Window = "povey",
        WindowLength = 400,
        HopLength = 160,
        FftLength = 512,
        Bins = 80,
        LogFloor = 1.1920929e-7,
        ClampToFloor = true,
    };

    private static readonly FeatureSettings Whisper = new()
    {
        Type = "log-mel",
        WindowLength = 400,
        HopLength = 160,
        FftLength = 400,
        Edges = "center-reflect",
        DropLastFrame = true,
        Bins = 80,
        MelScale = "slaney",
        MelAreaNormalize = true,
        LowHz = 0,
        Log = "log10",
        LogFloor = 1e-10,
        ClampToFloor = true,
        DynamicRange = 8,
        Scale = 0.25,
        Offset = 1,
    };

    private static readonly FeatureSettings Nemo = new()
    {
        Type = "log-mel",
        PreEmphasis = 0.97,
        PreEmphasisPerFrame = false,
        Window = "hann-symmetric",
        WindowLength = 400,
        HopLength = 160,
        FftLength = 512,
        Edges = "center-zero",
        DropLastFrame = true,
        Bins = 80,
        MelScale = "slaney",
        MelAreaNormalize = true,
        LowHz = 0,
        LogFloor = 5.9604645e-8,
        MeanNormalize = true,
        VarianceNormalize = true,
    };

    private static readonly FeatureSettings Torchaudio = new()
    {
        Type = "log-mel",
        WindowLength = 400,
        HopLength = 200,
        FftLength = 400,
        Edges = "center-reflect",
        Bins = 64,
        MelScale = "htk",
        LowHz = 0,
    };

    private static readonly FeatureSettings Odd = new()
    {
        Type = "log-mel",
        WindowLength = 225,
        HopLength = 75,
        FftLength = 225,
        Power = false,
        Bins = 23,
        MelScale = "slaney",
        LowHz = 64,
        HighHz = 3800,
        Log = "log10",
        LogFloor = 1e-4,
    };

    public static TheoryData<string, FeatureSettings, int> Families => new()
    {
        { "kaldi", Wenet, 16000 },
        { "kaldi-hann", Wenet with { Window = "hann-symmetric", Bins = 40, HighHz = 7600 }, 16000 },
        { "wenet", Wenet with { Cmvn = "global_cmvn" }, 16000 },
        { "zipformer", Wenet with { SampleScale = 1, Edges = "kaldi", HighHz = 7600 }, 16000 },
        { "sensevoice", Wenet with { Window = "hamming", StackFrames = 7, StackStep = 6, Cmvn = "am.mvn" }, 16000 },
        { "whisper-80", Whisper, 16000 },
        { "whisper-128", Whisper with { Bins = 128 }, 16000 },
        { "nemo-zero", Nemo, 16000 },
        { "nemo-reflect", Nemo with { Edges = "center-reflect" }, 16000 },
        { "torchaudio", Torchaudio, 16000 },
        { "odd", Odd, 8000 },
        { "wav2vec2", new FeatureSettings { Type = "waveform", MeanNormalize = true, VarianceNormalize = true }, 16000 },
    };

    [Theory]
    [MemberData(nameof(Families))]
    public void A_family_s_features_are_those_of_its_definition(string family, FeatureSettings settings, int sampleRate)
    {
        using var tables = JsonDocument.Parse(
            File.ReadAllText(Path.Combine(TestPaths.Repository, "tests/Omoai.Speech.Tests/References/features.json")));
        var table = tables.RootElement.GetProperty(family);
        var (frames, width) = (table.GetProperty("shape")[0].GetInt32(), table.GetProperty("shape")[1].GetInt32());
        var extractor = FeatureExtractors.Create(settings, sampleRate, Open);

        // Twice: what one stretch leaves in the scratch memory must not matter to the next.
        extractor.Compute(Signal().AsSpan(5000, 5000));
        var features = extractor.Compute(Signal());

        Assert.Equal(width, extractor.Width);
        Assert.Equal(frames, extractor.FrameCount(Signal().Length));
        Assert.Equal(frames * width, features.Length);
        var tolerance = 1e-3 * table.GetProperty("std").GetDouble();
        foreach (var frame in table.GetProperty("frames").EnumerateObject())
        {
            var row = int.Parse(frame.Name, CultureInfo.InvariantCulture);
            foreach (var (bin, value) in frame.Value.EnumerateArray().Select(value => value.GetDouble()).Index())
            {
                var actual = features[(row * width) + bin];
                Assert.True(Math.Abs(actual - value) <= tolerance, $"{actual}, not {value}, in bin {bin} of frame {row}");
            }
        }
    }

    /// <summary>What features.py calls <c>signal</c>.</summary>
    private static float[] Signal()
    {
        var state = 7u;
        var samples = new float[20937];
        for (var i = 0; i < samples.Length; i++)
        {
            state = unchecked((state * 1664525) + 1013904223);
            var noise = (int)(state >> 16) - 32768;
            var triangle = Math.Abs((i * (100 + (i / 20)) % 16000) - 8000) - 4000;
            samples[i] = i is >= 9000 and < 11000 ? 0 : (triangle + (noise >> 5) + 250) / 32768f;
        }

        return samples;
    }

    /// <summary>The files that features.py takes the numbers of.</summary>
    private static MemoryStream Open(string name)
    {
        static double Mean(int place) => (place * 7 % 13) / 4.0;
        static string Join(IEnumerable<double> values, string separator) =>
            string.Join(separator, values.Select(value => value.ToString("R", CultureInfo.InvariantCulture)));

        var means = Enumerable.Range(0, 80).Select(bin => 1000 * (10 + Mean(bin))).ToArray();
        var squares = means.Select((mean, bin) => (mean * mean / 1000) + (1000 * (4 + (bin % 5))));
        var places = Enumerable.Range(0, 560);
        return new MemoryStream(Encoding.UTF8.GetBytes(name == "global_cmvn"
            ? $$"""{"mean_stat": [{{Join(means, ",")}}], "var_stat": [{{Join(squares, ",")}}], "frame_num": 1000}"""
            : $"""
              <Nnet>
              <Splice> 560 560
              [ 0 ]
              <AddShift> 560 560
              <LearnRateCoef> 0 [ {Join(places.Select(place => -(8 + Mean(place))), " ")} ]
              <Rescale> 560 560
              <LearnRateCoef> 0 [ {Join(places.Select(place => 0.125 + (place % 5 / 32.0)), " ")} ]
              </Nnet>
              """));
    }
}
