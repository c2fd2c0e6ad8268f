using System.Text.Json;
using Omoai.Speech.Audio;
using Omoai.Speech.Tests.Audio;
using Omoai.Speech.Vad;
using Omoai.Tests;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Tests;

/// <summary>Wherever a recording is cut into parts, its words and their times are the same: nothing is lost or doubled
/// where they join.</summary>
public sealed class JoinsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly ToneModel tones = new();

    public void Dispose()
    {
        tones.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task A_cut_at_any_silence_changes_no_word()
    {
        float[] audio = Tones();
        short[] sound = await RecordingAsync(audio);
        using ISpeechModel model = SpeechModels.Load(tones.Folder, 1);
        var windows = Detect(audio);
        var whole = Write(audio, windows, cut: 0);
        var expected = await WordsAsync(model, whole, sound);
        Assert.InRange(windows.Count, 12, 40);
        Assert.InRange(expected.Count, 50, 300);
        Assert.True(windows.Zip(windows.Skip(1)).Any(pair => pair.First.End == pair.Second.Start), "No speech was split.");

        for (int cut = 1; cut < windows.Count; cut++)
        {
            var parts = Write(audio, windows, cut);

            Assert.Equal(2, parts.Count);
            Assert.Equal(whole.SelectMany(part => part.Speech), parts.SelectMany(part => part.Speech));
            Assert.Equal(expected, await WordsAsync(model, parts, sound));
        }
    }

    [Fact]
    public async Task Parts_of_any_length_change_no_word()
    {
        float[] audio = Tones();
        short[] sound = await RecordingAsync(audio);
        using ISpeechModel model = SpeechModels.Load(tones.Folder, 1);
        List<Word>? expected = null;
        var cuts = new HashSet<double>();
        foreach (double seconds in (double[])[600, .. Enumerable.Range(0, 10).Select(i => 20 + i * 3.7), 20.0625])
        {
            PrepareOutput output = await Preparer.PrepareAsync(
                new PrepareInput(folder.File("in.wav"), folder.Path, seconds), new Reports(), default);

            var words = await WordsAsync(model, output.Parts, sound);
            expected ??= words;
            Assert.Equal(expected, words);
            Assert.All(output.Parts, part => Assert.InRange(part.Duration, 0.1, seconds));
            cuts.UnionWith(output.Parts.Skip(1).Select(part => part.Start));
        }
        Assert.True(cuts.Count > 5, $"{cuts.Count} cuts");
    }

    [Fact]
    public async Task The_sample_of_this_repository_has_the_same_words_in_one_part_and_in_many()
    {
        float[] audio = await Vad.Detection.ReadAsync(Path.Combine(TestPaths.Repository, "samples", "standup.wav"));
        short[] sound = await RecordingAsync(audio);
        using ISpeechModel model = SpeechModels.Load(Path.Combine(TestPaths.Repository, "models", "demo-en", "speech"), 1);
        var windows = Detect(audio);

        var whole = await WordsAsync(model, Write(audio, windows, cut: 0), sound);
        var each = await WordsAsync(model, [.. windows.SelectMany(window => Write(audio, [window], cut: 0))], sound);

        Assert.InRange(whole.Count, 150, 250);
        // What runs beside a stretch in a batch may change a confidence's last digits.
        Assert.Equal(
            whole.Select(word => (word.Text, word.Start, word.End)), each.Select(word => (word.Text, word.Start, word.End)));
        Assert.All(whole.Zip(each), pair => Assert.Equal(pair.First.Confidence, pair.Second.Confidence, 0.01));
    }

    /// <summary>Utterances with pauses of all lengths between them, and one of 30 s with none that parts could be cut
    /// in.</summary>
    private static float[] Tones()
    {
        var random = new Random(11);
        var text = new System.Text.StringBuilder("___");
        for (int utterance = 0; utterance < 16; utterance++)
        {
            int letters = utterance == 8 ? 300 : random.Next(5, 40);
            for (int i = 0; i < letters; i++)
            {
                text.Append(i % 5 == 4 ? "_" : i % 5 == 2 && random.Next(2) == 0 ? " " : "abc"[random.Next(3)].ToString());
            }
            text.Append('_', random.Next(3, 20));
        }
        float[] steady = [.. ToneModel.Sound(text.ToString()).Select(sample => sample / 32768f)];
        // Notes aren't speech, but for those with vibrato (of 2 %, by a delay that changes).
        return
        [
            .. steady.Select((_, i) =>
            {
                double at = Math.Clamp(i + 7 * Math.Sin(2 * Math.PI * 7 * i / 16_000), 0, steady.Length - 1.001);
                return float.Lerp(steady[(int)at], steady[(int)at + 1], (float)(at - (int)at));
            }),
        ];
    }

    /// <returns>The samples as the part files have them.</returns>
    private async Task<short[]> RecordingAsync(float[] audio)
    {
        await File.WriteAllBytesAsync(folder.File("in.wav"), TestAudio.Wav16(audio));
        return [.. audio.Select(sample => (short)Math.Clamp(Math.Round(sample * 32768), short.MinValue, short.MaxValue))];
    }

    private static List<SpeechWindow> Detect(float[] audio) => Vad.Detection.Windows(new EnergyVad(), audio);

    /// <summary>The parts of the windows before the cut, and of those from it on.</summary>
    private List<AudioPart> Write(float[] audio, IReadOnlyList<SpeechWindow> windows, int cut)
    {
        var parts = new List<AudioPart>();
        foreach (SpeechWindow[] some in (SpeechWindow[][])[[.. windows.Take(cut)], [.. windows.Skip(cut)]])
        {
            string to = Directory.CreateDirectory(folder.File($"{some.FirstOrDefault().Start}-{some.LastOrDefault().End}")).FullName;
            using var writer = new PartWriter(to, 600);
            writer.Add(audio);
            writer.Write(some, long.MaxValue);
            parts.AddRange(writer.Complete().Select(part => part with { File = Path.Combine(to, part.File) }));
        }
        return parts;
    }

    private async Task<List<Word>> WordsAsync(ISpeechModel model, IReadOnlyList<AudioPart> parts, short[] sound)
    {
        var words = new List<Word>();
        foreach (AudioPart part in parts)
        {
            // A part is a piece of the recording, from sample to sample.
            double start = part.Start * 16_000;
            double length = part.Duration * 16_000;
            Assert.Equal(Math.Round(start), start, 1e-6);
            Assert.Equal(Math.Round(length), length, 1e-6);
            byte[] file = await File.ReadAllBytesAsync(folder.File(part.File));
            Assert.True(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, short>(file.AsSpan(44))
                .SequenceEqual(sound.AsSpan((int)Math.Round(start), (int)Math.Round(length))));

            string output = folder.File("words.json");
            var input = new TranscribeInput(part, folder.File(part.File), "", output);
            await Transcriber.TranscribeAsync(model, input, new Reports(), default);
            words.AddRange(JsonSerializer.Deserialize<RecognizedPart>(await File.ReadAllTextAsync(output), OmoaiJson.Compact)!.Words);
        }
        return words;
    }
}
