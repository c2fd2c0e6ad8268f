using Omoai.Speech.Audio;
using Omoai.Speech.Tests.Audio;
using Omoai.Tests;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Tests;

public sealed class PreparerTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_recording_becomes_a_part_from_its_first_speech_to_its_last()
    {
        float[] audio =
        [
            .. TestAudio.Silence(2, 44_100), .. TestAudio.Babble(3, rate: 44_100), .. TestAudio.Silence(1, 44_100),
            .. TestAudio.Babble(2, rate: 44_100), .. TestAudio.Silence(4, 44_100),
        ];

        PrepareOutput output = await PrepareAsync(TestAudio.Wav16(audio, 44_100, channels: 2));

        Assert.Equal((12.0, 44_100, 2, "pcm_s16le"), (output.Duration, output.SampleRate, output.Channels, output.Codec));
        Assert.Empty(output.Warnings);
        var part = Assert.Single(output.Parts);
        Assert.Equal((0, "part-0000.wav"), (part.Index, part.File));
        Assert.Equal(2, part.Speech.Count);
        Assert.Equal(1.8, part.Start, 0.1);
        Assert.Equal(part.Start, part.Speech[0].Start);
        Assert.Equal(part.Start + part.Duration, part.Speech[1].End, 1e-9);
        Assert.Equal(8.2, part.Speech[1].End, 0.1);

        // The part holds that stretch of the recording, sample by sample.
        float[] written = await ReadPartAsync(part);
        Assert.Equal((int)Math.Round(part.Duration * 16_000), written.Length);
        var resampler = new Resampler(44_100);
        float[] expected = [.. resampler.Process(audio).ToArray(), .. resampler.Finish()];
        int start = (int)Math.Round(part.Start * 16_000);
        Assert.All(Enumerable.Range(0, written.Length), i => Assert.Equal(expected[start + i], written[i], 0.0001));
    }

    [Fact]
    public async Task Long_recordings_are_cut_in_pauses_into_parts_that_are_not_too_long()
    {
        var audio = new List<float>();
        var random = new Random(7);
        while (audio.Count < 200 * 16_000)
        {
            audio.AddRange(TestAudio.Babble(1 + 5 * random.NextDouble()));
            audio.AddRange(TestAudio.Silence(0.7 + random.NextDouble()));
        }
        float[] all = [.. audio];

        PrepareOutput output = await PrepareAsync(TestAudio.Wav16(all), maxPartSeconds: 30);

        Assert.InRange(output.Parts.Count, 7, 10);
        await AssertPartsAsync(output, 30);
        // Every cut lies in silence: nothing that was heard is outside all parts.
        foreach (AudioPart part in output.Parts)
        {
            all.AsSpan((int)Math.Round(part.Start * 16_000), (int)Math.Round(part.Duration * 16_000)).Clear();
        }
        Assert.InRange(all.Max(Math.Abs), 0, 0.05);
    }

    [Fact]
    public async Task Speech_without_a_pause_is_cut_all_the_same()
    {
        PrepareOutput output = await PrepareAsync(TestAudio.Wav16(TestAudio.Babble(150)), maxPartSeconds: 40);

        await AssertPartsAsync(output, 40);
        Assert.InRange(output.Parts.Sum(part => part.Duration), 149.5, 150);
    }

    [Fact]
    public async Task Long_silence_is_not_written()
    {
        float[] audio = [.. TestAudio.Babble(3), .. TestAudio.Silence(90), .. TestAudio.Babble(3), .. TestAudio.Silence(30), .. TestAudio.Babble(3)];

        PrepareOutput output = await PrepareAsync(TestAudio.Wav16(audio));

        Assert.Equal(2, output.Parts.Count);
        await AssertPartsAsync(output, 600);
        Assert.InRange(output.Parts[0].Duration, 2.8, 3.6);
        Assert.Equal(92.8, output.Parts[1].Start, 0.2);
        Assert.InRange(output.Parts[1].Duration, 36, 37);
    }

    [Fact]
    public async Task Silence_is_a_success_without_parts_and_a_warning()
    {
        PrepareOutput output = await PrepareAsync(TestAudio.Wav16(TestAudio.Silence(30)));

        Assert.Equal(30, output.Duration);
        Assert.Empty(output.Parts);
        Assert.Equal("no_speech", Assert.Single(output.Warnings).Code);
        Assert.Empty(Directory.GetFiles(folder.Path, "part-*"));
    }

    [Fact]
    public async Task What_is_wrong_with_a_recording_is_said()
    {
        byte[] file = TestAudio.Wav16([.. TestAudio.Silence(2), .. TestAudio.Babble(3, peak: 3), .. TestAudio.Silence(2)]);

        PrepareOutput output = await PrepareAsync(file[..(44 + 2 * 6 * 16_000)]);

        Assert.Equal(["truncated_audio", "clipped_audio"], output.Warnings.Select(warning => warning.Code));
        Assert.Equal(6, output.Duration);
    }

    [Theory]
    [InlineData("", "in.wav is empty.")]
    [InlineData("This is the meeting's agenda.\n", "in.wav isn't audio that can be read: it is text.")]
    [InlineData("RIFF\0\0\0\0WAVE", "in.wav is a WAV file without audio data.")]
    public async Task What_is_not_audio_is_bad_input(string content, string message)
    {
        var error = await Assert.ThrowsAsync<BadInputException>(() => PrepareAsync(System.Text.Encoding.Latin1.GetBytes(content)));

        Assert.Equal(message, error.Message);
    }

    [Fact]
    public async Task Too_little_audio_is_bad_input()
    {
        var error = await Assert.ThrowsAsync<BadInputException>(() => PrepareAsync(TestAudio.Wav16(TestAudio.Tone(440, 0.05))));
        Assert.Equal("in.wav holds only 0.05 s of audio.", error.Message);

        await Assert.ThrowsAsync<BadInputException>(() => PrepareAsync(TestAudio.Wav16([])));
    }

    [Fact]
    public async Task More_than_a_day_of_audio_is_refused_at_once()
    {
        byte[] header = TestAudio.Wav(TestAudio.Format(1, 1, 1000, 8), [], dataSize: 86_400_000 + 1000);
        string path = folder.Write("in.wav", header);
        using (FileStream file = File.OpenWrite(path))
        {
            file.SetLength(86_400_000 + 2000);
        }

        var error = await Assert.ThrowsAsync<BadInputException>(
            () => Preparer.PrepareAsync(new PrepareInput(path, folder.Path), new Reports(), default));

        Assert.Equal("in.wav holds more than 24 hours of audio.", error.Message);
    }

    [FfmpegFact]
    public async Task A_recording_that_does_not_say_how_long_it_is_is_refused_where_it_gets_too_long()
    {
        float[] audio = [.. TestAudio.Babble(3), .. TestAudio.Silence(70), .. TestAudio.Babble(3), .. TestAudio.Silence(10)];
        string wav = folder.Write("in.wav", TestAudio.Wav16(audio));
        string aac = folder.File("in.aac");
        Ffmpeg.Convert(wav, aac);

        var error = await Assert.ThrowsAsync<BadInputException>(
            () => Preparer.PrepareAsync(new PrepareInput(aac, folder.Path), new Reports(), 84, default));

        Assert.Equal("in.aac holds more than 0.02 hours of audio.", error.Message);
        Assert.Empty(Directory.GetFiles(folder.Path, "part-*"));
    }

    [FfmpegFact]
    public async Task What_a_header_claims_does_not_refuse_a_recording()
    {
        string wav = folder.Write("in.wav", TestAudio.Wav16([.. TestAudio.Babble(4), .. TestAudio.Silence(2)]));
        string mkv = folder.File("in.mkv");
        Ffmpeg.Convert(wav, mkv, "-af", "asetpts='PTS+if(gte(T,5),3000/TB,0)'", "-c:a", "pcm_s16le");

        PrepareOutput output = await Preparer.PrepareAsync(new PrepareInput(mkv, folder.Path), new Reports(), 60, default);

        Assert.Equal("pcm_s16le", output.Codec);
        Assert.InRange(output.Duration, 35.8, 36.2);
        Assert.Equal("time_gap", Assert.Single(output.Warnings).Code);
    }

    [Fact]
    public async Task Paths_that_are_no_recordings_are_bad_input()
    {
        await AssertBadAsync(folder.File("missing.wav"), "There is no file missing.wav.");
        await AssertBadAsync(folder.File("no/such/folder.wav"), "There is no file folder.wav.");
        await AssertBadAsync(folder.Path, Path.GetFileName(folder.Path) + " is a folder, not a recording.");
        if (File.Exists("/dev/zero"))
        {
            await AssertBadAsync("/dev/zero", "zero is empty.");
        }

        async Task AssertBadAsync(string path, string message)
        {
            var input = new PrepareInput(path, folder.Path);
            var error = await Assert.ThrowsAsync<BadInputException>(() => Preparer.PrepareAsync(input, new Reports(), default));
            Assert.Equal(message, error.Message);
        }
    }

    [Fact]
    public async Task Progress_rises_to_one()
    {
        var reports = new Reports();
        string path = folder.Write("in.wav", TestAudio.Wav16(TestAudio.Babble(30)));

        await Preparer.PrepareAsync(new PrepareInput(path, folder.Path), reports, default);

        Assert.True(reports.Count > 10);
        Assert.Equal(reports.Order(), reports);
        Assert.Equal(1, reports[^1]);
    }

    [Fact]
    public async Task Cancelling_stops_it_and_deletes_the_parts()
    {
        using var cancel = new CancellationTokenSource();
        float[] audio = [.. TestAudio.Babble(20), .. TestAudio.Silence(100), .. TestAudio.Babble(20)];
        string path = folder.Write("in.wav", TestAudio.Wav16(audio));
        bool hadParts = false;
        var progress = new Reports(share =>
        {
            if (share > 0.9)
            {
                hadParts = Directory.GetFiles(folder.Path, "part-*").Length > 0;
                cancel.Cancel();
            }
        });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Preparer.PrepareAsync(new PrepareInput(path, folder.Path), progress, cancel.Token));

        Assert.True(hadParts);
        Assert.Empty(Directory.GetFiles(folder.Path, "part-*"));
    }

    [FfmpegFact]
    public async Task Compressed_recordings_are_prepared_like_wav()
    {
        float[] audio = [.. TestAudio.Silence(2), .. TestAudio.Babble(3), .. TestAudio.Silence(2)];
        string wav = folder.Write("in.wav", TestAudio.Wav16(audio));
        Ffmpeg.Convert(wav, folder.File("in.m4a"));
        PrepareOutput expected = await Preparer.PrepareAsync(new PrepareInput(wav, folder.Path), new Reports(), default);
        var reports = new Reports();

        PrepareOutput output = await Preparer.PrepareAsync(new PrepareInput(folder.File("in.m4a"), folder.Path), reports, default);

        Assert.Equal((16_000, 1, "aac"), (output.SampleRate, output.Channels, output.Codec));
        Interval speech = Assert.Single(Assert.Single(output.Parts).Speech);
        Interval same = Assert.Single(Assert.Single(expected.Parts).Speech);
        Assert.Equal(same.Start, speech.Start, 0.1);
        Assert.Equal(same.End, speech.End, 0.1);
        Assert.True(reports.Count > 3);
    }

    [Fact]
    public async Task The_sample_of_this_repository_has_its_sentences_found()
    {
        string sample = Path.Combine(TestPaths.Repository, "samples", "standup.wav");

        PrepareOutput output = await Preparer.PrepareAsync(new PrepareInput(sample, folder.Path), new Reports(), default);

        await AssertPartsAsync(output, 600);
        Assert.InRange(Assert.Single(output.Parts).Speech.Count, 10, 30);
    }

    [Fact]
    public async Task Separate_channels_have_parts_of_their_own_in_order_of_time()
    {
        // Two people on the telephone, each on a channel, and for a while both at once.
        float[] first = [.. TestAudio.Silence(1), .. TestAudio.Babble(4), .. TestAudio.Silence(75), .. TestAudio.Babble(5)];
        float[] second = [.. TestAudio.Silence(7), .. TestAudio.Babble(3, peak: 0.1), .. TestAudio.Silence(72), .. TestAudio.Babble(4)];

        PrepareOutput output = await SeparateAsync(TestAudio.Wav16Channels([first, second]));

        Assert.Equal(2, output.Channels);
        Assert.Empty(output.Warnings);
        Assert.Equal([0, 1, 2, 3], output.Parts.Select(part => part.Index));
        Assert.Equal([0, 1, 0, 1], output.Parts.Select(part => part.Channel));
        Assert.Equal(
            ["part-c0-0000.wav", "part-c1-0000.wav", "part-c0-0001.wav", "part-c1-0001.wav"], output.Parts.Select(part => part.File));
        Assert.Equal(output.Parts.Select(part => part.File).Order(), Directory.GetFiles(folder.Path, "part-*").Select(Path.GetFileName).Order());
        Assert.All(output.Parts.Zip([0.8, 6.8, 79.8, 81.8]), pair => Assert.Equal(pair.Second, pair.First.Start, 0.1));

        // Each is what its channel alone would have given, sample by sample.
        float[][] channels = [first, second];
        for (int channel = 0; channel < 2; channel++)
        {
            AudioPart[] separate = [.. output.Parts.Where(part => part.Channel == channel)];
            float[] alone = [.. channels[channel], .. new float[Math.Max(first.Length, second.Length) - channels[channel].Length]];
            PrepareOutput expected = await PrepareAsync(TestAudio.Wav16(alone));
            Assert.Equal(expected.Parts.Select(part => (part.Start, part.Duration)), separate.Select(part => (part.Start, part.Duration)));
            Assert.Equal(expected.Parts.SelectMany(part => part.Speech), separate.SelectMany(part => part.Speech));
            for (int i = 0; i < separate.Length; i++)
            {
                Assert.Equal(await ReadPartAsync(expected.Parts[i]), await ReadPartAsync(separate[i]));
            }
        }
    }

    [Fact]
    public async Task Channels_that_are_mixed_have_no_number()
    {
        float[] first = [.. TestAudio.Silence(2), .. TestAudio.Babble(3)];
        float[] second = [.. TestAudio.Silence(6), .. TestAudio.Babble(3)];

        PrepareOutput output = await PrepareAsync(TestAudio.Wav16Channels([first, second]));

        AudioPart part = Assert.Single(output.Parts);
        Assert.Null(part.Channel);
        Assert.Equal(2, part.Speech.Count);
    }

    [Fact]
    public async Task Mono_recorded_as_stereo_is_transcribed_once()
    {
        float[] said = [.. TestAudio.Silence(1), .. TestAudio.Babble(3), .. TestAudio.Silence(2)];
        // The second channel was coded by itself.
        float[] again = [.. said.Zip(TestAudio.Noise(6, 0.00005), (a, b) => a + b)];

        PrepareOutput output = await SeparateAsync(TestAudio.Wav16Channels([said, again]));

        Assert.Equal((0, 0), (Assert.Single(output.Parts).Index, output.Parts[0].Channel));
        Warning warning = Assert.Single(output.Warnings);
        Assert.Equal(("same_channels", "Channel 2 of in.wav is the same as channel 1: it isn't transcribed again."),
            (warning.Code, warning.Message));
        Assert.Equal(["part-c0-0000.wav"], Directory.GetFiles(folder.Path, "part-*").Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_recording_of_one_channel_has_that_one_to_be_separate()
    {
        byte[] file = TestAudio.Wav16([.. TestAudio.Silence(1), .. TestAudio.Babble(3), .. TestAudio.Silence(2)]);

        PrepareOutput separate = await SeparateAsync(file);
        PrepareOutput mixed = await PrepareAsync(file);

        AudioPart part = Assert.Single(separate.Parts);
        Assert.Equal(0, part.Channel);
        Assert.Empty(separate.Warnings);
        Assert.Equal(Assert.Single(mixed.Parts).Speech, part.Speech);
    }

    [Fact]
    public async Task A_channel_without_speech_is_said_and_a_recording_without_any_once()
    {
        float[] said = [.. TestAudio.Silence(1), .. TestAudio.Babble(3), .. TestAudio.Silence(2)];

        PrepareOutput output = await SeparateAsync(TestAudio.Wav16Channels([TestAudio.Noise(6, 0.01), said, TestAudio.Silence(6)]));

        Assert.Equal(1, Assert.Single(output.Parts).Channel);
        Assert.Equal(["silent_channel", "silent_channel"], output.Warnings.Select(warning => warning.Code));
        Assert.Equal("No speech was found on channel 1 of in.wav.", output.Warnings[0].Message);
        Assert.Contains("channel 3", output.Warnings[1].Message, StringComparison.Ordinal);

        PrepareOutput none = await SeparateAsync(TestAudio.Wav16Channels([TestAudio.Silence(6), TestAudio.Silence(6)]));

        Assert.Empty(none.Parts);
        Assert.Equal("no_speech", Assert.Single(none.Warnings).Code);
    }

    [Fact]
    public async Task Eight_channels_can_be_separate_and_nine_cannot()
    {
        float[][] channels = [.. Enumerable.Range(0, 8).Select(i => (float[])[.. TestAudio.Silence(1 + i), .. TestAudio.Babble(2, rate: 8000)])];

        PrepareOutput output = await SeparateAsync(TestAudio.Wav16Channels(channels, 8000));

        Assert.Equal(Enumerable.Range(0, 8), output.Parts.Select(part => part.Channel ?? -1));

        byte[] nine = TestAudio.Wav16Channels([.. channels, TestAudio.Silence(1)], 8000);
        var error = await Assert.ThrowsAsync<BadInputException>(() => SeparateAsync(nine));
        Assert.Equal(
            "in.wav has 9 channels; at most 8 can be transcribed separately. Have them mixed, or split the recording.", error.Message);
        Assert.Single((await PrepareAsync(nine)).Parts);
    }

    [FfmpegFact]
    public async Task Channels_of_compressed_recordings_can_be_separate()
    {
        float[] first = [.. TestAudio.Silence(1), .. TestAudio.Babble(3), .. TestAudio.Silence(5)];
        float[] second = [.. TestAudio.Silence(5), .. TestAudio.Babble(3), .. TestAudio.Silence(1)];
        string wav = folder.Write("in.wav", TestAudio.Wav16Channels([first, second]));
        Ffmpeg.Convert(wav, folder.File("in.flac"));

        PrepareOutput expected = await PrepareFileAsync(wav);
        PrepareOutput output = await PrepareFileAsync(folder.File("in.flac"));

        Assert.Equal("flac", output.Codec);
        Assert.Equal([0, 1], output.Parts.Select(part => part.Channel ?? -1));
        Assert.Equal(expected.Parts.SelectMany(part => part.Speech), output.Parts.SelectMany(part => part.Speech));

        Task<PrepareOutput> PrepareFileAsync(string path) => Preparer.PrepareAsync(
            new PrepareInput(path, folder.Path, Channels: ChannelMode.Separate), new Reports(), default);
    }

    [Fact]
    public async Task A_model_that_cannot_be_used_is_said()
    {
        string path = folder.Write("in.wav", TestAudio.Wav16(TestAudio.Babble(3)));

        await Assert.ThrowsAsync<MissingRequirementException>(() => Preparer.PrepareAsync(
            new PrepareInput(path, folder.Path, VadModelFolder: folder.File("none")), new Reports(), default));
    }

    private async Task<PrepareOutput> SeparateAsync(byte[] file)
    {
        string path = folder.Write("in.wav", file);
        return await Preparer.PrepareAsync(
            new PrepareInput(path, folder.Path, Channels: ChannelMode.Separate), new Reports(), default);
    }

    private async Task<PrepareOutput> PrepareAsync(byte[] file, double maxPartSeconds = 600)
    {
        string path = folder.Write("in.wav", file);
        return await Preparer.PrepareAsync(new PrepareInput(path, folder.Path, maxPartSeconds), new Reports(), default);
    }

    private async Task AssertPartsAsync(PrepareOutput output, double maxPartSeconds)
    {
        double end = 0;
        for (int i = 0; i < output.Parts.Count; i++)
        {
            AudioPart part = output.Parts[i];
            Assert.Equal(i, part.Index);
            Assert.InRange(part.Duration, 0.1, maxPartSeconds);
            Assert.Equal(part.Start, part.Speech[0].Start);
            Assert.Equal(part.Start + part.Duration, part.Speech[^1].End, 1e-6);
            foreach (Interval window in part.Speech)
            {
                Assert.True(window.Start >= end && window.End > window.Start && window.End <= output.Duration);
                Assert.True(window.End - window.Start <= AudioPart.MaxSpeechSeconds);
                end = window.End;
            }
            Assert.Equal(44 + 2 * (long)Math.Round(part.Duration * 16_000), new FileInfo(folder.File(part.File)).Length);
            await using WavReader reader = (await WavReader.OpenAsync(File.OpenRead(folder.File(part.File)), part.File, default))!;
            Assert.Equal(new AudioFormat(16_000, 1, "pcm_s16le"), reader.Format);
        }
    }

    private async Task<float[]> ReadPartAsync(AudioPart part)
    {
        await using WavReader reader = (await WavReader.OpenAsync(File.OpenRead(folder.File(part.File)), part.File, default))!;
        float[] samples = await TestAudio.ReadAllAsync(reader);
        Assert.Empty(reader.Warnings);
        return samples;
    }
}

/// <summary>Keeps what was reported.</summary>
internal sealed class Reports(Action<double>? then = null) : List<double>, IProgress<double>
{
    public void Report(double value)
    {
        Add(value);
        then?.Invoke(value);
    }
}
