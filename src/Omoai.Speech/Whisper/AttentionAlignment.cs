namespace Omoai.Speech.Whisper;

/// <summary>
/// When tokens were spoken, from the weights with which a decoder looked at the audio while it wrote them: dynamic time
/// warping over the mean of chosen heads, each levelled over the tokens and smoothed by a median over time (Whisper's word
/// timestamps; the warping is Sakoe and Chiba, "Dynamic programming algorithm optimization for spoken word recognition",
/// 1978, with all steps of equal weight).
/// </summary>
internal static class AttentionAlignment
{
    private const int MedianWidth = 7;

    /// <summary>The frame at which each token begins; they never go back.</summary>
    /// <param name="weights">For each token, [heads, stride] row by row.</param>
    /// <param name="heads">How many heads.</param>
    /// <param name="frames">The frames that are looked at, from the first; 1 to the stride.</param>
    public static int[] FirstFrames(IReadOnlyList<float[]> weights, int heads, int frames)
    {
        if (weights.Count == 0)
        {
            return [];
        }

        var stride = weights[0].Length / heads;
        var mean = new double[weights.Count, frames];
        var levelled = new double[weights.Count, frames];
        var window = new double[MedianWidth];
        for (var head = 0; head < heads; head++)
        {
            for (var frame = 0; frame < frames; frame++)
            {
                Level(frame, (head * stride) + frame);
            }

            for (var token = 0; token < weights.Count; token++)
            {
                for (var frame = 0; frame < frames; frame++)
                {
                    mean[token, frame] += Median(token, frame) / heads;
                }
            }
        }

        return FirstFrames(mean);

        // To mean 0 and deviation 1 over the tokens.
        void Level(int frame, int at)
        {
            var average = weights.Average(row => (double)row[at]);
            var deviation = Math.Sqrt(weights.Average(row => (row[at] - average) * (row[at] - average)));
            for (var token = 0; token < weights.Count; token++)
            {
                levelled[token, frame] = deviation > 0 ? (weights[token][at] - average) / deviation : 0;
            }
        }

        double Median(int token, int frame)
        {
            if (frames <= MedianWidth / 2)
            {
                return levelled[token, frame];
            }

            for (var i = 0; i < MedianWidth; i++)
            {
                // Mirrored at both ends, without the end itself.
                var at = Math.Abs(frame + i - (MedianWidth / 2));
                window[i] = levelled[token, at < frames ? at : (2 * (frames - 1)) - at];
            }

            Array.Sort(window);
            return window[MedianWidth / 2];
        }
    }

    /// <summary>The frame at which each token begins on the way through the matrix, from corner to corner, that has the greatest sum.</summary>
    internal static int[] FirstFrames(double[,] likeness)
    {
        var (tokens, frames) = (likeness.GetLength(0), likeness.GetLength(1));
        var cost = new double[tokens + 1, frames + 1];
        for (var i = 1; i <= tokens; i++)
        {
            cost[i, 0] = double.PositiveInfinity;
        }

        for (var j = 1; j <= frames; j++)
        {
            cost[0, j] = double.PositiveInfinity;
        }

        for (var i = 1; i <= tokens; i++)
        {
            for (var j = 1; j <= frames; j++)
            {
                cost[i, j] = Math.Min(cost[i - 1, j - 1], Math.Min(cost[i - 1, j], cost[i, j - 1])) - likeness[i - 1, j - 1];
            }
        }

        var first = new int[tokens];
        for (var (i, j) = (tokens, frames); i > 0 && j > 0;)
        {
            first[i - 1] = j - 1;
            var (both, token, frame) = (cost[i - 1, j - 1], cost[i - 1, j], cost[i, j - 1]);
            if (frame <= both && frame <= token)
            {
                j--;
            }
            else if (both <= token)
            {
                (i, j) = (i - 1, j - 1);
            }
            else
            {
                i--;
            }
        }

        return first;
    }
}
