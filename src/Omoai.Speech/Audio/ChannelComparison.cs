using System.Numerics.Tensors;

namespace Omoai.Speech.Audio;

/// <summary>
/// Finds channels that carry the same sound, as where mono was recorded as stereo. Two are the same as long as, in every
/// block, their difference is 40 dB below the louder of them, or is below any speech whatever they are.
/// </summary>
internal sealed class ChannelComparison(int channels)
{
    private const double SameShare = 1e-4;

    // RMS of −80 dB relative to full scale. What is as quiet is silence, and noise that a converter adds.
    private const double SilentPower = 1e-8;

    private readonly bool[,] differ = new bool[channels, channels];
    private readonly bool[] heard = new bool[channels];

    /// <summary>Takes the next samples: for each channel as many.</summary>
    public void Add(ReadOnlySpan<float[]> samples, int count)
    {
        Span<double> power = stackalloc double[channels];
        for (int channel = 0; channel < channels; channel++)
        {
            ReadOnlySpan<float> these = samples[channel].AsSpan(0, count);
            power[channel] = TensorPrimitives.SumOfSquares(these) / count;
            heard[channel] |= power[channel] > SilentPower;
            for (int before = 0; before < channel; before++)
            {
                if (!differ[before, channel])
                {
                    double distance = TensorPrimitives.Distance(these, samples[before].AsSpan(0, count));
                    double allowed = Math.Max(SilentPower, SameShare * Math.Max(power[before], power[channel]));
                    differ[before, channel] = distance * distance / count > allowed;
                }
            }
        }
    }

    /// <summary>The channel before this one that carries the same sound; null where none does, or where this one is
    /// silent.</summary>
    public int? SameAs(int channel)
    {
        for (int before = 0; heard[channel] && before < channel; before++)
        {
            if (!differ[before, channel] && SameAs(before) is null)
            {
                return before;
            }
        }
        return null;
    }
}
