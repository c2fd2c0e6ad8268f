using Omoai.Language.Punctuation;

namespace Omoai.Language.Tests.Punctuation;

public sealed class PunctuatorTests
{
    [Fact]
    public void Sentences_open_with_a_capital_and_the_last_word_ends_one() =>
        Assert.Equal("The queue stopped, then it ran. Nobody saw.", Apply("the queue stopped, then it ran. nobody saw"));

    [Fact]
    public void A_very_long_pause_ends_a_sentence_in_place_of_a_comma() =>
        Assert.Equal("The queue stopped. Then it ran.", Apply("the queue stopped, 1.2 then it ran"));

    [Fact]
    public void A_shorter_pause_does_not() =>
        Assert.Equal("The queue stopped, then it ran.", Apply("the queue stopped, 1.1 then it ran"));

    [Fact]
    public void A_question_mark_before_a_pause_stays() =>
        Assert.Equal("Really? Then it ran.", Apply("really? 2 then it ran"));

    [Fact]
    public void The_English_I_is_a_capital() =>
        Assert.Equal("Yes I think I'm late and I'll run in it.", Apply("yes i think i'm late and i'll run in it"));

    [Fact]
    public void Other_languages_keep_their_i_and_their_periods() =>
        Assert.Equal("Lui e i suoi. Is it so.", Apply("lui e i suoi. is it so", english: false));

    [Fact]
    public void A_period_after_a_question_becomes_its_mark() =>
        Assert.Equal("It broke. Can you fix it? We can.", Apply("it broke. can you fix it. we can"));

    [Fact]
    public void Case_is_the_taggers_for_names_and_acronyms() =>
        Assert.Equal("Then Maria called the API.", Apply("then Maria called the API"));

    [Fact]
    public void Vietnamese_letters_get_their_capitals() =>
        Assert.Equal("Đường ấy. Ông về.", Apply("đường ấy. ông về", english: false));

    /// <summary>Tags and pauses (numbers) are read from the text; the words are given bare and in lower case.</summary>
    private static string Apply(string text, bool english = true)
    {
        var words = new List<string>();
        var pauses = new List<float>();
        var tags = new List<WordTag>();
        foreach (var token in text.Split(' '))
        {
            if (char.IsDigit(token[0]))
            {
                pauses[^1] = float.Parse(token, System.Globalization.CultureInfo.InvariantCulture);
                continue;
            }

            var word = token.TrimEnd('.', ',', '?');
            words.Add(word.ToLowerInvariant());
            pauses.Add(0.1f);
            tags.Add(new WordTag(
                token[word.Length..],
                word.Length > 1 && word.All(char.IsUpper) ? WordCase.Upper
                : char.IsUpper(word[0]) ? WordCase.Capitalised : WordCase.Lower));
        }

        return string.Join(' ', Punctuator.Apply(words, pauses, tags, english).Select(word => word.Text));
    }
}
