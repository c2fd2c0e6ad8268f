using Omoai.Speech.Guards;
using Omoai.Speech.Tests.Audio;
using Omoai.Tests;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Tests;

/// <summary>Where nobody speaks nothing is transcribed: noise and music-like tones, two minutes of each kind.</summary>
public sealed class SilenceTests : IDisposable
{
    private const string FooledVad = "Its pitch goes up and down as that of a voice does: telling it apart takes a model.";

    private const int Rate = 16_000;
    private const int Seconds = 120;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("white noise")]
    [InlineData("pink noise")]
    [InlineData("hum")]
    [InlineData("clicks")]
    [InlineData("tones")]
    [InlineData("white noise that swells")]
    [InlineData("pink noise that swells")]
    [InlineData("melody")]
    [InlineData("melody with vibrato", Skip = FooledVad)]
    public async Task No_words_are_heard_in(string sound)
    {
        var audio = Sound(sound);
        var prepared = await Preparer.PrepareAsync(
            new PrepareInput(_folder.Write("sound.wav", TestAudio.Wav16(audio)), _folder.Path), new Progress<double>(), CancellationToken.None);
        using var model = SpeechModels.Load(Path.Combine(TestPaths.Repository, "models", "demo-en", "speech"), 1);
        var words = new List<Word>();
        var suspicions = new List<Suspicion>();
        foreach (var span in prepared.Parts.SelectMany(part => part.Speech))
        {
            var samples = audio[(int)(span.Start * Rate)..Math.Min(audio.Length, (int)(span.End * Rate))];
            var stretch = Assert.Single(model.Recognize([samples], new RecognitionRequest(), CancellationToken.None));
            var guarded = InventionGuard.Apply(stretch, StretchFacts.Of(samples, Rate), SuspicionPolicy.Cut);
            words.AddRange(guarded.Words);
            suspicions.AddRange(guarded.Suspicions);
        }

        var heard = prepared.Parts.Sum(part => part.Speech.Sum(span => span.End - span.Start));
        Assert.True(words.Count == 0, FormattableString.Invariant(
            $"{heard:0.0} s of {sound} are taken for speech: {words.Count} words ({string.Join(' ', words.Select(word => FormattableString.Invariant($"{word.Text}:{word.Confidence:0.00}")))}), {suspicions.Count} more cut or doubted."));
    }

    private static float[] Sound(string name)
    {
        if (name.StartsWith("melody", StringComparison.Ordinal))
        {
            return Music.Melody(Seconds, 4, name == "melody" ? 0 : 0.01);
        }

        var random = new Random(20261125);
        var sound = new float[Seconds * Rate];
        double[] pink = new double[7];
        for (var i = 0; i < sound.Length; i++)
        {
            var time = (double)i / Rate;
            var white = (2 * random.NextDouble()) - 1;
            sound[i] = (float)(name switch
            {
                // A little louder and softer, as a fan in the next room is; or as waves at the shore are.
                "white noise" => white * 0.05 * (1 + (0.3 * Math.Sin(time / 3))),
                "pink noise" => Pink(pink, white) * 0.03 * (1 + (0.3 * Math.Sin(time / 5))),
                "white noise that swells" => white * 0.05 * (1.2 + Math.Sin(time / 3)),
                "pink noise that swells" => Pink(pink, white) * 0.03 * (1.2 + Math.Sin(time / 5)),
                "hum" => (0.05 * Enumerable.Range(1, 6).Sum(k => Math.Sin(2 * Math.PI * 50 * k * time) / k)) + (0.002 * white),
                "clicks" => (0.002 * white) + (i % 5003 < 40 ? 0.6 * white * Math.Exp(-(i % 5003) / 10.0) : 0),
                _ => (0.1 * Chord(time)) + (0.001 * white),
            });
        }

        return sound;
    }

    /// <summary>Paul Kellet's filter: white noise to noise of equal power in every octave.</summary>
    private static double Pink(double[] state, double white)
    {
        double[] keep = [0.99886, 0.99332, 0.96900, 0.86650, 0.55000, -0.7616];
        double[] add = [0.0555179, 0.0750759, 0.1538520, 0.3104856, 0.5329522, -0.0168980];
        for (var k = 0; k < keep.Length; k++)
        {
            state[k] = (keep[k] * state[k]) + (add[k] * white);
        }

        var sum = state.Sum() + (white * 0.5362);
        state[6] = white * 0.115926;
        return sum / 4;
    }

    /// <summary>Three notes at a time with overtones, each struck and fading, changing twice a second.</summary>
    private static double Chord(double time)
    {
        int[][] chords = [[0, 4, 7], [5, 9, 12], [7, 11, 14], [9, 12, 16]];
        var beat = (int)(time * 2);
        var since = time - (beat / 2.0);
        return Math.Min(1, since * 50) * Math.Exp(-since * 3) * chords[beat / 4 % 4].Sum(note =>
        {
            var frequency = 220 * Math.Pow(2, note / 12.0);
            return Enumerable.Range(1, 5).Sum(k => Math.Sin(2 * Math.PI * frequency * k * time) / (k * k));
        });
    }
}
