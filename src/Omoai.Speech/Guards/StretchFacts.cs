using System.Numerics.Tensors;

namespace Omoai.Speech.Guards;

/// <summary>What is known of the audio of a stretch of speech.</summary>
/// <param name="Seconds">Its length.</param>
/// <param name="Level">Its loudness, decibels below full scale (root mean square); null where it isn't known.</param>
public sealed record StretchFacts(double Seconds, double? Level = null)
{
    /// <summary>The recogniser doubts that it is speech, or that it understood it.</summary>
    internal bool IsDoubted { get; init; }

    /// <summary>Those of samples in [-1, 1].</summary>
    public static StretchFacts Of(ReadOnlySpan<float> samples, int sampleRate) => new(
        (double)samples.Length / sampleRate,
        10 * Math.Log10((TensorPrimitives.SumOfSquares(samples) / Math.Max(1, samples.Length)) + 1e-12));
}
