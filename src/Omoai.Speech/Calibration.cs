using Omoai.Transcripts.Models;

namespace Omoai.Speech;

/// <summary>Raw confidence to a probability; see <see cref="ConfidenceSettings"/>.</summary>
internal static class Calibration
{
    public static bool IsSound(ConfidenceSettings settings) =>
        settings.Slope > 0 && double.IsFinite(settings.Slope) && double.IsFinite(settings.Offset);

    /// <param name="settings">Null leaves the confidence as it is.</param>
    /// <param name="confidence">0 to 1.</param>
    public static double Apply(ConfidenceSettings? settings, double confidence)
    {
        if (settings is null)
        {
            return confidence;
        }

        // A confidence of 1 is as good as one that is a millionth less.
        confidence = Math.Min(confidence, 1 - 1e-6);
        return 1 / (1 + Math.Exp(-((settings.Slope * Math.Log(confidence / (1 - confidence))) + settings.Offset)));
    }
}
