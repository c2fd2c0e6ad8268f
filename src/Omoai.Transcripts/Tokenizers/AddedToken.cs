using System.Buffers;
using System.Globalization;
using System.Text;

namespace Omoai.Transcripts.Tokenizers;

/// <summary>A token that is found in a text before anything else is.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">As it is written.</param>
/// <param name="Special">It stands for no text.</param>
/// <param name="Normalized">It is looked for in the normalised text.</param>
/// <param name="SingleWord">Not where it touches a letter, mark, digit or <c>_</c>.</param>
/// <param name="LeftStrip">White space before it belongs to it.</param>
/// <param name="RightStrip">White space after it belongs to it.</param>
internal sealed record AddedToken(
    int Id, string Content, bool Special, bool Normalized, bool SingleWord, bool LeftStrip, bool RightStrip)
{
    /// <summary>
    /// It is words or white space, as some files have tokens for runs of spaces or lines, and not a mark such as
    /// <c>&lt;think&gt;</c>, which says something to a model even where the file doesn't call it special.
    /// </summary>
    public bool IsPlainText { get; } =
        !Special && Content.EnumerateRunes().All(rune => IsWord(rune) || Rune.IsWhiteSpace(rune) || rune.Value == '▁');

    /// <summary>What regular expressions call <c>\w</c>.</summary>
    public static bool IsWord(Rune rune) => Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
        or UnicodeCategory.ConnectorPunctuation or UnicodeCategory.LetterNumber;
}

/// <summary>Finds added tokens in a text: the leftmost, and of these the longest.</summary>
internal sealed class AddedTokenSplitter
{
    private readonly Dictionary<string, AddedToken>.AlternateLookup<ReadOnlySpan<char>> _tokens;
    private readonly SearchValues<char> _firsts;
    private readonly Dictionary<char, int[]> _lengths;

    /// <param name="tokens">What to look for.</param>
    /// <param name="normalize">How it is written in the texts that are split.</param>
    public AddedTokenSplitter(IEnumerable<AddedToken> tokens, Func<string, string> normalize)
    {
        var byText = new Dictionary<string, AddedToken>();
        foreach (var token in tokens)
        {
            if (normalize(token.Content) is { Length: > 0 } text)
            {
                byText[text] = token;
            }
        }

        _tokens = byText.GetAlternateLookup<ReadOnlySpan<char>>();
        _lengths = byText.Keys.GroupBy(text => text[0]).ToDictionary(
            group => group.Key, group => group.Select(text => text.Length).Distinct().OrderDescending().ToArray());
        _firsts = SearchValues.Create([.. _lengths.Keys]);
    }

    /// <summary>The text in pieces, none of them empty: an added token has an id, what is between has none.</summary>
    public IEnumerable<(string Text, int? Id)> Split(string text)
    {
        var (done, at) = (0, 0);
        while (NextCandidate(text, at) is var candidate and >= 0)
        {
            if (Match(text, candidate) is not { } match)
            {
                at = candidate + 1;
                continue;
            }

            var (token, length) = match;
            var (start, end) = (candidate, candidate + length);
            at = end;
            if (token.SingleWord && (EndsWithWord(text.AsSpan(0, start)) || StartsWithWord(text.AsSpan(end))))
            {
                continue;
            }

            if (token.LeftStrip)
            {
                start = done + text.AsSpan(done, start - done).TrimEnd().Length;
            }

            if (token.RightStrip)
            {
                end = text.Length - text.AsSpan(end).TrimStart().Length;
            }

            if (start > done)
            {
                yield return (text[done..start], null);
            }

            yield return (token.Content, token.Id);
            done = at = end;
        }

        if (done < text.Length)
        {
            yield return (done == 0 ? text : text[done..], null);
        }
    }

    private int NextCandidate(string text, int from) =>
        text.AsSpan(from).IndexOfAny(_firsts) is var index and >= 0 ? from + index : -1;

    private (AddedToken Token, int Length)? Match(string text, int at)
    {
        foreach (var length in _lengths[text[at]])
        {
            if (length <= text.Length - at && _tokens.TryGetValue(text.AsSpan(at, length), out var token))
            {
                return (token, length);
            }
        }

        return null;
    }

    private static bool EndsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out var last, out _) == OperationStatus.Done && AddedToken.IsWord(last);

    private static bool StartsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out var first, out _) == OperationStatus.Done && AddedToken.IsWord(first);
}
