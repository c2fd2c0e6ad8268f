namespace Omoai.Speech.Vad;

/// <summary>A stretch of speech: samples <paramref name="Start"/> to <paramref name="End"/> (exclusive) of the
/// stream.</summary>
public readonly record struct SpeechWindow(long Start, long End);
