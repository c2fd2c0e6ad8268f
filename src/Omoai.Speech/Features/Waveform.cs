using System.Numerics.Tensors;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Features;

/// <summary>
/// The samples themselves, for models that take the raw waveform (wav2vec 2.0, HuBERT): scaled, and where the settings ask
/// for it with the stretch's mean subtracted and divided by √(variance + 1e-7), as Hugging Face's
/// <c>Wav2Vec2FeatureExtractor</c> does it.
/// </summary>
public sealed class Waveform : IFeatureExtractor
{
    // Sums in single precision are exact enough over that many samples; over hours they aren't.
    private const int Block = 4096;

    private readonly FeatureSettings _settings;

    /// <param name="settings">The <c>features</c> of a model; what is there for <c>log-mel</c> only isn't looked at.</param>
    /// <exception cref="MissingRequirementException">The settings ask for something this version can't compute.</exception>
    public Waveform(FeatureSettings settings)
    {
        FeatureExtractors.Require(settings.Type == "waveform", $"type '{settings.Type}' (known: log-mel, waveform)");
        LogMel.CheckCommon(settings);
        FeatureExtractors.Require(settings.Cmvn is null, $"type 'waveform' and a cmvn, '{settings.Cmvn}'");
        FeatureExtractors.Require(
            settings is { StackFrames: 1, StackStep: 1 },
            $"type 'waveform' and stackFrames {settings.StackFrames}, stackStep {settings.StackStep}");
        _settings = settings;
    }

    public int Width => 1;

    public int HopSamples => 1;

    public int FrameCount(int samples)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(samples);
        return samples;
    }

    public float[] Compute(ReadOnlySpan<float> samples)
    {
        var values = new float[FeatureExtractors.CheckedLength(samples.Length, 1, samples.Length)];
        TensorPrimitives.Multiply(samples, (float)_settings.SampleScale, values);
        if (values.Length > 0 && _settings.MeanNormalize)
        {
            TensorPrimitives.Subtract(values, (float)(Sum(values, squares: false) / values.Length), values);
            if (_settings.VarianceNormalize)
            {
                var variance = Sum(values, squares: true) / values.Length;
                TensorPrimitives.Multiply(values, (float)(1 / Math.Sqrt(variance + 1e-7)), values);
            }
        }

        TensorPrimitives.Multiply(values, (float)_settings.Scale, values);
        TensorPrimitives.Add(values, (float)_settings.Offset, values);
        return values;
    }

    private static double Sum(ReadOnlySpan<float> values, bool squares)
    {
        var total = 0.0;
        for (; !values.IsEmpty; values = values[Math.Min(Block, values.Length)..])
        {
            var block = values[..Math.Min(Block, values.Length)];
            total += squares ? TensorPrimitives.SumOfSquares(block) : TensorPrimitives.Sum(block);
        }

        return total;
    }
}
