using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Language.Engines;
using Omoai.Language.Engines.Onnx;
using Omoai.Language.Tests.Support;
using Omoai.Shared;
using Omoai.Tests;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Language.Tests.Engines.Onnx;

/// <summary>The decoder of a public test suite: random weights, keys and values together, int32.</summary>
public sealed class TinyGpt2Tests : IDisposable
{
    private const int Vocabulary = 1000;
    private const int Layers = 5;

    private static readonly int[] Tokens = [464, 290, 11, 262, 13, 98, 777, 5];
    private static readonly int[] Probed = [0, 1, 98, 250, 499, 500, 777, 999];

    private static readonly int[] Following = [17, 400, 620];

    // From onnxruntime-node 1.30.0 on the same file, by a script of a few lines: the tokens above in one run with an empty past, then those
    // that follow one by one, each with the outputs present_N as past_N. For each run the likeliest token, and the scores of those probed.
    private static readonly (int Best, float[] Scores)[] Reference =
    [
        (5, [0.2578911f, -0.1228937f, -0.08816087f, -0.1762996f, -0.06702606f, 0.2243381f, -0.03584828f, -0.2295863f]),
        (17, [-0.1357130f, -0.1314442f, -0.05859766f, -0.1707306f, -0.07004359f, -0.1304201f, -0.03636240f, 0.1209048f]),
        (244, [0.01325289f, 0.1268325f, -0.2475240f, 0.04304170f, 0.1406345f, -0.02669236f, -0.09309825f, 0.06432366f]),
        (176, [0.1501466f, -0.03008055f, -0.06064558f, -0.03796375f, -0.03638450f, 0.2937642f, -0.04360103f, -0.1255522f]),
    ];

    private readonly string folder = Directory.CreateTempSubdirectory("omoai-gpt2-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [SharedDataFact]
    public void Logits_are_those_of_another_runtime()
    {
        Write();
        using var decoder = CausalDecoder.Load(folder, ModelSession.ReadManifest(folder, ModelKinds.Llm), "past.onnx", 1, null, 64 << 20);
        using var batch = decoder.Begin([Tokens]);
        batch.Start(CancellationToken.None);
        foreach (var (i, (best, scores)) in Reference.Index())
        {
            if (i > 0)
            {
                batch.Next([Following[i - 1]]);
            }

            var given = batch.Logits(0).ToArray();
            Assert.Equal(Vocabulary, given.Length);
            Assert.Equal(best, given.Index().MaxBy(score => score.Item).Index);
            Assert.All(Probed.Zip(scores), pair => Assert.Equal(pair.Second, given[pair.First], 1e-4f));
        }
    }

    [SharedDataFact]
    public void Scores_with_a_cache_in_pieces_and_in_a_batch_are_those_of_runs_without()
    {
        Write();
        var random = new Random(8);
        int[][] prompts = [.. new[] { 3, 150, 70, 1 }.Select(length => Ids(random, length))];
        using var session = new InferenceSession(Path.Combine(folder, "past.onnx"));
        // The longest runs in pieces of 64.
        using var decoder = CausalDecoder.Load(
            folder, ModelSession.ReadManifest(folder, ModelKinds.Llm), "past.onnx", 1, null, 64 * Vocabulary * sizeof(float) * prompts.Length);
        using var batch = decoder.Begin(prompts);
        batch.Start(CancellationToken.None);
        for (var i = 0; i < 6; i++)
        {
            for (var row = 0; row < prompts.Length; row++)
            {
                var scores = batch.Logits(row).ToArray();
                Assert.All(Uncached(session, prompts[row]).Zip(scores), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
            }

            var tokens = Ids(random, prompts.Length);
            batch.Next(tokens);
            prompts = [.. prompts.Zip(tokens, (prompt, token) => (int[])[.. prompt, token])];
        }
    }

    [SharedDataFact]
    public async Task Likeliest_tokens_are_those_of_runs_without_a_cache_in_a_batch_and_alone()
    {
        Write();
        using var model = Load();
        var random = new Random(9);
        LlmPrompt[] prompts = [.. Enumerable.Range(0, 6).Select(_ => Prompt(Ids(random, random.Next(1, 40)), 12))];
        var replies = await model.GenerateAsync(prompts, null, CancellationToken.None);
        var tokenizer = Transcripts.Tokenizers.Tokenizer.Read(File.OpenRead(Path.Combine(folder, "tokenizer.json")));
        using var session = new InferenceSession(Path.Combine(folder, "past.onnx"));
        foreach (var (prompt, reply) in prompts.Zip(replies))
        {
            Assert.Equal((await model.GenerateAsync([prompt], null, CancellationToken.None))[0], reply);
            int[] ids = [.. prompt.User.Split(' ').Select(int.Parse)];
            var length = ids.Length;
            while (ids.Length - length < 12 && Uncached(session, ids).Index().MaxBy(score => score.Item).Index is not 98 and var next)
            {
                ids = [.. ids, next];
            }

            Assert.Equal(tokenizer.Decode(ids[length..], skipSpecial: true), reply.Text);
        }
    }

    [SharedDataFact]
    public async Task Samples_depend_on_prompt_and_seed_and_not_on_the_batch()
    {
        Write();
        using var model = Load();
        LlmPrompt[] prompts = [.. Enumerable.Range(0, 5).Select(i => Prompt(Tokens[..(i + 3)], 30) with { Temperature = 1, TopP = 0.9, Seed = 40 + i })];
        var together = await model.GenerateAsync(prompts, null, CancellationToken.None);
        Assert.Equal(together, await model.GenerateAsync(prompts, null, CancellationToken.None));
        for (var i = 0; i < prompts.Length; i++)
        {
            Assert.Equal(together[i], (await model.GenerateAsync([prompts[i]], null, CancellationToken.None))[0]);
        }

        var other = await model.GenerateAsync(
            [.. prompts.Select(prompt => prompt with { Seed = prompt.Seed + 1000 })], null, CancellationToken.None);
        Assert.All(together.Zip(other), pair => Assert.NotEqual(pair.First.Text, pair.Second.Text));
    }

    private OnnxLanguageModel Load() =>
        OnnxLanguageModel.Load(folder, new LlmSettings(LlmEngine.Onnx, "toy") { Concurrency = 6 }, 1, null, Bare.Ids);

    private static LlmPrompt Prompt(IEnumerable<int> ids, int maxReplyTokens) => new("", string.Join(' ', ids), maxReplyTokens);

    private void Write()
    {
        var source = Path.Combine(TestPaths.SharedData!, "llm", "tiny-random-gpt2");
        LlmFolder.Write(
            folder, new CausalSettings("past.onnx", "tokenizer.json", "plain", 512, [98]),
            new[] { "past.onnx", "tokenizer.json" }.ToDictionary(name => name, name => File.ReadAllBytes(Path.Combine(source, name))));
    }

    private static int[] Ids(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(Vocabulary))];

    /// <summary>The scores after the last of tokens that are all run at once.</summary>
    private static float[] Uncached(InferenceSession session, int[] ids)
    {
        using var options = new RunOptions();
        List<(string Name, OrtValue Value)> inputs =
        [
            ("input_ids", OrtValue.CreateTensorValueFromMemory(ids, [1, ids.Length])),
            ("position_ids", OrtValue.CreateTensorValueFromMemory(Enumerable.Range(0, ids.Length).ToArray(), [1, ids.Length])),
            ("attention_mask", OrtValue.CreateTensorValueFromMemory(Enumerable.Repeat(1, ids.Length).ToArray(), [1, ids.Length])),
            .. Enumerable.Range(0, Layers).Select(layer => (
                $"past_{layer}", OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, TensorElementType.Float, [2, 1, 4, 0, 8]))),
        ];
        using var outputs = session.Run(options, [.. inputs.Select(input => input.Name)], [.. inputs.Select(input => input.Value)], ["logits"]);
        inputs.ForEach(input => input.Value.Dispose());
        return outputs[0].GetTensorDataAsSpan<float>()[^Vocabulary..].ToArray();
    }
}
