namespace Omoai.Transcripts;

/// <summary>
/// A finished transcript: the content of <c>final.json</c> (schema in docs/schema/). All times are seconds from the
/// start of the recording.
/// </summary>
public sealed record Transcript
{
    /// <summary>The version of this document's schema.</summary>
    public const string CurrentSchema = "omoai.transcript/1";

    public string Schema { get; init; } = CurrentSchema;

    /// <summary>The job that made it; empty for a single stage run by hand.</summary>
    public string JobId { get; init; } = "";

    /// <summary>When it was made, UTC.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    public required AudioSource Source { get; init; }

    /// <summary>BCP 47 tag of the language spoken.</summary>
    public required string Language { get; init; }

    public required ModelsUsed Models { get; init; }

    /// <summary>Segments in order of time, ids 0, 1, 2, …; each belongs to one paragraph.</summary>
    public required IReadOnlyList<Segment> Segments { get; init; }

    /// <summary>Null when no summary was asked for or there was nothing to summarise.</summary>
    public Summary? Summary { get; init; }

    /// <summary>Stretches whose words are likely to be wrong, in order of time; empty where there are none.</summary>
    public IReadOnlyList<UnsureSpan> LowConfidence { get; init; } = [];

    /// <summary>What was probably never said, in order of time; empty where there is nothing of the kind.</summary>
    public IReadOnlyList<Suspicion> Suspicions { get; init; } = [];

    /// <summary>What a reader should know about the quality of this transcript.</summary>
    public IReadOnlyList<Warning> Warnings { get; init; } = [];
}

/// <summary>The recording a transcript was made from.</summary>
/// <param name="Name">The file's name, without folders.</param>
/// <param name="Duration">Seconds of audio that could be read.</param>
/// <param name="SampleRate">Samples per second, as recorded.</param>
/// <param name="Channels">Channels, as recorded.</param>
/// <param name="Codec">The encoding, for example <c>pcm_s16le</c> or <c>mp3</c>.</param>
public sealed record AudioSource(string Name, double Duration, int SampleRate, int Channels, string Codec);

/// <summary>The models and methods that made a transcript, by name.</summary>
/// <param name="Speech">The speech model.</param>
/// <param name="Punctuation">The punctuation model, or none.</param>
/// <param name="Summary">How the summary was made.</param>
/// <param name="Vad">The voice-activity model, or <c>energy</c>; null where an older version made the transcript.</param>
public sealed record ModelsUsed(string Speech, string Punctuation, string Summary, string? Vad = null);

/// <summary>About a sentence.</summary>
/// <param name="Id">Its position among the segments, from 0.</param>
/// <param name="Paragraph">The paragraph it belongs to, from 0; never falls from one segment to the next.</param>
/// <param name="Start">Start of its first word, seconds.</param>
/// <param name="End">End of its last word, seconds.</param>
/// <param name="Text">Its words, joined by spaces.</param>
/// <param name="Words">Its words in order; at least one.</param>
/// <param name="Channel">The channel of the recording that it was heard on, from 0; null where all are mixed.</param>
public sealed record Segment(
    int Id, int Paragraph, double Start, double End, string Text, IReadOnlyList<Word> Words, int? Channel = null);

/// <summary>A word with its time.</summary>
/// <param name="Text">As recognised (lower case, bare) before post-processing; with case and punctuation after it.</param>
/// <param name="Start">Seconds.</param>
/// <param name="End">Seconds, not before <paramref name="Start"/>.</param>
/// <param name="Confidence">0 to 1: how sure the recogniser was.</param>
public sealed record Word(string Text, double Start, double End, double Confidence);

/// <summary>Neighbouring words that the recogniser was unsure of.</summary>
/// <param name="Segment">Id of the segment.</param>
/// <param name="Start">Start of the first word, seconds.</param>
/// <param name="End">End of the last word, seconds.</param>
/// <param name="Text">The words.</param>
/// <param name="Confidence">The lowest of theirs.</param>
public sealed record UnsureSpan(int Segment, double Start, double End, string Text, double Confidence);

/// <summary>Words that a recogniser gave and that were probably never said.</summary>
/// <param name="Reason">Stable, snake_case: <c>repetition</c>, <c>speech_rate</c>, <c>silence_phrase</c>, <c>no_speech</c>, <c>decoder_failed</c>.</param>
/// <param name="Start">Start of the first word, seconds.</param>
/// <param name="End">End of the last word, seconds.</param>
/// <param name="Text">The words.</param>
/// <param name="Kept">Whether they are in the transcript all the same.</param>
/// <param name="Channel">As in <see cref="Segment"/>.</param>
public sealed record Suspicion(string Reason, double Start, double End, string Text, bool Kept, int? Channel = null);

/// <summary>A summary whose every key point says where it came from.</summary>
public sealed record Summary(string Title, string Abstract, IReadOnlyList<KeyPoint> KeyPoints);

/// <summary>One point of a summary.</summary>
/// <param name="Text">The point.</param>
/// <param name="Segments">Ids of the segments it rests on; at least one.</param>
/// <param name="Start">Start of the first of them, seconds.</param>
/// <param name="End">End of the last of them, seconds.</param>
public sealed record KeyPoint(string Text, IReadOnlyList<int> Segments, double Start, double End);

/// <summary>Something that makes a transcript less than its reader would expect.</summary>
/// <param name="Code">Stable, snake_case: for example <c>truncated_audio</c>, <c>no_speech</c>.</param>
/// <param name="Message">For people.</param>
public sealed record Warning(string Code, string Message);

/// <summary>A stretch of audio, in seconds.</summary>
public sealed record Interval(double Start, double End);
