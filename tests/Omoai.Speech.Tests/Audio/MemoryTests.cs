using Omoai.Speech.Audio;
using Omoai.Speech.Tests.Vad;
using Omoai.Speech.Vad;
using Omoai.Tests;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Tests.Audio;

/// <summary>Tests that count what is allocated, and so run when no other test does.</summary>
[Collection(nameof(MemoryTests))]
[CollectionDefinition(nameof(MemoryTests), DisableParallelization = true)]
public sealed class MemoryTests
{
    [Fact]
    public async Task Memory_does_not_grow_with_the_length()
    {
        using var folder = new TemporaryFolder();
        // The same minute over and over, 2 and 8 times, through a 16-bit WAV of 8 kHz.
        byte[] minute = TestAudio.Wav16([.. TestAudio.Babble(50, rate: 8000), .. TestAudio.Silence(10, 8000)])[44..];
        long shorter = await AllocatedAsync(2);
        long longer = await AllocatedAsync(8);

        // 6 minutes more are 11 MB of samples at 16 kHz.
        Assert.InRange(longer - shorter, long.MinValue, 3_000_000);

        async Task<long> AllocatedAsync(int minutes)
        {
            string path = folder.Write("in.wav", TestAudio.Wav(TestAudio.Format(1, 1, 8000, 16), [], dataSize: uint.MaxValue));
            for (int i = 0; i < minutes; i++)
            {
                await File.AppendAllBytesAsync(path, minute);
            }
            long before = GC.GetTotalAllocatedBytes();
            PrepareOutput output = await Preparer.PrepareAsync(new PrepareInput(path, folder.Path), new Reports(), default);
            long allocated = GC.GetTotalAllocatedBytes() - before;
            Assert.Equal(60.0 * minutes, output.Duration);
            return allocated;
        }
    }

    [Fact]
    public void Voice_activity_detection_of_an_hour_takes_the_memory_of_a_minute()
    {
        float[] minute = [.. TestAudio.Babble(25), .. TestAudio.Silence(3), .. TestAudio.Noise(10, 0.01), .. TestAudio.Babble(22)];
        using var folder = new VadFolder(VadModelTests.Mean(512), new VadSettings("") { ContextSamples = 0 });
        using VadModel model = VadModel.Load(folder.Path);
        float[] positive = [.. minute.Select(Math.Abs)];

        Run(new EnergyVad(), minute, perFrame: 0);
        Run(new SteadySoundFilter(new EnergyVad()), minute, perFrame: 0);
        // What ONNX Runtime's own assembly makes for a run, and drops.
        Run(model.CreateClassifier(), positive, perFrame: 1000);

        static void Run(IFrameClassifier classifier, float[] minute, int perFrame)
        {
            using var vad = new VoiceActivityDetector(classifier);
            Process(2);
            long allocated = GC.GetAllocatedBytesForCurrentThread();
            long held = GC.GetTotalMemory(forceFullCollection: true);
            Process(58);
            held = GC.GetTotalMemory(forceFullCollection: true) - held;
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            int frames = 58 * minute.Length / classifier.FrameSamples;

            Assert.InRange(allocated, 0, 100_000 + (long)perFrame * frames);
            // The frames of 58 minutes would be at least 1.7 MB.
            Assert.InRange(held, long.MinValue, 500_000);
            GC.KeepAlive(vad);

            void Process(int minutes)
            {
                for (int i = 0; i < minutes * 60; i++)
                {
                    vad.Process(minute.AsSpan(i % 60 * 16_000, 16_000));
                }
            }
        }
    }

    [SharedDataFact]
    public void Silero_makes_nothing_anew_for_a_frame()
    {
        using var folder = VadFolder.Silero();
        using VadModel model = VadModel.Load(folder.Path);
        using var vad = new VoiceActivityDetector(model.CreateClassifier());
        float[] second = TestAudio.Babble(1);
        vad.Process(second);

        long allocated = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 60; i++)
        {
            vad.Process(second);
        }

        // Its states alone are 1 KiB, its input 2.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - allocated, 0, 60 * 31 * 1000);
    }

    [Fact]
    public async Task Two_thousand_broken_headers_do_no_harm()
    {
        var random = new Random(42);
        byte[] good = TestAudio.Wav(
            TestAudio.ExtensibleFormat(1, 2, 44_100, 16), TestAudio.Wav16(TestAudio.Tone(440, 1))[44..4044], before: TestAudio.Chunk("ds64", new byte[28]));
        long before = GC.GetTotalAllocatedBytes();
        int read = 0, refused = 0, unknown = 0;
        for (int round = 0; round < 2000; round++)
        {
            byte[] file = [.. good[..random.Next(12, good.Length)], .. new byte[random.Next(3)]];
            file = round % 2 == 0 ? (byte[])good.Clone() : file;
            for (int flips = random.Next(1, 6); flips > 0; flips--)
            {
                file[random.Next(Math.Min(file.Length, 128))] = (byte)(random.Next(3) == 0 ? 255 : random.Next(256));
            }
            try
            {
                Stream stream = round % 4 < 2 ? new MemoryStream(file) : new TricklingStream(file);
                await using WavReader? reader = await WavReader.OpenAsync(stream, "x.wav", default);
                if (reader is null)
                {
                    unknown++;
                    continue;
                }
                Assert.InRange((await TestAudio.ReadAllAsync(reader)).Length, 0, file.Length);
                read++;
            }
            catch (BadInputException)
            {
                refused++;
            }
        }

        Assert.True(read > 100 && refused > 100 && unknown > 10, $"{read} read, {refused} refused, {unknown} unknown");
        // A block and its samples for each: 64 KiB of bytes and up to 256 KiB of floats, and the test's own lists.
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 2000L * 800 * 1024);
    }
}
