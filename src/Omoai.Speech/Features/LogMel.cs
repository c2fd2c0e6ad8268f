using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Features;

/// <summary>
/// Log-mel features. Frames start at sample 0 and don't reach past the end; each is windowed (periodic Hann), padded with
/// zeros to the FFT's length, and its power spectrum summed by triangular filters with peak 1 that are equally spaced and
/// linear on Kaldi's mel scale, mel(f) = 1127·ln(1 + f / 700); then the natural logarithm. The levelling that the settings
/// ask for is done over one call: one stretch of speech.
/// </summary>
public sealed class LogMel
{
    private readonly FeatureSettings _settings;
    private readonly float[] _window;
    private readonly RealFft _fft;
    private readonly Filter[] _filters;

    /// <param name="settings">The <c>features</c> of a model.</param>
    /// <param name="sampleRate">Samples per second of the audio.</param>
    /// <exception cref="MissingRequirementException">The settings ask for something this version can't compute.</exception>
    public LogMel(FeatureSettings settings, int sampleRate)
    {
        Check(settings, sampleRate);
        _settings = settings;
        _window = new float[settings.WindowLength];
        for (var i = 0; i < _window.Length; i++)
        {
            _window[i] = (float)(0.5 - (0.5 * Math.Cos(2 * Math.PI * i / _window.Length)));
        }

        _fft = new RealFft(settings.FftLength);
        _filters = Filters(settings, sampleRate);
    }

    /// <summary>Values in a frame.</summary>
    public int Bins => _settings.Bins;

    /// <summary>Frames in that many samples: none where they don't fill a window.</summary>
    public int FrameCount(int samples) =>
        samples < _settings.WindowLength ? 0 : 1 + ((samples - _settings.WindowLength) / _settings.HopLength);

    /// <summary>The features of one stretch of speech. Not for several threads at once.</summary>
    /// <param name="samples">Mono, in [-1, 1].</param>
    /// <returns>[<see cref="FrameCount"/>, <see cref="Bins"/>], row by row.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public float[] Compute(ReadOnlySpan<float> samples)
    {
        var frames = FrameCount(samples.Length);
        var features = new float[frames * Bins];
        var frame = new float[_fft.Length];
        var power = new float[_fft.SpectrumLength];
        var imaginary = new float[_fft.SpectrumLength];
        for (var i = 0; i < frames; i++)
        {
            TensorPrimitives.Multiply(samples.Slice(i * _settings.HopLength, _window.Length), _window, frame);
            _fft.Transform(frame, power, imaginary);
            TensorPrimitives.Multiply(power, power, power);
            TensorPrimitives.MultiplyAdd(imaginary, imaginary, power, power);
            var row = features.AsSpan(i * Bins, Bins);
            for (var bin = 0; bin < row.Length; bin++)
            {
                var (first, weights) = _filters[bin];
                row[bin] = TensorPrimitives.Dot(power.AsSpan(first, weights.Length), weights);
            }
        }

        TensorPrimitives.Add(features, (float)_settings.LogFloor, features);
        TensorPrimitives.Log(features, features);
        Level(features);
        return features;
    }

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

        if (_settings.MeanNormalize)
        {
            var mean = new float[Bins];
            for (var at = 0; at < features.Length; at += Bins)
            {
                TensorPrimitives.Add(mean, features.Slice(at, Bins), mean);
            }

            TensorPrimitives.Divide(mean, features.Length / Bins, mean);
            for (var at = 0; at < features.Length; at += Bins)
            {
                TensorPrimitives.Subtract(features.Slice(at, Bins), mean, features.Slice(at, Bins));
            }
        }

        TensorPrimitives.Multiply(features, (float)_settings.Scale, features);
    }

    private static Filter[] Filters(FeatureSettings settings, int sampleRate)
    {
        static double Mel(double hertz) => 1127 * Math.Log(1 + (hertz / 700));

        var lowest = Mel(settings.LowHz);
        var step = (Mel(settings.HighHz) - lowest) / (settings.Bins + 1);
        var filters = new Filter[settings.Bins];
        for (var bin = 0; bin < filters.Length; bin++)
        {
            var centre = lowest + ((bin + 1) * step);
            var weights = Enumerable.Range(0, (settings.FftLength / 2) + 1)
                .Select(k => (float)(1 - (Math.Abs(Mel((double)k * sampleRate / settings.FftLength) - centre) / step)))
                .ToArray();
            // A filter narrower than the distance of two frequencies may have none.
            var first = Math.Max(0, Array.FindIndex(weights, weight => weight > 0));
            var end = Array.FindLastIndex(weights, weight => weight > 0) + 1;
            filters[bin] = new Filter(first, end > first ? weights[first..end] : []);
        }

        return filters;
    }

    private static void Check(FeatureSettings settings, int sampleRate)
    {
        static void Require(bool fine, string what)
        {
            if (!fine)
            {
                throw new MissingRequirementException(
                    $"The model's features have {what}, which this version can't compute. Use another model or a newer version.");
            }
        }

        Require(settings.Type == "log-mel", $"type '{settings.Type}' (known: log-mel)");
        Require(settings.Window == "hann", $"window '{settings.Window}' (known: hann)");
        Require(settings.MelScale == "kaldi", $"melScale '{settings.MelScale}' (known: kaldi)");
        Require(sampleRate is >= 1000 and <= 192_000, $"a sample rate of {sampleRate} Hz");
        Require(
            settings.FftLength is >= 4 and <= 65536 && BitOperations.IsPow2(settings.FftLength),
            $"fftLength {settings.FftLength} (a power of two up to 65536)");
        Require(
            settings.WindowLength >= 1 && settings.WindowLength <= settings.FftLength,
            $"windowLength {settings.WindowLength} (1 to fftLength)");
        Require(settings.HopLength is >= 1 and <= 65536, $"hopLength {settings.HopLength} (1 to 65536)");
        Require(settings.Bins is >= 1 and <= 1024, $"{settings.Bins} bins (1 to 1024)");
        Require(
            settings.LowHz >= 0 && settings.LowHz < settings.HighHz && settings.HighHz <= sampleRate / 2.0,
            FormattableString.Invariant($"frequencies {settings.LowHz} to {settings.HighHz} Hz of {sampleRate / 2.0}"));
        // As single precision, in which the features are computed: 1e-50 is 0 there, and its logarithm no number.
        Require(
            (float)settings.LogFloor is > 0 and < float.PositiveInfinity,
            FormattableString.Invariant($"logFloor {settings.LogFloor}"));
        Require(
            (float?)settings.DynamicRange is null or >= 0 and < float.PositiveInfinity,
            FormattableString.Invariant($"dynamicRange {settings.DynamicRange}"));
        Require(float.IsFinite((float)settings.Scale), FormattableString.Invariant($"scale {settings.Scale}"));
    }

    /// <summary>A filter's weights that aren't zero, and the frequency that the first of them is for.</summary>
    private readonly record struct Filter(int First, float[] Weights);
}
