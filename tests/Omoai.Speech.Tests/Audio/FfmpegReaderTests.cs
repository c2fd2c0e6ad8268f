using System.Net;
using System.Net.Sockets;
using Omoai.Speech.Audio;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Tests.Audio;

public sealed class FfmpegReaderTests
{
    [FfmpegTheory]
    [InlineData("a.mp3", "mp3", 44_100)]
    [InlineData("a.m4a", "aac", 44_100)]
    [InlineData("a.flac", "flac", 44_100)]
    [InlineData("a.ogg", "vorbis", 44_100)]
    [InlineData("a.opus", "opus", 48_000)]
    [InlineData("a.webm", "opus", 48_000)]
    [InlineData("a.aac", "aac", 44_100)]
    [InlineData("a.aiff", "pcm_s16be", 44_100)]
    [InlineData("a.caf", "pcm_s16be", 44_100)]
    [InlineData("a.au", "pcm_s16be", 44_100)]
    [InlineData("a.w64", "pcm_s16le", 44_100)]
    [InlineData("a.wma", "wmav2", 44_100)]
    [InlineData("a.mpg", "mp2", 44_100)]
    [InlineData("a.ts", "mp2", 44_100)]
    [InlineData("a.avi", "mp3", 44_100)]
    [InlineData("a.mkv", "vorbis", 44_100)]
    public async Task Every_container_is_read_whatever_its_name(string name, string codec, int rate)
    {
        using var folder = new TemporaryFolder();
        string source = folder.Write("in.wav", TestAudio.Wav16(TestAudio.Tone(440, 3, 44_100), 44_100, channels: 2));
        Ffmpeg.Convert(source, folder.File(name));
        string renamed = folder.File("recording.wav");
        File.Move(folder.File(name), renamed);

        await using IAudioReader reader = await AudioFile.OpenAsync(renamed, AudioFile.DisplayName(renamed), null, CancellationToken.None);
        float[] samples = await TestAudio.ReadAllAsync(reader);

        Assert.IsType<FfmpegReader>(reader);
        Assert.Equal(new AudioFormat(rate, 2, codec), reader.Format);
        Assert.InRange(samples.Length / (double)rate, 2.99, 3.12);
        double power = samples[(rate / 2)..(2 * rate)].Average(sample => (double)sample * sample);
        Assert.InRange(power, 0.9 * 0.125, 1.1 * 0.125);
        Assert.Empty(reader.Warnings);
    }

    [FfmpegFact]
    public async Task Wav_of_an_encoding_that_is_not_plain_goes_to_ffmpeg()
    {
        using var folder = new TemporaryFolder();
        string source = folder.Write("in.wav", TestAudio.Wav16(TestAudio.Tone(440, 1)));
        Ffmpeg.Convert(source, folder.File("adpcm.wav"), "-c:a", "adpcm_ms");

        await using IAudioReader reader = await AudioFile.OpenAsync(folder.File("adpcm.wav"), AudioFile.DisplayName(folder.File("adpcm.wav")), null, CancellationToken.None);

        Assert.InRange((await TestAudio.ReadAllAsync(reader)).Length, 16_000, 17_000);
        Assert.Equal(new AudioFormat(16_000, 1, "adpcm_ms"), reader.Format);
    }

    [FfmpegFact]
    public async Task A_playlist_is_refused_without_reading_or_calling_anything()
    {
        using var folder = new TemporaryFolder();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        string url = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/x.mp3";
        string audio = folder.Write("secret.wav", TestAudio.Wav16(TestAudio.Tone(440, 1)));
        string[] playlists =
        [
            $"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
            $"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{audio}\n#EXT-X-ENDLIST\n",
            $"ffconcat version 1.0\nfile '{audio}'\nfile '{url}'\n",
            $"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
            $"<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\"><Period><AdaptationSet "
                + $"mimeType=\"audio/mp4\"><Representation id=\"1\" bandwidth=\"1\"><BaseURL>{url}</BaseURL></Representation>"
                + "</AdaptationSet></Period></MPD>",
        ];
        foreach (string playlist in playlists)
        {
            string path = folder.Write("song.mp3", System.Text.Encoding.UTF8.GetBytes(playlist));

            // By the reader's own guards, and by the sniffing before it.
            await Assert.ThrowsAsync<BadInputException>(
                () => FfmpegReader.OpenAsync(path, "song.mp3", null, CancellationToken.None));
            var error = await Assert.ThrowsAsync<BadInputException>(
                () => AudioFile.OpenAsync(path, AudioFile.DisplayName(path), null, CancellationToken.None));
            Assert.DoesNotContain(folder.Path, error.Message, StringComparison.Ordinal);
        }
        Assert.False(listener.Pending());
    }

    [FfmpegFact]
    public async Task What_holds_no_audio_is_bad_input()
    {
        using var folder = new TemporaryFolder();
        string source = folder.Write("in.wav", TestAudio.Wav16(TestAudio.Tone(440, 1)));
        Ffmpeg.Convert(source, folder.File("a.jpeg"), "-filter_complex", "showwavespic=s=64x64", "-frames:v", "1");
        Ffmpeg.Convert(source, folder.File("a.mp4"), "-filter_complex", "showwaves=s=64x64", "-an", "-c:v", "mpeg4");
        var random = new byte[5000];
        new Random(5).NextBytes(random);
        folder.Write("a.bin", [0, 1, 2, 3, .. random[..100]]);

        foreach (string name in (string[])["a.jpeg", "a.bin"])
        {
            var refusal = await Assert.ThrowsAsync<BadInputException>(
                () => AudioFile.OpenAsync(folder.File(name), AudioFile.DisplayName(folder.File(name)), null, CancellationToken.None));
            Assert.StartsWith($"{name} isn't audio that can be read.", refusal.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(folder.Path, refusal.Message, StringComparison.Ordinal);
        }
        var error = await Assert.ThrowsAsync<BadInputException>(
            () => AudioFile.OpenAsync(folder.File("a.mp4"), AudioFile.DisplayName(folder.File("a.mp4")), null, CancellationToken.None));
        Assert.Equal("a.mp4 has no audio in it.", error.Message);
    }

    [FfmpegTheory]
    [InlineData("-i.mp3")]
    [InlineData("a%d.mp3")]
    [InlineData("http:x.mp3")]
    [InlineData("concat:a|b.mp3")]
    [InlineData("a\nb.mp3")]
    [InlineData("pipe:0")]
    public async Task Names_mean_nothing_to_ffmpeg(string name)
    {
        using var folder = new TemporaryFolder();
        string source = folder.Write("in.wav", TestAudio.Wav16(TestAudio.Tone(440, 1)));
        Ffmpeg.Convert(source, folder.File("x.mp3"));
        File.Move(folder.File("x.mp3"), folder.File(name));

        await using IAudioReader reader = await AudioFile.OpenAsync(folder.File(name), AudioFile.DisplayName(folder.File(name)), null, CancellationToken.None);

        Assert.InRange((await TestAudio.ReadAllAsync(reader)).Length, 16_000, 17_700);
    }

    [FfmpegFact]
    public async Task A_file_that_breaks_in_the_middle_gives_what_could_be_decoded_and_a_warning()
    {
        using var folder = new TemporaryFolder();
        string source = folder.Write("in.wav", TestAudio.Wav16(TestAudio.Babble(20)));
        Ffmpeg.Convert(source, folder.File("a.flac"));
        Ffmpeg.Convert(source, folder.File("a.m4a"));
        byte[] torn = File.ReadAllBytes(folder.File("a.flac"));
        torn = torn[..(torn.Length / 2)];
        byte[] scrambled = File.ReadAllBytes(folder.File("a.m4a"));
        new Random(1).NextBytes(scrambled.AsSpan(scrambled.Length / 2, 5000));

        Assert.Contains("truncated_audio", await WarningsAsync(folder.Write("torn.flac", torn), 5, 15));
        Assert.Contains("damaged_audio", await WarningsAsync(folder.Write("scrambled.m4a", scrambled), 15, 20.1));
    }

    [FfmpegFact]
    public async Task Audio_that_starts_later_than_its_video_keeps_its_times()
    {
        using var folder = new TemporaryFolder();
        string source = folder.Write("in.wav", TestAudio.Wav16(TestAudio.Tone(440, 2)));
        Ffmpeg.Convert(
            source, folder.File("a.mkv"), "-itsoffset", "1.5", "-i", source, "-filter_complex", "[0:a]showwaves=s=64x64[v]",
            "-map", "[v]", "-map", "1:a", "-c:v", "mpeg4", "-c:a", "pcm_s16le");

        await using IAudioReader reader = await AudioFile.OpenAsync(folder.File("a.mkv"), AudioFile.DisplayName(folder.File("a.mkv")), null, CancellationToken.None);
        float[] samples = await TestAudio.ReadAllAsync(reader);

        Assert.InRange(samples.Length / 16_000.0, 3.45, 3.55);
        Assert.InRange(Array.FindIndex(samples, sample => Math.Abs(sample) > 0.01) / 16_000.0, 1.45, 1.55);
    }

    [FfmpegFact]
    public async Task A_huge_gap_in_the_time_stamps_costs_neither_memory_nor_the_speech_after_it()
    {
        using var folder = new TemporaryFolder();
        string source = folder.Write("in.wav", TestAudio.Wav16([.. TestAudio.Tone(440, 2), .. TestAudio.Tone(440, 2)]));
        WriteWithGap(source, folder.File("a.mkv"), 3000);

        await using IAudioReader reader = await AudioFile.OpenAsync(folder.File("a.mkv"), "a.mkv", null, CancellationToken.None);
        float[] samples = await TestAudio.ReadAllAsync(reader);

        Assert.InRange(samples.Length / 16_000.0, 33.8, 34.2);
        Assert.InRange(samples[^(16_000 * 19 / 10)..].Average(sample => sample * sample), 0.11, 0.14);
        var warning = Assert.Single(reader.Warnings);
        Assert.Equal("time_gap", warning.Code);
        Assert.Contains("by 2970.0 s", warning.Message, StringComparison.Ordinal);
    }

    [FfmpegFact]
    public async Task A_small_gap_in_the_time_stamps_becomes_silence()
    {
        using var folder = new TemporaryFolder();
        string source = folder.Write("in.wav", TestAudio.Wav16(TestAudio.Tone(440, 4)));
        WriteWithGap(source, folder.File("a.mkv"), 5);

        await using IAudioReader reader = await AudioFile.OpenAsync(folder.File("a.mkv"), "a.mkv", null, CancellationToken.None);
        float[] samples = await TestAudio.ReadAllAsync(reader);

        Assert.InRange(samples.Length / 16_000.0, 8.9, 9.1);
        Assert.All(samples[(3 * 16_000)..(6 * 16_000)], sample => Assert.Equal(0, sample));
        Assert.Empty(reader.Warnings);
    }

    [FfmpegFact]
    public async Task Time_stamps_that_start_again_do_not_drop_what_follows()
    {
        using var folder = new TemporaryFolder();
        string source = folder.Write("in.wav", TestAudio.Wav16(TestAudio.Tone(440, 4, 44_100), 44_100));
        Ffmpeg.Convert(source, folder.File("a.mkv"), "-c:a", "pcm_s16le");
        byte[] once = File.ReadAllBytes(folder.File("a.mkv"));
        folder.Write("twice.mkv", [.. once, .. once]);

        await using IAudioReader reader = await AudioFile.OpenAsync(folder.File("twice.mkv"), "twice.mkv", null, CancellationToken.None);

        Assert.InRange((await TestAudio.ReadAllAsync(reader)).Length / 44_100.0, 7.8, 8.2);
        Assert.Contains("time_gap", reader.Warnings.Select(warning => warning.Code));
    }

    [UnixTheory]
    [InlineData("kill -TERM $$")]
    [InlineData("kill -SEGV $$")]
    [InlineData("echo '[info] Exiting normally, received signal 15.' >&2; exit 255")]
    [InlineData("exit 123")]
    public async Task An_ffmpeg_that_is_killed_is_no_truncated_recording(string end)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("a.mp3", [0xFF, 0xFB, 0x90, 0, 0, 0]);
        string half = folder.Write("half.wav", TestAudio.Wav16(TestAudio.Tone(440, 1)));
        string early = Script(folder, "early", end);
        string late = Script(folder, "late", $"cat '{half}'\n{end}");

        await Assert.ThrowsAsync<IOException>(() => AudioFile.OpenAsync(path, "a.mp3", early, CancellationToken.None));
        await using IAudioReader reader = await AudioFile.OpenAsync(path, "a.mp3", late, CancellationToken.None);
        await Assert.ThrowsAsync<IOException>(() => TestAudio.ReadAllAsync(reader));
    }

    [UnixTheory]
    [InlineData("echo 'ffmpeg: error while loading shared libraries: libx.so.1: no such file' >&2; exit 127")]
    [InlineData("echo 'ffmpeg: error while loading shared libraries: libx.so.1: no such file' >&2; exit 126")]
    public async Task An_ffmpeg_that_does_not_start_is_not_blamed_on_the_recording(string script)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("a.mp3", [0xFF, 0xFB, 0x90, 0, 0, 0]);

        var error = await Assert.ThrowsAsync<MissingRequirementException>(
            () => AudioFile.OpenAsync(path, "a.mp3", Script(folder, "ffmpeg", script), CancellationToken.None));

        Assert.Contains("error while loading shared libraries: libx.so.1", error.Message, StringComparison.Ordinal);
    }

    [UnixTheory]
    [InlineData("[info]   Stream #0:0 -> #0:0 (aac (native) -> pcm_f32le (native))", "aac")]
    [InlineData("[info] something else", "unknown")]
    public async Task The_codec_is_that_of_the_whole_log_however_late_it_comes(string line, string codec)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("a.mp3", [0xFF, 0xFB, 0x90, 0, 0, 0]);
        string wav = folder.Write("a.wav", TestAudio.Wav16(TestAudio.Tone(440, 1)));
        string ffmpeg = Script(
            folder, "ffmpeg", $"cat '{wav}'\nuntil [ -e '{folder.File("opened")}' ]; do sleep 0.01; done\necho '{line}' >&2");

        await using IAudioReader reader = await AudioFile.OpenAsync(path, "a.mp3", ffmpeg, CancellationToken.None);
        folder.Write("opened", []);
        await TestAudio.ReadAllAsync(reader);

        Assert.Equal(new AudioFormat(16_000, 1, codec), reader.Format);
    }

    [FfmpegTheory]
    [InlineData(12, 2, 1)]
    [InlineData(20, 3, 10)]
    [InlineData(64, 8, 1)]
    public async Task Wav_of_unusual_bits_is_read(int bits, int bytes, int channels)
    {
        using var folder = new TemporaryFolder();
        var data = new MemoryStream();
        foreach (float sample in TestAudio.Tone(440, 1))
        {
            // Left-justified, as the format has it.
            long value = (long)(sample * Math.Pow(2, bits - 1)) << (8 * bytes - bits);
            for (int channel = 0; channel < channels; channel++)
            {
                data.Write(BitConverter.GetBytes(value).AsSpan(0, bytes));
            }
        }
        byte[] format = TestAudio.Format(1, channels, 16_000, 8 * bytes);
        format[14] = (byte)bits;
        string path = folder.Write("a.wav", TestAudio.Wav(format, data.ToArray()));

        await using IAudioReader reader = await AudioFile.OpenAsync(path, "a.wav", null, CancellationToken.None);
        float[] samples = await TestAudio.ReadAllAsync(reader);

        Assert.Equal((16_000, channels), (samples.Length, reader.Format.Channels));
        Assert.InRange(samples.Average(sample => sample * sample), 0.12, 0.13);
    }

    [Fact]
    public async Task Without_ffmpeg_the_message_says_what_to_install()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("a.mp3", [0xFF, 0xFB, 0x90, 0, 0, 0]);

        foreach (string ffmpeg in (string[])[folder.File("no-ffmpeg"), folder.Write("not-executable", [1])])
        {
            var error = await Assert.ThrowsAsync<MissingRequirementException>(
                () => AudioFile.OpenAsync(path, AudioFile.DisplayName(path), ffmpeg, CancellationToken.None));
            Assert.Contains("apt-get install ffmpeg", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Ffmpeg_sees_nothing_of_the_environment_and_is_killed_on_cancel()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        using var folder = new TemporaryFolder();
        string path = folder.Write("a.mp3", [0xFF, 0xFB, 0x90, 0, 0, 0]);
        string script = folder.Write("ffmpeg", System.Text.Encoding.ASCII.GetBytes(
            $"#!/bin/sh\nenv > '{folder.Path}/env'\necho $$ > '{folder.Path}/pid.tmp'\n"
            + $"mv '{folder.Path}/pid.tmp' '{folder.Path}/pid'\nexec sleep 600\n"));
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        using var cancel = new CancellationTokenSource();

        Task opening = AudioFile.OpenAsync(path, AudioFile.DisplayName(path), script, cancel.Token);
        while (!File.Exists(folder.File("pid")))
        {
            await Task.Delay(10);
        }
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => opening);
        Assert.False(Directory.Exists("/proc/" + File.ReadAllText(folder.File("pid")).Trim()));
        string[] variables = [.. File.ReadAllLines(folder.File("env")).Select(line => line.Split('=')[0])];
        Assert.Contains("PATH", variables);
        Assert.Empty(variables.Except(["PATH", "LANG", "PWD", "OLDPWD", "SHLVL", "_"]));
    }

    /// <summary>Converts a file so that its time stamps jump ahead after 2 s.</summary>
    private static void WriteWithGap(string source, string to, int seconds) =>
        Ffmpeg.Convert(source, to, "-af", $"asetpts='PTS+if(gte(T,2),{seconds}/TB,0)'", "-c:a", "pcm_s16le");

    /// <summary>Something to run in place of ffmpeg.</summary>
    private static string Script(TemporaryFolder folder, string name, string commands)
    {
        string path = folder.Write(name, System.Text.Encoding.ASCII.GetBytes($"#!/bin/sh\n{commands}\n"));
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }
        return path;
    }

    private static async Task<string[]> WarningsAsync(string path, double atLeast, double atMost)
    {
        await using IAudioReader reader = await AudioFile.OpenAsync(path, AudioFile.DisplayName(path), null, CancellationToken.None);
        Assert.InRange((await TestAudio.ReadAllAsync(reader)).Length / 16_000.0, atLeast, atMost);
        return [.. reader.Warnings.Select(warning => warning.Code)];
    }
}
