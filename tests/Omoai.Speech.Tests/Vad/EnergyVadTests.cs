using Omoai.Speech.Audio;
using Omoai.Speech.Tests.Audio;
using Omoai.Speech.Vad;
using Omoai.Tests;

namespace Omoai.Speech.Tests.Vad;

public sealed class EnergyVadTests
{
    [Fact]
    public void Silence_hum_and_hiss_are_not_speech()
    {
        Assert.Empty(Detect(TestAudio.Silence(30)));
        Assert.Empty(Detect(TestAudio.Tone(50, 30, amplitude: 0.3)));
        Assert.Empty(Detect(TestAudio.Tone(60, 30, amplitude: 0.3)));
        Assert.Empty(Detect(TestAudio.Tone(440, 30)));
        Assert.Empty(Detect(TestAudio.Noise(30, 0.5)));
        Assert.Empty(Detect(TestAudio.Noise(30, 0.001)));
        Assert.Empty(Detect([.. TestAudio.Silence(10).Select(_ => 0.2f)]));
    }

    [Theory]
    [InlineData(-3, 0)]
    [InlineData(-20, 0.01)]
    [InlineData(-50, 0)]
    [InlineData(-50, 0.0001)]
    public void Speech_is_found_where_it_is(double peakDecibels, double noise)
    {
        float[] audio =
        [
            .. TestAudio.Silence(4), .. TestAudio.Babble(3, Math.Pow(10, peakDecibels / 20)),
            .. TestAudio.Silence(5), .. TestAudio.Babble(1, Math.Pow(10, peakDecibels / 20)), .. TestAudio.Silence(2),
        ];
        float[] hiss = TestAudio.Noise(15, noise);

        var windows = Detect([.. audio.Zip(hiss, (a, b) => a + b)]);

        Assert.Equal(2, windows.Count);
        Assert.Equal((3.75, 7.25), Seconds(windows[0]), (a, b) => Near(a, b, 0.16));
        Assert.Equal((11.75, 13.25), Seconds(windows[1]), (a, b) => Near(a, b, 0.16));
    }

    [Fact]
    public void A_click_is_not_speech_and_a_word_is()
    {
        float[] click = TestAudio.Tone(1000, 0.03);
        float[] word = TestAudio.Tone(300, 0.3);

        var windows = Detect([.. TestAudio.Silence(2), .. click, .. TestAudio.Silence(2), .. word, .. TestAudio.Silence(2)]);

        var window = Assert.Single(windows);
        Assert.Equal((3.78, 4.58), Seconds(window), (a, b) => Near(a, b, 0.05));
    }

    [Fact]
    public void Short_pauses_stay_inside_a_window_and_near_windows_share_the_gap()
    {
        var windows = Detect(
        [
            .. TestAudio.Silence(2), .. TestAudio.Tone(300, 1), .. TestAudio.Silence(0.2), .. TestAudio.Tone(300, 1),
            .. TestAudio.Silence(0.42), .. TestAudio.Tone(300, 1), .. TestAudio.Silence(2),
        ]);

        Assert.Equal(2, windows.Count);
        Assert.Equal((1.76, 4.41), Seconds(windows[0]), (a, b) => Near(a, b, 0.05));
        Assert.Equal((4.41, 5.86), Seconds(windows[1]), (a, b) => Near(a, b, 0.05));
        Assert.True(windows[0].End <= windows[1].Start);
    }

    [Fact]
    public void Speech_without_a_pause_is_split_at_its_quietest_point()
    {
        float[] audio = [.. TestAudio.Silence(1), .. TestAudio.Babble(33), .. TestAudio.Silence(1)];
        // Not a pause, but the quietest that the first 20 s have, from 14.0 to 14.2.
        for (int i = (int)(14 * 16_000); i < 14.2 * 16_000; i++)
        {
            audio[i] = 0;
        }

        var windows = Detect(audio);

        Assert.All(windows, window => Assert.InRange(window.End - window.Start, 16_000, 20 * 16_000));
        Assert.InRange(windows[0].End / 16_000.0, 14, 14.2);
        Assert.Equal(windows[0].End, windows[1].Start);
        Assert.InRange(windows[^1].End / 16_000.0, 33.9, 34.4);
        AssertInOrder(windows, audio.Length);
    }

    [Fact]
    public void Louder_noise_is_background_after_a_while()
    {
        float[] audio = [.. TestAudio.Noise(20, 0.001), .. TestAudio.Noise(40, 0.02, seed: 2)];

        var windows = Detect(audio);

        Assert.All(windows, window => Assert.InRange(window.End / 16_000.0, 20, 26));
    }

    [Fact]
    public void The_size_of_the_blocks_does_not_matter_and_nothing_begins_before_what_was_settled()
    {
        var random = new Random(3);
        float[] audio = [.. Enumerable.Range(0, 60).SelectMany(_ => random.Next(3) switch
        {
            0 => TestAudio.Silence(random.NextDouble()),
            1 => TestAudio.Noise(random.NextDouble() * 3, 0.002, random.Next()),
            _ => TestAudio.Babble(random.NextDouble() * 12, 0.2),
        })];
        var whole = Detect(audio);

        using var vad = new VoiceActivityDetector(new EnergyVad());
        var pieces = new List<SpeechWindow>();
        long settled = 0;
        for (int at = 0; at < audio.Length;)
        {
            int length = Math.Min(audio.Length - at, random.Next(1, 5000));
            var found = vad.Process(audio.AsSpan(at, length));
            Assert.All(found, window => Assert.True(window.Start >= settled));
            pieces.AddRange(found);
            at += length;
            Assert.True(vad.Settled >= settled);
            Assert.InRange(at - vad.Settled, 0, 25 * 16_000);
            settled = vad.Settled;
        }
        var last = vad.Finish();
        Assert.All(last, window => Assert.True(window.Start >= settled));
        pieces.AddRange(last);

        Assert.Equal(whole, pieces);
        Assert.True(whole.Count > 5);
        AssertInOrder(whole, audio.Length);
    }

    [Fact]
    public void Anything_at_all_gives_windows_in_order_and_in_bounds()
    {
        for (int seed = 0; seed < 100; seed++)
        {
            var random = new Random(seed);
            var audio = new float[random.Next(0, 50_000)];
            float level = 0;
            for (int i = 0; i < audio.Length; i++)
            {
                level = random.Next(800) == 0 ? (float)Math.Pow(10, -4 * random.NextDouble()) : level;
                audio[i] = level * (float)(2 * random.NextDouble() - 1);
            }

            AssertInOrder(Detect(audio), audio.Length);
        }
    }

    [SharedDataFact]
    public async Task Speech_covers_most_of_recordings_of_speech()
    {
        string folder = Path.Combine(TestPaths.SharedData!, "speech");
        foreach (string file in Directory.GetFiles(folder, "*.wav").Concat(
            Ffmpeg.Path is null ? [] : Directory.GetFiles(folder, "*.flac").Concat(Directory.GetFiles(folder, "*.mp3"))))
        {
            await using IAudioReader reader = await AudioFile.OpenAsync(file, file, null, CancellationToken.None);
            var resampler = new Resampler(reader.Format.SampleRate);
            float[] input = await TestAudio.ReadAllAsync(reader);
            float[] audio = [.. resampler.Process(input).ToArray(), .. resampler.Finish()];

            var windows = Detect(audio);

            AssertInOrder(windows, audio.Length);
            double share = (double)windows.Sum(window => window.End - window.Start) / audio.Length;
            Assert.True(share is > 0.7 and <= 1, $"{Path.GetFileName(file)}: {share:0.00}");
        }
    }

    private static List<SpeechWindow> Detect(float[] audio)
    {
        using var vad = new VoiceActivityDetector(new EnergyVad());
        return [.. vad.Process(audio).ToArray(), .. vad.Finish()];
    }

    private static void AssertInOrder(List<SpeechWindow> windows, long length)
    {
        long end = 0;
        foreach (SpeechWindow window in windows)
        {
            Assert.True(window.Start >= end && window.End > window.Start && window.End <= length, window.ToString());
            Assert.True(window.End - window.Start <= 20 * 16_000, window.ToString());
            end = window.End;
        }
    }

    private static (double, double) Seconds(SpeechWindow window) => (window.Start / 16_000.0, window.End / 16_000.0);

    private static bool Near((double, double) a, (double, double) b, double tolerance) =>
        Math.Abs(a.Item1 - b.Item1) <= tolerance && Math.Abs(a.Item2 - b.Item2) <= tolerance;
}
