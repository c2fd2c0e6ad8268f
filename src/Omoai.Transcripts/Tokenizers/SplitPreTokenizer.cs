using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Omoai.Transcripts.Activities;

namespace Omoai.Transcripts.Tokenizers;

/// <summary>What becomes of the matches that a text is split at.</summary>
internal enum SplitBehavior
{
    /// <summary>They are left out.</summary>
    Removed,

    /// <summary>Each is a word.</summary>
    Isolated,

    /// <summary>They belong to what is before them.</summary>
    MergedWithPrevious,

    /// <summary>They belong to what is after them.</summary>
    MergedWithNext,

    /// <summary>Those without anything between them are one word.</summary>
    Contiguous,
}

/// <summary>
/// Splits at the matches of a regular expression, which the file says: it isn't trusted, so its length and the time of each match
/// are bounded. .NET's expressions see halves of surrogate pairs where Rust's see characters; so what is matched is a copy of the
/// text in which one letter of the same general category stands for each pair. That's right for classes such as <c>\p{L}</c> or
/// <c>\s</c>, and wrong only for an expression that names characters beyond U+FFFF one by one.
/// </summary>
internal sealed partial class SplitPreTokenizer : IPreTokenizer
{
    /// <summary>Longer expressions are refused, in UTF-16.</summary>
    public const int MaxPatternLength = 4096;

    private static readonly TimeSpan MatchTimeout = TimeSpan.FromSeconds(2);

    /// <summary>By <see cref="UnicodeCategory"/>: the last character of that category up to U+E000, which no expression is likely to name.</summary>
    private static readonly char[] StandIns = MakeStandIns();

    private readonly Regex _regex;
    private readonly SplitBehavior _behavior;
    private readonly bool _invert;

    /// <param name="pattern">The expression, in Oniguruma's syntax as far as .NET has the same.</param>
    /// <param name="behavior">What becomes of the matches.</param>
    /// <param name="invert">What is between the matches is taken for a match, and they for what is between.</param>
    /// <exception cref="FormatException">.NET can't read it, or reads it otherwise.</exception>
    public SplitPreTokenizer(string pattern, SplitBehavior behavior, bool invert)
    {
        (_behavior, _invert) = (behavior, invert);
        if (pattern.Length > MaxPatternLength)
        {
            throw new FormatException($"it splits at an expression of more than {MaxPatternLength} characters");
        }

        if (HasSetInSet(pattern))
        {
            throw new FormatException($"it splits at an expression that this version can't read: {Shown(pattern)}");
        }

        try
        {
            // Possessive quantifiers, as GPT-4's expression has them, are atomic groups in .NET.
            _regex = new Regex(
                Possessive().Replace(pattern, "(?>$1$2)"), RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, MatchTimeout);
        }
        catch (ArgumentException e)
        {
            throw new FormatException($"it splits at an expression that this version can't read: {Shown(pattern)} ({e.Message})", e);
        }
    }

    public void Split(ReadOnlySpan<char> text, bool first, PieceAction piece)
    {
        var segments = Segments(text);
        var done = 0;
        for (var i = 0; i < segments.Count; i++)
        {
            var (end, isMatch) = segments[i];
            // As Rust has it, of several matches in a row only the one beside what is none belongs to that.
            var goesOn = i + 1 < segments.Count && _behavior switch
            {
                SplitBehavior.MergedWithPrevious => !isMatch && segments[i + 1].IsMatch,
                SplitBehavior.MergedWithNext => isMatch && !segments[i + 1].IsMatch,
                SplitBehavior.Contiguous => isMatch == segments[i + 1].IsMatch,
                _ => false,
            };
            if (goesOn)
            {
                continue;
            }

            if (!isMatch || _behavior != SplitBehavior.Removed)
            {
                piece(text[done..end], first && done == 0);
            }

            done = end;
        }
    }

    /// <summary>The text in matches and what is between them, none of them empty: where each ends, and whether it counts as a match.</summary>
    private List<(int End, bool IsMatch)> Segments(ReadOnlySpan<char> text)
    {
        var segments = new List<(int End, bool IsMatch)>();
        var copy = WithStandIns(text, out var starts);
        try
        {
            foreach (var match in _regex.EnumerateMatches(copy))
            {
                Add(match.Index, _invert);
                Add(match.Index + match.Length, !_invert);
            }
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new MissingRequirementException(
                $"The tokenizer can't be used: it splits at an expression that takes too long: {Shown(e.Pattern)}. Use another model.", e);
        }

        Add(copy.Length, _invert);
        return segments;

        void Add(int at, bool isMatch)
        {
            var end = starts is null ? at : starts[at];
            if (end > (segments.Count == 0 ? 0 : segments[^1].End))
            {
                segments.Add((end, isMatch));
            }
        }
    }

    /// <summary>The text with one letter for each surrogate pair.</summary>
    /// <param name="text">Without lone halves of pairs.</param>
    /// <param name="starts">Where each letter, and the end, is in the text; null where that is the same place.</param>
    private static ReadOnlySpan<char> WithStandIns(ReadOnlySpan<char> text, out int[]? starts)
    {
        starts = null;
        if (!text.ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            return text;
        }

        var copy = new char[text.Length];
        starts = new int[text.Length + 1];
        var (count, at) = (0, 0);
        foreach (var rune in text.EnumerateRunes())
        {
            copy[count] = rune.IsBmp ? (char)rune.Value : StandIns[(int)Rune.GetUnicodeCategory(rune)];
            at += rune.Utf16SequenceLength;
            starts[++count] = at;
        }

        return copy.AsSpan(0, count);
    }

    private static char[] MakeStandIns()
    {
        var standIns = new char[(int)UnicodeCategory.OtherNotAssigned + 1];
        for (var letter = '\uE000'; letter > 0; letter--)
        {
            if (standIns[(int)CharUnicodeInfo.GetUnicodeCategory(letter)] is '\0')
            {
                standIns[(int)CharUnicodeInfo.GetUnicodeCategory(letter)] = letter;
            }
        }

        return standIns;
    }

    /// <summary>Whether a set has a set or a class in it (<c>[a[b]]</c>, <c>[^[:alpha:]]</c>), or is an intersection (<c>[a&amp;&amp;b]</c>):
    /// .NET takes these for characters.</summary>
    private static bool HasSetInSet(string pattern)
    {
        var inSet = false;
        for (var i = 0; i < pattern.Length; i++)
        {
            if (pattern[i] == '\\')
            {
                i++;
            }
            else if (!inSet && pattern[i] == '[')
            {
                inSet = true;
                // What comes first is no end of it.
                i += pattern.AsSpan(i + 1) is ['^', ']', ..] ? 2 : pattern.AsSpan(i + 1) is [']', ..] ? 1 : 0;
            }
            else if (inSet && (pattern[i] == '[' || pattern.AsSpan(i) is ['&', '&', ..]))
            {
                return true;
            }
            else if (pattern[i] == ']')
            {
                inSet = false;
            }
        }

        return false;
    }

    private static string Shown(string pattern) => pattern.Length > 80 ? pattern[..80] + "…" : pattern;

    /// <summary>A set, class or letter with a possessive quantifier.</summary>
    [GeneratedRegex(@"(\[(?:\\.|[^\]\\])+\]|\\[pP]\{\^?\w+\}|\\?[^\\\])}?*+])([?*+])\+", RegexOptions.CultureInvariant)]
    private static partial Regex Possessive();
}
