using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Features;

/// <summary>The feature extractors, by what a model asks for.</summary>
public static class FeatureExtractors
{
    /// <summary>The values that one stretch of speech may give at most: 1 GiB, some nine hours at 80 bins.</summary>
    internal const int MaxValues = 1 << 28;

    /// <param name="settings">The <c>features</c> of a model.</param>
    /// <param name="sampleRate">Samples per second of the audio.</param>
    /// <param name="open">Opens a file of the model by its name.</param>
    /// <exception cref="MissingRequirementException">The settings ask for something this version can't compute, or a file isn't what
    /// they say.</exception>
    public static IFeatureExtractor Create(FeatureSettings settings, int sampleRate, Func<string, Stream> open)
    {
        Require(sampleRate is >= 1000 and <= 192_000, $"a sample rate of {sampleRate} Hz");
        if (settings.Type == "waveform")
        {
            return new Waveform(settings);
        }

        // The settings are checked before the file is opened: the file's size depends on them.
        LogMel.Check(settings, sampleRate);
        if (settings.Cmvn is not { } name)
        {
            return new LogMel(settings, sampleRate);
        }

        try
        {
            using var stream = open(name);
            return new LogMel(
                settings, sampleRate, GlobalCmvn.Read(stream, name, settings.Bins, settings.Bins * settings.StackFrames));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MissingRequirementException($"The model's {name} can't be read: {e.Message}", e);
        }
    }

    internal static void Require(bool fine, FormattableString what)
    {
        if (!fine)
        {
            throw new MissingRequirementException(
                $"The model's features have {FormattableString.Invariant(what)}, which this version can't compute. "
                + "Use another model or a newer version.");
        }
    }

    /// <exception cref="BadInputException">There would be more than <see cref="MaxValues"/>.</exception>
    internal static int CheckedLength(long frames, int width, int samples) =>
        frames <= MaxValues / width
            ? (int)frames * width
            : throw new BadInputException(
                $"A stretch of {samples} samples is too long to be recognised at once: it has {frames} frames of {width} values. "
                + "Split it.");
}
