using Omoai.Speech.Ctc;

namespace Omoai.Speech.Tests.Ctc;

public sealed class GreedyDecoderTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("____", "")]
    [InlineData("aa_b", "ab")]
    [InlineData("aa_aab", "aab")]
    [InlineData("a b", "a b")]
    [InlineData("  _ a_ _  bb_c_ ", "a bc")]
    public void Repetitions_blanks_and_needless_spaces_go(string frames, string text)
    {
        var logProbabilities = frames.Length == 0 ? new LogProbabilities([], 6) : Matrices.Sure(frames);

        Assert.Equal(text, Matrices.Letters.Spaced(GreedyDecoder.Decode(logProbabilities, Matrices.Letters)));
    }
}
