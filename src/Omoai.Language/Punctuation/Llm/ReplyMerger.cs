using System.Collections.Frozen;
using System.Text;
using Omoai.Transcripts.Alignment;

namespace Omoai.Language.Punctuation.Llm;

/// <summary>A word that is written otherwise than it was recognised.</summary>
/// <param name="Word">Its index.</param>
/// <param name="Recognised">As recognised.</param>
/// <param name="Written">As written, without marks.</param>
internal sealed record Respelling(int Word, string Recognised, string Written);

/// <summary>
/// Puts the case and the marks of a reply on the recognised words. Every word stays, in its order, with its letters: its case is all
/// that changes, but where spelling may be repaired.
/// </summary>
internal sealed class ReplyMerger
{
    /// <summary>Abbreviations whose period ends no sentence, English and Vietnamese.</summary>
    private static readonly FrozenSet<string> Abbreviations =
        "mr mrs ms dr prof st jr sr vs eg ie tp ths ts pgs gs bs ks".Split(' ').ToFrozenSet(StringComparer.Ordinal);

    private readonly RecognisedWords _words;
    private readonly IReadOnlyList<float> _pauses;
    private readonly Rune?[][] _letters;
    private readonly string[] _before;
    private readonly string[] _after;
    private readonly bool[] _linked;
    private readonly bool[] _endsParagraph;
    private readonly string?[] _respelt;

    private ReplyMerger(RecognisedWords words, IReadOnlyList<float> pauses)
    {
        (_words, _pauses) = (words, pauses);
        var count = words.Texts.Count;
        _letters = [.. Enumerable.Range(0, count).Select(words.Letters)];
        _before = [.. Enumerable.Repeat("", count)];
        _after = [.. Enumerable.Repeat("", count)];
        (_linked, _endsParagraph, _respelt) = (new bool[count], new bool[count], new string?[count]);
    }

    /// <summary>Merges.</summary>
    /// <param name="words">What was recognised.</param>
    /// <param name="pauses">Seconds after each word.</param>
    /// <param name="reply">The words of the reply.</param>
    /// <param name="links">As <see cref="ReplyAlignment"/> gave them.</param>
    /// <param name="maxSpellingEdits">0 keeps every word's letters.</param>
    public static (IReadOnlyList<WrittenWord> Words, IReadOnlyList<Respelling> Respelt) Merge(
        RecognisedWords words, IReadOnlyList<float> pauses, IReadOnlyList<ReplyWord> reply, IReadOnlyList<Link> links,
        int maxSpellingEdits)
    {
        var merger = new ReplyMerger(words, pauses);
        merger.TakeLinks(reply, links, maxSpellingEdits);
        merger.MoveMarksToPauses();
        return (
            merger.Write(hasCase: reply.Any(word => word.Letters.Any(Rune.IsUpper))),
            [.. merger._respelt.Select((text, i) => text is null ? null : new Respelling(i, words.Texts[i], text)).OfType<Respelling>()]);
    }

    private void TakeLinks(IReadOnlyList<ReplyWord> reply, IReadOnlyList<Link> links, int maxSpellingEdits)
    {
        var pieces = _words.Pieces;
        var (next, last, before) = (0, -1, "");
        foreach (var link in links)
        {
            LeaveOut(link.ReplyFrom);
            var (first, end) = (pieces[link.From], pieces[link.To - 1]);
            _before[first.Word] = first.First ? Joined(before, reply[link.ReplyFrom].Before) : _before[first.Word];
            _after[end.Word] = end.Last ? reply[link.ReplyTo - 1].After : _after[end.Word];
            (before, last, next) = ("", end.Word, link.ReplyTo);
            for (var i = link.From; i < link.To; i++)
            {
                _linked[pieces[i].Word] = true;
            }

            _endsParagraph[last] |= reply[link.ReplyTo - 1].EndsParagraph;
            TakeCase(reply, link);
            if (maxSpellingEdits > 0 && link is { To: var to, ReplyTo: var replyTo } && to - link.From == 1 && replyTo - link.ReplyFrom == 1
                && first is { First: true, Last: true } && _words.OwnMarks(first.Word) is ("", ""))
            {
                _respelt[first.Word] = Respell(_words.Texts[first.Word], reply[link.ReplyFrom], maxSpellingEdits);
            }
        }

        LeaveOut(reply.Count);

        // What the reply has and nobody said. An opening mark goes to the next word; of the marks after it the strongest stays.
        void LeaveOut(int to)
        {
            for (; next < to; next++)
            {
                before = Joined(before, reply[next].Before);
                if (last >= 0)
                {
                    _after[last] = Marks.Strength(reply[next].After) > Marks.Strength(_after[last]) ? reply[next].After : _after[last];
                    _endsParagraph[last] |= reply[next].EndsParagraph;
                }
            }
        }

        static string Joined(string marks, string more) =>
            marks.Length + more.Length <= Marks.MaxBefore ? marks + more : (marks + more)[..Marks.MaxBefore];
    }

    private void TakeCase(IReadOnlyList<ReplyWord> reply, Link link)
    {
        var pieces = _words.Pieces;
        if (link.Same)
        {
            using var letters = Enumerable.Range(link.ReplyFrom, link.ReplyTo - link.ReplyFrom)
                .SelectMany(i => reply[i].Letters).GetEnumerator();
            for (var i = link.From; i < link.To; i++)
            {
                var (word, key, letter, _, _) = pieces[i];
                foreach (var _ in key.EnumerateRunes())
                {
                    letters.MoveNext();
                    _letters[word][letter++] = letters.Current;
                }
            }
        }
        else if (Rune.IsUpper(reply[link.ReplyFrom].Letters.First()))
        {
            Capitalise(pieces[link.From].Word, pieces[link.From].Letter);
        }
    }

    private void Capitalise(int word, int letter) =>
        _letters[word][letter] = Rune.ToUpperInvariant(_letters[word][letter]!.Value);

    /// <summary>Where words after a mark didn't come back, the mark goes to where the speaker paused; to the first of equals.</summary>
    private void MoveMarksToPauses()
    {
        for (int i = 0, end; i < _after.Length; i = end)
        {
            for (end = i + 1; end < _after.Length && !_linked[end];)
            {
                end++;
            }

            var to = Enumerable.Range(i, end - i).MaxBy(at => _pauses[at]);
            if (_linked[i] && to != i)
            {
                (_after[to], _after[i]) = (_after[i], "");
                (_endsParagraph[to], _endsParagraph[i]) = (_endsParagraph[i], false);
            }
        }
    }

    private WrittenWord[] Write(bool hasCase)
    {
        var texts = new string[_after.Length];
        var ends = new bool[_after.Length];
        for (var i = 0; i < texts.Length; i++)
        {
            // Words that didn't come back, and all of a reply that knows no capitals.
            if (_letters[i].Length > 0 && (!_linked[i] || !hasCase) && (i == 0 || ends[i - 1])
                && !_letters[i].Any(letter => Rune.IsUpper(letter!.Value)))
            {
                Capitalise(i, 0);
            }

            texts[i] = _respelt[i] ?? _words.InCase(i, _letters[i]);
            ends[i] = EndsSentence(i, hasCase, follows: i > 0 && !ends[i - 1]);
        }

        for (var i = 0; i < texts.Length; i++)
        {
            // What a word has itself it isn't given again: "'tis", "etc.".
            var (own, ownAfter) = _words.OwnMarks(i);
            _before[i] = Without(_before[i], own);
            _after[i] = Without(_after[i], ownAfter);
        }

        Marks.KeepPairs(_before, _after);
        return [.. texts.Select((text, i) => new WrittenWord(_before[i] + text + _after[i], ends[i], ends[i] && _endsParagraph[i]))];
    }

    private static string Without(string marks, string own) =>
        string.Concat(marks.Where(mark => !own.Contains(mark) && !(mark is '\'' or '’' && own.AsSpan().ContainsAny('\'', '’'))));

    /// <summary>Whether the marks after a word end a sentence; a small letter after them says that they don't: "Really? he asked".</summary>
    private bool EndsSentence(int word, bool hasCase, bool follows)
    {
        if (!Marks.EndSentence(_after[word]))
        {
            return false;
        }

        if (hasCase && word + 1 < _after.Length && _linked[word + 1] && _letters[word + 1] is [{ } letter, ..] && Rune.IsLower(letter))
        {
            return false;
        }

        var period = _after[word].All(mark => mark is not ('?' or '!' or '…'));
        return !period || !IsAbbreviation(word, follows);
    }

    /// <summary>A title, or the initial of a name: at the start of a sentence or after a capital, and not "I".</summary>
    private bool IsAbbreviation(int word, bool follows)
    {
        var letters = _letters[word];
        return letters is [{ Value: not 'I' } initial]
            ? Rune.IsUpper(initial) && (!follows || _letters[word - 1] is [{ } before, ..] && Rune.IsUpper(before))
            : Abbreviations.Contains(string.Concat(letters.Select(letter => Rune.ToLowerInvariant(letter!.Value))));
    }

    /// <summary>The reply's spelling of a word, where it differs by few enough characters, and less than half of the word.</summary>
    private static string? Respell(string word, ReplyWord reply, int maxEdits)
    {
        var recognised = Characters(word);
        var written = Characters(reply.Text);
        if (!reply.Whole || !IsOrdinary(recognised) || !IsOrdinary(written))
        {
            return null;
        }

        var edits = SequenceAlignment.Align(recognised, written).Count(edit => edit.Kind != EditKind.Equal);
        return edits > 0 && edits <= maxEdits && 2 * edits < recognised.Length ? reply.Text : null;
    }

    private static Rune[] Characters(string word) =>
        [.. word.EnumerateRunes().Select(rune => WordPieces.IsApostrophe(rune) ? new Rune('\'') : Rune.ToLowerInvariant(rune))];

    /// <summary>Letters and apostrophes: no number and no address.</summary>
    private static bool IsOrdinary(Rune[] word) => Array.TrueForAll(
        word,
        rune => WordPieces.IsApostrophe(rune) || (WordPieces.IsLetter(rune) && !Rune.IsNumber(rune) && !Rune.IsSymbol(rune)));
}
