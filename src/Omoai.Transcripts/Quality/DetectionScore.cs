namespace Omoai.Transcripts.Quality;

/// <summary>How well something was found.</summary>
/// <param name="Hits">Found where it is.</param>
/// <param name="Found">Found, rightly or not.</param>
/// <param name="Present">What there was to find.</param>
public readonly record struct DetectionScore(int Hits, int Found, int Present)
{
    /// <summary>Hits of what was found; 1 where nothing was.</summary>
    public double Precision => Found > 0 ? (double)Hits / Found : 1;

    /// <summary>Hits of what there was to find; 1 where there was nothing.</summary>
    public double Recall => Present > 0 ? (double)Hits / Present : 1;

    /// <summary>The harmonic mean of both; 1 where there was nothing and nothing was found.</summary>
    public double F1 => Found + Present > 0 ? 2.0 * Hits / (Found + Present) : 1;

    public static DetectionScore operator +(DetectionScore a, DetectionScore b) =>
        new(a.Hits + b.Hits, a.Found + b.Found, a.Present + b.Present);
}
