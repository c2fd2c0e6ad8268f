using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Omoai.Language.Engines;
using Omoai.Language.Engines.Onnx;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;
using Omoai.Transcripts.Tokenizers;

namespace Omoai.Generation;

/// <summary>
/// The decode loop: tokens in a second of our engine (a whole request: text in, text out) and of a plain script for onnxruntime-node,
/// the same graph, prompt and number of tokens, one thread, in turn; the likeliest token each time. Loading isn't timed.
/// </summary>
internal sealed class Tokens(Bench bench)
{
    private const string Template = "plain";
    private const string System = "Write on.";
    private const string User = "It was a bright cold day in April, and the clocks were striking thirteen.";

    public async Task RunAsync()
    {
        var ratios = new List<double>();
        var tiny = Path.GetFullPath(Path.Combine(bench.Repository, "..", "shared", "data", "llm", "tiny-random-gpt2", "past.onnx"));
        if (File.Exists(tiny))
        {
            ratios.Add(await CompareAsync(new Model("tiny", Folder("tiny", File.ReadAllBytes(tiny), 1000, 512), 300)));
        }
        else
        {
            Console.WriteLine("  ../shared/data is not on this machine: its decoder is left out.");
        }

        var (layers, width, vocabulary, context) = (6, 384, 16_000, 1024);
        var graph = new RandomDecoder(layers, width, 6, vocabulary, context).ToModel();
        ratios.Add(await CompareAsync(new Model($"random_{layers}x{width}", Folder("random", graph, vocabulary, context), bench.Quick ? 100 : 200)));
        if (ratios.All(double.IsFinite))
        {
            // The least of them.
            bench.Figure("tokens_over_peer", ratios.Min());
        }
    }

    private sealed record Model(string Name, string Folder, int ReplyTokens);

    private async Task<double> CompareAsync(Model model)
    {
        var rounds = bench.Quick ? 5 : 21;
        var ids = Prompt(model);
        await using var peer = await Peer.TryStartAsync(
            bench, "generate.js", Path.Combine(bench.Repository, "eng/partial-feed/node_modules/onnxruntime-node"),
            Path.Combine(model.Folder, "model.onnx"), JsonSerializer.Serialize(ids), $"{model.ReplyTokens}", "1");
        using var ours = OnnxLanguageModel.Load(model.Folder, new LlmSettings(LlmEngine.Onnx, model.Name), threads: 1, cuda: null);
        var (ourTimes, peerTimes) = (new List<double>(), new List<double>());
        var same = true;
        // The first round is for what happens once.
        for (var round = 0; round <= rounds; round++)
        {
            var (text, theirText) = ("", "");
            for (var turn = 0; turn < 2; turn++)
            {
                if ((round + turn) % 2 == 0)
                {
                    var (seconds, reply) = await GenerateAsync(ours, model.ReplyTokens);
                    text = reply;
                    ourTimes.Add(seconds);
                }
                else if (peer is not null)
                {
                    var (seconds, answer) = await peer.RunAsync();
                    theirText = Decode(model, JsonSerializer.Deserialize<int[]>(answer.GetProperty("text").GetString()!)!);
                    peerTimes.Add(seconds);
                }
            }

            same &= text == theirText;
        }

        double Rate(List<double> times) => model.ReplyTokens / Bench.Median(times.Skip(1));
        Console.WriteLine($"tokens: {model.Name}, a prompt of {ids.Length} and {model.ReplyTokens} more, one thread, median of {rounds} rounds in turn; tokens in a second");
        Console.WriteLine($"  ours {Rate(ourTimes):F1}" + (peer is null ? "" : $", onnxruntime-node {Rate(peerTimes):F1}; {(same ? "the same text" : "NOT the same text")}"));
        bench.Figure($"tokens_per_second_{model.Name}", Rate(ourTimes));
        if (peer is null)
        {
            return double.NaN;
        }

        bench.Figure($"tokens_per_second_{model.Name}_peer", Rate(peerTimes));
        bench.Figure($"tokens_over_peer_{model.Name}", Rate(ourTimes) / Rate(peerTimes));
        return Rate(ourTimes) / Rate(peerTimes);
    }

    private static async Task<(double Seconds, string Text)> GenerateAsync(ILanguageModel model, int tokens)
    {
        var began = Stopwatch.GetTimestamp();
        var replies = await model.GenerateAsync([new LlmPrompt(System, User, tokens)], null, default);
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        return replies[0] is { End: ReplyEnd.Cut } reply && reply.ReplyTokens == tokens
            ? (seconds, reply.Text)
            : throw new InvalidOperationException($"The reply ended after {replies[0].ReplyTokens} tokens of {tokens}: {replies[0].Problem}");
    }

    private static int[] Prompt(Model model) => ChatTemplate.Of(Template).Encode(Tokenizer(model), System, User);

    private static string Decode(Model model, int[] ids) => Tokenizer(model).Decode(ids, skipSpecial: true);

    private static Tokenizer Tokenizer(Model model)
    {
        using var stream = File.OpenRead(Path.Combine(model.Folder, "tokenizer.json"));
        return Transcripts.Tokenizers.Tokenizer.Read(stream);
    }

    /// <summary>A model's folder. The token that would end a reply is the last one, which neither graph ever finds the likeliest.</summary>
    private string Folder(string name, byte[] graph, int vocabulary, int context)
    {
        var folder = Directory.CreateDirectory(Path.Combine(bench.Work, name)).FullName;
        var files = new Dictionary<string, byte[]> { ["model.onnx"] = graph, ["tokenizer.json"] = TokenizerFile(vocabulary) };
        foreach (var (file, content) in files)
        {
            File.WriteAllBytes(Path.Combine(folder, file), content);
        }

        var manifest = new ModelManifest
        {
            Schema = ModelManifest.CurrentSchema,
            Name = name,
            Kind = ModelKinds.Llm,
            Language = "mul",
            Licence = "MIT",
            Causal = new CausalSettings("model.onnx", "tokenizer.json", Template, context, [vocabulary - 1]),
            Files = files.ToDictionary(
                file => file.Key, file => new ModelFile(file.Value.Length, Convert.ToHexStringLower(SHA256.HashData(file.Value)))),
        };
        File.WriteAllBytes(Path.Combine(folder, ModelManifest.FileName), JsonSerializer.SerializeToUtf8Bytes(manifest, OmoaiJson.Indented));
        return folder;
    }

    /// <summary>A token for each byte, and words that no text is encoded with for the rest of the vocabulary.</summary>
    private static byte[] TokenizerFile(int vocabulary)
    {
        // GPT-2's alphabet: bytes that are printed stand for themselves, others for what comes after the first 256 characters.
        var ids = new JsonObject();
        var shifted = 0;
        for (var value = 0; value < 256; value++)
        {
            var printed = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            ids.Add($"{(char)(printed ? value : 256 + shifted++)}", ids.Count);
        }

        while (ids.Count < vocabulary)
        {
            ids.Add($"\u0120w{ids.Count}", ids.Count);
        }

        var bytes = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = true };
        return JsonSerializer.SerializeToUtf8Bytes(new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray(),
            ["normalizer"] = null,
            ["pre_tokenizer"] = bytes,
            ["post_processor"] = null,
            ["decoder"] = bytes.DeepClone(),
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = ids, ["merges"] = new JsonArray() },
        });
    }
}
