using Omoai.Transcripts.Models;

namespace Omoai.Speech.Features;

/// <summary>
/// Triangular filters of peak 1 whose centres are equally spaced on a mel scale, each reaching from its left neighbour's centre to
/// its right one's. Kaldi's are linear in mel, those of HTK (torchaudio, "htk") and of Slaney's Auditory Toolbox (librosa's
/// default) in hertz.
/// </summary>
internal static class MelFilters
{
    /// <summary>The filters of a model's features, which have been checked.</summary>
    public static MelFilter[] Create(FeatureSettings settings, int sampleRate)
    {
        Func<double, double> mel = settings.MelScale == "slaney" ? SlaneyMel : Mel;
        Func<double, double> hertz = settings.MelScale == "slaney" ? SlaneyHertz : Hertz;
        var linearInMel = settings.MelScale == "kaldi";
        var lowest = mel(settings.LowHz);
        var step = (mel(settings.HighHz > 0 ? settings.HighHz : sampleRate / 2.0) - lowest) / (settings.Bins + 1);
        var frequencies = Enumerable.Range(0, (settings.FftLength / 2) + 1)
            .Select(k => (double)k * sampleRate / settings.FftLength)
            .Select(frequency => linearInMel ? mel(frequency) : frequency)
            .ToArray();
        var filters = new MelFilter[settings.Bins];
        for (var bin = 0; bin < filters.Length; bin++)
        {
            var (left, centre, right) = (Edge(bin), Edge(bin + 1), Edge(bin + 2));
            var height = settings.MelAreaNormalize ? 2 / (EdgeHertz(bin + 2) - EdgeHertz(bin)) : 1;
            // Whatever lies outside has no weight. A filter narrower than the distance of two frequencies may have none at all.
            var first = Array.FindIndex(frequencies, frequency => frequency > left);
            var end = Array.FindIndex(frequencies, frequency => frequency >= right);
            end = end < 0 ? frequencies.Length : end;
            first = first < 0 ? end : first;
            filters[bin] = new MelFilter(first, [.. frequencies[first..Math.Max(first, end)]
                .Select(f => (float)(height * Math.Min((f - left) / (centre - left), (right - f) / (right - centre))))]);
        }

        return filters;

        double EdgeHertz(int i) => hertz(lowest + (i * step));

        double Edge(int i) => linearInMel ? lowest + (i * step) : EdgeHertz(i);
    }

    private static double Mel(double hertz) => 1127 * Math.Log(1 + (hertz / 700));

    private static double Hertz(double mel) => 700 * (Math.Exp(mel / 1127) - 1);

    // 3 mel for 200 Hz up to 1000 Hz; from there on 27 mel for a factor of 6.4.
    private static double SlaneyMel(double hertz) =>
        hertz < 1000 ? hertz * 3 / 200 : 15 + (27 * Math.Log(hertz / 1000) / Math.Log(6.4));

    private static double SlaneyHertz(double mel) =>
        mel < 15 ? mel * 200 / 3 : 1000 * Math.Pow(6.4, (mel - 15) / 27);
}

/// <summary>A filter's weights that aren't zero, and the frequency of the spectrum that the first of them is for.</summary>
internal readonly record struct MelFilter(int First, float[] Weights);
