using System.Runtime.InteropServices;
using Omoai.Speech;
using Omoai.Transcripts.Activities;

namespace Omoai.Recognition;

/// <summary>The speech of the sample, as Prepare finds it, again and again up to a length.</summary>
internal static class Stretches
{
    private const int SampleRate = 16_000;
    private const int HeaderBytes = 44;

    public static async Task<List<float[]>> ReadAsync(Bench bench, double seconds)
    {
        var folder = Directory.CreateDirectory(Path.Combine(bench.Work, "parts")).FullName;
        var plan = await Preparer.PrepareAsync(new PrepareInput(bench.Sample, folder), new Progress<double>(), default);
        var found = new List<float[]>();
        foreach (var part in plan.Parts)
        {
            var bytes = await File.ReadAllBytesAsync(Path.Combine(folder, part.File));
            var samples = MemoryMarshal.Cast<byte, short>(bytes.AsSpan(HeaderBytes)).ToArray();
            found.AddRange(part.Speech.Select(span => Array.ConvertAll(
                samples[(int)((span.Start - part.Start) * SampleRate)..(int)((span.End - part.Start) * SampleRate)],
                sample => sample / 32768f)));
        }

        var stretches = new List<float[]>();
        for (var (i, left) = (0, seconds * SampleRate); left > 0; i++)
        {
            stretches.Add(found[i % found.Count]);
            left -= found[i % found.Count].Length;
        }

        return stretches;
    }

    public static double Seconds(IEnumerable<float[]> stretches) => stretches.Sum(samples => (double)samples.Length) / SampleRate;

    /// <summary>Writes them for a peer: each its length (int32), then its samples (float32), little-endian.</summary>
    public static string Write(Bench bench, IReadOnlyList<float[]> stretches)
    {
        var file = Path.Combine(bench.Work, "stretches.bin");
        using var stream = File.Create(file);
        foreach (var samples in stretches)
        {
            stream.Write(BitConverter.GetBytes(samples.Length));
            stream.Write(MemoryMarshal.AsBytes(samples.AsSpan()));
        }

        return file;
    }
}
