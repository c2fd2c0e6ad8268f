using System.ComponentModel.DataAnnotations;
using Omoai.Pipeline.Models;
using Omoai.Transcripts.Activities;

namespace Omoai.Pipeline;

/// <summary>Section <c>Omoai:Pipeline</c>.</summary>
public sealed class PipelineOptions
{
    public const string Section = "Omoai:Pipeline";

    /// <summary>Where activities keep their files while they run; null takes the system's folder for temporary files.</summary>
    public string? ScratchFolder { get; set; }

    /// <summary>The longest recording that is taken, bytes; a longer one is refused before it is read. 1 KiB to 1 TiB.</summary>
    [Range(1L << 10, 1L << 40)]
    public long MaxRecordingBytes { get; set; } = 1L << 30;

    /// <summary>No part is longer than this, seconds.</summary>
    [Range(30, 3600)]
    public double MaxPartSeconds { get; set; } = 600;

    /// <summary>Parts of a job that are transcribed at the same time.</summary>
    [Range(1, 256)]
    public int MaxParallelParts { get; set; } = 2;

    /// <summary>Threads of a model; 0 shares the processor out between the hosts.</summary>
    [Range(0, 256)]
    public int ModelThreads { get; set; }

    /// <summary>Attempts of one activity that may end in a failure.</summary>
    [Range(1, 20)]
    public int MaxAttempts { get; set; } = 3;

    /// <summary>Attempts of one activity that may be lost with their worker.</summary>
    [Range(1, 100)]
    public int MaxLostAttempts { get; set; } = 30;

    /// <summary>Before the second attempt; doubles with each further one, up to five minutes.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>What an activity may take, starting its host and loading its model included, whatever the length of its audio.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "1.00:00:00")]
    public TimeSpan BaseDeadline { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>What it may take besides for each second of audio, seconds; up to the deadline of its stage.</summary>
    [Range(0.01, 1000)]
    public double DeadlineFactor { get; set; } = 3;

    /// <summary>Longest deadline of preparing a recording.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "1.00:00:00")]
    public TimeSpan PrepareDeadline { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>Longest deadline of transcribing one part.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "1.00:00:00")]
    public TimeSpan TranscribeDeadline { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>Longest deadline of punctuating and summarising a transcript.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "1.00:00:00")]
    public TimeSpan PostProcessDeadline { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>How long past its deadline an activity's answer is waited for, before the activity counts as lost with its worker.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan AnswerGrace { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>The ffmpeg executable; null looks for it on PATH.</summary>
    public string? Ffmpeg { get; set; }

    /// <summary>A silence of at least this many seconds between sentences starts a paragraph.</summary>
    [Range(0.1, 60)]
    public double ParagraphGapSeconds { get; set; } = 1.5;

    /// <summary>What happens to words that were probably never said: <c>cut</c> or <c>keep</c>.</summary>
    [EnumDataType(typeof(SuspicionPolicy))]
    public SuspicionPolicy Suspicious { get; set; } = SuspicionPolicy.Cut;

    /// <summary>What a job started now keeps to.</summary>
    /// <param name="asked">What was asked for.</param>
    /// <param name="models">Where its models are looked up, by name.</param>
    /// <param name="llm">The language model that it may ask for.</param>
    /// <exception cref="MissingRequirementException">A model that it needs isn't installed.</exception>
    public JobSettings ToSettings(TranscriptionOptions asked, ModelCatalog models, LlmOptions llm)
    {
        var speech = models.FindSpeech(asked.Asr, asked.Language).Manifest!;
        var punctuation = speech.Punctuated ? null : asked.Punctuation switch
        {
            PunctuationMethod.Model => models.FindPunctuation(),
            // For what the language model makes nothing of.
            PunctuationMethod.Llm => models.TryFindPunctuation(asked.Language ?? speech.Language),
            _ => null,
        };
        return new JobSettings(
            speech.Name, punctuation?.Manifest!.Name,
            MaxPartSeconds, ParagraphGapSeconds, PrepareDeadline, TranscribeDeadline,
            PostProcessDeadline, MaxParallelParts, MaxAttempts, MaxLostAttempts, RetryDelay,
            AnswerGrace: AnswerGrace, BaseDeadline: BaseDeadline, DeadlineFactor: DeadlineFactor,
            VadModel: models.FindConfiguredVad()?.Manifest!.Name, Suspicious: Suspicious,
            Llm: llm.ToSettings(asked, models));
    }
}
