using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Vad;

/// <summary>How frames of speech become windows; see <see cref="VoiceActivityDetector"/>.</summary>
public sealed record SpeechWindowOptions
{
    /// <summary>Sounds with less speech than this, in seconds, are clicks.</summary>
    public double MinSpeechSeconds { get; init; } = 0.12;

    /// <summary>A sound that isn't yet <see cref="MinSpeechSeconds"/> long ends after this much quiet,
    /// seconds.</summary>
    public double HangoverSeconds { get; init; } = 0.1;

    /// <summary>Speech that pauses for less than this is one window, seconds. At least
    /// <see cref="HangoverSeconds"/>.</summary>
    public double MergeGapSeconds { get; init; } = 0.3;

    /// <summary>Added on each side of a window, seconds; less where windows would overlap.</summary>
    public double PaddingSeconds { get; init; } = 0.25;

    /// <summary>Longer windows are split where there is least speech in their last two thirds, seconds. More than
    /// 3.</summary>
    public double MaxSpeechSeconds { get; init; } = AudioPart.MaxSpeechSeconds;
}
