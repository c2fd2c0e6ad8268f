using Omoai.Speech.Whisper;

namespace Omoai.Speech.Tests.Whisper;

public sealed class TokenWordsTests
{
    private const string E = "e\u0302\u0323";

    private static readonly string[] Vocabulary =
    [
        " Tôi", " nói", " ti", "ế", "ng", " Vi", "ệ", "今日", "は", "。", "「", "天気", "」", "Open", "AI", "สวั", "สดี", "\u0e49",
        " " + E, "  two", " words ",
    ];

    private static readonly WhisperTokens Tokens = WhisperTokens.Read(new MemoryStream(WhisperFolder.TokenizerJson(Vocabulary)));

    [Theory]
    [InlineData("vi", " Tôi| nói| ti|ế|ng| Vi|ệ|t|.", "Tôi|nói|tiếng|Việt.")]
    [InlineData("en", "  two| words | Tôi", "two|words|Tôi")]
    [InlineData("ja", "今日|は|「|天気|」|。|Open|AI", "今日|は|「天気」。|OpenAI")]
    [InlineData("ja", "今日| |は", "今日|は")]
    [InlineData("th", "สวั|สดี|\u0e49|สดี", "สวั|สดี\u0e49|สดี")]
    [InlineData("vi", "今日|は", "今日は")]
    // NFC: e with circumflex and dot below is one character.
    [InlineData("vi", " " + E, "\u1EC7")]
    public void Tokens_join_to_words(string language, string pieces, string words) =>
        Assert.Equal(words.Split('|'), Words(language, [.. pieces.Split('|').Select(Id)]));

    [Fact]
    public void A_character_may_be_spread_over_tokens()
    {
        // ế is E1 BA BF, here as three tokens of a byte each: in any language no word begins within it.
        int[] bytes = ['t', 'i', 0xE1, 0xBA, 0xBF, 'n', 'g'];

        Assert.Equal(["tiếng"], Words("vi", bytes));
        Assert.Equal(["tiếng"], Words("zh", bytes));
        // Bytes that are no character are seen as such.
        Assert.Equal(["t\uFFFD"], Words("vi", ['t', 0xE1]));
    }

    private static int Id(string piece) =>
        piece.Length == 1 && piece[0] < 128 ? piece[0] : 256 + Array.IndexOf(Vocabulary, piece);

    private static IEnumerable<string> Words(string language, int[] text)
    {
        int[] written = [Tokens.TimestampBegin, .. text, Tokens.TimestampBegin + 100];
        var hypothesis = new Hypothesis(written, [.. written.Select(_ => 0.0)], 0, 1, []);
        return TokenWords.Of(hypothesis, Tokens, language, 5).Select(word => word.Text);
    }
}
