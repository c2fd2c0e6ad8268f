using System.Text.Json;
using Omoai.Speech.Audio;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.ActivityHost;

/// <summary>Inputs for warm-ups, the same every time: an activity runs on them once, so that it has run once.</summary>
internal static class MadeUp
{
    public static PrepareInput Recording(string folder, PrepareWarmUp input) =>
        new(WriteWav(folder, seconds: 1, sampleRate: 44_100), folder, VadModelFolder: input.VadModelFolder);

    /// <summary>A stretch as long as one may be, so that the memory for it is there, and a second.</summary>
    public static TranscribeInput Part(string folder, TranscribeWarmUp input, int sampleRate)
    {
        const int Longest = (int)AudioPart.MaxSpeechSeconds;
        return Part(folder, input, sampleRate, [new Interval(0, Longest), new Interval(Longest, Longest + 1)]);
    }

    /// <summary>A stretch of one second.</summary>
    public static TranscribeInput Second(string folder, TranscribeWarmUp input, int sampleRate) =>
        Part(folder, input, sampleRate, [new Interval(0, 1)]);

    public static PostProcessInput Words(string folder, PostProcessWarmUp input)
    {
        var said = "so we begin here and now it goes on what do we want to hear the rest comes later".Split(' ');
        // A pause in the middle, so that there are two sentences to choose from.
        var words = said.Select((text, i) => new Word(text, i + (i < 8 ? 0 : 3), i + (i < 8 ? 0.5 : 3.5), 0.5)).ToArray();
        var part = Path.Combine(folder, "part.json");
        File.WriteAllBytes(part, JsonSerializer.SerializeToUtf8Bytes(new RecognizedPart(0, words), OmoaiJson.Compact));
        return new PostProcessInput([part], Path.Combine(folder, "processed.json"), input.ModelFolder)
        {
            Punctuation = input.LlmFolder is null ? PunctuationMethod.Model : PunctuationMethod.Llm,
            Llm = input.LlmFolder is null ? null : input.Llm ?? new LlmSettings(LlmEngine.Onnx, Path.GetFileName(input.LlmFolder)),
            LlmFolder = input.LlmFolder,
            Threads = input.Threads,
            Cuda = input.Cuda,
        };
    }

    private static TranscribeInput Part(string folder, TranscribeWarmUp input, int sampleRate, Interval[] speech)
    {
        var seconds = (int)speech[^1].End;
        return new TranscribeInput(
            new AudioPart(0, "made-up.wav", 0, seconds, speech), WriteWav(folder, seconds, sampleRate), input.ModelFolder,
            Path.Combine(folder, "words.json"), input.Threads, Cuda: input.Cuda);
    }

    /// <summary>Quiet noise, louder in the middle of each second, where a detector and a recogniser find something.</summary>
    private static string WriteWav(string folder, int seconds, int sampleRate)
    {
        var random = new Random(1);
        var path = Path.Combine(folder, "made-up.wav");
        using var writer = new WavWriter(path, sampleRate);
        var samples = new short[seconds * sampleRate];
        for (var i = 0; i < samples.Length; i++)
        {
            var loud = i % sampleRate > sampleRate / 3 && i % sampleRate < 2 * sampleRate / 3;
            samples[i] = (short)((loud ? 3000 : 30) * (random.NextDouble() - 0.5));
        }

        writer.Write(samples);
        return path;
    }
}
