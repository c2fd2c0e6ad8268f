using System.Buffers.Binary;

namespace Omoai.Speech.Audio;

/// <summary>Writes 16-bit mono WAV as it goes; the sizes in its header are set when it is disposed of.</summary>
public sealed class WavWriter : IDisposable
{
    private const int HeaderBytes = 44;

    private readonly FileStream file;
    private readonly int sampleRate;
    private readonly byte[] block = new byte[16 * 1024];

    /// <summary>Creates the file, or empties the one that is there.</summary>
    public WavWriter(string path, int sampleRate)
    {
        this.sampleRate = sampleRate;
        file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read);
        WriteHeader();
    }

    /// <summary>Samples written.</summary>
    public long Length { get; private set; }

    public void Write(ReadOnlySpan<short> samples)
    {
        while (!samples.IsEmpty)
        {
            ReadOnlySpan<short> some = samples[..Math.Min(samples.Length, block.Length / 2)];
            for (int i = 0; i < some.Length; i++)
            {
                BinaryPrimitives.WriteInt16LittleEndian(block.AsSpan(2 * i), some[i]);
            }
            file.Write(block, 0, 2 * some.Length);
            Length += some.Length;
            samples = samples[some.Length..];
        }
    }

    public void Dispose()
    {
        try
        {
            file.Position = 0;
            WriteHeader();
        }
        finally
        {
            file.Dispose();
        }
    }

    private void WriteHeader()
    {
        uint dataBytes = checked((uint)(2 * Length));
        Span<byte> header = stackalloc byte[HeaderBytes];
        "RIFF"u8.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], checked(dataBytes + HeaderBytes - 8));
        "WAVEfmt "u8.CopyTo(header[8..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], 16);
        BinaryPrimitives.WriteUInt16LittleEndian(header[20..], 1);
        BinaryPrimitives.WriteUInt16LittleEndian(header[22..], 1);
        BinaryPrimitives.WriteUInt32LittleEndian(header[24..], (uint)sampleRate);
        BinaryPrimitives.WriteUInt32LittleEndian(header[28..], (uint)sampleRate * 2);
        BinaryPrimitives.WriteUInt16LittleEndian(header[32..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(header[34..], 16);
        "data"u8.CopyTo(header[36..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[40..], dataBytes);
        file.Write(header);
    }
}
