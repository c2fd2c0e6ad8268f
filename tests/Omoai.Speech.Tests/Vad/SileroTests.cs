using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using Omoai.Speech.Tests.Audio;
using Omoai.Speech.Vad;
using Omoai.Tests;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Xunit.Abstractions;

namespace Omoai.Speech.Tests.Vad;

/// <summary>The real silero VAD of the shared data.</summary>
public sealed class SileroTests(ITestOutputHelper output)
{
    [SharedDataFact]
    public async Task It_finds_the_speech_of_real_people()
    {
        using var folder = VadFolder.Silero();
        using VadModel model = VadModel.Load(folder.Path);
        output.WriteLine("recording | seconds | energy | silero | both / either");
        foreach (string file in Detection.RealRecordings())
        {
            float[] audio = await Detection.ReadAsync(file);
            var energy = Detection.Windows(new EnergyVad(), audio);
            var silero = Detection.Windows(model.CreateClassifier(), audio);

            double both = Detection.Overlap(energy, silero);
            double shared = both / (energy.Seconds() + silero.Seconds() - both);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{Path.GetFileName(file)} | {audio.Length / 16_000.0:0.00} | {energy.Seconds():0.00} | {silero.Seconds():0.00} | {shared:0.00}"));
            Assert.True(shared > 0.5, $"{file}: {shared}");
            // What silero hears, energy hears.
            Assert.True(both > 0.95 * silero.Seconds(), file);
            Assert.InRange(silero.Seconds(), 0.5 * audio.Length / 16_000, audio.Length / 16_000.0);

            // The same with silence and hiss around it: that is left out, and the speech isn't.
            float[] noise = TestAudio.Noise(10, 0.001);
            var among = Detection.Windows(model.CreateClassifier(), [.. TestAudio.Silence(10.24), .. noise, .. audio, .. noise]);
            Assert.True(among[0].Start >= 19.9 * 16_000 && among[^1].End <= audio.Length + 20.8 * 16_000, file);
            Assert.InRange(among.Seconds() / silero.Seconds(), 0.85, 1.15);
        }
    }

    [SharedDataFact]
    public void It_hears_nothing_in_silence_noise_and_hum()
    {
        using var folder = VadFolder.Silero();
        using VadModel model = VadModel.Load(folder.Path);
        float[][] sounds =
        [
            TestAudio.Silence(30), TestAudio.Noise(30, 0.3), TestAudio.Noise(30, 0.003), TestAudio.Tone(50, 30),
            TestAudio.Tone(440, 30),
        ];

        Assert.All(sounds, sound => Assert.Empty(Detection.Windows(model.CreateClassifier(), sound)));
    }

    [SharedDataFact]
    public async Task Its_probabilities_are_those_of_a_plain_loop()
    {
        string path = Path.Combine(TestPaths.SharedData!, "speech", "librispeech-1995-1837-0001.wav");
        float[] audio = await Detection.ReadAsync(path);
        using var session = new InferenceSession(Path.Combine(TestPaths.SharedData!, "vad", "silero_vad.onnx"));
        using var options = new RunOptions();
        var expected = new List<float>();
        float[] state = new float[256];
        float[] padded = [.. new float[64], .. audio];
        for (int at = 0; at + 576 <= padded.Length; at += 512)
        {
            using var input = OrtValue.CreateTensorValueFromMemory(padded[at..(at + 576)], [1, 576]);
            using var before = OrtValue.CreateTensorValueFromMemory(state, [2, 1, 128]);
            using var rate = OrtValue.CreateTensorValueFromMemory([16_000L], []);
            using var results = session.Run(options, ["input", "state", "sr"], [input, before, rate], ["output", "stateN"]);
            expected.Add(results[0].GetTensorDataAsSpan<float>()[0]);
            state = results[1].GetTensorDataAsSpan<float>().ToArray();
        }

        using var folder = VadFolder.Silero();
        using VadModel model = VadModel.Load(folder.Path);
        using IFrameClassifier classifier = model.CreateClassifier();
        var frames = new List<FrameActivity>();
        classifier.Process(audio, frames);

        Assert.Equal(expected.Count, frames.Count);
        Assert.All(expected.Zip(frames), pair => Assert.Equal(pair.First, pair.Second.Strength, 1e-4));
        Assert.True(expected.Max() > 0.99 && expected.Min() < 0.2);
    }

    [SharedDataFact]
    public async Task The_preparer_uses_it_where_it_is_asked_to()
    {
        using var model = VadFolder.Silero();
        using var folder = new TemporaryFolder();
        // Babble has the rhythm of speech and is none; then somebody speaks.
        float[] said = await Detection.ReadAsync(Path.Combine(TestPaths.SharedData!, "speech", "librispeech-1995-1837-0001.wav"));
        string path = folder.Write("in.wav", TestAudio.Wav16([.. TestAudio.Babble(10), .. said]));

        PrepareOutput heard = await Preparer.PrepareAsync(
            new PrepareInput(path, folder.Path, VadModelFolder: model.Path), new Reports(), default);
        PrepareOutput loud = await Preparer.PrepareAsync(new PrepareInput(path, folder.Path), new Reports(), default);

        Interval[] speech = [.. Assert.Single(heard.Parts).Speech];
        Assert.InRange(speech[0].Start, 9.7, 10.3);
        Assert.InRange(speech.Sum(span => span.End - span.Start), 8, 9);
        Assert.InRange(loud.Parts[0].Start, 0, 0.3);
    }
}
