using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Features;

/// <summary>
/// Log-mel features as <see cref="FeatureSettings"/> describes them: frames of the stretch, each levelled, pre-emphasised,
/// windowed, padded with zeros to the FFT's length, its spectrum summed by <see cref="MelFilters"/>; then the logarithm, what
/// the settings ask for over the whole stretch, stacking, and the normalisation of the file. Frames go through the FFT and the
/// filters side by side, one in each lane of a vector; nothing is allocated but the result.
/// </summary>
public sealed class LogMel : IFeatureExtractor
{
    // Sums in single precision are exact enough over that many frames; over hours they aren't.
    private const int Block = 4096;

    private readonly FeatureSettings _settings;
    private readonly GlobalCmvn? _cmvn;
    private readonly float[] _window;
    private readonly RealFft _fft;
    private readonly MelFilter[] _filters;

    // Samples from a frame's place to its window's first one.
    private readonly int _lead;

    // What the frames of all lanes become on their way.
    private readonly float[] _frames;
    private readonly Vector<float>[] _samples;
    private readonly Vector<float>[] _signal;
    private readonly Vector<float>[] _real;
    private readonly Vector<float>[] _imaginary;
    private readonly Vector<float>[] _mel;
    private readonly float[] _rows;

    private readonly float[] _sum;
    private readonly double[] _total;

    /// <param name="settings">The <c>features</c> of a model, without a file; see <see cref="FeatureExtractors.Create"/>.</param>
    /// <param name="sampleRate">Samples per second of the audio.</param>
    /// <exception cref="MissingRequirementException">The settings ask for something this version can't compute.</exception>
    public LogMel(FeatureSettings settings, int sampleRate)
        : this(settings, sampleRate, null)
    {
    }

    internal LogMel(FeatureSettings settings, int sampleRate, GlobalCmvn? cmvn)
    {
        Check(settings, sampleRate);
        _settings = settings;
        _cmvn = cmvn;
        _window = Window(settings);
        _fft = new RealFft(settings.FftLength);
        _filters = MelFilters.Create(settings, sampleRate);
        _lead = settings.Edges switch
        {
            "snip" => 0,
            "kaldi" => (settings.HopLength / 2) - (settings.WindowLength / 2),
            // The window lies in the middle of the FFT, and that around the frame's place.
            _ => ((settings.FftLength - settings.WindowLength) / 2) - (settings.FftLength / 2),
        };
        _frames = new float[RealFft.Lanes * settings.WindowLength];
        _samples = new Vector<float>[settings.WindowLength];
        _signal = new Vector<float>[settings.FftLength];
        _real = new Vector<float>[_fft.SpectrumLength];
        _imaginary = new Vector<float>[_fft.SpectrumLength];
        _mel = new Vector<float>[settings.Bins];
        _rows = new float[RealFft.Lanes * settings.Bins];
        _sum = new float[settings.Bins];
        _total = new double[settings.Bins];
    }

    public int Width => _settings.Bins * _settings.StackFrames;

    public int HopSamples => _settings.HopLength * _settings.StackStep;

    public int FrameCount(int samples) =>
        checked((int)((Frames(samples) + _settings.StackStep - 1) / _settings.StackStep));

    /// <exception cref="BadInputException">The stretch is hours long, and so are its features.</exception>
    public float[] Compute(ReadOnlySpan<float> samples)
    {
        var frames = Frames(samples.Length);
        var features = new float[FeatureExtractors.CheckedLength(frames, _settings.Bins, samples.Length)];
        for (var first = 0; first < frames; first += RealFft.Lanes)
        {
            ComputeLanes(samples, first, features.AsSpan(first * _settings.Bins));
        }

        Level(features);
        if (_settings is not { StackFrames: 1, StackStep: 1 })
        {
            features = Stack(features, samples.Length);
        }

        _cmvn?.Apply(features);
        if (_settings is not { Scale: 1, Offset: 0 })
        {
            TensorPrimitives.Multiply(features, (float)_settings.Scale, features);
            TensorPrimitives.Add(features, (float)_settings.Offset, features);
        }

        return features;
    }

    /// <summary>Frames before stacking.</summary>
    private long Frames(int samples)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(samples);
        var hop = _settings.HopLength;
        var frames = _settings.Edges switch
        {
            "snip" => samples < _window.Length ? 0 : 1 + ((samples - _window.Length) / hop),
            "kaldi" => ((long)samples + (hop / 2)) / hop,
            // Both ends are continued by half an FFT, rounded down.
            _ => samples == 0 ? 0 : 1 + (((long)samples - (_fft.Length % 2)) / hop),
        };
        return _settings.DropLastFrame ? Math.Max(0, frames - 1) : frames;
    }

    /// <summary>The logarithms of the mel energies of as many frames as there are lanes, or as are left.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ComputeLanes(ReadOnlySpan<float> samples, int first, Span<float> rows)
    {
        var lanes = Math.Min(RealFft.Lanes, rows.Length / _mel.Length);
        for (var lane = 0; lane < lanes; lane++)
        {
            CopyFrame(
                samples, ((long)(first + lane) * _settings.HopLength) + _lead, _frames.AsSpan(lane * _window.Length, _window.Length));
        }

        Transposition.Transpose(_frames, _window.Length, MemoryMarshal.Cast<Vector<float>, float>(_samples.AsSpan()));
        ApplyWindow();
        _fft.Transform(_signal, _real, _imaginary);
        for (var k = 0; k < _real.Length; k++)
        {
            var power = (_real[k] * _real[k]) + (_imaginary[k] * _imaginary[k]);
            _real[k] = _settings.Power ? power : Vector.SquareRoot(power);
        }

        var floor = new Vector<float>((float)_settings.LogFloor);
        var unit = _settings.Log == "log10" ? (float)(1 / Math.Log(10)) : 1;
        for (var bin = 0; bin < _mel.Length; bin++)
        {
            var (from, weights) = _filters[bin];
            var sum = Vector<float>.Zero;
            for (var i = 0; i < weights.Length; i++)
            {
                sum += _real[from + i] * weights[i];
            }

            _mel[bin] = Vector.Log(_settings.ClampToFloor ? Vector.Max(sum, floor) : sum + floor) * unit;
        }

        Transposition.Transpose(MemoryMarshal.Cast<Vector<float>, float>(_mel.AsSpan()), RealFft.Lanes, _rows);
        _rows.AsSpan(0, lanes * _mel.Length).CopyTo(rows);
    }

    /// <summary>The samples under the window that begins at <paramref name="start"/>, which may lie outside the stretch.</summary>
    private void CopyFrame(ReadOnlySpan<float> samples, long start, Span<float> frame)
    {
        var emphasis = _settings.PreEmphasisPerFrame ? 0 : (float)_settings.PreEmphasis;
        if (start < (emphasis == 0 ? 0 : 1) || start + frame.Length > samples.Length)
        {
            for (var i = 0; i < frame.Length; i++)
            {
                var at = Inside(start + i, samples.Length);
                frame[i] = at < 0 ? 0 : at == 0 ? samples[0] : samples[at] - (emphasis * samples[at - 1]);
            }
        }
        else if (emphasis == 0)
        {
            samples.Slice((int)start, frame.Length).CopyTo(frame);
        }
        else
        {
            TensorPrimitives.MultiplyAdd(
                samples.Slice((int)start - 1, frame.Length), -emphasis, samples.Slice((int)start, frame.Length), frame);
        }
    }

    /// <summary>The sample that stands for one before or after the stretch; negative for none.</summary>
    private int Inside(long at, int count)
    {
        if (at >= 0 && at < count)
        {
            return (int)at;
        }

        if (_settings.Edges == "center-zero")
        {
            return -1;
        }

        // Mirrored at both ends, again and again, with the samples at the ends doubled or not.
        var twice = _settings.Edges == "kaldi" ? 1 : 0;
        var period = Math.Max(1, (2L * count) - 2 + (2 * twice));
        at = ((at % period) + period) % period;
        return (int)(at < count ? at : period - twice - at);
    }

    /// <summary>Each lane's samples less their mean, pre-emphasised frame by frame, times the window.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ApplyWindow()
    {
        var mean = Vector<float>.Zero;
        if (_settings.RemoveDcOffset)
        {
            foreach (var sample in _samples)
            {
                mean += sample;
            }

            mean /= _samples.Length;
        }

        var emphasis = _settings.PreEmphasisPerFrame ? (float)_settings.PreEmphasis : 0;
        var before = _samples[0] - mean;
        for (var i = 0; i < _window.Length; i++)
        {
            var sample = _samples[i] - mean;
            _signal[i] = (sample - (before * emphasis)) * _window[i];
            before = sample;
        }
    }

    /// <summary>What the settings ask for over the whole stretch.</summary>
    private void Level(Span<float> features)
    {
        if (features.IsEmpty)
        {
            return;
        }

        if (_settings.DynamicRange is { } range)
        {
            TensorPrimitives.Max(features, TensorPrimitives.Max<float>(features) - (float)range, features);
        }

        var bins = _settings.Bins;
        var frames = features.Length / bins;
        if (_settings.MeanNormalize)
        {
            SumUp(features, squares: false);
            for (var bin = 0; bin < bins; bin++)
            {
                _sum[bin] = (float)(_total[bin] / frames);
            }

            for (var at = 0; at < features.Length; at += bins)
            {
                TensorPrimitives.Subtract(features.Slice(at, bins), _sum, features.Slice(at, bins));
            }
        }

        if (_settings.VarianceNormalize)
        {
            SumUp(features, squares: true);
            for (var bin = 0; bin < bins; bin++)
            {
                _sum[bin] = (float)(1 / (Math.Sqrt(_total[bin] / Math.Max(1, frames - 1)) + 1e-5));
            }

            for (var at = 0; at < features.Length; at += bins)
            {
                TensorPrimitives.Multiply(features.Slice(at, bins), _sum, features.Slice(at, bins));
            }
        }
    }

    /// <summary>Sums each bin's values, or their squares, to <see cref="_total"/>.</summary>
    private void SumUp(ReadOnlySpan<float> features, bool squares)
    {
        Array.Clear(_total);
        while (!features.IsEmpty)
        {
            Array.Clear(_sum);
            for (var i = 0; i < Block && !features.IsEmpty; i++)
            {
                var row = features[.._sum.Length];
                if (squares)
                {
                    TensorPrimitives.MultiplyAdd(row, row, _sum, _sum);
                }
                else
                {
                    TensorPrimitives.Add(_sum, row, _sum);
                }

                features = features[row.Length..];
            }

            for (var bin = 0; bin < _sum.Length; bin++)
            {
                _total[bin] += _sum[bin];
            }
        }
    }

    /// <summary>Frames side by side, as FunASR's <c>apply_lfr</c> puts them: the first of them lies in the middle of its row, and what
    /// is missing before the first frame and after the last one is that frame again.</summary>
    private float[] Stack(ReadOnlySpan<float> features, int samples)
    {
        var bins = _settings.Bins;
        var last = (features.Length / bins) - 1;
        var rows = last < 0 ? 0 : 1 + (last / _settings.StackStep);
        var stacked = new float[FeatureExtractors.CheckedLength(rows, Width, samples)];
        for (var at = 0; at < stacked.Length; at += bins)
        {
            var (row, column) = Math.DivRem(at / bins, _settings.StackFrames);
            var frame = Math.Clamp((row * _settings.StackStep) + column - ((_settings.StackFrames - 1) / 2), 0, last);
            features.Slice(frame * bins, bins).CopyTo(stacked.AsSpan(at));
        }

        return stacked;
    }

    /// <summary>The window, times the scale of the samples: all that is done to them before is linear.</summary>
    private static float[] Window(FeatureSettings settings)
    {
        var length = settings.WindowLength;
        return [.. Enumerable.Range(0, length).Select(i => (float)(settings.SampleScale * settings.Window switch
        {
            "hann" => 0.5 - (0.5 * Math.Cos(2 * Math.PI * i / length)),
            "hann-symmetric" => Hann(i),
            "hamming" => 0.54 - (0.46 * Math.Cos(2 * Math.PI * i / (length - 1))),
            _ => Math.Pow(Hann(i), 0.85),
        }))];

        double Hann(int i) => 0.5 - (0.5 * Math.Cos(2 * Math.PI * i / (length - 1)));
    }

    /// <exception cref="MissingRequirementException">The settings ask for something this version can't compute.</exception>
    internal static void Check(FeatureSettings settings, int sampleRate)
    {
        FeatureExtractors.Require(settings.Type == "log-mel", $"type '{settings.Type}' (known: log-mel, waveform)");
        CheckCommon(settings);
        CheckName("window", settings.Window, "hann", "hann-symmetric", "hamming", "povey");
        CheckName("edges", settings.Edges, "snip", "kaldi", "center-reflect", "center-zero");
        CheckName("melScale", settings.MelScale, "kaldi", "htk", "slaney");
        CheckName("log", settings.Log, "natural", "log10");
        FeatureExtractors.Require(sampleRate is >= 1000 and <= 192_000, $"a sample rate of {sampleRate} Hz");
        FeatureExtractors.Require(
            settings.FftLength <= 65536 && RealFft.IsLength(settings.FftLength),
            $"fftLength {settings.FftLength} (a product of 2, 3 and 5, 4 to 65536)");
        FeatureExtractors.Require(
            settings.WindowLength >= 2 && settings.WindowLength <= settings.FftLength,
            $"windowLength {settings.WindowLength} (2 to fftLength)");
        // A shorter hop than this does the same work over and over, for hours where a manifest is malicious.
        FeatureExtractors.Require(
            settings.HopLength is >= 1 and <= 65536 && settings.HopLength >= settings.FftLength / 64,
            $"hopLength {settings.HopLength} (1 to 65536, and no less than a 64th of fftLength)");
        FeatureExtractors.Require(settings.PreEmphasis is >= 0 and <= 1, $"preEmphasis {settings.PreEmphasis} (0 to 1)");
        FeatureExtractors.Require(settings.Bins is >= 1 and <= 1024, $"{settings.Bins} bins (1 to 1024)");
        var highHz = settings.HighHz == 0 ? sampleRate / 2.0 : settings.HighHz;
        FeatureExtractors.Require(
            settings.LowHz >= 0 && settings.LowHz < highHz && highHz <= sampleRate / 2.0,
            $"frequencies {settings.LowHz} to {highHz} Hz of {sampleRate / 2.0}");
        // As single precision, in which the features are computed: 1e-50 is 0 there, and its logarithm no number.
        FeatureExtractors.Require((float)settings.LogFloor is > 0 and < float.PositiveInfinity, $"logFloor {settings.LogFloor}");
        FeatureExtractors.Require(
            (float?)settings.DynamicRange is null or (>= 0 and < float.PositiveInfinity), $"dynamicRange {settings.DynamicRange}");
        FeatureExtractors.Require(settings.StackFrames is >= 1 and <= 64, $"stackFrames {settings.StackFrames} (1 to 64)");
        FeatureExtractors.Require(settings.StackStep is >= 1 and <= 64, $"stackStep {settings.StackStep} (1 to 64)");
    }

    /// <summary>What holds for every type.</summary>
    internal static void CheckCommon(FeatureSettings settings)
    {
        FeatureExtractors.Require(
            settings.SampleScale > 0 && settings.SampleScale <= 1L << 31, $"sampleScale {settings.SampleScale} (above 0, up to 2^31)");
        FeatureExtractors.Require(
            settings.MeanNormalize || !settings.VarianceNormalize, $"varianceNormalize without meanNormalize");
        FeatureExtractors.Require(float.IsFinite((float)settings.Scale), $"scale {settings.Scale}");
        FeatureExtractors.Require(float.IsFinite((float)settings.Offset), $"offset {settings.Offset}");
    }

    private static void CheckName(string setting, string? value, params ReadOnlySpan<string> known)
    {
        if (value is null || !known.Contains(value))
        {
            FeatureExtractors.Require(false, $"{setting} '{value}' (known: {string.Join(", ", known!)})");
        }
    }
}
