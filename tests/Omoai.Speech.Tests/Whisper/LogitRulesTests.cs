using Omoai.Speech.Whisper;

namespace Omoai.Speech.Tests.Whisper;

/// <summary>
/// The rules by tables: <c>0.00</c> and so on are timestamps, <c>end</c> the end, letters text. What isn't named has the
/// score -9, which leaves the timestamps together below what is named.
/// </summary>
public sealed class LogitRulesTests
{
    private static readonly WhisperTokens Tokens = WhisperTokens.Read(new MemoryStream(WhisperFolder.TokenizerJson([])));

    /// <param name="written">What was written.</param>
    /// <param name="allowed">Examples of what may follow.</param>
    /// <param name="forbidden">Examples of what may not.</param>
    [Theory]
    // First a timestamp, of at most 1 s.
    [InlineData("", "0.00 0.02 0.98 1.00", "1.02 5.00 30.00 a end")]
    // Text after the first of a pair, or nothing at all.
    [InlineData("0.00", "a b end", "0.00 0.02 30.00")]
    // Text goes on, or a timestamp after that of its beginning ends it.
    [InlineData("0.00 a", "a end 0.02 30.00", "0.00")]
    [InlineData("1.00 a b", "a end 1.02 30.00", "0.00 0.98 1.00")]
    // Then comes the beginning of the next, no earlier, or the end.
    [InlineData("0.00 a 2.00", "2.00 2.02 30.00 end", "a b 0.00 1.98")]
    [InlineData("0.00 a 2.00 2.00", "a end", "2.00 2.02 30.00 0.00")]
    [InlineData("0.00 a 2.00 3.00 b", "a end 3.02", "3.00 2.00 0.00")]
    [InlineData("0.00 a 30.00", "30.00 end", "29.98 a")]
    [InlineData("0.00 a 30.00 30.00 b", "a end", "30.00")]
    public void Timestamps_come_in_pairs_and_never_go_back(string written, string allowed, string forbidden)
    {
        var scores = Scores();

        new LogitRules(Tokens, []).Apply(scores, Ids(written));

        Assert.All(Ids(allowed), id => Assert.True(float.IsFinite(scores[id])));
        Assert.All(Ids(forbidden), id => Assert.Equal(float.NegativeInfinity, scores[id]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("0.00")]
    [InlineData("0.00 a")]
    [InlineData("0.00 a 2.00")]
    public void Special_tokens_and_scores_without_a_token_are_never_written(string written)
    {
        // Graphs may have more scores than there are tokens.
        var scores = new float[Tokens.Count + 7];

        new LogitRules(Tokens, []).Apply(scores, Ids(written));

        Assert.All(
            Enumerable.Range(Tokens.EndOfText + 1, Tokens.TimestampBegin - Tokens.EndOfText - 1).Concat(Enumerable.Range(Tokens.Count, 7)),
            id => Assert.Equal(float.NegativeInfinity, scores[id]));
    }

    [Fact]
    public void Suppressed_text_is_never_written_but_the_end_and_timestamps_are()
    {
        // A list that names everything leaves the end, and a timestamp first.
        var rules = new LogitRules(Tokens, Enumerable.Range(0, Tokens.Count));
        var (first, second) = (Scores(), Scores());

        rules.Apply(first, []);
        rules.Apply(second, Ids("0.00"));

        Assert.True(float.IsFinite(first[Tokens.TimestampBegin]));
        Assert.Equal(Tokens.EndOfText, Assert.Single(Enumerable.Range(0, second.Length), id => float.IsFinite(second[id])));

        var scores = Scores();
        new LogitRules(Tokens, Ids("a")).Apply(scores, Ids("0.00"));
        Assert.Equal(float.NegativeInfinity, scores['a']);
        Assert.True(float.IsFinite(scores['b']));
    }

    /// <summary>
    /// Three timestamps of probability 0.2 each are 0.6 together: more than a text token of 0.4 or 0.59, less than one of 0.61.
    /// </summary>
    [Theory]
    [InlineData(0.4, true)]
    [InlineData(0.59, true)]
    [InlineData(0.61, false)]
    public void A_timestamp_is_taken_where_all_together_are_likelier_than_any_other_token(double text, bool timestamp)
    {
        var scores = new float[Tokens.Count];
        Array.Fill(scores, -100);
        foreach (var id in Ids("1.00 2.00 3.00"))
        {
            scores[id] = (float)Math.Log(0.2);
        }

        scores['a'] = (float)Math.Log(text);

        new LogitRules(Tokens, []).Apply(scores, Ids("0.00 b"));

        Assert.Equal(timestamp, float.IsNegativeInfinity(scores['a']));
        Assert.True(float.IsFinite(scores[Ids("2.00")[0]]));
    }

    [Fact]
    public void Sums_of_exponentials_are_exact_enough_and_those_of_nothing_are_nothing()
    {
        Assert.Equal(Math.Log(6) + 1000, LogitRules.LogSumExp([1000 + (float)Math.Log(2), 1000 + (float)Math.Log(4)]), 1e-3);
        Assert.Equal(double.NegativeInfinity, LogitRules.LogSumExp([]));
        Assert.Equal(double.NegativeInfinity, LogitRules.LogSumExp([float.NegativeInfinity]));
    }

    private static float[] Scores()
    {
        var scores = new float[Tokens.Count];
        Array.Fill(scores, -9);
        scores['a'] = scores['b'] = scores[Tokens.EndOfText] = 0;
        return scores;
    }

    private static List<int> Ids(string text) =>
    [
        .. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(name => name switch
        {
            "end" => Tokens.EndOfText,
            [var letter] => letter,
            _ => Tokens.TimestampBegin + (int)Math.Round(double.Parse(name, System.Globalization.CultureInfo.InvariantCulture) / 0.02),
        }),
    ];
}
