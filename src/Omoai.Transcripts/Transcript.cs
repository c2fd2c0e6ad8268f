using Omoai.Transcripts.Activities;

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

    /// <summary>Segments in order of time, ids 0, 1, 2, …; each belongs to one paragraph. Empty, too, where a document was read that
    /// leaves them out.</summary>
    public required IReadOnlyList<Segment> Segments { get; init; }

    /// <summary>Null when no summary was asked for or there was nothing to summarise.</summary>
    public Summary? Summary { get; init; }

    /// <summary>Stretches whose words are likely to be wrong, in order of time; empty where there are none.</summary>
    public IReadOnlyList<UnsureSpan> LowConfidence { get; init; } = [];

    /// <summary>What was probably never said, in order of time; empty where there is nothing of the kind.</summary>
    public IReadOnlyList<Suspicion> Suspicions { get; init; } = [];

    /// <summary>What a language model did; null where none was asked for.</summary>
    public LlmUse? Llm { get; init; }

    /// <summary>Words that are spelt otherwise than they were recognised, in order; null where every word was kept.</summary>
    public IReadOnlyList<SpellingChange>? Changes { get; init; }

    /// <summary>How far the written text is from the recognised one; null where nobody asked.</summary>
    public TranscriptQuality? Quality { get; init; }

    /// <summary>The same, word by word; null where nobody asked.</summary>
    public TextDiff? Diff { get; init; }

    /// <summary>The text as recognised, words joined by spaces, a line for each segment; null where nobody asked.</summary>
    public string? RawText { get; init; }

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
/// <param name="Words">Its words in order; at least one, and none only where a document was read that leaves out all words.</param>
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
/// <param name="Title">A line.</param>
/// <param name="Abstract">A paragraph.</param>
/// <param name="KeyPoints">In order of time.</param>
/// <param name="Topics">What is talked about when, in order of time; null where nobody looked.</param>
/// <param name="Chapters">The whole in consecutive stretches, in order of time; null where nobody looked.</param>
/// <param name="Language">BCP 47 tag of its language; null for the language spoken.</param>
public sealed record Summary(
    string Title, string Abstract, IReadOnlyList<KeyPoint> KeyPoints, IReadOnlyList<Topic>? Topics = null,
    IReadOnlyList<Chapter>? Chapters = null, string? Language = null);

/// <summary>One point of a summary.</summary>
/// <param name="Text">The point.</param>
/// <param name="Segments">Ids of the segments it rests on; at least one.</param>
/// <param name="Start">Start of the first of them, seconds.</param>
/// <param name="End">End of the last of them, seconds.</param>
/// <param name="Supported">Whether the segments bear it out as far as words, numbers and names show; null where it is a segment itself, or
/// is in another language than the segments and no number or name speaks against it.</param>
public sealed record KeyPoint(string Text, IReadOnlyList<int> Segments, double Start, double End, bool? Supported = null);

/// <summary>Something that is talked about.</summary>
/// <param name="Text">What.</param>
/// <param name="Segment">Id of the segment that it begins with.</param>
/// <param name="Start">Start of that, seconds.</param>
public sealed record Topic(string Text, int Segment, double Start);

/// <summary>A stretch of the recording.</summary>
/// <param name="Title">What it is about.</param>
/// <param name="FirstSegment">Id of its first segment.</param>
/// <param name="LastSegment">Id of its last segment.</param>
/// <param name="Start">Start of the first, seconds.</param>
/// <param name="End">End of the last, seconds.</param>
public sealed record Chapter(string Title, int FirstSegment, int LastSegment, double Start, double End);

/// <summary>What a language model did for a transcript.</summary>
/// <param name="Engine"><c>onnx</c> or <c>open_ai</c>.</param>
/// <param name="Model">Its name.</param>
/// <param name="Requests">Prompts that it was given.</param>
/// <param name="PromptTokens">Their tokens, as far as they were told.</param>
/// <param name="ReplyTokens">Those of the replies.</param>
/// <param name="Punctuation">How it punctuated; null where it wasn't asked to.</param>
/// <param name="Summary">How it summarised; null where it wasn't asked to.</param>
public sealed record LlmUse(
    LlmEngine Engine, string Model, int Requests, long PromptTokens, long ReplyTokens, PunctuationUse? Punctuation = null,
    SummaryUse? Summary = null);

/// <summary>How a language model punctuated.</summary>
/// <param name="Batches">Stretches of words that it was given.</param>
/// <param name="Fallbacks">Those whose replies couldn't be used; what was written there is not the language model's.</param>
/// <param name="AlignmentConfidence">The share of the recognised words that came back the same, in the replies that were used; 0 to 1,
/// and 1 where there were none.</param>
public sealed record PunctuationUse(int Batches, IReadOnlyList<BatchFallback> Fallbacks, double AlignmentConfidence);

/// <summary>A stretch of words for which a language model's reply couldn't be used.</summary>
/// <param name="Reason">Stable, snake_case: <c>empty</c>, <c>cut</c>, <c>drifted</c>, <c>failed</c>.</param>
/// <param name="Start">Start of the first word, seconds.</param>
/// <param name="End">End of the last word, seconds.</param>
/// <param name="Words">How many words.</param>
public sealed record BatchFallback(string Reason, double Start, double End, int Words);

/// <summary>How a language model summarised.</summary>
/// <param name="Passes">Prompts: 1 for all at once.</param>
/// <param name="Unsupported">Key points that what they cite doesn't bear out, whether they are left out or not.</param>
/// <param name="Fallback">Why the summary isn't the language model's but extracted; null where it is its own. Stable, snake_case:
/// <c>failed</c>, <c>unreadable</c>, <c>unsupported</c> (no key point is left that what it cites bears out), <c>too_small_context</c>.</param>
public sealed record SummaryUse(int Passes, int Unsupported, string? Fallback = null);

/// <summary>A word that is spelt otherwise than it was recognised.</summary>
/// <param name="Segment">Id of the segment it is in.</param>
/// <param name="Start">Its start, seconds.</param>
/// <param name="Recognised">As recognised.</param>
/// <param name="Written">As written, without marks.</param>
public sealed record SpellingChange(int Segment, double Start, string Recognised, string Written);

/// <summary>How far the written text (the hypothesis) is from the recognised one (the reference); docs/language.md says what each is.</summary>
/// <param name="Wer">Of words as written.</param>
/// <param name="Cer">Of characters.</param>
/// <param name="UnpunctuatedWer">Of words without case and marks.</param>
/// <param name="FormattedWer">Of words with their case, each mark a token of its own.</param>
/// <param name="Per">Of punctuation marks; null where the recogniser wrote none but hyphens and apostrophes.</param>
/// <param name="AlignmentConfidence">As in <see cref="PunctuationUse"/>; null without a language model.</param>
public sealed record TranscriptQuality(
    Quality.ErrorRate Wer, Quality.ErrorRate Cer, Quality.ErrorRate UnpunctuatedWer, Quality.ErrorRate FormattedWer,
    Quality.ErrorRate? Per = null, double? AlignmentConfidence = null);

/// <summary>The differences between the recognised and the written text.</summary>
/// <param name="Unified">As <c>diff -u</c> shows them, a line for each segment.</param>
/// <param name="Html">A fragment of HTML; every text in it is escaped.</param>
public sealed record TextDiff(string Unified, string Html);

/// <summary>Something that makes a transcript less than its reader would expect.</summary>
/// <param name="Code">Stable, snake_case: for example <c>truncated_audio</c>, <c>no_speech</c>.</param>
/// <param name="Message">For people.</param>
public sealed record Warning(string Code, string Message);

/// <summary>A stretch of audio, in seconds.</summary>
public sealed record Interval(double Start, double End);
