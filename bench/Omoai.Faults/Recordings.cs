using System.Buffers.Binary;
using Omoai.EndToEnd.Serve;

namespace Omoai.Faults;

/// <summary>Short recordings, cut out of the sample, and what is heard in them when nothing disturbs.</summary>
internal sealed record Recordings(IReadOnlyList<byte[]> All, IReadOnlyList<string> Texts)
{
    private const int HeaderBytes = 44;
    private const int BytesPerSecond = 32000;

    public static async Task<Recordings> CreateAsync(string repository, int count, ServerSetup setup)
    {
        var sample = Sample(repository);
        // From 3 to 6 s long, and no two the same.
        var all = Enumerable.Range(0, count).Select(number =>
        {
            var length = (3 * BytesPerSecond) + (number % 7 * BytesPerSecond / 2);
            var start = (int)((long)number * 7919 * 2 % (sample.Length - length) & ~1);
            return WithHeader(sample.AsSpan(start, length));
        }).ToList();

        await using var server = await OmoaiServer.StartAsync(setup);
        var ids = new List<string>();
        foreach (var recording in all)
        {
            ids.Add(await server.PostAsync(recording, "undisturbed.wav"));
        }

        var texts = new List<string>();
        foreach (var id in ids)
        {
            texts.Add(await server.EndOfAsync(id) == "succeeded"
                ? await server.TextAsync(id)
                : throw new InvalidOperationException($"An undisturbed job failed: {await server.JobAsync(id)}"));
        }

        return new Recordings(all, texts);
    }

    /// <summary>The sample, over and over.</summary>
    public static byte[] Loop(string repository, TimeSpan length)
    {
        var sample = Sample(repository);
        var samples = new byte[(int)length.TotalSeconds * BytesPerSecond];
        for (var at = 0; at < samples.Length; at += sample.Length)
        {
            sample.AsSpan(0, Math.Min(sample.Length, samples.Length - at)).CopyTo(samples.AsSpan(at));
        }

        return WithHeader(samples);
    }

    public static byte[] Silence(int bytes) => WithHeader(new byte[bytes]);

    /// <summary>The header of a WAV file of 16 kHz, mono, 16 bits.</summary>
    public static byte[] Header(long samples)
    {
        var header = new byte[HeaderBytes];
        "RIFF"u8.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(4), (uint)(samples + 36));
        "WAVEfmt "u8.CopyTo(header.AsSpan(8));
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(16), 16);
        BinaryPrimitives.WriteInt16LittleEndian(header.AsSpan(20), 1);
        BinaryPrimitives.WriteInt16LittleEndian(header.AsSpan(22), 1);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(24), BytesPerSecond / 2);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(28), BytesPerSecond);
        BinaryPrimitives.WriteInt16LittleEndian(header.AsSpan(32), 2);
        BinaryPrimitives.WriteInt16LittleEndian(header.AsSpan(34), 16);
        "data"u8.CopyTo(header.AsSpan(36));
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(40), (uint)samples);
        return header;
    }

    private static byte[] Sample(string repository) => File.ReadAllBytes(Path.Combine(repository, "samples", "standup.wav"))[HeaderBytes..];

    private static byte[] WithHeader(ReadOnlySpan<byte> samples) => [.. Header(samples.Length), .. samples];
}
