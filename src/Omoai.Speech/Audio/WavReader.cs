using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Audio;

/// <summary>
/// Reads WAV (RIFF, RF64 and BW64; PCM of 8 to 32 bits, float of 32 and 64 bits, A-law, mu-law; 1 to
/// <see cref="MaxChannels"/> channels; <see cref="MinSampleRate"/> to <see cref="MaxSampleRate"/> Hz) block by block,
/// from
/// any stream. The header isn't trusted: sizes only say where the audio ends if the file agrees.
/// </summary>
public sealed class WavReader : IAudioReader
{
    public const int MaxChannels = 64;
    public const int MinSampleRate = 1_000;
    public const int MaxSampleRate = 384_000;

    private const int MaxFormatBytes = 1024;
    private const int MaxChunks = 4096;
    private const int BlockBytes = 64 * 1024;

    // The last 14 bytes of KSDATAFORMAT_SUBTYPE_*; the first two are the format tag.
    private static ReadOnlySpan<byte> SubFormatTail =>
        [0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xAA, 0x00, 0x38, 0x9B, 0x71];

    private readonly Stream stream;
    private readonly string name;
    private readonly SampleEncoding encoding;
    private readonly float fullScale;
    private readonly int frameBytes;
    private readonly long? declaredBytes;
    private readonly long? lengthBytes;
    private readonly byte[] block;
    private readonly List<Warning> warnings = [];
    private long readBytes;
    private long clipped;
    private bool ended;

    private WavReader(Stream stream, string name, AudioFormat format, SampleEncoding encoding, long? declaredBytes)
    {
        this.stream = stream;
        this.name = name;
        this.encoding = encoding;
        this.declaredBytes = declaredBytes;
        Format = format;
        fullScale = encoding.FullScale();
        frameBytes = encoding.Bytes() * format.Channels;
        long? remaining = stream.CanSeek ? Math.Max(0, stream.Length - stream.Position) : null;
        lengthBytes = remaining is { } there && declaredBytes is { } declared
            ? Math.Min(there, declared)
            : declaredBytes ?? remaining;
        block = new byte[BlockBytes / frameBytes * frameBytes];
    }

    public AudioFormat Format { get; }

    public double? StatedSeconds => lengthBytes is { } bytes ? Seconds(bytes) : null;

    public double ClippedShare => readBytes == 0 ? 0 : (double)clipped * encoding.Bytes() / readBytes;

    public IReadOnlyList<Warning> Warnings => warnings;

    /// <summary>Reads the header, up to the first sample.</summary>
    /// <param name="stream">At its start; the reader disposes of it. Need not be seekable.</param>
    /// <param name="name">The file's name, for messages.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    /// <returns>The reader, or null if this is WAV of an encoding that isn't known here (ADPCM, MP3 in WAV, 12 bits,
    /// …).</returns>
    /// <exception cref="BadInputException">It isn't WAV, or its header makes no sense.</exception>
    public static async Task<WavReader?> OpenAsync(Stream stream, string name, CancellationToken cancellationToken)
    {
        var header = new byte[40];
        int read = await ReadAsync(stream, header.AsMemory(0, 12), cancellationToken);
        if (read == 0)
        {
            throw new BadInputException($"{name} is empty.");
        }
        if (!IsWav(header.AsSpan(0, read)))
        {
            throw new BadInputException($"{name} isn't WAV audio.");
        }

        long? longDataBytes = null;
        (AudioFormat Format, SampleEncoding Encoding)? known = null;
        for (int chunk = 0; chunk < MaxChunks; chunk++)
        {
            if (await ReadAsync(stream, header.AsMemory(0, 8), cancellationToken) < 8)
            {
                throw new BadInputException($"{name} is a WAV file without audio data.");
            }
            string id = Encoding.Latin1.GetString(header, 0, 4);
            uint size = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(4));
            if (id == "data")
            {
                var (format, encoding) = known
                    ?? throw new BadInputException($"{name} is a broken WAV file: its format is missing.");
                long declared = size == uint.MaxValue && longDataBytes is { } bytes ? bytes : size;
                bool isOpen = IsPlaceholder(declared)
                    && !(declared == 0 && await ChunksFollowAsync(stream, cancellationToken));
                return new WavReader(stream, name, format, encoding, isOpen ? null : declared);
            }

            int taken = 0;
            if (id == "fmt ")
            {
                if (size is < 16 or > MaxFormatBytes)
                {
                    throw Broken(name, "the size of its format chunk", size);
                }
                taken = await ReadAsync(stream, header.AsMemory(0, (int)Math.Min(size, header.Length)), cancellationToken);
                if (taken < 16)
                {
                    throw new BadInputException($"{name} is a WAV file without audio data.");
                }
                known = ParseFormat(header.AsSpan(0, taken), name);
                if (known is null)
                {
                    return null;
                }
            }
            else if (id == "ds64" && size >= 16)
            {
                taken = await ReadAsync(stream, header.AsMemory(0, 16), cancellationToken);
                ulong data = BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(8));
                longDataBytes = taken == 16 && data <= long.MaxValue ? (long)data : null;
            }
            // Chunks begin at even positions.
            await SkipAsync(stream, (long)size + (size & 1) - taken, cancellationToken);
        }
        throw new BadInputException($"{name} is a broken WAV file: no audio data among its first {MaxChunks} chunks.");
    }

    /// <summary>Whether these first 12 bytes of a file are those of WAV.</summary>
    public static bool IsWav(ReadOnlySpan<byte> start) =>
        start.Length >= 12 && start[8..12].SequenceEqual("WAVE"u8)
        && (start[..4].SequenceEqual("RIFF"u8) || start[..4].SequenceEqual("RF64"u8) || start[..4].SequenceEqual("BW64"u8));

    public async ValueTask<int> ReadAsync(Memory<float> samples, CancellationToken cancellationToken)
    {
        int frames = Math.Min(samples.Length / Format.Channels, block.Length / frameBytes);
        if (declaredBytes is { } declared)
        {
            frames = (int)Math.Min(frames, (declared - readBytes) / frameBytes);
        }
        if (frames == 0 || ended)
        {
            return 0;
        }

        int wanted = frames * frameBytes;
        int read = await ReadAsync(stream, block.AsMemory(0, wanted), cancellationToken);
        frames = read / frameBytes;
        readBytes += frames * frameBytes;
        if (read < wanted)
        {
            ended = true;
            WarnIfCutShort();
        }
        Decode(samples.Span[..(frames * Format.Channels)]);
        return frames;
    }

    public ValueTask DisposeAsync() => stream.DisposeAsync();

    private void Decode(Span<float> samples)
    {
        encoding.Decode(block, samples);
        foreach (float sample in samples)
        {
            clipped += Math.Abs(sample) >= fullScale ? 1 : 0;
        }
    }

    private void WarnIfCutShort()
    {
        if (declaredBytes is not { } declared)
        {
            return;
        }
        double there = Seconds(readBytes);
        double promised = Seconds(declared);
        warnings.Add(new Warning("truncated_audio", string.Create(CultureInfo.InvariantCulture,
            $"{name} is cut short: its header promises {promised:0.0} s of audio, the file holds {there:0.0} s.")));
    }

    private double Seconds(long bytes) => (double)(bytes / frameBytes) / Format.SampleRate;

    /// <summary>Sizes that writers which can't seek back (pipes: ffmpeg, sox, arecord) leave in the header.</summary>
    private static bool IsPlaceholder(long size) =>
        size is 0 or uint.MaxValue or uint.MaxValue - 36 or int.MaxValue or int.MaxValue - 36 or 0x8000_0000 or 0x7FFF_F000;

    /// <summary>Whether what is left of a file is chunks that end where it ends, and so no audio.</summary>
    private static async Task<bool> ChunksFollowAsync(Stream stream, CancellationToken cancellationToken)
    {
        if (!stream.CanSeek)
        {
            return false;
        }
        long start = stream.Position;
        long end = start;
        var header = new byte[8];
        for (int chunk = 0; chunk < MaxChunks && end < stream.Length; chunk++)
        {
            stream.Position = end;
            if (await ReadAsync(stream, header, cancellationToken) < header.Length
                || header.AsSpan(0, 4).ContainsAnyExceptInRange((byte)' ', (byte)'~'))
            {
                break;
            }
            uint size = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(4));
            end += header.Length + (long)size + (size & 1);
        }
        stream.Position = start;
        // Some writers leave out the padding of the last chunk.
        return end == stream.Length || end == stream.Length + 1;
    }

    private static (AudioFormat, SampleEncoding)? ParseFormat(ReadOnlySpan<byte> fmt, string name)
    {
        const int Pcm = 1, Float = 3, ALaw = 6, MuLaw = 7, Extensible = 0xFFFE;

        int tag = BinaryPrimitives.ReadUInt16LittleEndian(fmt);
        int channels = BinaryPrimitives.ReadUInt16LittleEndian(fmt[2..]);
        uint rate = BinaryPrimitives.ReadUInt32LittleEndian(fmt[4..]);
        int frameBytes = BinaryPrimitives.ReadUInt16LittleEndian(fmt[12..]);
        int bits = BinaryPrimitives.ReadUInt16LittleEndian(fmt[14..]);
        if (tag == Extensible)
        {
            if (fmt.Length < 40)
            {
                throw Broken(name, "the size of its format chunk", (uint)fmt.Length);
            }
            if (!fmt[26..40].SequenceEqual(SubFormatTail))
            {
                return null;
            }
            tag = BinaryPrimitives.ReadUInt16LittleEndian(fmt[24..]);
        }

        if (tag is not (Pcm or Float or ALaw or MuLaw))
        {
            return null;
        }
        if (channels < 1)
        {
            throw Broken(name, "its number of channels", (uint)channels);
        }
        if (rate is < MinSampleRate or > MaxSampleRate)
        {
            throw Broken(name, "its sample rate", rate);
        }
        if (bits is < 1 or > 64)
        {
            throw Broken(name, "its number of bits per sample", (uint)bits);
        }
        if (frameBytes != (bits + 7) / 8 * channels)
        {
            throw Broken(name, "its block align", (uint)frameBytes);
        }
        SampleEncoding? encoding = (tag, bits) switch
        {
            (Pcm, 8) => SampleEncoding.Unsigned8,
            (Pcm, 16) => SampleEncoding.Signed16,
            (Pcm, 24) => SampleEncoding.Signed24,
            (Pcm, 32) => SampleEncoding.Signed32,
            (Float, 32) => SampleEncoding.Float32,
            (Float, 64) => SampleEncoding.Float64,
            (ALaw, 8) => SampleEncoding.ALaw,
            (MuLaw, 8) => SampleEncoding.MuLaw,
            _ => null,
        };
        return encoding is { } known && channels <= MaxChannels
            ? (new AudioFormat((int)rate, channels, known.CodecName()), known)
            : null;
    }

    private static BadInputException Broken(string name, string what, uint value) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{name} is a broken or unusual WAV file: {what} is {value}."));

    private static ValueTask<int> ReadAsync(Stream stream, Memory<byte> buffer, CancellationToken cancellationToken) =>
        stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);

    private static async Task SkipAsync(Stream stream, long count, CancellationToken cancellationToken)
    {
        if (stream.CanSeek)
        {
            stream.Position = Math.Min(stream.Length, stream.Position + count);
            return;
        }
        var skipped = new byte[Math.Min(count, BlockBytes)];
        while (count > 0)
        {
            int read = await stream.ReadAsync(skipped.AsMemory(0, (int)Math.Min(count, skipped.Length)), cancellationToken);
            if (read == 0)
            {
                return;
            }
            count -= read;
        }
    }
}
