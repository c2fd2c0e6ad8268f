using Omoai.Speech.Ctc;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Tests.Ctc;

public sealed class TokenListTests
{
    [Theory]
    [InlineData("<blank> <space> a", 3)]
    [InlineData("<blank> <space> a", -1)]
    [InlineData("<blank> <space> a", 1)]
    [InlineData("<blank> a", 0)]
    [InlineData("<blank> <space> a a", 0)]
    [InlineData("<blank> <space>  a", 0)]
    public void Lists_that_no_ctc_model_has_are_refused(string tokens, int blank) =>
        Assert.Throws<MissingRequirementException>(() => new TokenList(tokens.Split(' '), blank));

    [Fact]
    public void Words_lie_between_spaces() =>
        Assert.Equal([1..3, 5..6], Matrices.Letters.Words([1, 2, 3, 1, 1, 4, 1]));
}
