using Omoai.Speech.Audio;
using Omoai.Speech.Tests.Audio;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Tests.Fuzz;

public sealed class WavFuzzTests : IDisposable
{
    private const int Cases = 10_000;

    /// <summary>Of so many files one is prepared as well, which takes longer.</summary>
    private const int Step = 10;

    /// <summary>Of the header; what comes after it is audio, and any is.</summary>
    private const int HeaderBytes = 120;

    /// <summary>What reading a small file may allocate.</summary>
    private const long MaxBytes = 4 * 1024 * 1024;

    private readonly TemporaryFolder _folder = new();
    private readonly byte[][] _files = Files();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Ten_thousand_broken_headers_are_read_or_refused()
    {
        var refused = 0;
        for (var seed = 0; seed < Cases; seed++)
        {
            var file = Broken(seed);
            using var stream = seed % 4 == 0 ? new TricklingStream(file) : new MemoryStream(file);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                await using var reader = await WavReader.OpenAsync(stream, "x.wav", CancellationToken.None);
                if (reader is not null)
                {
                    Assert.InRange(await CountAsync(reader), 0, file.Length);
                    Assert.InRange(reader.StatedSeconds ?? 0, 0, double.MaxValue);
                }
            }
            catch (BadInputException e) when (e.Message.StartsWith("x.wav ", StringComparison.Ordinal))
            {
                refused++;
            }
            catch (Exception e)
            {
                throw Failed(seed, file, e);
            }

            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated < MaxBytes, $"seed {seed}: {allocated} bytes were allocated.");
        }

        // Neither all of them nor none.
        Assert.InRange(refused, Cases / 10, Cases * 9 / 10);
    }

    [Fact]
    public async Task Every_tenth_of_them_is_prepared_or_refused()
    {
        var prepared = 0;
        for (var seed = 0; seed < Cases; seed += Step)
        {
            var file = Broken(seed);
            var path = _folder.Write("x.wav", file);
            using var hang = new CancellationTokenSource(TimeSpan.FromMinutes(1));
            try
            {
                var output = await Preparer.PrepareAsync(
                    new PrepareInput(path, _folder.Path, FfmpegPath: _folder.File("no-ffmpeg")), new Progress<double>(), hang.Token);
                Assert.All(output.Parts, part => Assert.InRange(part.Start + part.Duration, 0, output.Duration + 1e-6));
                prepared++;
            }
            catch (Exception e) when (e is BadInputException or MissingRequirementException && e.Message.Length > 10)
            {
            }
            catch (Exception e)
            {
                throw Failed(seed, file, e);
            }
        }

        Assert.InRange(prepared, Cases / Step / 10, Cases / Step * 9 / 10);
    }

    private byte[] Broken(int seed)
    {
        var mutation = new Mutation(seed);
        return mutation.Change(mutation.Pick(_files), HeaderBytes);
    }

    private static byte[][] Files()
    {
        const int Rate = 16_000;
        var data = new byte[4800];
        new Random(1).NextBytes(data);
        var list = TestAudio.Chunk("LIST", "INFOISFT\u0006\0\0\0sox\0\0\0"u8.ToArray());
        byte[] ds64 = [.. TestAudio.Chunk("ds64", [.. BitConverter.GetBytes(5000L), .. BitConverter.GetBytes(4800L), .. new byte[12]])];
        var rf64 = TestAudio.Wav(TestAudio.Format(1, 1, 48_000, 16), data, uint.MaxValue, ds64);
        "RF64"u8.CopyTo(rf64);
        return
        [
            TestAudio.Wav(TestAudio.Format(1, 1, Rate, 16), data),
            TestAudio.Wav(TestAudio.Format(1, 2, 44_100, 24), data, before: list),
            TestAudio.Wav(TestAudio.Format(1, 1, 8_000, 8), data),
            TestAudio.Wav(TestAudio.Format(3, 1, 22_050, 32), data),
            TestAudio.Wav(TestAudio.Format(6, 1, 8_000, 8), data, uint.MaxValue),
            TestAudio.Wav(TestAudio.ExtensibleFormat(1, 6, 96_000, 32), data),
            rf64,
        ];
    }

    private static async Task<long> CountAsync(WavReader reader)
    {
        var block = new float[4096];
        long count = 0;
        for (int read; (read = await reader.ReadAsync(block, CancellationToken.None)) > 0;)
        {
            count += read;
        }

        return count;
    }

    private static Exception Failed(int seed, byte[] file, Exception e) => new InvalidOperationException(
        $"seed {seed}: {e.GetType().Name}: {e.Message} for {Convert.ToHexString(file.AsSpan(0, Math.Min(file.Length, HeaderBytes)))}", e);
}
