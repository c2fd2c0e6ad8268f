namespace Omoai.Language.Punctuation;

/// <summary>A word as people read it.</summary>
/// <param name="Text">The word with its case and the marks around it.</param>
/// <param name="EndsSentence">A sentence ends here.</param>
/// <param name="EndsParagraph">A paragraph ends here, and a sentence.</param>
internal readonly record struct WrittenWord(string Text, bool EndsSentence, bool EndsParagraph = false);

/// <summary>
/// Turns a tagger's opinions into text. No word is added, dropped or changed but for its case; marks come after words.
/// </summary>
internal static class Punctuator
{
    /// <summary>A silence this long ends a sentence whatever the tagger says, seconds.</summary>
    public const float SentencePause = 1.2f;

    private const string SentenceEnds = ".?!…。？！";

    /// <summary>Applies tags to words.</summary>
    /// <param name="words">Words as recognised.</param>
    /// <param name="pauses">Seconds after each word.</param>
    /// <param name="tags">One for each word.</param>
    /// <param name="english">Whether the rules of English apply: "I", and questions by their opening words.</param>
    public static IReadOnlyList<WrittenWord> Apply(
        IReadOnlyList<string> words, IReadOnlyList<float> pauses, IReadOnlyList<WordTag> tags, bool english)
    {
        var marks = tags.Select(tag => tag.Mark).ToArray();
        for (var i = 0; i < marks.Length; i++)
        {
            if ((pauses[i] >= SentencePause || i == marks.Length - 1) && !EndsSentence(marks[i]))
            {
                marks[i] = ".";
            }
        }

        var written = new WrittenWord[words.Count];
        for (int first = 0, last = 0; first < words.Count; first = last + 1)
        {
            for (last = first; !EndsSentence(marks[last]);)
            {
                last++;
            }

            if (english && marks[last] == "."
                && EnglishQuestions.IsQuestion([.. Enumerable.Range(first, last - first + 1).Select(i => (words[i], marks[i]))]))
            {
                marks[last] = "?";
            }

            for (var i = first; i <= last; i++)
            {
                var wordCase = tags[i].Case;
                if (wordCase == WordCase.Lower && (i == first || (english && IsFirstPersonSingular(words[i]))))
                {
                    wordCase = WordCase.Capitalised;
                }

                written[i] = new WrittenWord(InCase(words[i], wordCase) + marks[i], i == last);
            }
        }

        return written;
    }

    private static bool EndsSentence(string mark) => mark.AsSpan().IndexOfAny(SentenceEnds) >= 0;

    private static bool IsFirstPersonSingular(string word) => word == "i" || word.StartsWith("i'", StringComparison.Ordinal);

    private static string InCase(string word, WordCase wordCase) => wordCase switch
    {
        WordCase.Upper => word.ToUpperInvariant(),
        WordCase.Capitalised => char.ToUpperInvariant(word[0]) + word[1..],
        _ => word,
    };
}
