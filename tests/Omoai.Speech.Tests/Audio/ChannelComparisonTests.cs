using Omoai.Speech.Audio;

namespace Omoai.Speech.Tests.Audio;

public sealed class ChannelComparisonTests
{
    private static readonly float[] Speech = TestAudio.Babble(2);

    [Fact]
    public void Copies_are_the_same_as_the_first_of_them()
    {
        Assert.Equal([null, 0, 0, null], SameAs(Speech, Speech, Speech, TestAudio.Tone(300, 2)));
        Assert.Equal([null, null, 0, 1], SameAs(Speech, TestAudio.Tone(300, 2), Speech, TestAudio.Tone(300, 2)));
    }

    [Fact]
    public void What_a_codec_or_a_converter_adds_makes_no_difference()
    {
        float[] coded = [.. Speech.Zip(TestAudio.Noise(2, 0.0001), (a, b) => a + b)];
        float[] withSilence = [.. TestAudio.Silence(1), .. Speech];
        float[] dithered = [.. TestAudio.Noise(1, 0.00003), .. Speech];

        Assert.Equal([null, 0], SameAs(Speech, coded));
        Assert.Equal([null, 0], SameAs(withSilence, dithered));
    }

    [Fact]
    public void A_word_on_one_channel_only_makes_a_difference_however_long_the_rest_is()
    {
        float[] all = [.. Enumerable.Repeat(Speech, 100).SelectMany(speech => speech)];
        float[] more = [.. all];
        float[] word = TestAudio.Tone(300, 0.3, amplitude: 0.02);
        for (int i = 0; i < word.Length; i++)
        {
            more[1_000_000 + i] += word[i];
        }

        Assert.Equal([null, null], SameAs(all, more));
    }

    [Fact]
    public void Quieter_louder_and_silent_channels_are_not_the_same()
    {
        float[] quieter = [.. Speech.Select(sample => sample * 0.9f)];

        Assert.Equal([null, null], SameAs(Speech, quieter));
        Assert.Equal([null, null, null], SameAs(TestAudio.Silence(2), Speech, TestAudio.Silence(2)));
    }

    private static int?[] SameAs(params float[][] channels)
    {
        const int Block = 4000;
        var comparison = new ChannelComparison(channels.Length);
        for (int at = 0; at < channels[0].Length; at += Block)
        {
            int count = Math.Min(Block, channels[0].Length - at);
            comparison.Add([.. channels.Select(samples => samples.AsSpan(at, count).ToArray())], count);
        }
        return [.. Enumerable.Range(0, channels.Length).Select(comparison.SameAs)];
    }
}
