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

    /// <summary>A recording of more channels can't have them transcribed separately.</summary>
    public const int MaxSeparateChannels = 8;

    private const int BlockSamples = 16 * 1024;
    private const double ProgressStep = 0.01;
    private const double HeavyClippingShare = 0.01;

    /// <summary>Loads the voice-activity model, where one is asked for, and prepares a recording; see
    /// <see cref="PrepareAsync(VadModel, PrepareInput, IProgress{double}, CancellationToken)"/>.</summary>
    /// <inheritdoc cref="PrepareAsync(VadModel, PrepareInput, IProgress{double}, CancellationToken)"/>
    public static Task<PrepareOutput> PrepareAsync(
        PrepareInput input, IProgress<double> progress, CancellationToken cancellationToken) =>
        PrepareAsync(input, progress, MaxSeconds, cancellationToken);

    /// <summary>Prepares a recording.</summary>
    /// <param name="vad">Finds the speech; null to find it by its energy.</param>
    /// <param name="input">What to prepare, and the existing folder to write <c>part-0000.wav</c>, … to, or
    /// <c>part-c0-0000.wav</c>, … where channels are separate. Files of these names are overwritten; when it fails, the
    /// parts it wrote are deleted. Its voice-activity model is not looked at.</param>
    /// <param name="progress">Told the share that is done, 0 to 1, never falling, in steps of about 1 %.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>The parts in order of their start, then of their channel. With separate channels each part has one, also
    /// where the recording has only one; a channel that carries the same sound as another before it has none, which a
    /// warning says.</returns>
    /// <exception cref="BadInputException">The file isn't there, can't be opened, isn't audio, holds less than
    /// <see cref="MinSeconds"/> or more than <see cref="MaxSeconds"/>, or has more than
    /// <see cref="MaxSeparateChannels"/> channels that are to be separate.</exception>
    /// <exception cref="MissingRequirementException">The file needs ffmpeg, and there is none, or the model can't be
    /// used.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Parts are to be shorter than
    /// <see cref="AudioPart.MaxSpeechSeconds"/> or longer than <see cref="MaxSeconds"/>.</exception>
    public static Task<PrepareOutput> PrepareAsync(
        VadModel? vad, PrepareInput input, IProgress<double> progress, CancellationToken cancellationToken) =>
        PrepareAsync(vad, input, progress, MaxSeconds, cancellationToken);

    internal static async Task<PrepareOutput> PrepareAsync(
        PrepareInput input, IProgress<double> progress, double maxSeconds, CancellationToken cancellationToken)
    {
        using VadModel? vad = input.VadModelFolder is { } folder ? VadModel.Load(folder) : null;
        return await PrepareAsync(vad, input, progress, maxSeconds, cancellationToken);
    }

    private static async Task<PrepareOutput> PrepareAsync(
        VadModel? vad, PrepareInput input, IProgress<double> progress, double maxSeconds, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(input.MaxPartSeconds, AudioPart.MaxSpeechSeconds, nameof(input));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(input.MaxPartSeconds, MaxSeconds, nameof(input));

        string name = AudioFile.DisplayName(input.Name ?? input.Audio);
        await using IAudioReader reader = await AudioFile.OpenAsync(input.Audio, name, input.FfmpegPath, cancellationToken);
        if (reader is WavReader)
        {
            // Bounded by the file's size. What other headers say is a claim only.
            RefuseIfTooLong(reader.StatedSeconds ?? 0);
        }
        using var tracks = new Tracks(reader.Format, name, vad, input);
        await CopySpeechAsync(reader, tracks, progress, RefuseIfTooLong, cancellationToken);

        double seconds = (double)tracks.Samples / Resampler.OutputRate;
        if (seconds < MinSeconds)
        {
            throw new BadInputException(string.Create(CultureInfo.InvariantCulture,
                $"{name} holds only {seconds:0.###} s of audio."));
        }
        var warnings = new List<Warning>(reader.Warnings);
        if (reader.ClippedShare > HeavyClippingShare)
        {
            warnings.Add(new Warning("clipped_audio", string.Create(CultureInfo.InvariantCulture,
                $"{name} was recorded too loud: {reader.ClippedShare * 100:0} % of it is at full scale.")));
        }
        IReadOnlyList<AudioPart> parts = tracks.Complete(warnings);
        progress.Report(1);
        return new PrepareOutput(
            seconds, reader.Format.SampleRate, reader.Format.Channels, reader.Format.Codec, parts, warnings);

        void RefuseIfTooLong(double seconds)
        {
            if (seconds > maxSeconds)
            {
                throw new BadInputException(string.Create(CultureInfo.InvariantCulture,
                    $"{name} holds more than {maxSeconds / 3600:0.##} hours of audio."));
            }
        }
    }

    private static async Task CopySpeechAsync(
        IAudioReader reader, Tracks tracks, IProgress<double> progress, Action<double> refuseIfTooLong,
        CancellationToken cancellationToken)
    {
        var block = new float[BlockSamples * reader.Format.Channels];
        long samples = 0;
        double reported = 0;
        int read;
        while ((read = await reader.ReadAsync(block, cancellationToken)) > 0)
        {
            samples += read;
            double seconds = (double)samples / reader.Format.SampleRate;
            refuseIfTooLong(seconds);
            tracks.Add(block, read);
            if (reader.StatedSeconds is > 0 and { } all && Math.Min(1, seconds / all) is var share
                && share - reported >= ProgressStep)
            {
                progress.Report(reported = share);
            }
        }
        tracks.Finish();
    }

    /// <summary>What is made of a recording: one track of all its channels, or one of each.</summary>
    private sealed class Tracks : IDisposable
    {
        private readonly string name;
        private readonly int channels;
        private readonly List<Track> tracks = [];
        private readonly float[][] blocks;
        private readonly ChannelComparison? comparison;

        public Tracks(AudioFormat format, string name, VadModel? vad, PrepareInput input)
        {
            this.name = name;
            channels = format.Channels;
            bool separate = input.Channels == ChannelMode.Separate;
            if (separate && channels > MaxSeparateChannels)
            {
                throw new BadInputException(string.Create(CultureInfo.InvariantCulture,
                    $"{name} has {channels} channels; at most {MaxSeparateChannels} can be transcribed separately. "
                    + $"Have them mixed, or split the recording."));
            }
            comparison = separate ? new ChannelComparison(channels) : null;
            blocks = [.. Enumerable.Range(0, separate ? channels : 1).Select(_ => new float[BlockSamples])];
            for (int i = 0; i < blocks.Length; i++)
            {
                tracks.Add(new Track(
                    format.SampleRate, vad?.CreateClassifier() ?? new SteadySoundFilter(new EnergyVad()),
                    new PartWriter(input.OutputFolder, input.MaxPartSeconds, separate ? i : null)));
            }
        }

        /// <summary>Samples at 16 kHz so far.</summary>
        public long Samples => tracks[0].Samples;

        /// <summary>Takes the next samples of all channels in turn, <paramref name="count"/> of each.</summary>
        public void Add(float[] interleaved, int count)
        {
            for (int i = 0; i < blocks.Length; i++)
            {
                Span<float> block = blocks[i].AsSpan(0, count);
                if (comparison is null)
                {
                    Channels.Mix(interleaved, channels, block);
                }
                else
                {
                    Channels.Take(interleaved, channels, i, block);
                }
                tracks[i].Add(block);
            }
            comparison?.Add(blocks, count);
        }

        public void Finish() => tracks.ForEach(track => track.Finish());

        /// <summary>Keeps the parts, each sound once, and warns of channels that add nothing.</summary>
        public IReadOnlyList<AudioPart> Complete(List<Warning> warnings)
        {
            var parts = new List<AudioPart>();
            var silent = new List<Warning>();
            for (int i = 0; i < tracks.Count; i++)
            {
                if (comparison?.SameAs(i) is { } same)
                {
                    warnings.Add(new Warning("same_channels", string.Create(CultureInfo.InvariantCulture,
                        $"Channel {i + 1} of {name} is the same as channel {same + 1}: it isn't transcribed again.")));
                    continue;
                }
                IReadOnlyList<AudioPart> found = tracks[i].Complete();
                parts.AddRange(found);
                if (found.Count == 0)
                {
                    silent.Add(new Warning("silent_channel", string.Create(CultureInfo.InvariantCulture,
                        $"No speech was found on channel {i + 1} of {name}.")));
                }
            }
            if (parts.Count == 0)
            {
                silent = [new Warning("no_speech", $"No speech was found in {name}.")];
            }
            warnings.AddRange(silent);
            return [.. parts.OrderBy(part => part.Start).ThenBy(part => part.Channel)
                .Select((part, index) => part with { Index = index })];
        }

        /// <summary>Deletes what was written, unless it was kept.</summary>
        public void Dispose() => tracks.ForEach(track => track.Dispose());
    }

    /// <summary>The way of one channel, or of their mix, from its samples to parts.</summary>
    private sealed class Track(int sampleRate, IFrameClassifier classifier, PartWriter parts) : IDisposable
    {
        private readonly Resampler resampler = new(sampleRate);
        private readonly VoiceActivityDetector vad = new(classifier);

        public long Samples { get; private set; }

        public void Add(ReadOnlySpan<float> samples) => Take(resampler.Process(samples));

        public void Finish()
        {
            Take(resampler.Finish());
            parts.Write(vad.Finish(), long.MaxValue);
        }

        public IReadOnlyList<AudioPart> Complete() => parts.Complete();

        public void Dispose()
        {
            vad.Dispose();
            parts.Dispose();
        }

        private void Take(ReadOnlySpan<float> audio)
        {
            Samples += audio.Length;
            parts.Add(audio);
            parts.Write(vad.Process(audio), vad.Settled);
        }
    }
}
