using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Tests;
using Omoai.Transcripts;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Tests;

/// <summary>
/// A folder with a speech model that reads tones: each letter, and the space, is a tone at the centre of one filter, and
/// its log energy is its score; the blank's score is 0.
/// </summary>
internal sealed class ToneModel : IDisposable
{
    private const string Tokens = "_ abc";
    private const int Bins = 40;

    public ToneModel()
    {
        Directory.CreateDirectory(Folder);
        Write("model.onnx", Graph());
        Write("tokens.txt", "<blank>\n<space>\na\nb\nc\n"u8.ToArray());
        Save();
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("omoai-tones-").FullName;

    public ModelManifest Manifest { get; set; } = new()
    {
        Schema = ModelManifest.CurrentSchema,
        Name = "tones",
        Kind = ModelKinds.SpeechCtc,
        Language = "en",
        Licence = "MIT",
        SampleRate = 16000,
        Features = new FeatureSettings
        {
            Type = "log-mel",
            WindowLength = 400,
            HopLength = 160,
            FftLength = 512,
            Bins = Bins,
            HighHz = 8000,
            DynamicRange = 30,
        },
        Ctc = new CtcSettings("model.onnx", "features", "log_probs", "tokens.txt", 0, 4),
        Files = new Dictionary<string, ModelFile>(),
    };

    /// <param name="step">The frames between those that count.</param>
    /// <param name="input">The input's name.</param>
    /// <param name="output">The output's name.</param>
    /// <param name="tokens">How many tokens there are.</param>
    /// <param name="gain">The weight of each token's filter.</param>
    /// <param name="openWidths">Leaves the last dimensions of input and output open, as exporters may.</param>
    public static byte[] Graph(
        int step = 4, string input = "features", string output = "log_probs", int tokens = 5, float gain = 1, bool openWidths = false)
    {
        // Every step-th frame, times a matrix, log-softmax.
        var weights = new float[Bins, tokens];
        for (var token = 1; token < tokens; token++)
        {
            weights[Bin(token), token] = gain;
        }

        return new OnnxGraph()
            .Input(input, TensorElementType.Float, "batch", "frames", openWidths ? "bins" : Bins)
            .Output(output, TensorElementType.Float, "batch", "steps", openWidths ? "tokens" : tokens)
            .Constant("zero", 0)
            .Constant("one", 1)
            .Constant("end", long.MaxValue)
            .Constant("step", step)
            .Constant("weights", weights)
            .Node("Slice", [input, "zero", "end", "one", "step"], ["every"])
            .Node("MatMul", ["every", "weights"], ["scores"])
            .Node("LogSoftmax", ["scores"], [output])
            .ToModel();
    }

    /// <summary>Sound at 16 kHz, a tenth of a second for each character; <c>_</c> is silence.</summary>
    public static short[] Sound(string text) =>
    [
        .. text.SelectMany(letter => Enumerable.Range(0, 1600).Select(i => letter == '_'
            ? (short)0
            : (short)(8000 * Math.Sin(2 * Math.PI * Hertz(Tokens.IndexOf(letter, StringComparison.Ordinal)) * i / 16000)))),
    ];

    /// <summary>Adds a file to the folder and the manifest; <see cref="Save"/> writes that.</summary>
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

    /// <summary>Gives the model a word list, and n-grams where there are some.</summary>
    public void UseWords(string words, string? ngrams = null)
    {
        Write("words.txt", Encoding.UTF8.GetBytes(words));
        if (ngrams is not null)
        {
            Write("ngrams.arpa", Encoding.UTF8.GetBytes(ngrams));
        }

        Manifest = Manifest with { Decoder = new DecoderSettings("words.txt", ngrams is null ? null : "ngrams.arpa") };
        Save();
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static int Bin(int token) => (8 * token) - 3;

    private static double Hertz(int token)
    {
        static double Mel(double hertz) => 1127 * Math.Log(1 + (hertz / 700));
        return 700 * (Math.Exp((Mel(20) + ((Bin(token) + 1) * (Mel(8000) - Mel(20)) / (Bins + 1))) / 1127) - 1);
    }
}

internal static class SpeechModelExtensions
{
    /// <summary>The words of one stretch.</summary>
    public static IReadOnlyList<Word> Recognize(this ISpeechModel model, float[] samples, params string[] hotWords) =>
        model.Recognize([samples], new RecognitionRequest(HotWords: hotWords), CancellationToken.None)[0].Words;
}
