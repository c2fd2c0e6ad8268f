using System.Buffers.Binary;

namespace Omoai.EndToEnd.Tests;

/// <summary>Writes the WAV files of these tests: 16 kHz, 16-bit.</summary>
internal static class Wav
{
    public const int SampleRate = 16000;
    public const int HeaderBytes = 44;

    /// <summary>The samples of a mono 16-bit file whose data starts after 44 bytes, as the sample's does.</summary>
    public static short[] Read(string file)
    {
        var bytes = File.ReadAllBytes(file).AsSpan(HeaderBytes);
        var samples = new short[bytes.Length / 2];
        for (var i = 0; i < samples.Length; i++)
        {
            samples[i] = BinaryPrimitives.ReadInt16LittleEndian(bytes[(2 * i)..]);
        }

        return samples;
    }

    /// <summary>Writes mono samples, the same on every channel.</summary>
    public static void Write(string file, ReadOnlySpan<short> samples, int channels = 1)
    {
        using var writer = new BinaryWriter(File.Create(file));
        var bytes = samples.Length * channels * 2;
        writer.Write("RIFF"u8);
        writer.Write(36 + bytes);
        writer.Write("WAVEfmt "u8);
        writer.Write(16);
        writer.Write((short)1);
        writer.Write((short)channels);
        writer.Write(SampleRate);
        writer.Write(SampleRate * channels * 2);
        writer.Write((short)(channels * 2));
        writer.Write((short)16);
        writer.Write("data"u8);
        writer.Write(bytes);
        foreach (var sample in samples)
        {
            for (var channel = 0; channel < channels; channel++)
            {
                writer.Write(sample);
            }
        }
    }
}
