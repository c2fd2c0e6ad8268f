using System.Globalization;
using System.Text;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Normalization;

namespace Omoai.Speech.Ctc;

/// <summary>The tokens of a CTC model, and how they make words; a token's id is its place in the list.</summary>
public sealed class TokenList
{
    /// <summary>How most lists write the word boundary.</summary>
    public const string SpaceName = "<space>";

    /// <summary>SentencePiece's mark for the space before a word: U+2581.</summary>
    private const char WordMark = '▁';

    /// <summary>What a byte of a longer character counts as in <see cref="Letters"/>: a noncharacter, which no word has.</summary>
    private const string HalfCharacter = "\uFFFF";

    private readonly string[] _names;
    private readonly Token[] _tokens;
    private readonly bool _characters;
    private readonly bool _lowercase;
    private readonly HashSet<string> _letters = [];
    private readonly int _longest;

    /// <param name="tokens">The tokens in order of their ids.</param>
    /// <param name="blank">Id of the blank.</param>
    /// <param name="words">As in <see cref="Transcripts.Models.CtcSettings.Words"/>.</param>
    /// <param name="space">The token that parts words; must be there where <paramref name="words"/> is <c>space</c>.</param>
    /// <param name="lowercase">Whether words are put into lower case.</param>
    /// <exception cref="MissingRequirementException">The list can't be that of a CTC model.</exception>
    public TokenList(
        IEnumerable<string> tokens, int blank, string words = "space", string space = SpaceName, bool lowercase = false)
    {
        if (words is not ("space" or "sentencepiece" or "characters"))
        {
            throw new MissingRequirementException(
                $"The model's words are made by '{words}'; this version knows space, sentencepiece and characters.");
        }

        _names = [.. tokens];
        Blank = blank;
        Space = words == "space" ? Array.IndexOf(_names, space) : -1;
        if (blank < 0 || blank >= _names.Length)
        {
            throw new MissingRequirementException($"The model's blank is token {blank}, but it has {_names.Length} tokens.");
        }

        if (words == "space" && (Space < 0 || Space == blank))
        {
            throw new MissingRequirementException($"The model's tokens have no {space}, which parts its words.");
        }

        if (_names.Where((name, id) => id != Space && string.IsNullOrWhiteSpace(name)).Any()
            || _names.Distinct().Count() != _names.Length)
        {
            throw new MissingRequirementException("The model's tokens hold an empty line, or one of them twice.");
        }

        (_characters, _lowercase) = (words == "characters", lowercase);
        _tokens = [.. _names.Select((name, id) => id == Space
            ? new Token("", null, Before: true, After: true, Joins: false)
            : id == blank ? new Token("", null, false, false, false) : Understand(name, marks: words != "space"))];
        foreach (var token in _tokens.Where(token => token.Letters.Length > 0 && token.Byte is null))
        {
            _letters.Add(token.Letters);
            _longest = Math.Max(_longest, token.Letters.Length);
        }
    }

    /// <summary>Number of tokens, blank included.</summary>
    public int Count => _names.Length;

    /// <summary>Id of the blank, which writes nothing and parts equal tokens.</summary>
    public int Blank { get; }

    /// <summary>Id of the token that only parts words, of which texts have one between words and none elsewhere; -1 for lists
    /// whose words aren't parted like that.</summary>
    public int Space { get; }

    /// <summary>The name of a token.</summary>
    public string this[int id] => _names[id];

    /// <summary>The id of a token by its name, or -1.</summary>
    public int IndexOf(string text) => Array.IndexOf(_names, text);

    /// <summary>What a token adds to a word; empty for those that write nothing.</summary>
    public string Letters(int id) => _tokens[id].Letters;

    /// <summary>Whether a word ends between two tokens.</summary>
    public bool PartsWords(int before, int next) => (_tokens[before].After || _tokens[next].Before) && !_tokens[next].Joins;

    /// <summary>Whether tokens can write a word.</summary>
    public bool CanSpell(string word)
    {
        Span<bool> reached = stackalloc bool[256];
        if (word.Length is 0 or >= 256)
        {
            return false;
        }

        reached.Clear();
        reached[0] = true;
        for (var from = 0; from < word.Length; from++)
        {
            for (var length = 1; reached[from] && length <= Math.Min(_longest, word.Length - from); length++)
            {
                reached[from + length] |= _letters.Contains(word.Substring(from, length));
            }
        }

        return reached[word.Length];
    }

    /// <summary>The words of a text as these tokens part them, with one space between them and in the case that they are heard in.</summary>
    public string Canonical(string text)
    {
        var result = new StringBuilder();
        foreach (var rune in Nfc.Normalize(_lowercase ? text.ToLowerInvariant() : text).EnumerateRunes())
        {
            var alone = _characters && IsWordOfItsOwn(rune);
            if ((alone || Rune.IsWhiteSpace(rune)) && result.Length > 0 && result[^1] != ' ')
            {
                result.Append(' ');
            }

            if (!Rune.IsWhiteSpace(rune))
            {
                result.Append(rune);
            }

            if (alone)
            {
                result.Append(' ');
            }
        }

        return result.ToString().Trim();
    }

    /// <summary>Where the words lie in a sequence of tokens: ranges that begin and end with letters.</summary>
    public IReadOnlyList<Range> Words(ReadOnlySpan<int> sequence)
    {
        var words = new List<Range>();
        var (start, end) = (-1, 0);
        for (var i = 0; i < sequence.Length; i++)
        {
            if (start >= 0 && PartsWords(sequence[i - 1], sequence[i]))
            {
                words.Add(start..end);
                start = -1;
            }

            if (Letters(sequence[i]).Length > 0)
            {
                start = start < 0 ? i : start;
                end = i + 1;
            }
        }

        if (start >= 0)
        {
            words.Add(start..end);
        }

        return words;
    }

    /// <summary>The text of a word's tokens, in Unicode's form C.</summary>
    public string Text(ReadOnlySpan<int> word)
    {
        var text = new StringBuilder();
        var bytes = new List<byte>();
        foreach (var id in word)
        {
            if (_tokens[id].Byte is { } value)
            {
                bytes.Add(value);
                continue;
            }

            WriteBytes();
            text.Append(_tokens[id].Letters);
        }

        WriteBytes();
        return Nfc.Normalize(text.ToString());

        void WriteBytes()
        {
            if (bytes.Count > 0)
            {
                text.Append(Encoding.UTF8.GetString([.. bytes]));
                bytes.Clear();
            }
        }
    }

    private Token Understand(string name, bool marks)
    {
        if (name is ['<', '0', 'x', var high, var low, '>'] && char.IsAsciiHexDigit(high) && char.IsAsciiHexDigit(low))
        {
            var value = byte.Parse($"{high}{low}", NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            return new Token(value < 0x80 ? ((char)value).ToString() : HalfCharacter, value, false, false, false);
        }

        if (name is ['<', _, .., '>'] or ['[', _, .., ']'])
        {
            // Where spaces don't part words, <space> may be among the rest.
            var parts = _characters || name == SpaceName;
            return new Token("", null, parts, parts, false);
        }

        var before = marks && name[0] == WordMark;
        var letters = Nfc.Normalize(before ? name[1..] : name);
        letters = _lowercase ? letters.ToLowerInvariant() : letters;
        var alone = _characters && letters.EnumerateRunes().Any(IsWordOfItsOwn);
        var joins = _characters && !before && letters.Length > 0 && letters.All(char.IsPunctuation);
        return new Token(letters, null, before || alone, alone || (before && letters.Length == 0), joins);
    }

    /// <summary>Han characters, kana, bopomofo, and the punctuation that goes with them: text without spaces.</summary>
    private static bool IsWordOfItsOwn(Rune rune) => rune.Value
        is (>= 0x2E80 and <= 0x312F) or (>= 0x31A0 and <= 0x9FFF) or (>= 0xF900 and <= 0xFAFF) or (>= 0xFF00 and <= 0xFF0F)
        or (>= 0xFF1A and <= 0xFF20) or (>= 0xFF5B and <= 0xFF9F) or (>= 0x1B000 and <= 0x1B16F) or (>= 0x20000 and <= 0x3FFFF);

    /// <param name="Letters">What it adds to a word.</param>
    /// <param name="Byte">The byte of UTF-8 that it is.</param>
    /// <param name="Before">A word ends before it.</param>
    /// <param name="After">A word ends after it.</param>
    /// <param name="Joins">Punctuation: it belongs to the word before whatever that is.</param>
    private readonly record struct Token(string Letters, byte? Byte, bool Before, bool After, bool Joins);
}
