using Microsoft.ML.OnnxRuntime.Tensors;
using Omoai.Language.Engines;
using Omoai.Language.Engines.Onnx;
using Omoai.Tests;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Language.Tests.Engines.Onnx;

public sealed class OnnxLanguageModelTests : IDisposable
{
    private static readonly LlmSettings Settings = new(LlmEngine.Onnx, "toy");

    private static readonly Dictionary<string, CountingModel> Graphs = new()
    {
        ["as it is"] = new(),
        ["float16"] = new() { Half = true },
        ["int32"] = new() { Integers = TensorElementType.Int32 },
        ["merged"] = new() { Merged = true },
        ["no positions"] = new() { Positions = false },
        ["no mask"] = new() { Mask = false },
        ["neither"] = new() { Positions = false, Mask = false },
        ["logits of the last token"] = new() { LastOnly = true },
        ["logits of as many tokens as it is asked for"] = new() { Keeps = true },
        ["int32, logits of as many tokens as it is asked for"] = new() { Keeps = true, Integers = TensorElementType.Int32 },
        ["open vocabulary"] = new() { OpenVocabulary = true },
        ["one prompt at a time"] = new() { Single = true },
        ["padding that is no number"] = new() { FailsWherePadded = true },
    };

    public static TheoryData<string> GraphNames => [.. Graphs.Keys];

    private readonly string folder = Directory.CreateTempSubdirectory("omoai-llm-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [MemberData(nameof(GraphNames))]
    public async Task Prompts_of_any_length_are_answered_as_the_graph_does_the_sums(string name)
    {
        Graphs[name].Write(folder);
        // Prompts of up to 300 tokens run in pieces of about 60, or of 15 in a batch of four.
        using var model = Load(logitsBytes: 60 * CountingModel.Vocabulary * sizeof(float));
        var random = new Random(3);
        LlmPrompt[] prompts = [.. Enumerable.Range(0, 11).Select(i => Prompt(Text(random, i < 2 ? 300 - (70 * i) : random.Next(1, 12)), 40))];
        var answered = new List<int>();
        var replies = await model.GenerateAsync(prompts, answered.Add, CancellationToken.None);
        Assert.Equal(Enumerable.Range(1, prompts.Length), answered);
        foreach (var (prompt, reply) in prompts.Zip(replies))
        {
            Expect(prompt, reply);
        }
    }

    [Fact]
    public async Task A_reply_ends_at_its_end_token_or_is_cut()
    {
        new CountingModel().Write(folder);
        using var model = Load();
        var ending = Texts().First(text => CountingModel.Answer(Bytes(text), 200).Count is > 3 and < 190);
        var length = CountingModel.Answer(Bytes(ending), 200).Count;
        var replies = await model.GenerateAsync(
            [Prompt(ending, 200), Prompt(ending, length + 1), Prompt(ending, length), Prompt(ending, 1)], null, CancellationToken.None);
        Assert.Equal([ReplyEnd.Complete, ReplyEnd.Complete, ReplyEnd.Cut, ReplyEnd.Cut], replies.Select(reply => reply.End));
        // The end counts as one of the reply's tokens.
        Assert.Equal([length + 1, length + 1, length, 1], replies.Select(reply => reply.ReplyTokens));
        Assert.All(replies, reply => Assert.Equal(2, reply.PromptTokens));
    }

    [Fact]
    public async Task A_stop_string_across_tokens_ends_the_reply_before_it()
    {
        new CountingModel().Write(folder);
        using var model = Load();
        // One whose answer has three letters of ASCII in a row, and not at once.
        var (text, at) = Texts().Select(text => (text, At: FirstLetters(CountingModel.Answer(Bytes(text), 60), 3))).First(pair => pair.At > 2);
        var stop = string.Concat(CountingModel.Answer(Bytes(text), at + 3)[at..].Select(id => (char)id));
        var plain = (await model.GenerateAsync([Prompt(text, 60)], null, CancellationToken.None))[0];
        var before = plain.Text[..plain.Text.IndexOf(stop, StringComparison.Ordinal)];
        var replies = await model.GenerateAsync(
            [
                Prompt(text, 60) with { Stops = [stop] },
                Prompt(text, 60) with { Stops = ["never there", stop, stop[1..]] },
                Prompt(text, 60) with { Stops = ["never there"] },
            ],
            null, CancellationToken.None);
        Assert.Equal((before, ReplyEnd.Complete), (replies[0].Text, replies[0].End));
        Assert.Equal(at + 3, replies[0].ReplyTokens);
        Assert.Equal(before, replies[1].Text);
        Assert.Equal(plain.Text, replies[2].Text);
    }

    [Fact]
    public async Task Scores_that_are_not_numbers_fail_their_prompt_only()
    {
        new CountingModel { FailsAtN = true }.Write(folder);
        using var model = Load();
        var replies = await model.GenerateAsync([Prompt("abc", 5), Prompt("abN", 5), Prompt("a", 5)], null, CancellationToken.None);
        Assert.Equal(ReplyEnd.Failed, replies[1].End);
        Assert.Contains("aren't numbers", replies[1].Problem, StringComparison.Ordinal);
        Expect(Prompt("abc", 5), replies[0]);
        Expect(Prompt("a", 5), replies[2]);
    }

    [Fact]
    public async Task A_prompt_with_a_token_that_the_graph_lacks_or_with_none_fails()
    {
        new CountingModel().Write(folder);
        using var model = OnnxLanguageModel.Load(folder, Settings, 1, null, Bare.Ids);
        var replies = await model.GenerateAsync([Prompt("5 257", 5), Prompt("", 5), Prompt("5", 5)], null, CancellationToken.None);
        Assert.Equal((ReplyEnd.Failed, "the prompt has a token that the model has no scores for"), (replies[0].End, replies[0].Problem));
        Assert.Equal((ReplyEnd.Failed, "the prompt is empty"), (replies[1].End, replies[1].Problem));
        Assert.NotEqual(ReplyEnd.Failed, replies[2].End);
    }

    [Theory]
    [InlineData(null, 100)]
    [InlineData(40, 40)]
    [InlineData(4000, 100)]
    public async Task A_prompt_and_its_reply_must_be_within_the_context(int? asked, int context)
    {
        new CountingModel { ContextTokens = 100 }.Write(folder);
        using var model = Load(Settings with { ContextTokens = asked });
        Assert.Equal(context, model.ContextTokens);
        var prompt = new string('p', context - 9);
        Expect(Prompt(prompt, 9), (await model.GenerateAsync([Prompt(prompt, 9)], null, CancellationToken.None))[0]);
        await Assert.ThrowsAsync<ArgumentException>(() => model.GenerateAsync([Prompt("a", 1), Prompt(prompt, 10)], null, CancellationToken.None));
        await Assert.ThrowsAsync<ArgumentException>(() => model.GenerateAsync([Prompt("a", 0)], null, CancellationToken.None));
    }

    [Fact]
    public async Task Batches_stay_within_the_context_with_their_padding()
    {
        new CountingModel { ContextTokens = 60, HasTable = true }.Write(folder);
        using var model = Load();
        LlmPrompt[] prompts = [Prompt(new string('x', 50), 10), Prompt("b", 59), Prompt("abcdef", 54)];
        var replies = await model.GenerateAsync(prompts, null, CancellationToken.None);
        Assert.All(prompts.Zip(replies), pair => Expect(pair.First, pair.Second));
    }

    [Fact]
    public async Task Prompts_that_a_merged_graph_takes_whole_have_a_bound_on_their_logits()
    {
        // 40 tokens have eight times as many bytes of logits as 5.
        const int LogitsBytes = 5 * CountingModel.Vocabulary * sizeof(float);
        new CountingModel { Merged = true, MostTokens = 40 }.Write(folder);
        using (var model = Load(logitsBytes: LogitsBytes))
        {
            Assert.Equal(40, model.ContextTokens);
            LlmPrompt[] prompts = [.. Enumerable.Range(1, 8).Select(i => Prompt(new string('m', 4 * i), 8))];
            var replies = await model.GenerateAsync(prompts, null, CancellationToken.None);
            Assert.All(prompts.Zip(replies), pair => Expect(pair.First, pair.Second));
            var refused = await Assert.ThrowsAsync<ArgumentException>(
                () => model.GenerateAsync([Prompt(new string('m', 40), 1)], null, CancellationToken.None));
            Assert.Contains("use the unmerged one", refused.Message, StringComparison.Ordinal);
        }

        // Others have none: they take prompts in pieces, or give no logits that nobody wants.
        foreach (var free in new CountingModel[] { new(), new() { Merged = true, LastOnly = true }, new() { Merged = true, Keeps = true } })
        {
            free.Write(folder);
            using var model = Load(logitsBytes: LogitsBytes);
            Assert.Equal(512, model.ContextTokens);
        }
    }

    [Fact]
    public async Task Group_query_attention_answers_prompts_of_any_length_as_if_they_were_alone()
    {
        CountingModel.Write(folder, GroupQueryModel.ToModel());
        using var model = Load(Settings with { Concurrency = 8 });
        var random = new Random(5);
        LlmPrompt[] prompts = [.. Enumerable.Range(0, 8).Select(i => Prompt(Text(random, 1 + (5 * i)), 30))];
        var alone = new List<LlmReply>();
        foreach (var prompt in prompts)
        {
            alone.AddRange(await model.GenerateAsync([prompt], null, CancellationToken.None));
        }

        Assert.All(alone, reply => Assert.Null(reply.Problem));
        // The model isn't one that says the same to everybody.
        Assert.Equal(prompts.Length, alone.Select(reply => reply.Text).Distinct().Count());
        Assert.Equal(alone, await model.GenerateAsync(prompts, null, CancellationToken.None));
    }

    [Fact]
    public async Task Tokens_are_counted_as_the_prompt_has_them()
    {
        new CountingModel().Write(folder);
        using var model = Load();
        Assert.Equal(7, model.CountTokens("tiếng")); // ế has three bytes.
        Assert.Equal(10, model.CountTokens(new LlmPrompt("abc", "tiếng", 1)));
        Assert.Equal(10, (await model.GenerateAsync([new LlmPrompt("abc", "tiếng", 1)], null, CancellationToken.None))[0].PromptTokens);
        Assert.Equal("cpu", model.Provider?.Name);
        Assert.Equal(("toy", LlmEngine.Onnx), (model.Name, model.Engine));
    }

    [Theory]
    [InlineData(4, 8, true, 4)]
    [InlineData(16, 8, true, 8)]
    [InlineData(4, 1, true, 1)]
    [InlineData(4, 8, false, 1)]
    public void A_batch_has_as_many_prompts_as_settings_and_graph_allow(int concurrency, int maxBatch, bool positions, int expected)
    {
        new CountingModel { MaxBatch = maxBatch, Positions = positions }.Write(folder);
        using var model = Load(Settings with { Concurrency = concurrency });
        Assert.Equal(expected, model.BatchSize);
    }

    [Fact]
    public async Task Cancelling_stops_between_steps()
    {
        new CountingModel().Write(folder);
        using var model = Load();
        using var cancellation = new CancellationTokenSource();
        // One batch, of which the first reply is there after one token.
        LlmPrompt[] prompts = [Prompt(new string('a', 3), 100), Prompt("b", 1)];
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => model.GenerateAsync(prompts, _ => cancellation.Cancel(), cancellation.Token));
    }

    [Fact]
    public async Task Data_beside_the_graph_is_read_where_it_is_among_the_models_files_and_only_there()
    {
        var data = BitConverter.GetBytes((float)CountingModel.Vocabulary);
        var file = new ModelFile(data.Length, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(data)));
        File.WriteAllBytes(Path.Combine(folder, "model.onnx_data"), data);
        var graph = new CountingModel { DataFile = "model.onnx_data" };
        graph.Write(folder, manifest => manifest with { Files = new Dictionary<string, ModelFile>(manifest.Files) { ["model.onnx_data"] = file } });
        using (var model = Load())
        {
            Expect(Prompt("abc", 5), (await model.GenerateAsync([Prompt("abc", 5)], null, CancellationToken.None))[0]);
        }

        graph.Write(folder);
        Refused("model.onnx takes data from 'model.onnx_data', which is not among its files");
    }

    [Fact]
    public void What_is_no_graph_is_refused()
    {
        byte[] whole = new CountingModel().ToModel();
        foreach (var junk in new byte[][] { [.. Enumerable.Range(0, 500).Select(i => (byte)(i * 37))], whole[..^20], [0xFF], [] })
        {
            CountingModel.Write(folder, junk);
            Assert.Throws<MissingRequirementException>(() => Load().Dispose());
        }
    }

    public static TheoryData<string, string> WrongGraphs => new()
    {
        { "no ids", "has no 'input_ids'" },
        { "float ids", "'input_ids' isn't a tensor of" },
        { "ids of one token", "must be open in its number of tokens" },
        { "no logits", "has no 'logits'" },
        { "logits of rank 4", "'logits' isn't a tensor of" },
        { "no past", "takes no past keys and values" },
        { "no value", "has no 'past_key_values.0.value'" },
        { "no present", "has no 'present.0.value'" },
        { "more present", "doesn't take as past ones" },
        { "present of another type", "'present.0.value' isn't a tensor of Float with" },
        { "past of rank 3", "'past_key_values.0.key' isn't a tensor of" },
        { "past of fixed length", "must be open in its length" },
        { "open heads", "must be open in its length" },
        { "a layer left out", "takes 'past_key_values.2.key', which isn't known" },
        { "stacked three", "must hold keys and values" },
        { "unknown input", "takes 'pixel_values', which isn't known" },
        { "logits to keep of rank 1", "'num_logits_to_keep' isn't a tensor of" },
        { "fewer scores than ends", "endTokens must be" },
    };

    [Theory]
    [MemberData(nameof(WrongGraphs))]
    public void A_graph_of_another_kind_is_refused(string name, string message)
    {
        const TensorElementType Float = TensorElementType.Float;
        var inputs = new List<(string Name, TensorElementType Type, object[] Shape)>
        {
            ("input_ids", TensorElementType.Int64, ["batch", "tokens"]),
            ("attention_mask", TensorElementType.Int64, ["batch", "total"]),
            ("past_key_values.0.key", Float, ["batch", 1, "past", 1]),
            ("past_key_values.0.value", Float, ["batch", 1, "past", 1]),
        };
        var outputs = new List<(string Name, string From, TensorElementType Type)>
        {
            ("logits", "", Float),
            ("present.0.key", "past_key_values.0.key", Float),
            ("present.0.value", "past_key_values.0.value", Float),
        };
        var vocabulary = CountingModel.Vocabulary;
        switch (name)
        {
            case "no ids":
                inputs[0] = ("tokens", inputs[0].Type, inputs[0].Shape);
                break;
            case "float ids":
                inputs[0] = ("input_ids", Float, inputs[0].Shape);
                break;
            case "ids of one token":
                inputs[0] = ("input_ids", TensorElementType.Int64, ["batch", 1]);
                break;
            case "no logits":
                outputs[0] = ("scores", "", Float);
                break;
            case "logits of rank 4":
                outputs[0] = ("logits", "past_key_values.0.key", Float);
                break;
            case "no past":
                inputs.RemoveRange(2, 2);
                outputs.RemoveRange(1, 2);
                break;
            case "no value":
                inputs.RemoveAt(3);
                outputs.RemoveAt(2);
                break;
            case "no present":
                outputs.RemoveAt(2);
                break;
            case "more present":
                outputs.Add(("present.1.key", "past_key_values.0.key", Float));
                break;
            case "present of another type":
                outputs[2] = ("present.0.value", "past_key_values.0.value", TensorElementType.Float16);
                break;
            case "past of rank 3":
                inputs[2] = (inputs[2].Name, Float, ["batch", "past", 1]);
                break;
            case "past of fixed length":
                inputs[2] = (inputs[2].Name, Float, ["batch", 1, 16, 1]);
                break;
            case "open heads":
                inputs[2] = (inputs[2].Name, Float, ["batch", "heads", "past", 1]);
                break;
            case "a layer left out":
                inputs.Add(("past_key_values.2.key", Float, inputs[2].Shape));
                break;
            case "stacked three":
                inputs[2] = ("past_0", Float, [3, "batch", 1, "past", 1]);
                inputs.RemoveAt(3);
                outputs.RemoveAt(2);
                outputs[1] = ("present_0", "past_0", Float);
                break;
            case "unknown input":
                inputs.Add(("pixel_values", Float, ["batch", 3]));
                break;
            case "logits to keep of rank 1":
                inputs.Add(("num_logits_to_keep", TensorElementType.Int64, [1]));
                break;
            case "fewer scores than ends":
                vocabulary = CountingModel.End;
                break;
        }

        var graph = new OnnxGraph().Tensor("scores.0", Float, new float[1, 1, vocabulary]);
        foreach (var (input, type, shape) in inputs)
        {
            graph.Input(input, type, shape);
        }

        foreach (var (output, from, type) in outputs)
        {
            graph.Output(output, type, from.Length == 0 ? [1, 1, vocabulary] : inputs.Single(input => input.Name == from).Shape)
                .Node("Cast", [from.Length == 0 ? "scores.0" : from], [output], ("to", (int)type));
        }

        CountingModel.Write(folder, graph.ToModel());
        Refused(message);
    }

    public static TheoryData<string, CausalSettings?> BadSettings()
    {
        var good = new CausalSettings("model.onnx", "tokenizer.json", "plain", 512, [CountingModel.End]);
        return new()
        {
            { "has no 'causal'", null },
            { "endTokens must be", good with { EndTokens = [] } },
            { "endTokens must be", good with { EndTokens = [-1] } },
            { "endTokens must be", good with { EndTokens = [257] } },
            { "contextTokens must be", good with { ContextTokens = 0 } },
            { "maxBatch must be", good with { MaxBatch = 0 } },
            { "'../model.onnx', which is not among its files", good with { Model = "../model.onnx" } },
            { "'other.json', which is not among its files", good with { Tokenizer = "other.json" } },
        };
    }

    [Theory]
    [MemberData(nameof(BadSettings))]
    public void Settings_that_do_not_fit_are_refused(string message, CausalSettings? settings)
    {
        new CountingModel().Write(folder, manifest => manifest with { Causal = settings });
        Refused(message);
    }

    [Fact]
    public void Another_kind_of_model_or_a_damaged_file_is_refused()
    {
        new CountingModel().Write(folder, manifest => manifest with { Kind = ModelKinds.Punctuation });
        Refused("is not a llm model");
        new CountingModel().Write(folder);
        File.AppendAllText(Path.Combine(folder, "tokenizer.json"), " ");
        Refused("tokenizer.json has");
    }

    private void Refused(string message) =>
        Assert.Contains(message, Assert.Throws<MissingRequirementException>(() => Load().Dispose()).Message, StringComparison.Ordinal);

    private OnnxLanguageModel Load(LlmSettings? settings = null, int logitsBytes = 1 << 20) =>
        OnnxLanguageModel.Load(folder, settings ?? Settings, 1, null, Bare.Texts, logitsBytes);

    private static LlmPrompt Prompt(string text, int maxReplyTokens) => new("", text, maxReplyTokens);

    private static string Text(Random random, int length) =>
        new([.. Enumerable.Range(0, length).Select(_ => (char)random.Next(' ', 127))]);

    private static int FirstLetters(List<int> tokens, int count) => Enumerable.Range(0, Math.Max(0, tokens.Count - count + 1))
        .FirstOrDefault(i => tokens[i..(i + count)].All(id => id is > 31 and < 127), -1);

    private static IEnumerable<string> Texts() =>
        from first in Enumerable.Range('0', 75) from second in Enumerable.Range('0', 75) select $"{(char)first}{(char)second}";

    private static IEnumerable<int> Bytes(string text) => text.Select(letter => (int)letter);

    private static void Expect(LlmPrompt prompt, LlmReply reply)
    {
        var expected = CountingModel.Answer(Bytes(prompt.User), prompt.MaxReplyTokens);
        Assert.Null(reply.Problem);
        Assert.Equal(System.Text.Encoding.UTF8.GetString([.. expected.Select(id => (byte)id)]), reply.Text);
        Assert.Equal(expected.Count == prompt.MaxReplyTokens ? ReplyEnd.Cut : ReplyEnd.Complete, reply.End);
        Assert.Equal((prompt.User.Length, Math.Min(expected.Count + 1, prompt.MaxReplyTokens)), (reply.PromptTokens, reply.ReplyTokens));
    }
}
