namespace Omoai.Speech.Vad;

/// <summary>The thresholds of <see cref="SteadySoundFilter"/>. They lie between what was seen of speech (five recordings of
/// people, and espeak's voices, whispering, monotone and slow ones too) and of noise and struck notes.</summary>
public sealed record SteadySoundOptions
{
    /// <summary>The sound is judged on the speech this far around a frame, seconds: a syllable or two. More than 0; a second
    /// at most is of use.</summary>
    public double ContextSeconds { get; init; } = 0.5;

    /// <summary>The spectrum of speech changes its shape by more than this: the standard deviation of the levels of bands, dB.
    /// Noise has 1.2 to 1.5, speech 4 and more, the longest of slow vowels 2.1. 0 lets every noise pass.</summary>
    public double MinShapeChange { get; init; } = 1.8;

    /// <summary>With less than this of it, seconds, a sound isn't called noise: "mm" is steady too.</summary>
    public double MinNoiseSeconds { get; init; } = 0.5;

    /// <summary>Of the peaks of the spectrum of speech no more than this share stays where it is, 0 to 1. Speech has 0.05 to
    /// 0.3, which a monotone voice comes to; struck strings have 0.6 to 1. 1 lets all notes pass.</summary>
    public double MaxSteadyShare { get; init; } = 0.5;

    /// <summary>With less than this of it, seconds, a sound isn't called notes.</summary>
    public double MinNotesSeconds { get; init; } = 0.2;
}
