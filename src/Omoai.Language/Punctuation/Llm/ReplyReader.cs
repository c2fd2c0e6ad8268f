using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Omoai.Transcripts.Normalization;

namespace Omoai.Language.Punctuation.Llm;

/// <summary>A word of a reply, or a piece of one, with the marks around it that may be taken.</summary>
internal sealed class ReplyWord
{
    /// <summary>As written, without marks, apostrophes as <c>'</c>.</summary>
    public required string Text { get; init; }

    /// <summary>As in <see cref="WordPieces.Key"/>.</summary>
    public required string Key { get; init; }

    /// <summary>Whether the word has no other pieces.</summary>
    public required bool Whole { get; init; }

    public required string Before { get; init; }

    public string After { get; set; } = "";

    /// <summary>A blank line follows.</summary>
    public bool EndsParagraph { get; set; }

    /// <summary>What <see cref="Key"/> is made of, in its case.</summary>
    public IEnumerable<Rune> Letters => Text.EnumerateRunes().Where(WordPieces.IsLetter);
}

/// <summary>
/// Reads a reply as words. Markdown, control and format characters, and every mark that isn't one of <see cref="Marks"/> are gone then.
/// </summary>
internal static partial class ReplyReader
{
    private const string Bullets = "-*•·‣◦–—―_=#>+";

    private static readonly string[] Fences = ["```", "~~~"];

    /// <summary>The words, in order; none where there is nothing to read.</summary>
    public static List<ReplyWord> Read(string reply)
    {
        var reader = new WordCollector();
        foreach (var line in Clean(reply).Split('\n'))
        {
            var tokens = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (tokens.Length == 0)
            {
                reader.EndParagraph();
            }
            else if (!IsFence(tokens))
            {
                foreach (var token in tokens.SkipWhile(token => token.All(Bullets.Contains)))
                {
                    reader.Add(token);
                }
            }
        }

        return reader.Words;
    }

    /// <summary>Whether a line begins or ends a block of code, and says no more than its language: <c>```The text```</c> is text.</summary>
    private static bool IsFence(string[] tokens) => tokens is [{ } only] && Fences.Any(fence =>
        only.StartsWith(fence, StringComparison.Ordinal) && !only.TrimStart(fence[0]).EndsWith(fence, StringComparison.Ordinal));

    private static string Clean(string reply)
    {
        var text = Tag().Replace(reply, "\n").ReplaceLineEndings("\n");
        var clean = new StringBuilder(text.Length);
        foreach (var rune in Nfc.Normalize(text).EnumerateRunes())
        {
            // Soft hyphens and the like part no word. Control characters do; as they are no marks, that is all they do.
            if (Rune.GetUnicodeCategory(rune) is not UnicodeCategory.Format)
            {
                clean.Append(rune);
            }
        }

        return clean.Replace("...", "…").Replace("..", "…").Replace("--", "—").ToString();
    }

    [GeneratedRegex("[<‹]/?transcript[>›]", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Tag();

    private sealed class WordCollector
    {
        private string _before = "";
        private bool _inQuotes;
        private bool _inLowQuotes;

        public List<ReplyWord> Words { get; } = [];

        public void EndParagraph()
        {
            if (Words.Count > 0)
            {
                Words[^1].EndsParagraph = true;
            }
        }

        public void Add(string token)
        {
            Rune[] runes = [.. token.EnumerateRunes()];
            var pieces = WordPieces.Split(runes);
            if (pieces.Count == 0)
            {
                foreach (var mark in runes)
                {
                    // A hyphen by itself is a dash.
                    Add(mark.Value == '-' ? new Rune('–') : mark, opens: !_inQuotes);
                }

                return;
            }

            foreach (var mark in runes[..pieces[0].Start])
            {
                Add(mark, opens: true);
            }

            for (var i = 0; i < pieces.Count; i++)
            {
                var piece = runes[pieces[i]];
                Words.Add(new ReplyWord
                {
                    Text = string.Concat(piece.Select(rune => WordPieces.IsApostrophe(rune) ? new Rune('\'') : rune)),
                    Key = WordPieces.Key(piece),
                    Whole = pieces.Count == 1,
                    Before = _before,
                });
                _before = "";
                var last = i == pieces.Count - 1;
                foreach (var mark in runes[pieces[i].End..(last ? runes.Length : pieces[i + 1].Start)])
                {
                    // "3.5", "10:30" and "example.com" have no marks that part words.
                    if (last || Marks.IsDash(mark) || mark.Value == '…')
                    {
                        Add(mark, opens: false);
                    }
                }
            }
        }

        /// <param name="mark">Any.</param>
        /// <param name="opens">Which a mark that can open and close does.</param>
        private void Add(Rune mark, bool opens)
        {
            var closesLow = _inLowQuotes && mark.Value is '“' or '‘';
            _inLowQuotes = !closesLow && (_inLowQuotes || mark.Value is '„' or '‚');
            if (mark.Value == '"')
            {
                _inQuotes = opens;
            }

            if (!closesLow && (Marks.Opens(mark) || (Marks.IsStraightQuote(mark) && opens)))
            {
                _before = Marks.Add(_before, mark, Marks.MaxBefore);
            }
            else if (Words.Count > 0 && (closesLow || Marks.Follows(mark) || Marks.IsStraightQuote(mark)))
            {
                Words[^1].After = Marks.Add(Words[^1].After, mark, Marks.MaxAfter);
            }
        }
    }
}
