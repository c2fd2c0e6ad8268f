namespace Omoai.Speech.Vad;

/// <summary>The thresholds of <see cref="EnergyVad"/>. Levels are RMS over a frame, in dB relative to full
/// scale.</summary>
public sealed record EnergyVadOptions
{
    /// <summary>The background is the level that this share of the frames around stays below. 0 to 1.</summary>
    public double NoisePercentile { get; init; } = 0.1;

    /// <summary>How far back the background is measured, seconds.</summary>
    public double NoisePastSeconds { get; init; } = 5;

    /// <summary>How far ahead the background is measured, seconds: the delay before a frame is decided on.</summary>
    public double NoiseAheadSeconds { get; init; } = 3;

    /// <summary>Speech begins this far above the background, dB.</summary>
    public double StartAboveNoise { get; init; } = 10;

    /// <summary>Speech goes on as long as it stays this far above the background, dB.</summary>
    public double StayAboveNoise { get; init; } = 6;

    /// <summary>Speech never begins below this level, however quiet the background. Speech that peaks at −50 dBFS is
    /// some 10 dB above it.</summary>
    public double StartLevel { get; init; } = -72;

    /// <summary>Speech never goes on below this level.</summary>
    public double StayLevel { get; init; } = -78;
}
