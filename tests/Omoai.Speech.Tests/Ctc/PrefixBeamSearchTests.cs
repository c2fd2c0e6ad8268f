using System.Text;
using Omoai.Speech.Ctc;

namespace Omoai.Speech.Tests.Ctc;

public sealed class PrefixBeamSearchTests
{
    private const string Bigrams = """
        \data\
        ngram 1=6
        ngram 2=4

        \1-grams:
        -99 <s> -0.3
        -0.9 </s>
        -1.5 <unk>
        -0.4 a -0.2
        -0.8 ab -0.5
        -1.1 ba

        \2-grams:
        -0.7 <s> a
        -0.2 a ba
        -1.6 a a
        -0.1 ab ab

        \end\
        """;

    private static readonly TokenList Tokens = new(["<blank>", "<space>", "a", "b"], 0);
    private static readonly string[] Words = ["a", "ab", "ba", "bb"];

    public static TheoryData<bool, bool, double> Kinds => new()
    {
        { false, false, 2 }, { false, false, 4 }, { true, false, 2 }, { true, false, 5 }, { false, true, 3 }, { true, true, 3 }, { true, true, 6 },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void It_finds_the_text_that_trying_all_finds(bool withLexicon, bool withNgrams, double contrast)
    {
        var ngrams = withNgrams ? Arpa() : null;
        var search = new PrefixBeamSearch(Tokens, 5000, withLexicon ? new Lexicon(Words, Tokens) : null, ngrams, 0.7, 0.9);
        var texts = new HashSet<string>();
        for (var seed = 0; seed < 25; seed++)
        {
            var logProbabilities = Matrices.Random(seed, 5, Tokens.Count, contrast);

            var expected = BruteForce(logProbabilities, withLexicon, ngrams);

            Assert.Equal(expected, Tokens.Spaced(search.Decode(logProbabilities)));
            texts.Add(expected);
        }

        Assert.True(texts.Count > 2, "The matrices are too alike to tell a search from a guess.");
    }

    [Fact]
    public void A_narrow_beam_still_writes_words_of_the_lexicon_only()
    {
        var search = new PrefixBeamSearch(Tokens, 3, new Lexicon(Words, Tokens), Arpa(), 0.8, 1.5);
        for (var seed = 0; seed < 20; seed++)
        {
            var text = Tokens.Spaced(search.Decode(Matrices.Random(seed, 40, Tokens.Count, 6)));

            Assert.All(text.Split(' ', StringSplitOptions.RemoveEmptyEntries), word => Assert.Contains(word, Words));
        }
    }

    [Theory]
    [InlineData("aa_b_ _ba", "ab ba")]
    [InlineData("__aab ", "ab")]
    [InlineData("____", "")]
    [InlineData("b_b a", "bb a")]
    public void Clear_frames_read_as_they_are(string frames, string text)
    {
        var lexicon = new Lexicon(Words, Matrices.Letters);

        Assert.Equal(text, Matrices.Letters.Spaced(new PrefixBeamSearch(Matrices.Letters, 8).Decode(Matrices.Sure(frames, 0.97))));
        Assert.Equal(
            text, Matrices.Letters.Spaced(new PrefixBeamSearch(Matrices.Letters, 8, lexicon).Decode(Matrices.Sure(frames, 0.97))));
    }

    [Fact]
    public void The_n_grams_decide_between_words_that_sound_alike()
    {
        var frames = Matrices.Frames(
        [
            [0.02, 0.02, 0.92, 0.02, 0.01, 0.01],
            [0.02, 0.92, 0.02, 0.02, 0.01, 0.01],
            [0.02, 0.02, 0.02, 0.48, 0.45, 0.01],
        ]);
        var lexicon = new Lexicon(["a", "b", "c"], Matrices.Letters);
        var ngrams = ArpaModel.Read(
            """
                \data\
                ngram 1=4
                ngram 2=1
                \1-grams:
                -99 <s> 0
                -1 a -1
                -1 b
                -1 c
                \2-grams:
                -0.1 a c
                \end\
                """u8, "test");

        Assert.Equal("a b", Matrices.Letters.Spaced(new PrefixBeamSearch(Matrices.Letters, 8, lexicon).Decode(frames)));
        Assert.Equal(
            "a c", Matrices.Letters.Spaced(new PrefixBeamSearch(Matrices.Letters, 8, lexicon, ngrams, 0.8, 1.5).Decode(frames)));
    }

    [Theory]
    [InlineData("a bc", "a")]
    [InlineData("bc", "")]
    public void A_word_that_the_stretch_breaks_off_is_left_out_when_nothing_else_is_left(string frames, string text)
    {
        var search = new PrefixBeamSearch(Matrices.Letters, 1, new Lexicon(["a", "bcd"], Matrices.Letters));

        Assert.Equal(text, Matrices.Letters.Spaced(search.Decode(Matrices.Sure(frames))));
    }

    [Fact]
    public void Impossible_tokens_are_no_trouble()
    {
        var frames = new LogProbabilities(
            [float.NegativeInfinity, float.NegativeInfinity, 0, float.NegativeInfinity, 0, 0, float.NegativeInfinity, 0], 4);

        Assert.Equal("a", Tokens.Spaced(new PrefixBeamSearch(Tokens, 4, new Lexicon(["a"], Tokens)).Decode(frames)));
    }

    private static ArpaModel Arpa() => ArpaModel.Read(Encoding.UTF8.GetBytes(Bigrams), "bigrams");

    /// <summary>Sums over all paths by what they read as; the n-grams here by hand: P(b | a) or back-off(a) + P(b).</summary>
    private static string BruteForce(LogProbabilities logProbabilities, bool withLexicon, ArpaModel? ngrams)
    {
        var sums = new Dictionary<string, double>();
        foreach (var path in Matrices.Paths(logProbabilities.Frames, Tokens.Count))
        {
            var text = Tokens.Collapse(path);
            if (text.StartsWith(' ') || text.Contains("  ", StringComparison.Ordinal))
            {
                continue;
            }

            text = text.TrimEnd();
            var logarithm = path.Select((token, frame) => (double)logProbabilities[frame][token]).Sum();
            sums[text] = sums.GetValueOrDefault(text) + Math.Exp(logarithm);
        }

        return sums
            .Where(sum => !withLexicon || sum.Key.Split(' ', StringSplitOptions.RemoveEmptyEntries).All(Words.Contains))
            .MaxBy(sum => Math.Log(sum.Value) + (ngrams is null ? 0 : Language(sum.Key))).Key;

        static double Language(string text)
        {
            var singles = new Dictionary<string, double> { ["a"] = -0.4, ["ab"] = -0.8, ["ba"] = -1.1 };
            var pairs = new Dictionary<(string, string), double>
            {
                [("<s>", "a")] = -0.7,
                [("a", "ba")] = -0.2,
                [("a", "a")] = -1.6,
                [("ab", "ab")] = -0.1,
            };
            var backOffs = new Dictionary<string, double> { ["<s>"] = -0.3, ["a"] = -0.2, ["ab"] = -0.5 };
            var (sum, before) = (0.0, "<s>");
            foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                var log10 = pairs.TryGetValue((before, word), out var pair)
                    ? pair
                    : backOffs.GetValueOrDefault(before) + singles.GetValueOrDefault(word, -1.5);
                sum += (0.7 * Math.Log(10) * log10) + 0.9;
                before = word;
            }

            return sum;
        }
    }
}
