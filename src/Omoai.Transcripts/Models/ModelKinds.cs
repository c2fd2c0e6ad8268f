namespace Omoai.Transcripts.Models;

/// <summary>The kinds of model that this version runs.</summary>
public static class ModelKinds
{
    /// <summary>Speech to text by connectionist temporal classification.</summary>
    public const string SpeechCtc = "speech-ctc";

    /// <summary>Speech to text by Whisper's encoder and decoder.</summary>
    public const string SpeechWhisper = "speech-whisper";

    /// <summary>Finds speech in audio.</summary>
    public const string Vad = "vad";

    /// <summary>Words to case and punctuation.</summary>
    public const string Punctuation = "punctuation";

    /// <summary>A causal language model.</summary>
    public const string Llm = "llm";

    /// <summary>The kinds that turn speech into words.</summary>
    public static IReadOnlyList<string> Speech { get; } = [SpeechCtc, SpeechWhisper];
}
