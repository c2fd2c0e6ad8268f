using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Omoai.Transcripts.Normalization;

namespace Omoai.Transcripts.Tokenizers;

/// <summary>Changes a text before it is split into words.</summary>
internal interface INormalizer
{
    string Normalize(string text);
}

internal sealed class NfcNormalizer : INormalizer
{
    public string Normalize(string text) => Nfc.Normalize(text);
}

internal sealed class PrependNormalizer(string prefix) : INormalizer
{
    public string Normalize(string text) => text.Length == 0 ? text : prefix + text;
}

internal sealed class ReplaceNormalizer(string pattern, string content) : INormalizer
{
    public string Normalize(string text) => text.Replace(pattern, content, StringComparison.Ordinal);
}

/// <summary>Splits a text into words, each of which is encoded by itself.</summary>
internal interface IPreTokenizer
{
    /// <param name="text">Without lone halves of surrogate pairs.</param>
    /// <param name="first">It is the beginning of what is encoded.</param>
    /// <param name="piece">Told each word, none of them empty, and whether it is the beginning.</param>
    void Split(ReadOnlySpan<char> text, bool first, PieceAction piece);
}

internal delegate void PieceAction(ReadOnlySpan<char> text, bool first);

/// <summary>Each step splits what the one before it has left; without any the text is one word.</summary>
internal sealed class PreTokenizerSequence(IPreTokenizer[] steps) : IPreTokenizer
{
    public void Split(ReadOnlySpan<char> text, bool first, PieceAction piece) => Split(0, text, first, piece);

    private void Split(int step, ReadOnlySpan<char> text, bool first, PieceAction piece)
    {
        if (step == steps.Length)
        {
            piece(text, first);
        }
        else
        {
            steps[step].Split(text, first, (part, isFirst) => Split(step + 1, part, isFirst, piece));
        }
    }
}

/// <summary>
/// GPT-2's words. Its regular expression,
/// <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>, by hand: .NET's takes the halves of
/// surrogate pairs for characters, and this one can't be slow.
/// </summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool useRegex) : IPreTokenizer
{
    private static readonly string[] Contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

    private enum Kind
    {
        Space,
        Letter,
        Number,
        Other,
    }

    public void Split(ReadOnlySpan<char> text, bool first, PieceAction piece)
    {
        if (addPrefixSpace && text.Length > 0 && text[0] != ' ')
        {
            text = string.Concat(" ", text);
        }

        for (var at = 0; at < text.Length;)
        {
            var length = useRegex ? WordLength(text[at..]) : text.Length;
            piece(text.Slice(at, length), first && at == 0);
            at += length;
        }
    }

    private static int WordLength(ReadOnlySpan<char> text)
    {
        if (text[0] == '\'')
        {
            foreach (var contraction in Contractions)
            {
                if (text.StartsWith(contraction, StringComparison.Ordinal))
                {
                    return contraction.Length;
                }
            }
        }

        // One space goes with the word after it.
        var start = text[0] == ' ' && text.Length > 1 && KindAt(text, 1, out _) != Kind.Space ? 1 : 0;
        var kind = KindAt(text, start, out var length);
        var end = start + length;
        while (end < text.Length && KindAt(text, end, out length) == kind)
        {
            end += length;
        }

        // The last of several spaces is left for the word after them. White space is never a surrogate pair.
        return kind == Kind.Space && end < text.Length && end > 1 ? end - 1 : end;
    }

    private static Kind KindAt(ReadOnlySpan<char> text, int at, out int length)
    {
        Rune.DecodeFromUtf16(text[at..], out var rune, out length);
        if (Rune.IsWhiteSpace(rune))
        {
            return Kind.Space;
        }

        return Rune.GetUnicodeCategory(rune) switch
        {
            <= UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => Kind.Other,
        };
    }
}

/// <summary>Where a space is put before a text, so that its first word is like others.</summary>
internal enum PrependScheme
{
    Always,

    /// <summary>Before the first text only, not before those that come after an added token.</summary>
    First,

    Never,
}

/// <summary>SentencePiece's words: a space is a letter, and the first of the word after it.</summary>
internal sealed class MetaspacePreTokenizer(char replacement, PrependScheme prepend, bool split) : IPreTokenizer
{
    public void Split(ReadOnlySpan<char> text, bool first, PieceAction piece)
    {
        var letters = new char[text.Length + 1];
        letters[0] = replacement;
        text.Replace(letters.AsSpan(1), ' ', replacement);
        var isPrepended = letters.Length > 1 && letters[1] != replacement
            && (prepend == PrependScheme.Always || (prepend == PrependScheme.First && first));
        ReadOnlySpan<char> all = letters.AsSpan(isPrepended ? 0 : 1);
        var done = 0;
        for (var at = 1; at <= all.Length; at++)
        {
            if (at == all.Length || (split && all[at] == replacement))
            {
                piece(all[done..at], first && done == 0);
                done = at;
            }
        }
    }
}

/// <summary>A step from tokens to their text.</summary>
internal interface ITokenDecoder
{
    IEnumerable<string> Decode(IEnumerable<string> tokens);
}

internal sealed class ByteLevelDecoder : ITokenDecoder
{
    public IEnumerable<string> Decode(IEnumerable<string> tokens)
    {
        var bytes = new List<byte>();
        foreach (var token in tokens)
        {
            ByteAlphabet.Read(token, bytes);
        }

        return [Encoding.UTF8.GetString(CollectionsMarshal.AsSpan(bytes))];
    }
}

internal sealed class ReplaceDecoder(string pattern, string content) : ITokenDecoder
{
    public IEnumerable<string> Decode(IEnumerable<string> tokens) =>
        tokens.Select(token => token.Replace(pattern, content, StringComparison.Ordinal));
}

/// <summary>Tokens like <c>&lt;0x0A&gt;</c> are bytes, and runs of them are UTF-8.</summary>
internal sealed class ByteFallbackDecoder : ITokenDecoder
{
    public IEnumerable<string> Decode(IEnumerable<string> tokens)
    {
        var bytes = new List<byte>();
        foreach (var token in tokens)
        {
            if (ByteOf(token) is { } value)
            {
                bytes.Add(value);
                continue;
            }

            if (bytes.Count > 0)
            {
                yield return Encoding.UTF8.GetString([.. bytes]);
                bytes.Clear();
            }

            yield return token;
        }

        if (bytes.Count > 0)
        {
            yield return Encoding.UTF8.GetString([.. bytes]);
        }
    }

    private static byte? ByteOf(string token) =>
        token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
        && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
            ? value
            : null;
}

/// <summary>What <see cref="MetaspacePreTokenizer"/> makes of a space is one again; none at the beginning where it puts one there.</summary>
internal sealed class MetaspaceDecoder(char replacement, PrependScheme prepend) : ITokenDecoder
{
    public IEnumerable<string> Decode(IEnumerable<string> tokens) => tokens.Select((token, index) =>
        index == 0 && prepend != PrependScheme.Never
            ? token.Replace(replacement.ToString(), "", StringComparison.Ordinal)
            : token.Replace(replacement, ' '));
}

internal sealed class FuseDecoder : ITokenDecoder
{
    public IEnumerable<string> Decode(IEnumerable<string> tokens) => [string.Concat(tokens)];
}

/// <summary>Cuts up to so many of a character off the ends of each token.</summary>
internal sealed class StripDecoder(char content, int start, int stop) : ITokenDecoder
{
    public IEnumerable<string> Decode(IEnumerable<string> tokens) => tokens.Select(token =>
    {
        var (first, end) = (0, token.Length);
        while (first < Math.Min(start, token.Length) && token[first] == content)
        {
            first++;
        }

        while (end > first && token.Length - end < stop && token[end - 1] == content)
        {
            end--;
        }

        return token[first..end];
    });
}
