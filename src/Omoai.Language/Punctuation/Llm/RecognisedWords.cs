using System.Text;

namespace Omoai.Language.Punctuation.Llm;

/// <summary>A piece of a recognised word.</summary>
/// <param name="Word">Index of the word.</param>
/// <param name="Key">As in <see cref="WordPieces.Key"/>.</param>
/// <param name="Letter">The first of its letters among those of the word.</param>
/// <param name="First">Whether it is the word's first piece.</param>
/// <param name="Last">Whether it is the word's last piece.</param>
internal readonly record struct RecognisedPiece(int Word, string Key, int Letter, bool First, bool Last);

/// <summary>Adjacent recognised words, taken apart for what they are compared by.</summary>
internal sealed class RecognisedWords
{
    private readonly Rune[][] _runes;

    /// <param name="words">In NFC, not empty.</param>
    public RecognisedWords(IReadOnlyList<string> words)
    {
        Texts = words;
        _runes = [.. words.Select(word => word.EnumerateRunes().ToArray())];
        Pieces = [.. _runes.SelectMany(PiecesOf)];
    }

    public IReadOnlyList<string> Texts { get; }

    /// <summary>In order. A word of marks only has none.</summary>
    public IReadOnlyList<RecognisedPiece> Pieces { get; }

    /// <summary>A word with the case of other letters.</summary>
    /// <param name="word">Its index.</param>
    /// <param name="letters">For each of its letters the one to write; null, or one that is more than another case, leaves it.</param>
    public string InCase(int word, Rune?[] letters)
    {
        var text = new StringBuilder(Texts[word].Length);
        var next = 0;
        foreach (var rune in _runes[word])
        {
            var other = WordPieces.IsLetter(rune) ? letters[next++] : null;
            text.Append(other is { } letter && Rune.ToLowerInvariant(letter) == Rune.ToLowerInvariant(rune) ? letter : rune);
        }

        return text.ToString();
    }

    /// <summary>The letters of a word: places for <see cref="InCase"/>, with those that it has.</summary>
    public Rune?[] Letters(int word) => [.. _runes[word].Where(WordPieces.IsLetter).Cast<Rune?>()];

    /// <summary>Marks that a word has itself, before its first letter and after its last; all of it where it has no letter.</summary>
    public (string Before, string After) OwnMarks(int word)
    {
        var runes = _runes[word];
        var first = Array.FindIndex(runes, WordPieces.IsLetter);
        return first < 0
            ? (Texts[word], Texts[word])
            : (string.Concat(runes[..first]), string.Concat(runes[(Array.FindLastIndex(runes, WordPieces.IsLetter) + 1)..]));
    }

    private static IEnumerable<RecognisedPiece> PiecesOf(Rune[] runes, int word)
    {
        var ranges = WordPieces.Split(runes);
        var letter = 0;
        for (var i = 0; i < ranges.Count; i++)
        {
            yield return new RecognisedPiece(word, WordPieces.Key(runes[ranges[i]]), letter, i == 0, i == ranges.Count - 1);
            letter += runes[ranges[i]].Count(WordPieces.IsLetter);
        }
    }
}
