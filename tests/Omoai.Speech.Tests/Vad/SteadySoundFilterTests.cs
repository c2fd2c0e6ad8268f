using System.Globalization;
using Omoai.Speech.Tests.Audio;
using Omoai.Speech.Vad;
using Omoai.Tests;
using Xunit.Abstractions;

namespace Omoai.Speech.Tests.Vad;

public sealed class SteadySoundFilterTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Nothing_of_the_sample_of_this_repository_is_lost() =>
        await AssertUnchangedAsync(Path.Combine(TestPaths.Repository, "samples", "standup.wav"));

    [SharedDataFact]
    public async Task Nothing_of_recordings_of_people_is_lost()
    {
        foreach (string file in Detection.RealRecordings())
        {
            await AssertUnchangedAsync(file);
        }
    }

    [SharedDataFact]
    public async Task Speech_in_noise_or_over_music_is_not_lost()
    {
        using var folder = VadFolder.Silero();
        using VadModel model = VadModel.Load(folder.Path);
        foreach (string file in Detection.RealRecordings())
        {
            float[] said = await Detection.ReadAsync(file);
            var speech = Detection.Windows(model.CreateClassifier(), said);
            double seconds = said.Length / 16_000.0 + 1;
            foreach (float[] behind in (float[][])[TestAudio.Noise(seconds, 1), Music.PinkNoise(seconds, 1), Music.Chords(seconds, 1, 4)])
            {
                // 10 dB below the speech.
                double scale = Math.Sqrt(0.1 * Power(said) / Power(behind));
                float[] audio = [.. said.Zip(behind, (a, b) => (float)(a + scale * b))];

                double energy = Detection.Overlap(Detection.Windows(new EnergyVad(), audio), speech);
                double filtered = Detection.Overlap(Detect(audio), speech);

                output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{Path.GetFileName(file)}: {speech.Seconds():0.00} s of speech, {energy:0.00} by energy, {filtered:0.00} filtered"));
                Assert.True(energy > 0.5 * speech.Seconds(), file);
                Assert.InRange(filtered, 0.98 * energy, energy);
            }
        }

        static double Power(float[] audio) => audio.Average(sample => (double)sample * sample);
    }

    [Fact]
    public void Speech_right_beside_music_and_noise_is_kept_and_they_are_not()
    {
        float[] chords = Music.Chords(10, 1, 4);
        float[] noise = Music.Swelling(TestAudio.Noise(10, 0.1), 5);

        var windows = Detect([.. chords, .. TestAudio.Babble(3), .. noise, .. TestAudio.Babble(3), .. chords]);

        // What is within a second of the speech goes with it.
        List<SpeechWindow> speech = [new(10 * 16_000, 13 * 16_000), new(23 * 16_000, 26 * 16_000)];
        Assert.Equal(6, Detection.Overlap(windows, speech), 0.1);
        Assert.InRange(windows.Seconds(), 6, 10);
    }

    [Fact]
    public void A_note_is_not_speech_and_what_is_too_short_to_tell_is()
    {
        float[] audio = [.. TestAudio.Silence(2), .. TestAudio.Tone(1000, 0.3), .. TestAudio.Silence(2), .. TestAudio.Tone(1000, 0.15), .. TestAudio.Silence(2)];

        SpeechWindow window = Assert.Single(Detect(audio));

        Assert.InRange(window.Start / 16_000.0, 4, 4.3);
    }

    [Fact]
    public void The_thresholds_turn_it_off()
    {
        float[] noise = Music.Swelling(TestAudio.Noise(20, 0.1), 5);
        float[] chords = Music.Chords(20, 1, 4);

        AssertOff(noise, new SteadySoundOptions { MinShapeChange = 0 });
        // Chords may be as steady as noise, too.
        AssertOff(chords, new SteadySoundOptions { MaxSteadyShare = 1, MinShapeChange = 0 });

        static void AssertOff(float[] audio, SteadySoundOptions options)
        {
            var off = Detection.Windows(new SteadySoundFilter(new EnergyVad(), options), audio);

            Assert.Equal(Detection.Windows(new EnergyVad(), audio), off);
            Assert.InRange(off.Seconds(), 5, 20);
            Assert.Empty(Detect(audio));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(320)]
    [InlineData(16_000)]
    [InlineData(100_123)]
    public void Every_frame_is_decided_on_once_and_the_size_of_the_blocks_does_not_matter(int length)
    {
        float[] audio = [.. TestAudio.Babble(7, 0.1).Take(length)];
        audio = [.. audio.Zip(Music.Chords(7, 1, 4), (a, b) => a + b)];
        var whole = new List<FrameActivity>();
        var pieces = new List<FrameActivity>();
        using var one = new SteadySoundFilter(new EnergyVad());
        using var other = new SteadySoundFilter(new EnergyVad());

        one.Process(audio, whole);
        one.Finish(whole);
        for (int at = 0, next = 1; at < audio.Length; at += next, next = next * 7 % 3001)
        {
            other.Process(audio.AsSpan(at, Math.Min(next, audio.Length - at)), pieces);
        }
        other.Finish(pieces);

        Assert.Equal(length / one.FrameSamples, whole.Count);
        Assert.Equal(whole, pieces);
    }

    private static List<SpeechWindow> Detect(float[] audio) => Detection.Windows(new SteadySoundFilter(new EnergyVad()), audio);

    private static async Task AssertUnchangedAsync(string file)
    {
        float[] audio = await Detection.ReadAsync(file);
        var energy = Detection.Windows(new EnergyVad(), audio);

        Assert.NotEmpty(energy);
        Assert.Equal(energy, Detect(audio));
    }
}
