using Omoai.Transcripts;

namespace Omoai.Speech.Audio;

/// <summary>A recording's format, as recorded.</summary>
/// <param name="SampleRate">Samples per second.</param>
/// <param name="Channels">Channels.</param>
/// <param name="Codec">The encoding by ffmpeg's name: <c>pcm_s16le</c>, <c>mp3</c>, …</param>
public sealed record AudioFormat(int SampleRate, int Channels, string Codec);

/// <summary>Reads a recording once, from start to end, at its own sample rate.</summary>
public interface IAudioReader : IAsyncDisposable
{
    /// <summary>The format as recorded, and as read. The codec may be <c>unknown</c> until all has been
    /// read.</summary>
    AudioFormat Format { get; }

    /// <summary>The length that the file claims, or its size amounts to, seconds; null where neither is known. What is
    /// read
    /// can turn out shorter or longer.</summary>
    double? StatedSeconds { get; }

    /// <summary>Share of the samples read so far that are at full scale, over all channels; 0 to 1.</summary>
    double ClippedShare { get; }

    /// <summary>What was wrong with the recording; complete when all has been read.</summary>
    IReadOnlyList<Warning> Warnings { get; }

    /// <summary>Reads samples, −1 to 1, of all channels in turn (interleaved).</summary>
    /// <param name="samples">Room for at least one sample of each channel.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <returns>How many samples of each channel were read: at least one, or 0 at the end.</returns>
    ValueTask<int> ReadAsync(Memory<float> samples, CancellationToken cancellationToken);
}
