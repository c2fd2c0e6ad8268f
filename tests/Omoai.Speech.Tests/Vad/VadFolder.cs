using System.Security.Cryptography;
using System.Text.Json;
using Omoai.Speech.Audio;
using Omoai.Speech.Tests.Audio;
using Omoai.Speech.Vad;
using Omoai.Tests;
using Omoai.Transcripts;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Tests.Vad;

/// <summary>A folder with a voice-activity model.</summary>
internal sealed class VadFolder : IDisposable
{
    private const string File = "vad.onnx";

    public VadFolder(byte[] graph, VadSettings? settings = null, int sampleRate = 16_000)
    {
        System.IO.File.WriteAllBytes(System.IO.Path.Combine(Path, File), graph);
        var manifest = new ModelManifest
        {
            Schema = ModelManifest.CurrentSchema,
            Name = "voices",
            Kind = ModelKinds.Vad,
            Language = "mul",
            Licence = "MIT",
            SampleRate = sampleRate,
            Vad = (settings ?? new VadSettings(File)) with { Model = File },
            Files = new Dictionary<string, ModelFile> { [File] = new(graph.Length, Convert.ToHexStringLower(SHA256.HashData(graph))) },
        };
        System.IO.File.WriteAllText(
            System.IO.Path.Combine(Path, ModelManifest.FileName), JsonSerializer.Serialize(manifest, OmoaiJson.Indented));
    }

    public string Path { get; } = Directory.CreateTempSubdirectory("omoai-vad-").FullName;

    /// <summary>The real silero VAD of the shared data.</summary>
    public static VadFolder Silero() =>
        new(System.IO.File.ReadAllBytes(System.IO.Path.Combine(TestPaths.SharedData!, "vad", "silero_vad.onnx")));

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>What tests of voice-activity detection share.</summary>
internal static class Detection
{
    /// <summary>The windows of a whole stream.</summary>
    public static List<SpeechWindow> Windows(IFrameClassifier classifier, float[] audio)
    {
        using var vad = new VoiceActivityDetector(classifier);
        return [.. vad.Process(audio).ToArray(), .. vad.Finish()];
    }

    public static double Seconds(this IEnumerable<SpeechWindow> windows) =>
        windows.Sum(window => window.End - window.Start) / 16_000.0;

    /// <summary>The time that is in both, seconds.</summary>
    public static double Overlap(List<SpeechWindow> a, List<SpeechWindow> b) => a
        .SelectMany(one => b.Select(other => Math.Min(one.End, other.End) - Math.Max(one.Start, other.Start)))
        .Where(samples => samples > 0).Sum() / 16_000.0;

    /// <summary>A recording as 16 kHz mono.</summary>
    public static async Task<float[]> ReadAsync(string path)
    {
        await using IAudioReader reader = await AudioFile.OpenAsync(path, path, null, CancellationToken.None);
        var resampler = new Resampler(reader.Format.SampleRate);
        float[] input = await TestAudio.ReadAllAsync(reader);
        return [.. resampler.Process(input).ToArray(), .. resampler.Finish()];
    }

    /// <summary>The recordings of real people of the shared data that can be read here.</summary>
    public static IEnumerable<string> RealRecordings() =>
        Directory.GetFiles(Path.Combine(TestPaths.SharedData!, "speech"))
            .Where(file => Path.GetExtension(file) is ".wav" || (Ffmpeg.Path is not null && Path.GetExtension(file) is ".flac" or ".mp3"))
            .Order(StringComparer.Ordinal);
}
