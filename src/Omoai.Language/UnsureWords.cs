using Omoai.Transcripts;

namespace Omoai.Language;

/// <summary>Finds the words that a reader should check against the recording.</summary>
internal static class UnsureWords
{
    /// <summary>A word with a lower confidence is likelier wrong than right, where the model's confidence is calibrated.</summary>
    public const double Bound = 0.5;

    /// <summary>Runs of neighbouring words under <see cref="Bound"/>, each inside one segment.</summary>
    public static IReadOnlyList<UnsureSpan> Find(IReadOnlyList<Segment> segments)
    {
        var spans = new List<UnsureSpan>();
        foreach (var segment in segments)
        {
            var run = new List<Word>();
            foreach (var word in segment.Words)
            {
                if (word.Confidence < Bound)
                {
                    run.Add(word);
                }
                else
                {
                    End(segment, run);
                }
            }

            End(segment, run);
        }

        return spans;

        void End(Segment segment, List<Word> run)
        {
            if (run.Count > 0)
            {
                spans.Add(new UnsureSpan(
                    segment.Id, run[0].Start, run[^1].End, string.Join(' ', run.Select(word => word.Text)),
                    run.Min(word => word.Confidence)));
                run.Clear();
            }
        }
    }
}
