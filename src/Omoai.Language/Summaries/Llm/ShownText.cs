using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Omoai.Transcripts.Normalization;

namespace Omoai.Language.Summaries.Llm;

/// <summary>Makes text of a reply fit to be shown: one line of bounded length with nothing in it that acts.</summary>
internal static partial class ShownText
{
    public const int MaxTitle = 120, MaxPoint = 400, MaxAbstract = 2000;

    /// <summary>What is looked at, as a multiple of what may stay: marks of its own for each letter, and markup.</summary>
    private const int RawFactor = 4;

    private static readonly FrozenDictionary<char, char> BaseLetters = FindBaseLetters();

    /// <summary>
    /// The text on one line in NFC: without escape sequences, control, zero-width and bidi characters, tags, marks of emphasis, and
    /// what makes links; angle brackets become <c>‹›</c>. What is too long is cut at a word and ends with <c>…</c>.
    /// </summary>
    public static string Clean(string text, int maxCharacters)
    {
        text = Bounded(text, maxCharacters * RawFactor);
        text = Link().Replace(EscapeSequence().Replace(text, ""), "$1");
        text = Address().Replace(Tag().Replace(text, ""), "");
        text = text.Replace("**", "", StringComparison.Ordinal).Replace("__", "", StringComparison.Ordinal)
            .Replace("`", "", StringComparison.Ordinal);
        var result = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.IsWhiteSpace(rune))
            {
                result.Append(result.Length > 0 && result[^1] != ' ' ? " " : "");
            }
            else if (IsShown(rune))
            {
                result.Append(rune.Value switch { '<' => "‹", '>' => "›", _ => rune.ToString() });
            }
        }

        // Characters that went may have left addresses and escape sequences joined, but without what made them work.
        return Cut(Nfc.Normalize(Address().Replace(result.ToString(), "")).Trim(), maxCharacters);
    }

    /// <summary>The same, and null where nothing is left that can be read.</summary>
    public static string? CleanOrNull(string text, int maxCharacters) =>
        Clean(text, maxCharacters) is var clean && clean.Any(char.IsLetterOrDigit) ? clean : null;

    /// <summary>Lower case without diacritics, đ as d; letters and digits only.</summary>
    public static string Fold(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var c in Nfc.Normalize(text).ToLowerInvariant().Where(char.IsLetterOrDigit))
        {
            result.Append(BaseLetters.GetValueOrDefault(c, c));
        }

        return result.ToString();
    }

    /// <summary>The sentences of a text that was cut at its end which are whole; empty where not even one is.</summary>
    public static string WholeSentences(string text)
    {
        var end = text.AsSpan().LastIndexOfAny(".!?。！？");
        // "3.5 million" has a full stop that ends nothing.
        while (end >= 0 && end + 1 < text.Length && !char.IsWhiteSpace(text[end + 1]))
        {
            end = end == 0 ? -1 : text.AsSpan(0, end).LastIndexOfAny(".!?。！？");
        }

        return text[..(end + 1)];
    }

    /// <summary>At most so many characters, and no half of a surrogate pair at the end.</summary>
    public static string Bounded(string text, int maxCharacters) =>
        text.Length <= maxCharacters ? text : text[..(char.IsHighSurrogate(text[maxCharacters - 1]) ? maxCharacters - 1 : maxCharacters)];

    private static string Cut(string text, int maxCharacters)
    {
        if (text.Length <= maxCharacters)
        {
            return text;
        }

        var room = maxCharacters - 1;
        var space = text.LastIndexOf(' ', room);
        var end = space > maxCharacters / 2 ? space : room;
        return Bounded(text, end).TrimEnd(' ', ',', ';', ':', '-', '–', '(') + "…";
    }

    private static bool IsShown(Rune rune) => rune != Rune.ReplacementChar
        // Letters without a width or a look: the Hangul fillers and the blank of Braille.
        && rune.Value is not (0x034F or 0x115F or 0x1160 or 0x2800 or 0x3164 or 0xFFA0)
        && Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse
            or UnicodeCategory.OtherNotAssigned or UnicodeCategory.Surrogate);

    /// <summary>The Latin letters with up to two marks that NFC has, and what they are without.</summary>
    private static FrozenDictionary<char, char> FindBaseLetters()
    {
        const string Marks = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u0309\u030A\u030B\u030C\u031B\u0323\u0327\u0328";
        var letters = new Dictionary<char, char> { ['đ'] = 'd', ['ø'] = 'o', ['ł'] = 'l' };
        for (var letter = 'a'; letter <= 'z'; letter++)
        {
            foreach (var first in Marks)
            {
                foreach (var marked in Marks.Select(second => $"{letter}{first}{second}").Append($"{letter}{first}"))
                {
                    if (Nfc.Normalize(marked) is [var composed])
                    {
                        letters[composed] = letter;
                    }
                }
            }
        }

        return letters.ToFrozenDictionary();
    }

    [GeneratedRegex(@"(?:\x1B\[|\x9B)[0-?]*[ -/]*[@-~]?|\x1B\][^\x07\x1B]*(?:\x07|\x1B\\)?|\x1B.?", RegexOptions.CultureInvariant)]
    private static partial Regex EscapeSequence();

    [GeneratedRegex(@"!?\[([^\[\]]*)\]\((?:[^()]|\([^()]*\))*\)", RegexOptions.CultureInvariant)]
    private static partial Regex Link();

    [GeneratedRegex("</?[A-Za-z][^<>]*>", RegexOptions.CultureInvariant)]
    private static partial Regex Tag();

    /// <summary>What readers of GitHub's Markdown take for the beginning of an address, and make a link of.</summary>
    [GeneratedRegex(@"\b[A-Za-z][A-Za-z0-9+.-]{0,20}://+|\b(?:mailto|xmpp):|\bwww\.", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Address();
}
