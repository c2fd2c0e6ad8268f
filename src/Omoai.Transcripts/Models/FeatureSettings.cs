namespace Omoai.Transcripts.Models;

/// <summary>How audio becomes what a speech model is given. Lengths in samples, frequencies in hertz.</summary>
public sealed record FeatureSettings
{
    /// <summary><c>log-mel</c>, or <c>waveform</c> for the samples themselves.</summary>
    public required string Type { get; init; }

    /// <summary>Multiplies the samples, which are in [-1, 1], first: 32768 for models that were trained on 16-bit numbers.</summary>
    public double SampleScale { get; init; } = 1;

    /// <summary>Each frame's mean is subtracted from it, before pre-emphasis.</summary>
    public bool RemoveDcOffset { get; init; }

    /// <summary>x[i] - preEmphasis * x[i - 1], from 0 to 1; 0 for none.</summary>
    public double PreEmphasis { get; init; }

    /// <summary>Pre-emphasis over each frame by itself, as Kaldi does it (its first sample's predecessor is itself); otherwise over the
    /// whole stretch, whose first sample stays as it is.</summary>
    public bool PreEmphasisPerFrame { get; init; } = true;

    /// <summary><c>hann</c> (periodic), <c>hann-symmetric</c>, <c>hamming</c> (symmetric), <c>povey</c>.</summary>
    public string Window { get; init; } = "hann";

    /// <summary>At least 2.</summary>
    public int WindowLength { get; init; }

    /// <summary>From one frame to the next; at least a 64th of <see cref="FftLength"/>.</summary>
    public int HopLength { get; init; }

    /// <summary>A product of 2, 3 and 5, up to 65536; longer than the window pads with zeros.</summary>
    public int FftLength { get; init; }

    /// <summary>What happens at the edges of a stretch: <c>snip</c> (whole windows only), <c>kaldi</c> (frames centred on their hops, the
    /// audio mirrored with its edge samples: Kaldi's snip_edges=false), <c>center-reflect</c> and <c>center-zero</c> (frames centred on
    /// multiples of the hop, the audio mirrored without its edge samples, or continued with zeros: as in librosa and torch).</summary>
    public string Edges { get; init; } = "snip";

    /// <summary>Power spectrum; otherwise magnitudes.</summary>
    public bool Power { get; init; } = true;

    /// <summary>Mel filters, up to 1024.</summary>
    public int Bins { get; init; }

    /// <summary><c>kaldi</c> (triangles linear in 1127·ln(1 + f/700)), <c>htk</c> (the same scale, triangles linear in hertz),
    /// <c>slaney</c> (linear below 1 kHz, logarithmic above, triangles linear in hertz).</summary>
    public string MelScale { get; init; } = "kaldi";

    /// <summary>Each filter's area is made the same (Slaney's normalisation).</summary>
    public bool MelAreaNormalize { get; init; }

    /// <summary>Where the lowest filter begins.</summary>
    public double LowHz { get; init; } = 20;

    /// <summary>Where the highest filter ends; 0 for half the sample rate. What Kaldi's tools write as -400 is half the sample rate less
    /// 400.</summary>
    public double HighHz { get; init; }

    /// <summary><c>natural</c> or <c>log10</c>.</summary>
    public string Log { get; init; } = "natural";

    /// <summary>Added to the energy before the logarithm.</summary>
    public double LogFloor { get; init; } = 1e-6;

    /// <summary>Energies lower than <see cref="LogFloor"/> are raised to it, and it isn't added.</summary>
    public bool ClampToFloor { get; init; }

    /// <summary>The last frame is left out, as Whisper does.</summary>
    public bool DropLastFrame { get; init; }

    /// <summary>Values lower than the maximum less this are raised to it (in units of the logarithm); null to leave them.</summary>
    public double? DynamicRange { get; init; }

    /// <summary>Each bin's mean over the stretch (for <c>waveform</c> the samples') is subtracted.</summary>
    public bool MeanNormalize { get; init; }

    /// <summary>Then divided by its standard deviation (only with <see cref="MeanNormalize"/>): for <c>log-mel</c> each bin's, n - 1 degrees of freedom, plus 1e-5; for
    /// <c>waveform</c> the square root of the variance plus 1e-7.</summary>
    public bool VarianceNormalize { get; init; }

    /// <summary>File with a global mean and scale for each bin: wenet's <c>global_cmvn</c> (JSON: mean_stat, var_stat, frame_num) or
    /// FunASR's <c>am.mvn</c> (AddShift, Rescale), with values for each bin or for each value of a stacked frame; null for none.
    /// Only for <c>log-mel</c>.</summary>
    public string? Cmvn { get; init; }

    /// <summary>This many frames are put side by side, ...</summary>
    public int StackFrames { get; init; } = 1;

    /// <summary>... every so many frames (low frame rate, as FunASR's models take it); both up to 64.</summary>
    public int StackStep { get; init; } = 1;

    /// <summary>Multiplies every value, last but one.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>Added to every value, last.</summary>
    public double Offset { get; init; }
}
