using System.Text;
using Omoai.Speech.Ctc;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Tests.Ctc;

public sealed class HotWordsTests
{
    private static readonly TokenList Letters = new(["<blank>", "<space>", "a", "b"], 0);
    private static readonly TokenList Pieces = new(["<blk>", "▁", "▁a", "a", "b"], 0, "sentencepiece");
    private static readonly TokenList Characters = new(["<blk>", "你", "好", "▁a", "b"], 0, "characters");

    public static TheoryData<string, string[], bool> Cases => new()
    {
        { "letters", ["ab"], false }, { "letters", ["a b", "b"], false }, { "letters", ["ba", "a ba", "b a"], true },
        { "letters", ["bb", "b b"], true }, { "pieces", ["ab"], false }, { "pieces", ["a b", "aa"], false }, { "pieces", ["a a", "ba"], true },
        { "characters", ["你好"], false }, { "characters", ["好 ab", "你"], false },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_search_finds_the_text_that_trying_all_finds(string list, string[] phrases, bool withLexicon)
    {
        var tokens = list switch { "letters" => Letters, "pieces" => Pieces, _ => Characters };
        string[]? words = withLexicon ? ["a", "b", "ab", "ba", "aa", "bb"] : null;
        var lexicon = words is null ? null : new Lexicon(words, tokens);
        var search = new PrefixBeamSearch(tokens, 20_000, lexicon, hotWords: new HotWords(phrases, tokens, 0.8));
        var plain = new PrefixBeamSearch(tokens, 20_000, lexicon);
        var changed = 0;
        for (var seed = 0; seed < 30; seed++)
        {
            var logProbabilities = Matrices.Random(seed, 5, tokens.Count, 3);

            var expected = BruteForce(logProbabilities, tokens, words, phrases, 0.8);

            Assert.Equal(expected, Read(tokens, search.Decode(logProbabilities)));
            changed += expected == Read(tokens, plain.Decode(logProbabilities)) ? 0 : 1;
        }

        Assert.InRange(changed, 3, 30);
    }

    [Fact]
    public void A_word_that_was_heard_either_way_is_the_hot_one()
    {
        Assert.Equal("ac", Decode(Heard()));
        Assert.Equal("ab", Decode(Heard(), "ab"));
        Assert.Equal("ab", Decode(Heard(), "AB"));
        Assert.Equal("ac", Decode(Heard(), "ac"));
    }

    [Fact]
    public void A_part_of_a_phrase_gets_nothing()
    {
        // 'ab' begins the first and ends the second, but is neither; in the third it isn't a word.
        Assert.Equal("ac", Decode(Heard(), "abd", "dab", "b"));
        Assert.Equal("ac", Decode(Heard(), "ab d"));
    }

    [Fact]
    public void Other_audio_is_unchanged()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var logProbabilities = Matrices.Random(seed, 12, 6, 14);
            var search = new PrefixBeamSearch(Matrices.Letters, 64);
            var hot = new PrefixBeamSearch(Matrices.Letters, 64, hotWords: new HotWords(["dddddddd", "cccccccccc"], Matrices.Letters, 1));

            Assert.Equal(search.Decode(logProbabilities), hot.Decode(logProbabilities));
        }
    }

    [Fact]
    public void Phrases_that_the_tokens_cant_spell_are_left_out()
    {
        var words = new HotWords(["ab", "xyz", "", "  ", "a  D", "a-b", "ab"], Matrices.Letters, 1);

        Assert.Equal(["ab", "a d"], words.Words);
    }

    [Fact]
    public void A_phrase_across_words_counts_wherever_it_begins()
    {
        var tokens = Matrices.Letters;
        var hot = new HotWords(["ab cd", "ab ab cc"], tokens, 1);

        // After 'ab ab' the text may go on with either phrase.
        Assert.Equal(4, Total(hot, tokens, "ab ab cd"));
        Assert.Equal(6, Total(hot, tokens, "ab ab cc"));
        Assert.Equal(6 + 4, Total(hot, tokens, "ab ab cc ab cd"));
        Assert.Equal(0, Total(hot, tokens, "ab ab ccc"));
        Assert.Equal(0, Total(hot, tokens, "dab cd"));
    }

    [Fact]
    public void Lists_that_are_too_long_are_refused()
    {
        HotWords.Check([.. Enumerable.Repeat(new string('a', 100), 500)]);

        Assert.Contains("501", Assert.Throws<BadInputException>(() => HotWords.Check([.. Enumerable.Repeat("a", 501)])).Message, StringComparison.Ordinal);
        Assert.Contains("101", Assert.Throws<BadInputException>(() => HotWords.Check([new string('a', 101)])).Message, StringComparison.Ordinal);
        Assert.Throws<BadInputException>(() => HotWords.Check([null!]));
    }

    private static double Total(HotWords hot, TokenList tokens, string text)
    {
        var (state, sum, inWord) = (hot.Start, 0.0, false);
        foreach (var letter in text)
        {
            var token = letter == ' ' ? tokens.Space : tokens.IndexOf(letter.ToString());
            (state, var bonus) = hot.After(state, token, inWord && letter == ' ');
            (sum, inWord) = (sum + bonus, letter != ' ');
        }

        return sum + hot.AtEnd(state);
    }

    private static LogProbabilities Heard() => Matrices.Frames(
    [
        [0.02, 0.02, 0.92, 0.02, 0.01, 0.01],
        [0.02, 0.02, 0.02, 0.42, 0.51, 0.01],
    ]);

    private static string Decode(LogProbabilities logProbabilities, params string[] phrases) => Matrices.Letters.Spaced(
        new PrefixBeamSearch(Matrices.Letters, 16, hotWords: new HotWords(phrases, Matrices.Letters, 1)).Decode(logProbabilities));

    private static string Read(TokenList tokens, int[] sequence) =>
        string.Join(' ', tokens.Words(sequence).Select(range => tokens.Text(sequence.AsSpan()[range])));

    /// <summary>
    /// Sums over all paths by the tokens that they write; to the logarithm comes the bonus for each letter of each phrase, wherever it
    /// is found among the words.
    /// </summary>
    private static string BruteForce(LogProbabilities logProbabilities, TokenList tokens, string[]? words, string[] phrases, double bonus)
    {
        var sums = new Dictionary<string, (double Sum, int[] Tokens)>();
        foreach (var path in Matrices.Paths(logProbabilities.Frames, tokens.Count))
        {
            int[] written = [.. path.Where((token, i) => token != tokens.Blank && (i == 0 || token != path[i - 1]))];
            var isDoubled = written.Where((token, i) => token == tokens.Space && (i == 0 || written[i - 1] == tokens.Space)).Any();
            if (tokens.Space >= 0 && isDoubled)
            {
                continue;
            }

            written = tokens.Space >= 0 && written is [.. var rest, var last] && last == tokens.Space ? rest : written;
            var key = string.Join(',', written);
            var probability = Math.Exp(path.Select((token, frame) => (double)logProbabilities[frame][token]).Sum());
            sums[key] = (sums.GetValueOrDefault(key).Sum + probability, written);
        }

        return sums.Values.Select(sum => (Text: Read(tokens, sum.Tokens), sum.Sum))
            .Where(sum => words is null || sum.Text.Split(' ', StringSplitOptions.RemoveEmptyEntries).All(words.Contains))
            .MaxBy(sum => Math.Log(sum.Sum) + (bonus * Letters(sum.Text))).Text;

        int Letters(string text) => phrases.Sum(phrase =>
        {
            var spaced = new StringBuilder(" ");
            foreach (var letter in phrase)
            {
                spaced.Append(letter == ' ' ? " " : letter > 0x2E80 ? $" {letter} " : letter.ToString());
            }

            var sought = string.Join(' ', spaced.ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries));
            var (count, at) = (0, -1);
            while ((at = $" {text} ".IndexOf($" {sought} ", at + 1, StringComparison.Ordinal)) >= 0)
            {
                count++;
            }

            return count * sought.Count(letter => letter != ' ');
        });
    }
}
