using Omoai.Transcripts;
using Omoai.Transcripts.Normalization;

namespace Omoai.Language.Punctuation;

/// <summary>The words of one channel, and how they are written without a language model.</summary>
internal sealed class RecognisedChannel
{
    /// <summary>Without a punctuation model, a silence this long ends a segment, seconds.</summary>
    private const float SegmentPause = 0.6f;

    private readonly IWordTagger? _tagger;

    /// <param name="words">In order of time.</param>
    /// <param name="punctuated">Whether the recogniser wrote their case and marks.</param>
    /// <param name="tagger">What knows their marks otherwise; null for nothing.</param>
    public RecognisedChannel(Word[] words, bool punctuated, IWordTagger? tagger)
    {
        (Words, Punctuated, _tagger) = (words, punctuated, tagger);
        Pauses = WordPauses.Of(words);
        Plain = [.. words.Select(word => Nfc.Normalize(word.Text.Trim()))];
        Bare = punctuated ? [.. Plain.Select(WordMarks.Without)] : Plain;
    }

    /// <summary>As recognised.</summary>
    public Word[] Words { get; }

    /// <summary>Whether the recogniser wrote their case and marks.</summary>
    public bool Punctuated { get; }

    /// <summary>Seconds after each word.</summary>
    public float[] Pauses { get; }

    /// <summary>The words' text, in NFC.</summary>
    public string[] Plain { get; }

    /// <summary>The same without the recogniser's marks.</summary>
    public string[] Bare { get; }

    /// <summary>Writes the words [first, end): with the recogniser's marks, or the tagger's, or none.</summary>
    /// <param name="first">First word.</param>
    /// <param name="end">After the last.</param>
    /// <param name="progress">Told the part that is done, 0 to 1.</param>
    /// <param name="cancellation">Stops it.</param>
    public IReadOnlyList<WrittenWord> Write(int first, int end, Action<double> progress, CancellationToken cancellation)
    {
        var words = Plain[first..end];
        var pauses = Pauses[first..end];
        return Punctuated ? [.. words.Select(word => new WrittenWord(word, EndsSentence(word)))]
            : _tagger is null ? [.. words.Select((word, i) => new WrittenWord(word, pauses[i] >= SegmentPause))]
            : Punctuate(words, pauses, _tagger, progress, cancellation);
    }

    private static IReadOnlyList<WrittenWord> Punctuate(
        string[] words, float[] pauses, IWordTagger tagger, Action<double> progress, CancellationToken cancellation)
    {
        string[] lower = [.. words.Select(word => word.ToLowerInvariant())];
        var tags = TaggingWindows.Tag(
            tagger, lower, pauses, decided => progress((double)decided / words.Length), cancellation);
        var english = tagger.Language.Split('-')[0].Equals("en", StringComparison.OrdinalIgnoreCase);
        // The tagger knows lower case only, and its cases are the only ones: some recognisers write capitals alone.
        return Punctuator.Apply(lower, pauses, tags, english);
    }

    private static bool EndsSentence(string word) => word.TrimEnd('"', '\'', '”', '’', '»', ')', ']', '」')
        is [.., '.' or '?' or '!' or '…' or '。' or '？' or '！'];
}
