using System.Globalization;
using Omoai.Speech.Audio;
using Omoai.Speech.Vad;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech;

/// <summary>
/// The Prepare activity: reads a recording once, finds the speech in it, and writes it as parts of bounded length.
/// Memory
/// doesn't grow with the length of the recording.
/// </summary>
public static class Preparer
{
    /// <summary>More audio than this is refused, so that a small file that unpacks without end can't fill the
    /// disk.</summary>
    public const double MaxSeconds = 24 * 60 * 60;

    /// <summary>Less audio than this can't hold a word, and is refused.</summary>
    public const double MinSeconds = 0.1;

    private const int BlockSamples = 16 * 1024;
    private const double ProgressStep = 0.01;
    private const double HeavyClippingShare = 0.01;

    /// <summary>Prepares a recording.</summary>
    /// <param name="input">What to prepare, and the existing folder to write <c>part-0000.wav</c>, … to. Files of
    /// these names
    /// are overwritten; when it fails, the parts it wrote are deleted.</param>
    /// <param name="progress">Told the share that is done, 0 to 1, never falling, in steps of about 1 %.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="BadInputException">The file isn't there, can't be opened, isn't audio, or holds less than
    /// <see cref="MinSeconds"/> or more than <see cref="MaxSeconds"/>.</exception>
    /// <exception cref="MissingRequirementException">The file needs ffmpeg, and there is none.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Parts are to be shorter than
    /// <see cref="AudioPart.MaxSpeechSeconds"/> or longer than <see cref="MaxSeconds"/>.</exception>
    public static Task<PrepareOutput> PrepareAsync(
        PrepareInput input, IProgress<double> progress, CancellationToken cancellationToken) =>
        PrepareAsync(input, progress, MaxSeconds, cancellationToken);

    internal static async Task<PrepareOutput> PrepareAsync(
        PrepareInput input, IProgress<double> progress, double maxSeconds, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(input.MaxPartSeconds, AudioPart.MaxSpeechSeconds, nameof(input));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(input.MaxPartSeconds, MaxSeconds, nameof(input));

        string name = AudioFile.DisplayName(input.Name ?? input.Audio);
        await using IAudioReader reader = await AudioFile.OpenAsync(input.Audio, name, input.FfmpegPath, cancellationToken);
        using var parts = new PartWriter(input.OutputFolder, input.MaxPartSeconds);
        if (reader is WavReader)
        {
            // Bounded by the file's size. What other headers say is a claim only.
            RefuseIfTooLong(reader.StatedSeconds ?? 0);
        }
        long samples = await CopySpeechAsync(reader, parts, progress, RefuseIfTooLong, cancellationToken);

        double seconds = (double)samples / Resampler.OutputRate;
        if (seconds < MinSeconds)
        {
            throw new BadInputException(string.Create(CultureInfo.InvariantCulture,
                $"{name} holds only {seconds:0.###} s of audio."));
        }
        IReadOnlyList<AudioPart> written = parts.Complete();
        progress.Report(1);
        return new PrepareOutput(
            seconds, reader.Format.SampleRate, reader.Format.Channels, reader.Format.Codec, written,
            Warnings(reader, written, name));

        void RefuseIfTooLong(double seconds)
        {
            if (seconds > maxSeconds)
            {
                throw new BadInputException(string.Create(CultureInfo.InvariantCulture,
                    $"{name} holds more than {maxSeconds / 3600:0.##} hours of audio."));
            }
        }
    }

    /// <returns>How many samples the recording has at 16 kHz.</returns>
    private static async Task<long> CopySpeechAsync(
        IAudioReader reader, PartWriter parts, IProgress<double> progress, Action<double> refuseIfTooLong,
        CancellationToken cancellationToken)
    {
        var resampler = new Resampler(reader.Format.SampleRate);
        var vad = new EnergyVad();
        var block = new float[BlockSamples];
        long samples = 0, converted = 0;
        double reported = 0;
        int read;
        while ((read = await reader.ReadAsync(block, cancellationToken)) > 0)
        {
            samples += read;
            double seconds = (double)samples / reader.Format.SampleRate;
            refuseIfTooLong(seconds);
            Add(resampler.Process(block.AsSpan(0, read)));
            if (reader.StatedSeconds is > 0 and { } all && Math.Min(1, seconds / all) is var share
                && share - reported >= ProgressStep)
            {
                progress.Report(reported = share);
            }
        }
        Add(resampler.Finish());
        parts.Write(vad.Finish(), long.MaxValue);
        return converted;

        void Add(ReadOnlySpan<float> audio)
        {
            converted += audio.Length;
            parts.Add(audio);
            parts.Write(vad.Process(audio), vad.Settled);
        }
    }

    private static List<Warning> Warnings(IAudioReader reader, IReadOnlyList<AudioPart> parts, string name)
    {
        var warnings = new List<Warning>(reader.Warnings);
        if (reader.ClippedShare > HeavyClippingShare)
        {
            warnings.Add(new Warning("clipped_audio", string.Create(CultureInfo.InvariantCulture,
                $"{name} was recorded too loud: {reader.ClippedShare * 100:0} % of it is at full scale.")));
        }
        if (parts.Count == 0)
        {
            warnings.Add(new Warning("no_speech", $"No speech was found in {name}."));
        }
        return warnings;
    }
}
