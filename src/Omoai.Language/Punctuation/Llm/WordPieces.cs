using System.Globalization;
using System.Text;

namespace Omoai.Language.Punctuation.Llm;

/// <summary>
/// Takes words apart into pieces, so that "well-known" and "well known" are the same: a piece is letters, digits, what combines with
/// them and symbols such as € or +, with apostrophes between. Everything else is marks.
/// </summary>
internal static class WordPieces
{
    /// <summary>Ranges of <paramref name="runes"/>, in order; none where there are marks only.</summary>
    public static List<Range> Split(ReadOnlySpan<Rune> runes)
    {
        var pieces = new List<Range>();
        for (int i = 0, from = -1; i <= runes.Length; i++)
        {
            var inside = i < runes.Length
                && (IsLetter(runes[i]) || (from >= 0 && IsApostrophe(runes[i]) && i + 1 < runes.Length && IsLetter(runes[i + 1])));
            if (inside)
            {
                from = from < 0 ? i : from;
            }
            else if (from >= 0)
            {
                pieces.Add(from..i);
                from = -1;
            }
        }

        return pieces;
    }

    /// <summary>What stands for a piece where it is compared: its letters, lower case.</summary>
    public static string Key(ReadOnlySpan<Rune> piece)
    {
        var key = new StringBuilder(piece.Length);
        foreach (var rune in piece)
        {
            if (IsLetter(rune))
            {
                key.Append(Rune.ToLowerInvariant(rune));
            }
        }

        return key.ToString();
    }

    /// <summary>Whether it is what pieces are made of, apostrophes apart.</summary>
    public static bool IsLetter(Rune rune) => !IsApostrophe(rune) && Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.MathSymbol => rune.Value is not ('<' or '>' or '|' or '~' or '='),
        UnicodeCategory.CurrencySymbol or UnicodeCategory.OtherSymbol => true,
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => true,
        UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => true,
        _ => Rune.IsLetterOrDigit(rune),
    };

    public static bool IsApostrophe(Rune rune) => rune.Value is '\'' or 0x2019 or 0x02BC;
}
