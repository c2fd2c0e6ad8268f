using Omoai.Speech.Whisper;

namespace Omoai.Speech.Tests.Whisper;

public sealed class AttentionAlignmentTests
{
    [Fact]
    public void Tokens_begin_where_the_best_way_through_the_matrix_enters_their_row()
    {
        // By hand: the way with the greatest sum is (0,0) (0,1) (1,2) (2,3) (2,4), which is 9 + 9 + 9 + 9 + 9.
        var likeness = new double[,]
        {
            { 9, 9, -1, -5, -5 },
            { -5, -1, 9, -1, -5 },
            { -5, -5, -1, 9, 9 },
        };

        Assert.Equal([0, 2, 3], AttentionAlignment.FirstFrames(likeness));
    }

    [Fact]
    public void A_token_that_looks_back_takes_no_time()
    {
        // Row 1 likes frame 0 only, where row 0 is: all three ways on begin row 1 at frame 0 or later; the sum is greatest with
        // (0,0) (1,0) (2,1) (2,2) (2,3) = 5 + 4 + 6 + 6 + 6.
        var likeness = new double[,]
        {
            { 5, -5, -5, -5 },
            { 4, -5, -5, -5 },
            { -5, 6, 6, 6 },
        };

        Assert.Equal([0, 0, 1], AttentionAlignment.FirstFrames(likeness));
    }

    [Fact]
    public void Heads_are_levelled_over_the_tokens_and_smoothed_over_time_before_they_are_averaged()
    {
        // In head 0 the tokens have frames 0-7, 16-23 and 24-31. Nobody has 8-15, but for a spike of token 0 at 13: unsmoothed
        // it would keep token 0 until there. Head 1 always looks at frame 0, which levelled tells nothing.
        const int Frames = 32;
        const int Stride = Frames + 6;
        var weights = new List<float[]>();
        foreach (var first in (int[])[0, 16, 24])
        {
            var row = new float[2 * Stride];
            row.AsSpan(first, 8).Fill(0.02f);
            row[Stride] = 1;
            weights.Add(row);
        }

        weights[0][13] = 0.5f;

        Assert.Equal([0, 8, 24], AttentionAlignment.FirstFrames(weights, heads: 2, Frames));
    }

    [Fact]
    public void Few_frames_or_tokens_are_no_trouble()
    {
        Assert.Empty(AttentionAlignment.FirstFrames([], 1, 3));
        Assert.Equal([0], AttentionAlignment.FirstFrames([[0.5f, 0.5f]], 1, 1));
        Assert.Equal([0, 0, 0], AttentionAlignment.FirstFrames([[1f], [1f], [1f]], 1, 1));
    }
}
