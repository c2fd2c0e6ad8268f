using Omoai.Transcripts.Quality;

namespace Omoai.Speech.Guards;

/// <summary>Phrases that recognisers write where nobody speaks, from <c>silence-phrases.txt</c>.</summary>
internal static class SilencePhrases
{
    private const double LowConfidence = 0.6;

    /// <summary>Decibels below full scale: what is softer is hardly speech.</summary>
    private const double LowLevel = -50;

    /// <summary>A word takes longer than this, seconds.</summary>
    private const double MinWordSeconds = 0.15;

    /// <summary>A phrase that goes on in many ways has no more words than this.</summary>
    private const int MaxWords = 20;

    private static readonly Lazy<IReadOnlyList<Phrase>> Phrases = new(Load);

    /// <summary>Whether the words are such a phrase, all of them, and nothing speaks for its having been said.</summary>
    /// <param name="texts">The words, without case and punctuation.</param>
    /// <param name="facts">What is known of the audio.</param>
    /// <param name="confidence">The mean of the words'.</param>
    public static bool Contains(string[] texts, StretchFacts facts, double confidence)
    {
        var unsure = confidence < LowConfidence || facts.IsDoubted;
        var soft = facts.Level < LowLevel;
        var rushed = facts.Seconds < texts.Length * MinWordSeconds;
        if (!unsure && !soft && !rushed)
        {
            return false;
        }

        var all = Letters(texts);
        return Phrases.Value.Any(phrase =>
            (phrase.GoesOn
                ? all.StartsWith(phrase.Letters, StringComparison.Ordinal) && texts.Length <= MaxWords
                : all == phrase.Letters)
            && (!phrase.IsOrdinary || (unsure && soft)));
    }

    /// <summary>Without spaces, as some languages have none: whether their recognisers give them is left to these.</summary>
    private static string Letters(IEnumerable<string> texts) => string.Concat(texts).Replace(" ", "", StringComparison.Ordinal);

    private static List<Phrase> Load()
    {
        using var stream = typeof(SilencePhrases).Assembly.GetManifestResourceStream("silence-phrases.txt")!;
        using var reader = new StreamReader(stream);
        var phrases = new List<Phrase>();
        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0 && line[0] != '#')
            {
                var words = new NormalizedText(line.Trim('?', '*')).Words;
                phrases.Add(new Phrase(Letters(words), line.EndsWith('*'), line.StartsWith('?')));
            }
        }

        return phrases;
    }

    /// <param name="Letters">Without case, punctuation and spaces.</param>
    /// <param name="GoesOn">More words may follow.</param>
    /// <param name="IsOrdinary">People say it all the time.</param>
    private sealed record Phrase(string Letters, bool GoesOn, bool IsOrdinary);
}
