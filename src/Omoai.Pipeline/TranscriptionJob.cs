using System.ComponentModel.DataAnnotations;
using Omoai.Isolation;
using Omoai.Pipeline.Webhooks;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Formats;

namespace Omoai.Pipeline;

/// <summary>What an orchestration is started with. Small: references and settings only.</summary>
/// <param name="Id">See <see cref="JobId"/>.</param>
/// <param name="Input">The recording, as an artifact name.</param>
/// <param name="InputName">Its file name as people know it; only ever shown, never opened.</param>
/// <param name="Options">What was asked for.</param>
/// <param name="Settings">Captured when the job starts, so that a replay, or a restart with another configuration, sees what
/// the first run saw.</param>
/// <param name="InputVersion">The version of the recording that the job is about, which is the only one it reads; null where
/// the recording can't change.</param>
/// <param name="Run">From 1; each rerun on the same version has the next one.</param>
/// <param name="Refusal">Set when it was plain before the start that the recording can't be used: the job fails with it, and
/// is recorded as any other that failed.</param>
/// <param name="TraceParent">What asked for the job, as a W3C traceparent: the job's activities are part of that trace. Null where
/// nobody traced.</param>
public sealed record TranscriptionJob(
    string Id, string Input, string InputName, TranscriptionOptions Options, JobSettings Settings, string? InputVersion = null,
    int Run = 1, ActivityFailure? Refusal = null, string? TraceParent = null);

/// <summary>What a caller may ask for.</summary>
public sealed record TranscriptionOptions : IValidatableObject
{
    public const int MaxHotWords = 500;
    public const int MaxHotWordLength = 100;
    public const int MaxSpellingEdits = 4;
    public const int MaxModelNameLength = 200;

    private const string LanguageTag = "[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}";

    /// <summary>BCP 47 tag of the language spoken; null takes that of the speech model, or lets a model of several find it out.</summary>
    [RegularExpression(LanguageTag, ErrorMessage = "The language is a BCP 47 tag such as en, en-GB or vi.")]
    public string? Language { get; init; }

    /// <summary>Name of a speech model; null takes the configured one.</summary>
    public string? Asr { get; init; }

    /// <summary>Words and phrases that are likelier than the speech model thinks; at most 500, of 100 characters.</summary>
    public IReadOnlyList<string>? HotWords { get; init; }

    /// <summary>What happens to the channels of the recording.</summary>
    public ChannelMode Channels { get; init; } = ChannelMode.Mix;

    public PunctuationMethod Punctuation { get; init; } = PunctuationMethod.Model;

    public SummaryMethod Summary { get; init; } = SummaryMethod.Extractive;

    /// <summary>Name of the language model, if one is asked for: an installed one, or the configured server's; null takes the configured one.</summary>
    [MaxLength(MaxModelNameLength, ErrorMessage = "The name of a language model has 200 characters at most.")]
    public string? Llm { get; init; }

    /// <summary>BCP 47 tag of the summary's language, where a language model writes it; null takes the language spoken.</summary>
    [RegularExpression(LanguageTag, ErrorMessage = "The language of the summary is a BCP 47 tag such as en, en-GB or vi.")]
    public string? SummaryLanguage { get; init; }

    /// <summary>A language model may spell a word anew with at most this many edits of characters, 0 to 4; 0 keeps every word as
    /// recognised, null takes the configured number.</summary>
    [Range(0, MaxSpellingEdits, ErrorMessage = "The spelling edits of a word are 0 to 4.")]
    public int? SpellingEdits { get; init; }

    /// <summary>Key points in a summary at most, 1 to 50.</summary>
    [Range(1, 50)]
    public int MaxKeyPoints { get; init; } = 7;

    /// <summary>The formats to write, by name; null or empty writes all.</summary>
    public IReadOnlyList<string>? Formats { get; init; }

    /// <summary>How the formats write times; null for each format's own way.</summary>
    public TimestampStyle? Timestamps { get; init; }

    /// <summary>What the formats have besides the text; null or empty for segments and words.</summary>
    public IReadOnlyList<TranscriptPart>? Include { get; init; }

    /// <summary>Whether <c>final.json</c> says how far the written text is from the recognised one.</summary>
    public bool QualityMetrics { get; init; }

    /// <summary>Whether <c>final.json</c> shows the differences between the two.</summary>
    public bool Diffs { get; init; }

    /// <summary>Where the end of the job is told, an absolute URL; null tells nobody. Never a secret.</summary>
    [MaxLength(WebhookSender.MaxUrlLength)]
    public string? Webhook { get; init; }

    /// <summary>Checks the hot words (their number, their lengths, and that they are text), and that nothing is asked of a language model
    /// that nobody asks for: it would go unheard.</summary>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (HotWords is { Count: > MaxHotWords })
        {
            yield return new ValidationResult($"There are {HotWords.Count} hot words; {MaxHotWords} are the most.");
        }

        // A list may hold null, whatever its type says.
        if (HotWords?.Any(phrase => string.IsNullOrWhiteSpace(phrase) || phrase.Any(char.IsControl)) == true)
        {
            yield return new ValidationResult("A hot word is empty, or holds control characters.");
        }

        if (HotWords?.FirstOrDefault(phrase => phrase?.Length > MaxHotWordLength) is { } longest)
        {
            yield return new ValidationResult(
                $"The hot word '{longest[..20]}...' has {longest.Length} characters; {MaxHotWordLength} are the most.");
        }

        if (Llm is not null && Punctuation != PunctuationMethod.Llm && Summary != SummaryMethod.Llm)
        {
            yield return new ValidationResult("A language model is named, but neither punctuation nor summary is by one (llm).");
        }

        if (SummaryLanguage is not null && Summary != SummaryMethod.Llm)
        {
            yield return new ValidationResult("The language of the summary can be chosen only for a summary by a language model (llm).");
        }

        if (SpellingEdits > 0 && Punctuation != PunctuationMethod.Llm)
        {
            yield return new ValidationResult("There are spelling edits only with punctuation by a language model (llm).");
        }
    }
}

/// <summary>What a job keeps to from its start to its end; see <see cref="PipelineOptions"/>.</summary>
/// <param name="SpeechModel">Name of the speech model.</param>
/// <param name="PunctuationModel">Name of the punctuation model; null when none is wanted.</param>
/// <param name="MaxPartSeconds">No part is longer than this.</param>
/// <param name="ParagraphGapSeconds">A silence this long starts a paragraph.</param>
/// <param name="PrepareDeadline">Deadline of preparing the recording.</param>
/// <param name="TranscribeDeadline">Deadline of transcribing one part.</param>
/// <param name="PostProcessDeadline">Deadline of punctuating and summarising.</param>
/// <param name="MaxParallelParts">Parts transcribed at the same time.</param>
/// <param name="MaxAttempts">Attempts of one activity that may end in a classified failure.</param>
/// <param name="MaxLostAttempts">Attempts of one activity that may be lost with their worker.</param>
/// <param name="RetryDelay">Before the second attempt; doubles with each further one, up to five minutes.</param>
/// <param name="MaxWebhookAttempts">Attempts to deliver the job's webhook, if it has one.</param>
/// <param name="BaseDeadline">What an activity may take whatever the length of its audio; null gives each its whole deadline, as before
/// there was this.</param>
/// <param name="DeadlineFactor">What it may take besides for each second of audio, seconds.</param>
/// <param name="AnswerGrace">How long past the longest deadline an answer is waited for; null is five minutes.</param>
/// <param name="VadModel">Name of the voice-activity model; null finds speech by its energy.</param>
/// <param name="Suspicious">What happens to what was probably never said.</param>
/// <param name="Llm">The language model; null where neither punctuation nor summary asks for one. Never holds a secret.</param>
public sealed record JobSettings(
    string SpeechModel, string? PunctuationModel, double MaxPartSeconds, double ParagraphGapSeconds, TimeSpan PrepareDeadline,
    TimeSpan TranscribeDeadline, TimeSpan PostProcessDeadline, int MaxParallelParts, int MaxAttempts, int MaxLostAttempts,
    TimeSpan RetryDelay, int MaxWebhookAttempts = 6, TimeSpan? AnswerGrace = null, TimeSpan? BaseDeadline = null,
    double DeadlineFactor = 0, string? VadModel = null, SuspicionPolicy Suspicious = SuspicionPolicy.Cut, LlmSettings? Llm = null)
{
    /// <summary>For a recording whose length isn't known yet: 64 kbit/s. Those that have less take far less than their time to decode.</summary>
    private const double BytesPerSecond = 8000;

    private static readonly TimeSpan DefaultAnswerGrace = TimeSpan.FromMinutes(5);

    /// <summary>After this long without an answer an activity counts as lost.</summary>
    public TimeSpan ActivityTimeout =>
        new[] { PrepareDeadline, TranscribeDeadline, PostProcessDeadline }.Max() + (AnswerGrace ?? DefaultAnswerGrace);

    /// <summary>How long Prepare may take.</summary>
    /// <param name="bytes">Length of the recording's file.</param>
    public TimeSpan DeadlineOfPrepare(long bytes) => For(bytes / BytesPerSecond, PrepareDeadline);

    /// <summary>How long Transcribe may take.</summary>
    /// <param name="seconds">Length of the part.</param>
    public TimeSpan DeadlineOfTranscribe(double seconds) => For(seconds, TranscribeDeadline);

    /// <summary>How long PostProcess may take: with a language model the whole deadline, for what it takes follows from the model and
    /// the server more than from the length of the audio.</summary>
    /// <param name="parts">Parts of the recording.</param>
    public TimeSpan DeadlineOfPostProcess(int parts) => Llm is null ? For(parts * MaxPartSeconds, PostProcessDeadline) : PostProcessDeadline;

    private TimeSpan For(double seconds, TimeSpan longest) => BaseDeadline is { } start
        ? TimeSpan.FromSeconds(Math.Min(start.TotalSeconds + (DeadlineFactor * seconds), longest.TotalSeconds))
        : longest;
}

public enum JobStatus
{
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

/// <summary>Where a running job is.</summary>
/// <param name="Stage">The activity under way.</param>
/// <param name="Fraction">0 to 1, of the whole job; never falls.</param>
/// <param name="PartsDone">Parts transcribed.</param>
/// <param name="Parts">Parts planned.</param>
public sealed record JobProgress(string Stage, double Fraction, int PartsDone, int Parts);

/// <summary>How a job ended.</summary>
/// <param name="Status">Succeeded, failed or cancelled.</param>
/// <param name="Failure">Set unless it succeeded.</param>
/// <param name="Facts">Set when it succeeded.</param>
public sealed record JobResult(JobStatus Status, ActivityFailure? Failure, JobFacts? Facts);

/// <summary>What a finished job says of itself; the text is in its outputs.</summary>
/// <param name="Duration">Seconds of audio.</param>
/// <param name="Words">Words in the transcript.</param>
/// <param name="Outputs">File names under the job's output prefix.</param>
/// <param name="Warnings">As in the transcript.</param>
public sealed record JobFacts(double Duration, int Words, IReadOnlyList<string> Outputs, IReadOnlyList<Warning> Warnings);
