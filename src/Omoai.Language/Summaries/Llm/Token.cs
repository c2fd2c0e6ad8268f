using System.Text.RegularExpressions;

namespace Omoai.Language.Summaries.Llm;

/// <summary>A word or a number of a text.</summary>
/// <param name="Word">Lower case, without a possessive <c>'s</c>; empty for a number in digits.</param>
/// <param name="Number">What the digits stand for; null for a word.</param>
/// <param name="IsCapital">It begins with a capital.</param>
/// <param name="IsAcronym">It is two capitals or more, and nothing else.</param>
/// <param name="IsApart">Something else than space or a hyphen stands before it.</param>
/// <param name="StartsSentence">It is the first word of the text, or what stands before it may end a sentence or open a quotation.</param>
internal readonly partial record struct Token(string Word, decimal? Number, bool IsCapital, bool IsAcronym, bool IsApart, bool StartsSentence)
{
    /// <summary>The words and numbers of a text in NFC; one with a hyphen, or of letters and digits, is several.</summary>
    /// <param name="text">The text.</param>
    /// <param name="english">How digits are separated; see <see cref="NumberWords.Parse"/>.</param>
    public static List<Token> Read(string text, bool english)
    {
        var tokens = new List<Token>();
        var end = 0;
        foreach (Match match in Pattern().Matches(text))
        {
            var between = text.AsSpan(end, match.Index - end);
            var starts = tokens.Count == 0 || between.IndexOfAny(".!?:;…\"“”‘«(–—•。！？") >= 0;
            var isApart = between.IndexOfAnyExcept(" -‑") >= 0;
            end = match.Index + match.Length;
            if (char.IsAsciiDigit(match.Value[0]))
            {
                tokens.Add(new Token("", NumberWords.Parse(match.Value, english), false, false, isApart, starts));
                continue;
            }

            var word = match.Value.Replace('’', '\'').Replace('ʼ', '\'');
            word = word.EndsWith("'s", StringComparison.OrdinalIgnoreCase) ? word[..^2] : word;
            tokens.Add(new Token(
                word.ToLowerInvariant(), null, char.IsUpper(word[0]), word.Length > 1 && word.All(char.IsUpper), isApart, starts));
        }

        return tokens;
    }

    [GeneratedRegex(@"[0-9]+(?:[.,][0-9]+)*|[\p{L}\p{M}]+(?:['’ʼ][\p{L}\p{M}]+)*", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
