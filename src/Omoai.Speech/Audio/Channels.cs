using System.Numerics.Tensors;

namespace Omoai.Speech.Audio;

/// <summary>Takes interleaved channels apart, or together.</summary>
internal static class Channels
{
    /// <summary>Averages the channels.</summary>
    /// <param name="interleaved">The samples of all channels in turn.</param>
    /// <param name="channels">How many there are.</param>
    /// <param name="mono">Gets as many samples as one channel has.</param>
    public static void Mix(ReadOnlySpan<float> interleaved, int channels, Span<float> mono)
    {
        for (int i = 0; i < mono.Length; i++)
        {
            mono[i] = TensorPrimitives.Sum(interleaved.Slice(i * channels, channels)) / channels;
        }
    }

    /// <summary>Takes one channel out.</summary>
    /// <param name="interleaved">The samples of all channels in turn.</param>
    /// <param name="channels">How many there are.</param>
    /// <param name="channel">Which one, from 0.</param>
    /// <param name="samples">Gets its samples.</param>
    public static void Take(ReadOnlySpan<float> interleaved, int channels, int channel, Span<float> samples)
    {
        for (int i = 0; i < samples.Length; i++)
        {
            samples[i] = interleaved[i * channels + channel];
        }
    }
}
