namespace Omoai.Transcripts.Formats;

/// <summary>
/// A subtitle: up to two lines, shown from <paramref name="Start"/> to <paramref name="End"/>, milliseconds.
/// </summary>
public sealed record Cue(long Start, long End, IReadOnlyList<string> Lines);

/// <summary>
/// Divides a transcript into subtitles. A cue has at most <see cref="MaxLines"/> lines of <see cref="MaxLineWidth"/>
/// characters and lasts at most <see cref="MaxDuration"/>. Words are never broken: one that is longer than a line has a
/// line to itself. A new paragraph or a pause of <see cref="MaxPause"/> starts a new cue; apart from that the breaks
/// are those of the lowest total cost (see <see cref="Cost"/>), found by dynamic programming over the words.
/// Each cue ends after it starts and not after the next one of its channel starts, whatever the times of the words.
/// </summary>
public static class Cues
{
    public const int MaxLines = 2;

    /// <summary>Characters (grapheme clusters) in a line.</summary>
    public const int MaxLineWidth = 42;

    /// <summary>Milliseconds.</summary>
    public const long MaxDuration = 7000;

    /// <summary>Milliseconds that a cue stays at least, where the next one leaves it room.</summary>
    public const long MinDuration = 1000;

    /// <summary>Milliseconds of silence that a cue doesn't span.</summary>
    public const long MaxPause = 1500;

    private enum Break
    {
        None,
        Clause,
        Segment,
        Forced,
    }

    /// <summary>The cues of a transcript, in order of their start. Of channels that were transcribed separately each has its own, which
    /// may be shown at the same time as another's.</summary>
    public static IReadOnlyList<Cue> Build(Transcript transcript)
    {
        var hasSpeakers = Lines.HasSpeakers(transcript);
        return [.. transcript.Segments.GroupBy(segment => segment.Channel).OrderBy(channel => channel.Key ?? -1)
            .SelectMany(channel => Build([.. channel], hasSpeakers)).OrderBy(cue => cue.Start)];
    }

    private static List<Cue> Build(IReadOnlyList<Segment> segments, bool hasSpeakers)
    {
        var tokens = Tokens(segments, hasSpeakers);
        var cues = new List<Cue>();
        var ranges = Divide(tokens);
        var earliest = 0L;
        for (var i = 0; i < ranges.Count; i++)
        {
            // Words of no length at the same time would make cues of no length: those move on, a millisecond each.
            var (from, to) = ranges[i];
            var start = Math.Max(tokens[from].Start, earliest);
            var next = i + 1 < ranges.Count ? Math.Max(tokens[ranges[i + 1].From].Start, start + 1) : long.MaxValue;
            var spoken = Math.Max(tokens[to - 1].End - start, MinDuration);
            var end = Math.Min(start + Math.Min(spoken, MaxDuration), next);
            cues.Add(new Cue(start, end, BreakLines(tokens, from, to)));
            earliest = end;
        }

        return cues;
    }

    private static List<Token> Tokens(IReadOnlyList<Segment> segments, bool hasSpeakers)
    {
        var tokens = new List<Token>();
        Segment? last = null;
        foreach (var segment in segments)
        {
            foreach (var word in segment.Words)
            {
                var text = Lines.OneLine(word.Text);
                if (text.Length == 0)
                {
                    continue;
                }

                var (start, end) = (Timestamps.Milliseconds(word.Start), Timestamps.Milliseconds(word.End));
                if (tokens.Count > 0)
                {
                    var before = tokens[^1];
                    start = Math.Max(start, before.Start);
                    tokens[^1] = before with
                    {
                        After = segment.Paragraph != last!.Paragraph || start - before.End >= MaxPause ? Break.Forced
                            : segment.Id != last.Id ? Break.Segment
                            : before.Text[^1] is ',' or ';' or ':' or '.' or '?' or '!' or '…' ? Break.Clause
                            : Break.None,
                    };
                }

                if (hasSpeakers && segment.Paragraph != last?.Paragraph && Lines.Speaker(segment) is { } speaker)
                {
                    tokens.Add(new Token(speaker, Lines.Width(speaker), start, start, Break.None));
                }

                tokens.Add(new Token(text, Lines.Width(text), start, Math.Max(start, end), Break.Forced));
                last = segment;
            }
        }

        return tokens;
    }

    /// <summary>The words of each cue, by the lowest total cost.</summary>
    private static List<(int From, int To)> Divide(List<Token> tokens)
    {
        var best = new double[tokens.Count + 1];
        var from = new int[tokens.Count + 1];
        Array.Fill(best, double.PositiveInfinity, 1, tokens.Count);
        for (var i = 0; i < tokens.Count; i++)
        {
            var (line, lineWidth, width, segmentEnds) = (1, 0, 0, 0);
            for (var j = i; j < tokens.Count; j++)
            {
                var token = tokens[j];
                if (lineWidth > 0 && lineWidth + 1 + token.Width > MaxLineWidth)
                {
                    (line, lineWidth) = (line + 1, 0);
                }

                if (j > i && (line > MaxLines || token.End - tokens[i].Start > MaxDuration))
                {
                    break;
                }

                lineWidth += token.Width + (lineWidth > 0 ? 1 : 0);
                width += token.Width + (j > i ? 1 : 0);
                var room = j + 1 < tokens.Count ? tokens[j + 1].Start - tokens[i].Start : long.MaxValue;
                var cost = best[i] + Cost(width, segmentEnds, token.After, room);
                if (cost < best[j + 1])
                {
                    (best[j + 1], from[j + 1]) = (cost, i);
                }

                if (token.After == Break.Forced)
                {
                    break;
                }

                segmentEnds += token.After == Break.Segment ? 1 : 0;
            }
        }

        var ranges = new List<(int, int)>();
        for (var to = tokens.Count; to > 0; to = from[to])
        {
            ranges.Add((from[to], to));
        }

        ranges.Reverse();
        return ranges;
    }

    /// <summary>
    /// Few cues, of even fill, that end where a segment or at least a clause ends, don't run on past the end of a
    /// segment, and can stay for the shortest duration.
    /// </summary>
    private static double Cost(int width, int segmentEndsInside, Break end, long room)
    {
        var fill = (double)width / (MaxLines * MaxLineWidth);
        var atEnd = end switch { Break.None => 6, Break.Clause => 2, _ => 0 };
        return 1 + (2 * fill * fill) + (3 * segmentEndsInside) + atEnd + (room < MinDuration ? 4 : 0);
    }

    /// <summary>One line where it fits, else two, as even as may be, but rather after a clause.</summary>
    private static string[] BreakLines(List<Token> tokens, int from, int to)
    {
        var width = tokens[from..to].Sum(token => token.Width) + to - from - 1;
        if (width <= MaxLineWidth || to - from == 1)
        {
            return [Text(from, to)];
        }

        var (bestBreak, bestScore, first) = (-1, int.MaxValue, 0);
        for (var split = from + 1; split < to; split++)
        {
            first += tokens[split - 1].Width + (split - 1 > from ? 1 : 0);
            var second = width - first - 1;
            var fits = (first <= MaxLineWidth || split == from + 1) && (second <= MaxLineWidth || split == to - 1);
            var score = Math.Abs(first - second) + (tokens[split - 1].After == Break.None ? 25 : 0);
            if (fits && score < bestScore)
            {
                (bestBreak, bestScore) = (split, score);
            }
        }

        return [Text(from, bestBreak), Text(bestBreak, to)];

        string Text(int start, int end) => string.Join(' ', tokens[start..end].Select(token => token.Text));
    }

    private readonly record struct Token(string Text, int Width, long Start, long End, Break After);
}
