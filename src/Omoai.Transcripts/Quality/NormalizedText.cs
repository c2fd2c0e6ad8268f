using System.Globalization;
using System.Text;
using Omoai.Transcripts.Normalization;

namespace Omoai.Transcripts.Quality;

/// <summary>
/// A text as its bare words and the punctuation marks between them.
/// <list type="bullet">
/// <item>NFC, then lower case (invariant, one code point at a time).</item>
/// <item>White space and control characters separate words. Format characters (soft hyphens, joiners) are dropped.</item>
/// <item>Punctuation (Unicode categories P*) is a mark, not part of a word, and separates words: <c>well-known</c> is
/// two. </item>
/// <item>An apostrophe (<c>'</c>, U+2019, U+02BC) between two letters or digits stays in its word, as <c>'</c>.</item>
/// </list>
/// </summary>
public sealed class NormalizedText
{
    private readonly List<string> words = [];
    private readonly List<string> written = [];
    private readonly List<bool> capitals = [];
    private readonly List<List<string>> marks = [[]];

    public NormalizedText(string text)
    {
        var runes = Nfc.Normalize(text).EnumerateRunes().ToArray();
        var word = new StringBuilder();
        var asWritten = new StringBuilder();
        for (var i = 0; i < runes.Length; i++)
        {
            var rune = Rune.ToLowerInvariant(runes[i]);
            var apostrophe = rune.Value is '\'' or 0x2019 or 0x02BC;
            if (apostrophe && word.Length > 0 && i + 1 < runes.Length && Rune.IsLetterOrDigit(runes[i + 1]))
            {
                word.Append('\'');
                asWritten.Append('\'');
            }
            else if (apostrophe || Rune.IsPunctuation(rune))
            {
                EndWord(word, asWritten);
                marks[^1].Add(rune.ToString());
            }
            else if (Rune.IsWhiteSpace(rune) || Rune.IsControl(rune))
            {
                EndWord(word, asWritten);
            }
            else if (Rune.GetUnicodeCategory(rune) != UnicodeCategory.Format)
            {
                if (word.Length == 0)
                {
                    capitals.Add(Rune.IsUpper(runes[i]));
                }

                word.Append(rune);
                asWritten.Append(runes[i]);
            }
        }

        EndWord(word, asWritten);
    }

    /// <summary>The words in order; none is empty.</summary>
    public IReadOnlyList<string> Words => words;

    /// <summary>The words in order, in their case.</summary>
    public IReadOnlyList<string> Written => written;

    /// <summary>For each word, whether it was written with a capital as its first letter.</summary>
    public IReadOnlyList<bool> Capitals => capitals;

    /// <summary>Marks before the first word, after each word: one list more than there are words.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Marks => marks;

    /// <summary>The words in their case and the marks, each by itself, in the order of the text.</summary>
    public IReadOnlyList<string> Tokens =>
        [.. marks[0], .. written.SelectMany((word, i) => (IEnumerable<string>)[word, .. marks[i + 1]])];

    /// <summary>The words, joined by spaces.</summary>
    public override string ToString() => string.Join(' ', words);

    private void EndWord(StringBuilder word, StringBuilder asWritten)
    {
        if (word.Length > 0)
        {
            words.Add(word.ToString());
            marks.Add([]);
            written.Add(asWritten.ToString());
            word.Clear();
            asWritten.Clear();
        }
    }
}
