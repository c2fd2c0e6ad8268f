using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Speech.Features;
using Omoai.Speech.Whisper;
using Omoai.Tests;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Tests.Whisper;

/// <summary>A folder with a Whisper model whose graphs and tokens are made by the test.</summary>
internal sealed class WhisperFolder : IDisposable
{
    public const int EncoderFrames = 60;
    public const int Width = 16;

    /// <summary>The languages of the tokenizer, in the order of its ids.</summary>
    public static readonly string[] Languages = ["en", "zh", "vi", "ja", "jw"];

    /// <param name="words">Text tokens beside the 256 bytes.</param>
    public WhisperFolder(params string[] words)
    {
        Words = words;
        Write("tokenizer.json", TokenizerJson(words));
        Write("generation_config.json", """{"is_multilingual": true, "suppress_tokens": null}""");
        Write("encoder_model.onnx", Encoder());
        Tokens = WhisperTokens.Read(new MemoryStream(TokenizerJson(words)));
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("omoai-whisper-").FullName;

    public WhisperTokens Tokens { get; }

    public string[] Words { get; }

    public ModelManifest Manifest { get; set; } = new()
    {
        Schema = ModelManifest.CurrentSchema,
        Name = "tiny",
        Kind = ModelKinds.SpeechWhisper,
        Language = "mul",
        Licence = "MIT",
        SampleRate = 16000,
        Punctuated = true,
        Whisper = new WhisperSettings("encoder_model.onnx", "decoder_model.onnx", "tokenizer.json")
        {
            Generation = "generation_config.json",
        },
        Files = new Dictionary<string, ModelFile>(),
    };

    /// <summary>The id of one of the <see cref="Words"/>, or of an ASCII character.</summary>
    public int Id(string word) => word.Length == 1 ? word[0] : 256 + Array.IndexOf(Words, word);

    public int Language(string code) => Tokens.Languages[code];

    /// <param name="second">Such as 1.5: one of the timestamps.</param>
    public int Time(double second) => Tokens.TimestampBegin + (int)Math.Round(second / 0.02);

    public void Write(string name, string content) => Write(name, Encoding.UTF8.GetBytes(content));

    public void Write(string name, byte[] content)
    {
        File.WriteAllBytes(Path.Combine(Folder, name), content);
        Manifest = Manifest with
        {
            Files = new Dictionary<string, ModelFile>(Manifest.Files)
            {
                [name] = new(content.Length, Convert.ToHexStringLower(SHA256.HashData(content))),
            },
        };
    }

    public void Save() => File.WriteAllText(
        Path.Combine(Folder, ModelManifest.FileName), JsonSerializer.Serialize(Manifest, OmoaiJson.Indented));

    public WhisperModel Load() => WhisperModel.Load(Folder, Manifest, 1, new CudaSettings(), _ => new FakeFeatures());

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    /// <summary>All 256 bytes, the words, and Whisper's special tokens without timestamps, as in the older tokenizers.</summary>
    public static byte[] TokenizerJson(string[] words)
    {
        static string Seen(string text) => string.Concat(Encoding.UTF8.GetBytes(text).Select(Character));
        var text = Enumerable.Range(0, 256).Select(value => Character((byte)value).ToString()).Concat(words.Select(Seen)).ToList();
        string[] special =
        [
            "endoftext", "startoftranscript", .. Languages, "translate", "transcribe", "startoflm", "startofprev", "nospeech",
            "notimestamps",
        ];
        return JsonSerializer.SerializeToUtf8Bytes(new
        {
            model = new { type = "BPE", vocab = text.Index().ToDictionary(token => token.Item, token => token.Index) },
            added_tokens = special.Select((name, i) => new { id = text.Count + i, content = $"<|{name}|>" }),
        });
    }

    /// <summary>GPT-2's character for a byte, by its own rule.</summary>
    private static char Character(byte value)
    {
        static bool IsSeen(int value) => value is >= 33 and <= 126 or >= 161 and <= 172 or >= 174 and <= 255;
        return IsSeen(value) ? (char)value : (char)(256 + Enumerable.Range(0, value).Count(other => !IsSeen(other)));
    }

    /// <summary>Every 50th frame through a layer: [batch, 80, 3000] to [batch, 60, 16].</summary>
    public static byte[] Encoder(TensorElementType type = TensorElementType.Float)
    {
        var graph = new OnnxGraph()
            .Input("input_features", type, "batch_size", 80, 3000)
            .Output("last_hidden_state", type, "batch_size", EncoderFrames, Width)
            .Constant("start", 0L).Constant("end", 3000).Constant("axis", 2).Constant("step", 50);
        return Weights(graph, type, "w", new Random(1), 0.5, 80, Width)
            .Node("Slice", ["input_features", "start", "end", "axis", "step"], ["every"])
            .Node("Transpose", ["every"], ["frames"], ("perm", new[] { 0, 2, 1 }))
            .Node("MatMul", ["frames", "w"], ["states"])
            .Node("Tanh", ["states"], ["last_hidden_state"])
            .ToModel();
    }

    /// <summary>Adds a constant of random numbers.</summary>
    public static OnnxGraph Weights(
        OnnxGraph graph, TensorElementType type, string name, Random random, double scale, params int[] shape)
    {
        var values = Array.CreateInstance(typeof(float), shape);
        Buffer.BlockCopy(Normal(random, scale, values.Length), 0, values, 0, values.Length * sizeof(float));
        return Constant(graph, type, name, values);
    }

    /// <summary>Random numbers, near enough to normally distributed: sums of four.</summary>
    public static float[] Normal(Random random, double scale, int count)
    {
        var values = new float[count];
        foreach (ref var value in values.AsSpan())
        {
            value = (float)(scale * 1.7 * (random.NextDouble() + random.NextDouble() + random.NextDouble() + random.NextDouble() - 2));
        }

        return values;
    }

    /// <summary>Adds a constant of floats in either type.</summary>
    public static OnnxGraph Constant(OnnxGraph graph, TensorElementType type, string name, Array values)
    {
        if (type == TensorElementType.Float)
        {
            return graph.Tensor(name, type, values);
        }

        var flat = new float[values.Length];
        Buffer.BlockCopy(values, 0, flat, 0, flat.Length * sizeof(float));
        var halves = Array.CreateInstance(typeof(ushort), [.. Enumerable.Range(0, values.Rank).Select(values.GetLength)]);
        Buffer.BlockCopy(
            Array.ConvertAll(flat, value => BitConverter.HalfToUInt16Bits((Half)value)), 0, halves, 0, flat.Length * sizeof(ushort));
        return graph.Tensor(name, type, halves);
    }

    /// <summary>Noise that depends on the audio, in place of features.</summary>
    internal sealed class FakeFeatures(Action? computing = null) : IFeatureExtractor
    {
        public int Width => 80;

        public int HopSamples => 160;

        public int FrameCount(int samples) => samples / HopSamples;

        public float[] Compute(ReadOnlySpan<float> samples)
        {
            computing?.Invoke();
            var random = new Random((int)(samples[0] * 10000));
            var features = new float[FrameCount(samples.Length) * Width];
            foreach (ref var value in features.AsSpan())
            {
                value = (random.NextSingle() * 2) - 1;
            }

            return features;
        }
    }
}
