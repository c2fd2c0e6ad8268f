using System.Text;
using Omoai.Speech.Audio;

namespace Omoai.Speech.Tests.Audio;

/// <summary>Sounds and WAV files for tests.</summary>
internal static class TestAudio
{
    public static float[] Tone(double frequency, double seconds, int rate = 16_000, double amplitude = 0.5) =>
        [.. Enumerable.Range(0, (int)Math.Round(seconds * rate))
            .Select(i => (float)(amplitude * Math.Sin(2 * Math.PI * frequency * i / rate)))];

    public static float[] Silence(double seconds, int rate = 16_000) => new float[(int)Math.Round(seconds * rate)];

    public static float[] Noise(double seconds, double amplitude, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, (int)(seconds * 16_000)).Select(_ => (float)(amplitude * (2 * random.NextDouble() - 1)))];
    }

    /// <summary>Something with the rhythm of speech: syllables of a buzz that glides from 100 to 140 Hz and gets darker, as a
    /// voice does, about four a second, peak as given.</summary>
    public static float[] Babble(double seconds, double peak = 0.3, int rate = 16_000)
    {
        // It repeats every quarter of a second.
        var syllable = new double[rate / 4];
        for (int i = 0; i < syllable.Length; i++)
        {
            double time = (double)i / rate;
            double angle = 2 * Math.PI * (100 + 80 * time) * time;
            double buzz = Enumerable.Range(1, 20).Sum(harmonic => Math.Sin(harmonic * angle) / Math.Pow(harmonic, 12 * time));
            syllable[i] = Math.Pow(Math.Sin(Math.PI * 4 * time), 2) * buzz;
        }
        double scale = peak / syllable.Max(Math.Abs);
        return [.. Enumerable.Range(0, (int)Math.Round(seconds * rate)).Select(i => (float)(scale * syllable[i % syllable.Length]))];
    }

    /// <summary>A 16-bit WAV file with the same samples on every channel.</summary>
    public static byte[] Wav16(float[] samples, int rate = 16_000, int channels = 1)
    {
        var data = new MemoryStream();
        using var writer = new BinaryWriter(data);
        foreach (float sample in samples)
        {
            for (int channel = 0; channel < channels; channel++)
            {
                writer.Write((short)Math.Clamp(Math.Round(sample * 32768), short.MinValue, short.MaxValue));
            }
        }
        return Wav(Format(1, channels, rate, 16), data.ToArray());
    }

    /// <summary>A 16-bit WAV file with samples of their own on each channel; silence where one ends before
    /// another.</summary>
    public static byte[] Wav16Channels(float[][] channels, int rate = 16_000)
    {
        var interleaved = new float[channels.Max(samples => samples.Length) * channels.Length];
        for (int channel = 0; channel < channels.Length; channel++)
        {
            for (int i = 0; i < channels[channel].Length; i++)
            {
                interleaved[i * channels.Length + channel] = channels[channel][i];
            }
        }
        return Wav(Format(1, channels.Length, rate, 16), Wav16(interleaved)[44..]);
    }

    /// <summary>The content of a format chunk.</summary>
    public static byte[] Format(int tag, int channels, int rate, int bits)
    {
        var chunk = new MemoryStream();
        using var writer = new BinaryWriter(chunk);
        writer.Write((ushort)tag);
        writer.Write((ushort)channels);
        writer.Write(rate);
        writer.Write(rate * channels * bits / 8);
        writer.Write((ushort)(channels * bits / 8));
        writer.Write((ushort)bits);
        return chunk.ToArray();
    }

    /// <summary>The content of an extensible format chunk.</summary>
    public static byte[] ExtensibleFormat(int tag, int channels, int rate, int bits)
    {
        byte[] guid = [(byte)tag, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];
        return [.. Format(0xFFFE, channels, rate, bits), 22, 0, (byte)bits, 0, 0, 0, 0, 0, .. guid];
    }

    public static byte[] Wav(byte[] format, byte[] data, uint? dataSize = null, byte[]? before = null)
    {
        var file = new MemoryStream();
        using var writer = new BinaryWriter(file);
        writer.Write("RIFF"u8);
        writer.Write((uint)(28 + format.Length + data.Length + (before?.Length ?? 0)));
        writer.Write("WAVE"u8);
        writer.Write(before ?? []);
        writer.Write(Chunk("fmt ", format));
        writer.Write("data"u8);
        writer.Write(dataSize ?? (uint)data.Length);
        writer.Write(data);
        return file.ToArray();
    }

    /// <summary>A chunk with its padding.</summary>
    public static byte[] Chunk(string id, byte[] content) =>
        [.. Encoding.ASCII.GetBytes(id), .. BitConverter.GetBytes(content.Length), .. content, .. new byte[content.Length % 2]];

    /// <summary>Everything there is, all channels mixed.</summary>
    public static async Task<float[]> ReadAllAsync(IAudioReader reader, int blockSize = 4096)
    {
        var all = new List<float>();
        var block = new float[blockSize * reader.Format.Channels];
        var mono = new float[blockSize];
        int read;
        while ((read = await reader.ReadAsync(block, CancellationToken.None)) > 0)
        {
            Channels.Mix(block, reader.Format.Channels, mono.AsSpan(0, read));
            all.AddRange(mono.AsSpan(0, read));
        }
        return [.. all];
    }
}

/// <summary>A folder for one test, deleted after it.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("omoai-speech-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public string Write(string name, byte[] content)
    {
        System.IO.File.WriteAllBytes(File(name), content);
        return File(name);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>A stream that can't seek and gives a few bytes at a time, as a pipe does.</summary>
internal sealed class TricklingStream(byte[] content) : MemoryStream(content)
{
    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(buffer.Length, 7)]);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        base.ReadAsync(buffer[..Math.Min(buffer.Length, 7)], cancellationToken);
}
