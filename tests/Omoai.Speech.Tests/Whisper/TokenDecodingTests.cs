using System.Text;
using Omoai.Speech.Whisper;

namespace Omoai.Speech.Tests.Whisper;

public sealed class TokenDecodingTests
{
    [Theory]
    [InlineData(1.0, 0.9, 0.1)]
    // Half the temperature squares the odds: 9 to 1 become 81 to 1.
    [InlineData(0.5, 81 / 82.0, 1 / 82.0)]
    [InlineData(2.0, 0.75, 0.25)]
    public void Draws_follow_the_probabilities_at_the_temperature(double temperature, double first, double second)
    {
        float[] scores = [float.NegativeInfinity, (float)Math.Log(9), float.NegativeInfinity, 0, float.NegativeInfinity];
        var random = new Random(1);

        var drawn = Enumerable.Range(0, 20000)
            .Select(_ => TokenDecoding.Draw(scores, LogitRules.LogSumExp(scores), temperature, random)).ToList();

        Assert.Equal(first, drawn.Count(id => id == 1) / 20000.0, 0.01);
        Assert.Equal(second, drawn.Count(id => id == 3) / 20000.0, 0.01);
    }

    [Fact]
    public void Loops_compress_and_speech_does_not()
    {
        // zlib makes 51 bytes of the sentence, which has 49.
        Assert.Equal(0, TokenDecoding.CompressionRatioOf([]));
        Assert.InRange(TokenDecoding.CompressionRatioOf("The quick brown fox jumps over the lazy dog today"u8), 0.7, 1);
        Assert.True(TokenDecoding.CompressionRatioOf(
            Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(" thank you", 20)))) > 2.4);
    }

    [Theory]
    // Compression ratio, mean log-probability.
    [InlineData(2.4, -1.0, true)]
    [InlineData(2.41, -0.1, false)]
    [InlineData(1.0, -1.01, false)]
    public void An_attempt_is_sound_where_it_neither_repeats_itself_nor_is_guesswork(double ratio, double mean, bool sound) =>
        Assert.Equal(sound, new Hypothesis([], [], mean, ratio, []).IsSound);

    [Theory]
    [InlineData(0.61, -1.01, true)]
    [InlineData(0.6, -1.01, false)]
    [InlineData(0.99, -1.0, false)]
    public void It_is_silence_where_the_model_thinks_so_and_its_words_are_guesswork(double noSpeech, double mean, bool silence) =>
        Assert.Equal(silence, new Hypothesis([], [], mean, 1, []).IsSilence(noSpeech));

    [Fact]
    public void The_ladder_is_the_papers() =>
        Assert.Equal([0, 0.2, 0.4, 0.6, 0.8, 1], TokenDecoding.Temperatures);
}
