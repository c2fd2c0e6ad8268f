using System.Buffers.Binary;
using Omoai.Speech.Audio;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Tests.Audio;

public sealed class WavReaderTests
{
    // The same four values in every encoding: 0.5, −0.5, 0, −1 (A-law and mu-law: as near as G.711 comes).
    public static TheoryData<string, int, int, byte[], double> Encodings => new()
    {
        { "pcm_u8", 1, 8, [192, 64, 128, 0], 0 },
        { "pcm_s16le", 1, 16, [0, 0x40, 0, 0xC0, 0, 0, 0, 0x80], 0 },
        { "pcm_s24le", 1, 24, [0, 0, 0x40, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0x80], 0 },
        { "pcm_s32le", 1, 32, [0, 0, 0, 0x40, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0, 0x80], 0 },
        { "pcm_f32le", 3, 32, Bytes(BitConverter.GetBytes, 0.5f, -0.5f, 0f, -1f), 0 },
        { "pcm_f64le", 3, 64, Bytes(BitConverter.GetBytes, 0.5, -0.5, 0.0, -1.0), 0 },
        { "pcm_alaw", 6, 8, [0xA5, 0x25, 0xD5, 0x2A], 0.02 },
        { "pcm_mulaw", 7, 8, [0x8F, 0x0F, 0xFF, 0x00], 0.03 },
    };

    private static readonly float[] FourValues = [0.5f, -0.5f, 0, -1];

    private static byte[] OneSecond => TestAudio.Wav16(TestAudio.Tone(440, 1));

    [Theory]
    [MemberData(nameof(Encodings))]
    public async Task Every_encoding_is_read(string codec, int tag, int bits, byte[] data, double tolerance)
    {
        byte[][] formats = [TestAudio.Format(tag, 1, 44_100, bits), TestAudio.ExtensibleFormat(tag, 1, 44_100, bits)];
        foreach (byte[] format in formats)
        {
            await using WavReader reader = await OpenAsync(TestAudio.Wav(format, data));

            Assert.Equal(new AudioFormat(44_100, 1, codec), reader.Format);
            float[] samples = await TestAudio.ReadAllAsync(reader);
            Assert.Equal(4, samples.Length);
            for (int i = 0; i < 4; i++)
            {
                Assert.Equal(FourValues[i], samples[i], tolerance + 1e-9);
            }
            Assert.Empty(reader.Warnings);
        }
    }

    [FfmpegTheory]
    [InlineData("pcm_alaw")]
    [InlineData("pcm_mulaw")]
    public async Task Companded_samples_are_decoded_as_ffmpeg_does(string codec)
    {
        using var folder = new TemporaryFolder();
        byte[] codes = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        string companded = folder.Write("in.wav", TestAudio.Wav(TestAudio.Format(codec == "pcm_alaw" ? 6 : 7, 1, 8000, 8), codes));
        Ffmpeg.Convert(companded, folder.File("out.wav"), "-c:a", "pcm_s16le");

        await using WavReader ours = await OpenAsync(File.ReadAllBytes(companded));
        await using WavReader theirs = await OpenAsync(File.ReadAllBytes(folder.File("out.wav")));

        Assert.Equal(await TestAudio.ReadAllAsync(theirs), await TestAudio.ReadAllAsync(ours));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(6)]
    [InlineData(8)]
    [InlineData(64)]
    public async Task Channels_are_averaged(int channels)
    {
        var data = new byte[2 * channels * 100];
        for (int i = 0; i < 100 * channels; i++)
        {
            BinaryPrimitives.WriteInt16LittleEndian(data.AsSpan(2 * i), (short)(100 * (i % channels)));
        }

        await using WavReader reader = await OpenAsync(TestAudio.Wav(TestAudio.Format(1, channels, 48_000, 16), data));

        Assert.Equal(channels, reader.Format.Channels);
        float[] samples = await TestAudio.ReadAllAsync(reader, blockSize: 33);
        Assert.Equal(100, samples.Length);
        Assert.All(samples, sample => Assert.Equal(100 * (channels - 1) / 2.0 / 32768, sample, 1e-6));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(10)]
    [InlineData(3000)]
    public async Task Channels_come_in_turn_and_never_in_part(int room)
    {
        var data = new byte[2 * 3 * 100];
        for (int i = 0; i < 300; i++)
        {
            BinaryPrimitives.WriteInt16LittleEndian(data.AsSpan(2 * i), (short)i);
        }

        await using WavReader reader = await OpenAsync(TestAudio.Wav(TestAudio.Format(1, 3, 48_000, 16), data));
        var samples = new List<int>();
        var block = new float[room];
        int read;
        while ((read = await reader.ReadAsync(block, default)) > 0)
        {
            Assert.InRange(read, 1, room / 3);
            samples.AddRange(block[..(3 * read)].Select(sample => (int)(sample * 32768)));
        }

        Assert.Equal(Enumerable.Range(0, 300), samples);
    }

    [Fact]
    public async Task A_stream_that_cannot_seek_gives_the_same_samples()
    {
        byte[] file = TestAudio.Wav(
            TestAudio.Format(1, 1, 16_000, 16), OneSecond[44..], before: TestAudio.Chunk("LIST", new byte[777]));

        await using WavReader seekable = await OpenAsync(file);
        await using WavReader piped = (await WavReader.OpenAsync(new TricklingStream(file), "x.wav", default))!;

        float[] expected = await TestAudio.ReadAllAsync(seekable);
        Assert.Equal(16_000, expected.Length);
        Assert.Equal(expected, await TestAudio.ReadAllAsync(piped));
    }

    [Fact]
    public async Task Unknown_chunks_are_skipped_with_their_padding()
    {
        byte[] before = [.. TestAudio.Chunk("JUNK", new byte[5]), .. TestAudio.Chunk("bext", new byte[602])];

        await using WavReader reader = await OpenAsync(TestAudio.Wav(TestAudio.Format(1, 1, 16_000, 16), [0, 0x40], before: before));

        Assert.Equal(0.5f, Assert.Single(await TestAudio.ReadAllAsync(reader)));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(0xFFFFFFFFu)]
    [InlineData(0x7FFFF000u)]
    public async Task A_size_that_a_pipe_left_open_means_to_the_end(uint size)
    {
        byte[] file = TestAudio.Wav(TestAudio.Format(1, 1, 16_000, 16), OneSecond[44..], size);

        await using WavReader reader = await OpenAsync(file);

        Assert.Equal(16_000, (await TestAudio.ReadAllAsync(reader)).Length);
        Assert.Empty(reader.Warnings);
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(1001)]
    public async Task A_size_of_zero_is_meant_where_other_chunks_follow(int length)
    {
        byte[] format = TestAudio.Format(1, 1, 16_000, 16);
        byte[] chunks = [.. TestAudio.Chunk("LIST", new byte[300]), .. TestAudio.Chunk("id3 ", new byte[length])];

        foreach (byte[] after in (byte[][])[chunks, chunks[..^(length % 2)]])
        {
            await using WavReader reader = await OpenAsync(TestAudio.Wav(format, after, dataSize: 0));
            Assert.Empty(await TestAudio.ReadAllAsync(reader));
        }
        await using WavReader more = await OpenAsync(TestAudio.Wav(format, [.. chunks, .. OneSecond[44..]], dataSize: 0));
        Assert.True((await TestAudio.ReadAllAsync(more)).Length > 16_000);
    }

    [Fact]
    public async Task A_file_that_was_cut_short_gives_what_is_there_and_a_warning()
    {
        byte[] file = OneSecond[..(44 + 2 * 4000 + 1)];

        await using WavReader reader = await OpenAsync(file);

        Assert.Equal(4000, (await TestAudio.ReadAllAsync(reader)).Length);
        var warning = Assert.Single(reader.Warnings);
        Assert.Equal("truncated_audio", warning.Code);
        Assert.Contains("promises 1.0 s", warning.Message, StringComparison.Ordinal);
        Assert.Contains("holds 0.3 s", warning.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_follows_the_audio_is_not_audio()
    {
        byte[] file = [.. OneSecond, .. TestAudio.Chunk("LIST", new byte[1000])];

        await using WavReader reader = await OpenAsync(file);

        Assert.Equal(16_000, (await TestAudio.ReadAllAsync(reader)).Length);
    }

    [Theory]
    [InlineData("RF64")]
    [InlineData("BW64")]
    public async Task Long_files_have_their_size_in_ds64(string id)
    {
        var sizes = new byte[28];
        BinaryPrimitives.WriteInt64LittleEndian(sizes.AsSpan(8), 32_000);
        byte[] audio = OneSecond[44..];
        byte[] file = TestAudio.Wav(
            TestAudio.Format(1, 1, 16_000, 16), [.. audio, .. new byte[500]], uint.MaxValue, TestAudio.Chunk("ds64", sizes));
        System.Text.Encoding.ASCII.GetBytes(id).CopyTo(file, 0);

        await using WavReader reader = await OpenAsync(file);

        Assert.Equal(16_000, (await TestAudio.ReadAllAsync(reader)).Length);
    }

    [Fact]
    public async Task Floats_that_are_no_numbers_are_silence_and_huge_ones_full_scale()
    {
        byte[] data = Bytes(BitConverter.GetBytes, float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1e30f, -1e30f);

        await using WavReader reader = await OpenAsync(TestAudio.Wav(TestAudio.Format(3, 1, 16_000, 32), data));

        float[] expected = [0, 0, 0, 1, -1];
        Assert.Equal(expected, await TestAudio.ReadAllAsync(reader));
    }

    [Fact]
    public async Task Samples_at_full_scale_are_counted()
    {
        byte[] file = TestAudio.Wav16([1, -1, 0.5f, 0, 0, 0, 0, 0], channels: 2);

        await using WavReader reader = await OpenAsync(file);
        await TestAudio.ReadAllAsync(reader);

        Assert.Equal(0.25, reader.ClippedShare, 1e-9);
        Assert.Equal(8.0 / 16_000, reader.StatedSeconds);
    }

    public static TheoryData<string, byte[]> Nonsense => new()
    {
        { "channels is 0", Lying(22, 0, 0) },
        { "sample rate is 0", Lying(24, 0, 0, 0, 0) },
        { "sample rate is 4294967295", Lying(24, 255, 255, 255, 255) },
        { "block align is 2", Lying(22, 9, 0) },
        { "block align is 3", Lying(32, 3, 0) },
        { "block align is 4", Lying(32, 4, 0) },
        { "bits per sample is 0", Lying(34, 0, 0) },
        { "bits per sample is 65", Lying(34, 65, 0) },
        { "block align is 2", Lying(34, 20, 0) },
        { "format chunk is 4294967295", Lying(16, 255, 255, 255, 255) },
        { "format chunk is 2", Lying(16, 2, 0, 0, 0) },
        { "format is missing", Lying(12, (byte)'j') },
        { "without audio data", OneSecond[..36] },
        { "without audio data", OneSecond[..20] },
        { "without audio data", Lying(36, (byte)'j') },
        { "isn't WAV", [.. "RIFF0000AVI "u8] },
        { "is empty", [] },
    };

    [Theory]
    [MemberData(nameof(Nonsense))]
    public async Task A_header_that_makes_no_sense_is_bad_input(string what, byte[] file)
    {
        var error = await Assert.ThrowsAsync<BadInputException>(() => OpenAsync(file));

        Assert.StartsWith("x.wav ", error.Message, StringComparison.Ordinal);
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Endless_chunks_are_given_up_on()
    {
        byte[] chunk = TestAudio.Chunk("JUNK", []);
        byte[] file = [.. "RIFF0000WAVE"u8, .. Enumerable.Repeat(chunk, 10_000).SelectMany(bytes => bytes)];

        await Assert.ThrowsAsync<BadInputException>(() => OpenAsync(file));
    }

    [Theory]
    [InlineData(2, 1, 4)] // ADPCM
    [InlineData(1, 1, 64)]
    [InlineData(3, 1, 16)]
    [InlineData(1, 65, 16)]
    public async Task An_encoding_that_is_not_known_here_is_left_to_others(int tag, int channels, int bits)
    {
        byte[] file = TestAudio.Wav(TestAudio.Format(tag, channels, 16_000, bits), new byte[100]);

        Assert.Null(await WavReader.OpenAsync(new MemoryStream(file), "x.wav", default));
    }

    [Theory]
    [InlineData(1, 8, 255, 0)]
    [InlineData(6, 8, 0xAA, 0x2A)]
    [InlineData(7, 8, 0x80, 0x00)]
    public async Task Full_scale_is_that_of_the_encoding(int tag, int bits, byte highest, byte lowest)
    {
        byte silence = (byte)(tag == 1 ? 128 : tag == 6 ? 0xD5 : 0xFF);
        byte[] file = TestAudio.Wav(TestAudio.Format(tag, 1, 8000, bits), [highest, lowest, silence, silence]);

        await using WavReader reader = await OpenAsync(file);
        await TestAudio.ReadAllAsync(reader);

        Assert.Equal(0.5, reader.ClippedShare);
    }

    private static async Task<WavReader> OpenAsync(byte[] file) =>
        (await WavReader.OpenAsync(new MemoryStream(file), "x.wav", CancellationToken.None))!;

    private static byte[] Lying(int at, params byte[] bytes)
    {
        byte[] file = OneSecond;
        bytes.CopyTo(file, at);
        return file;
    }

    private static byte[] Bytes<T>(Func<T, byte[]> convert, params T[] values) => [.. values.SelectMany(convert)];
}
