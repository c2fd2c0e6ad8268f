using Omoai.Transcripts;

namespace Omoai.Language.Punctuation;

/// <summary>The silences between words.</summary>
internal static class WordPauses
{
    /// <summary>Longer silences count as this long, seconds; the last word is followed by one of this length.</summary>
    public const float Longest = 3;

    /// <summary>The silence after each word, in seconds, 0 to <see cref="Longest"/>.</summary>
    public static float[] Of(IReadOnlyList<Word> words)
    {
        var pauses = new float[words.Count];
        for (var i = 0; i < pauses.Length; i++)
        {
            pauses[i] = i + 1 < words.Count
                ? (float)Math.Clamp(words[i + 1].Start - words[i].End, 0, Longest)
                : Longest;
        }

        return pauses;
    }
}
