using Omoai.Transcripts.Alignment;

namespace Omoai.Transcripts.Quality;

/// <summary>How well punctuation and capitals were restored, whatever the words are.</summary>
/// <param name="SentenceEnds">Periods, question and exclamation marks, each as good as the others.</param>
/// <param name="Commas">Commas.</param>
/// <param name="Questions">Question marks.</param>
/// <param name="InnerCapitals">Words with a capital that open no sentence.</param>
public readonly record struct PunctuationScores(
    DetectionScore SentenceEnds, DetectionScore Commas, DetectionScore Questions, DetectionScore InnerCapitals)
{
    /// <summary>
    /// The words of <see cref="NormalizedText"/> are aligned first. A mark is a hit when it follows the word that is aligned
    /// (equal or substituted) with the one that it follows in the reference; after a deleted or an inserted word it is
    /// none. Capitals are compared in the same way, on words that open a sentence in neither text.
    /// </summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static PunctuationScores Compare(string reference, string hypothesis, CancellationToken cancellationToken = default)
    {
        var (expected, actual) = (new NormalizedText(reference), new NormalizedText(hypothesis));
        var edits = SequenceAlignment.Align(expected.Words, actual.Words, StringComparer.Ordinal, cancellationToken);
        return new PunctuationScores(
            Score(EndsSentence), Score(After(",")), Score(After("?")), Score((text, word) => text.Capitals[word], OpensSentence));

        DetectionScore Score(Func<NormalizedText, int, bool> has, Func<NormalizedText, int, bool>? skip = null)
        {
            var score = default(DetectionScore);
            foreach (var (kind, i, j) in edits)
            {
                var (inReference, inHypothesis) = (kind != EditKind.Insert, kind != EditKind.Delete);
                if (skip is not null && ((inReference && skip(expected, i)) || (inHypothesis && skip(actual, j))))
                {
                    continue;
                }

                var (present, found) = (inReference && has(expected, i), inHypothesis && has(actual, j));
                score += new DetectionScore(present && found ? 1 : 0, found ? 1 : 0, present ? 1 : 0);
            }

            return score;
        }
    }

    public static PunctuationScores operator +(PunctuationScores a, PunctuationScores b) => new(
        a.SentenceEnds + b.SentenceEnds, a.Commas + b.Commas, a.Questions + b.Questions, a.InnerCapitals + b.InnerCapitals);

    private static Func<NormalizedText, int, bool> After(string mark) => (text, word) => text.Marks[word + 1].Contains(mark);

    private static bool EndsSentence(NormalizedText text, int word) =>
        text.Marks[word + 1].Any(mark => mark is "." or "?" or "!");

    private static bool OpensSentence(NormalizedText text, int word) => word == 0 || EndsSentence(text, word - 1);
}
