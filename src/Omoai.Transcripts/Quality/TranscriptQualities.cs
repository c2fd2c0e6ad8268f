namespace Omoai.Transcripts.Quality;

/// <summary>All figures of a pair of texts.</summary>
public static class TranscriptQualities
{
    /// <summary>Compares what was written (the hypothesis) with what was recognised (the reference).</summary>
    /// <param name="recognised">The words as recognised, joined by white space.</param>
    /// <param name="written">The text that they became.</param>
    /// <param name="alignmentConfidence">As in <see cref="TranscriptQuality"/>.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static TranscriptQuality Compare(
        string recognised, string written, double? alignmentConfidence = null, CancellationToken cancellationToken = default) =>
        new(
            WordErrorRate.Compute(recognised, written, cancellationToken),
            CharacterErrorRate.Compute(recognised, written, cancellationToken),
            WordErrorRate.ComputeUnpunctuated(recognised, written, cancellationToken),
            WordErrorRate.ComputeFormatted(recognised, written, cancellationToken),
            IsPunctuated(recognised) ? PunctuationErrorRate.Compute(recognised, written, cancellationToken) : null,
            alignmentConfidence);

    /// <summary>Of a text without marks each mark would be an error. Hyphens and apostrophes are spelling: who writes no other marks
    /// doesn't punctuate.</summary>
    private static bool IsPunctuated(string text) =>
        new NormalizedText(text).Marks.Any(marks => marks.Any(mark =>
            mark is not ("-" or "\u2010" or "\u2011" or "'" or "\u2019" or "\u02BC")));
}
