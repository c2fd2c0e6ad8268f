namespace Omoai.Language.Punctuation;

internal enum WordCase
{
    Lower,
    Capitalised,
    Upper,
}

/// <summary>What a tagger says about a word.</summary>
/// <param name="Mark">The mark after the word; empty for none.</param>
/// <param name="Case">How it is written.</param>
internal readonly record struct WordTag(string Mark, WordCase Case);

/// <summary>Gives each word a mark and a case, seeing a bounded number of words at a time.</summary>
internal interface IWordTagger
{
    /// <summary>The model's name.</summary>
    string Name { get; }

    /// <summary>The model's language, BCP 47.</summary>
    string Language { get; }

    /// <summary>The most words in one call.</summary>
    int MaxWords { get; }

    /// <summary>Tags for at most <see cref="MaxWords"/> adjacent words.</summary>
    /// <param name="words">Words as recognised, lower case.</param>
    /// <param name="pauses">Silence after each word, in seconds, 0 to <see cref="WordPauses.Longest"/>.</param>
    /// <returns>One tag for each word.</returns>
    IReadOnlyList<WordTag> Tag(IReadOnlyList<string> words, IReadOnlyList<float> pauses);
}
