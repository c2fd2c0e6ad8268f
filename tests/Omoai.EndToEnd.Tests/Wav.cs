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
    public static void Write(string file, short[] samples, int channels = 1) =>
        Write(file, [.. Enumerable.Repeat(samples, channels)]);

    /// <summary>Writes the samples of each channel, all of the same length.</summary>
    public static void Write(string file, params short[][] tracks)
    {
        var channels = tracks.Length;
        var samples = tracks[0];
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
        for (var i = 0; i < samples.Length; i++)
        {
            foreach (var track in tracks)
            {
                writer.Write(track[i]);
            }
        }
    }
}
