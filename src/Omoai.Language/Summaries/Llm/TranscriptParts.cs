using System.Globalization;
using Omoai.Transcripts;

namespace Omoai.Language.Summaries.Llm;

/// <summary>A stretch of a transcript as a prompt shows it.</summary>
/// <param name="First">Id of its first segment.</param>
/// <param name="Last">Id of its last segment.</param>
/// <param name="Text">A line for each segment, <c>[12] text</c>; a segment that is too long for one part is in several.</param>
internal sealed record TranscriptPart(int First, int Last, string Text);

/// <summary>Cuts transcripts into parts that a prompt has room for.</summary>
internal static class TranscriptParts
{
    /// <summary>A part that is as full as this may end where a paragraph does.</summary>
    private const double FullEnough = 0.5;

    /// <summary>The whole, part by part; null where not even a word has room. Empty where there are no words.</summary>
    public static IReadOnlyList<TranscriptPart>? Cut(IReadOnlyList<Segment> segments, SummaryPrompts prompts)
    {
        var room = prompts.SummarizeRoom;
        var parts = new List<TranscriptPart>();
        var lines = new List<(int Segment, string Text, int Tokens)>();
        var used = 0;
        foreach (var segment in segments)
        {
            var label = string.Create(CultureInfo.InvariantCulture, $"[{segment.Id}] ");
            // A line cannot pass for two of them, whatever a recogniser writes.
            var words = segment.Text.Split(default(char[]), StringSplitOptions.RemoveEmptyEntries);
            for (var start = 0; start < words.Length;)
            {
                var count = prompts.Fit(label, words, start, room - used);
                if (start + count < words.Length && lines.Count > 0)
                {
                    End(LastBorder(segment.Paragraph));
                    continue;
                }

                if (count == 0)
                {
                    return null;
                }

                var line = label + string.Join(' ', words, start, count);
                lines.Add((segment.Id, line, prompts.Count(line)));
                used += lines[^1].Tokens;
                start += count;
            }
        }

        if (lines.Count > 0)
        {
            End(lines.Count);
        }

        return parts;

        // Where the paragraph begins that goes on, unless that leaves little.
        int LastBorder(int paragraph)
        {
            var tokens = used;
            for (var i = lines.Count; i > 0 && tokens >= FullEnough * room; i--)
            {
                if (segments[lines[i - 1].Segment].Paragraph != (i < lines.Count ? segments[lines[i].Segment].Paragraph : paragraph))
                {
                    return i;
                }

                tokens -= lines[i - 1].Tokens;
            }

            return lines.Count;
        }

        void End(int count)
        {
            parts.Add(new TranscriptPart(lines[0].Segment, lines[count - 1].Segment, string.Join('\n', lines.Take(count).Select(line => line.Text))));
            lines.RemoveRange(0, count);
            used = lines.Sum(line => line.Tokens);
        }
    }
}
