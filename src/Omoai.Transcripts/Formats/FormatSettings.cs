namespace Omoai.Transcripts.Formats;

/// <summary>How a transcript is written, where that can be chosen.</summary>
/// <param name="Timestamps">
/// The time at which each paragraph starts, in plain text and in Markdown; null for what is usual there: none in plain text,
/// <see cref="TimestampStyle.Clock"/> in Markdown. Subtitles, JSON and the times of a summary are what they are.
/// </param>
/// <param name="Include">
/// What JSON holds besides the rest; null for all that there is. Words are in segments: those that are asked for bring
/// <see cref="TranscriptPart.Segments"/> with them.
/// </param>
public sealed record FormatSettings(TimestampStyle? Timestamps = null, IReadOnlyList<TranscriptPart>? Include = null);

/// <summary>How a time is written for people.</summary>
public enum TimestampStyle
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>Seconds: <c>75s</c>, the second that has begun.</summary>
    S,

    /// <summary>Milliseconds: <c>75250ms</c>.</summary>
    Ms,

    /// <summary><c>HH:MM:SS</c>: <c>00:01:15</c>, the second that has begun.</summary>
    Clock,
}

/// <summary>A part of a transcript that JSON can do without.</summary>
public enum TranscriptPart
{
    /// <summary><see cref="Transcript.RawText"/>.</summary>
    Raw,

    /// <summary><see cref="Transcript.Segments"/>.</summary>
    Segments,

    /// <summary>The <see cref="Segment.Words"/> of each segment.</summary>
    Words,
}
