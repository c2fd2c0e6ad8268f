namespace Omoai.Language;

/// <summary>The marks that a recogniser writes around a word.</summary>
internal static class WordMarks
{
    private const string Marks = ".,;:?!…\"“”‘«»()[]。，、？！";
    private const string Apostrophes = "'’";

    /// <summary>
    /// The word without them; as it is where nothing else is there. An apostrophe next to a letter is the word's own, <c>dogs'</c> and
    /// <c>'tis</c>, but a pair of them is quotation marks.
    /// </summary>
    public static string Without(string word)
    {
        var bare = word.AsSpan().Trim(Marks + Apostrophes);
        if (bare.IsEmpty)
        {
            return word;
        }

        var start = word.AsSpan().IndexOfAnyExcept(Marks + Apostrophes);
        var end = start + bare.Length;
        var isPair = word.AsSpan(0, start).ContainsAny(Apostrophes) && word.AsSpan(end).ContainsAny(Apostrophes);
        return !isPair && start > 0 && Apostrophes.Contains(word[start - 1]) ? word[(start - 1)..end]
            : !isPair && end < word.Length && Apostrophes.Contains(word[end]) ? word[start..(end + 1)]
            : bare.ToString();
    }
}
