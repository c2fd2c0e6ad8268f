using Omoai.Transcripts.Alignment;
using Omoai.Transcripts.Normalization;

namespace Omoai.Transcripts.Quality;

/// <summary>WER: edits of words for each word of the reference.</summary>
public static class WordErrorRate
{
    /// <summary>
    /// WER of the text as written: words are what stands between white space, in NFC, and count as equal only with the
    /// same case and punctuation.
    /// </summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static ErrorRate Compute(string reference, string hypothesis, CancellationToken cancellationToken = default) =>
        ErrorRate.Of(SequenceAlignment.Align(
            Split(reference), Split(hypothesis), StringComparer.Ordinal, cancellationToken));

    /// <summary>
    /// WER of what was said: of the words of <see cref="NormalizedText"/>, without case and punctuation.
    /// </summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static ErrorRate ComputeUnpunctuated(
        string reference, string hypothesis, CancellationToken cancellationToken = default) =>
        ErrorRate.Of(SequenceAlignment.Align(
            new NormalizedText(reference).Words, new NormalizedText(hypothesis).Words, StringComparer.Ordinal,
            cancellationToken));

    /// <summary>
    /// WER of the formatted text: of <see cref="NormalizedText.Tokens"/>, which are words in their case and punctuation
    /// marks, each a token of its own. A word with a mark too many is one insertion, and one with another capital one
    /// substitution.
    /// </summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static ErrorRate ComputeFormatted(
        string reference, string hypothesis, CancellationToken cancellationToken = default) =>
        ErrorRate.Of(SequenceAlignment.Align(
            new NormalizedText(reference).Tokens, new NormalizedText(hypothesis).Tokens, StringComparer.Ordinal,
            cancellationToken));

    internal static string[] Split(string text) =>
        Nfc.Normalize(text).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>CER: edits of characters for each character of the reference.</summary>
public static class CharacterErrorRate
{
    /// <summary>
    /// CER of the text as written: characters are code points of the text in NFC, with each stretch of white space as
    /// one space and none at the ends. Case and punctuation count.
    /// </summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static ErrorRate Compute(string reference, string hypothesis, CancellationToken cancellationToken = default) =>
        ErrorRate.Of(SequenceAlignment.Align(
            Characters(reference), Characters(hypothesis), cancellationToken: cancellationToken));

    private static int[] Characters(string text) =>
        [.. string.Join(' ', WordErrorRate.Split(text)).EnumerateRunes().Select(rune => rune.Value)];
}

/// <summary>PER: edits of punctuation marks for each mark of the reference, wherever the words are right.</summary>
public static class PunctuationErrorRate
{
    /// <summary>
    /// The words of <see cref="NormalizedText"/> are aligned first. Between each two neighbouring pairs of aligned
    /// words (equal or substituted), before the first and after the last, the reference's marks are then aligned with
    /// the hypothesis' own, also by the fewest edits; marks around deleted and inserted words count in the gap they lie
    /// in. PER is the edits of all gaps over all marks of the reference. Word errors and case don't count.
    /// </summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static ErrorRate Compute(string reference, string hypothesis, CancellationToken cancellationToken = default)
    {
        var (expected, actual) = (new NormalizedText(reference), new NormalizedText(hypothesis));
        var words = SequenceAlignment.Align(expected.Words, actual.Words, StringComparer.Ordinal, cancellationToken);

        var edits = new List<Edit>();
        List<string> expectedMarks = [.. expected.Marks[0]];
        List<string> actualMarks = [.. actual.Marks[0]];
        foreach (var (kind, referenceIndex, hypothesisIndex) in words)
        {
            if (kind is EditKind.Equal or EditKind.Substitute)
            {
                CloseGap();
            }

            if (kind != EditKind.Insert)
            {
                expectedMarks.AddRange(expected.Marks[referenceIndex + 1]);
            }

            if (kind != EditKind.Delete)
            {
                actualMarks.AddRange(actual.Marks[hypothesisIndex + 1]);
            }
        }

        CloseGap();
        return ErrorRate.Of(edits);

        void CloseGap()
        {
            if (expectedMarks.Count + actualMarks.Count == 0)
            {
                return;
            }

            edits.AddRange(SequenceAlignment.Align(
                expectedMarks, actualMarks, StringComparer.Ordinal, cancellationToken));
            expectedMarks.Clear();
            actualMarks.Clear();
        }
    }
}
