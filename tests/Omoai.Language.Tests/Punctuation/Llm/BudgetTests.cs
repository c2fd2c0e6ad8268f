using Omoai.Language.Punctuation;
using Omoai.Language.Punctuation.Llm;
using Omoai.Language.Tests.Support;
using Omoai.Transcripts.Activities;

namespace Omoai.Language.Tests.Punctuation.Llm;

/// <summary>The model of these tests takes each byte for a token, and throws where a prompt and its reply are longer than its context.</summary>
public sealed class BudgetTests : IDisposable
{
    private static readonly string[] Vocabulary = "the queue stopped then it ran đường ông về nhà của chúng tôi a supercalifragilistic".Split(' ');

    private readonly string _prompts = Directory.CreateTempSubdirectory("omoai-prompts-").FullName;

    public BudgetTests() => File.WriteAllText(
        Path.Combine(_prompts, "punctuate.en.txt"), "Punctuate.\n=== user ===\n<transcript>\n{{text}}\n</transcript>");

    public void Dispose() => Directory.Delete(_prompts, recursive: true);

    [Theory]
    [InlineData(512)]
    [InlineData(1024)]
    [InlineData(2048)]
    [InlineData(4096)]
    [InlineData(8192)]
    [InlineData(32768)]
    public async Task No_prompt_is_too_long_and_no_word_is_lost(int context)
    {
        foreach (var count in new[] { 10, 100, 1000, 10_000, 100_000 })
        {
            foreach (var folder in count > 1000 ? [_prompts] : new[] { _prompts, null })
            {
                var random = new Random(count);
                string[] words = [.. Enumerable.Range(0, count).Select(_ => Vocabulary[random.Next(Vocabulary.Length)])];
                float[] pauses = [.. words.Select(_ => random.Next(10) == 0 ? random.NextSingle() : 0)];
                var model = new FakeLanguageModel(prompt => LlmPunctuatorTests.Said(prompt).ToUpperInvariant() + ".", context);
                var result = await RunAsync(model, folder, words, pauses);

                Assert.Equal(count, result.Words.Count);
                Assert.True(result.Words.Select(word => word.Text.TrimEnd('.').ToLowerInvariant()).SequenceEqual(words));
                // The instructions that are shipped are longer than the smallest context, in bytes.
                var fits = folder is not null || context > 512;
                Assert.Equal(fits ? 0 : 1, result.Fallbacks.Count);
                Assert.Equal(fits ? count : 0, result.SameWords);
                Assert.All(model.Prompts, prompt =>
                {
                    var said = LlmPunctuatorTests.Said(prompt);
                    Assert.True(prompt.MaxReplyTokens >= model.CountTokens(said) * 3 / 2);
                    Assert.InRange(said.Split(' ').Length, 1, PunctuationBatches.MaxWords);
                });
                // Nor are they needlessly short.
                if (folder is not null && count >= 1000)
                {
                    var room = model.Prompts.Average(prompt => model.CountTokens(LlmPunctuatorTests.Said(prompt))) * 2.5 / context;
                    var most = model.Prompts.Max(prompt => LlmPunctuatorTests.Said(prompt).Split(' ').Length);
                    Assert.True(room > 0.3 || most > PunctuationBatches.MaxWords / 2, $"{room:0.00} {most}");
                }
            }
        }
    }

    [Fact]
    public async Task A_word_that_has_no_room_falls_back_alone()
    {
        string[] words = ["so", new('x', 300), new('y', 300), "we", "begin"];
        var model = new FakeLanguageModel(prompt => LlmPunctuatorTests.Said(prompt), 512);
        var result = await RunAsync(model, _prompts, words, new float[5]);
        Assert.Equal([new UnusedReply("failed", 1, 3)], result.Fallbacks);
        Assert.Equal(["So", words[1], words[2], "We", "begin"], result.Words.Select(word => word.Text));
        Assert.Contains("no room", result.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_makes_a_prompt_longer_than_its_words_is_counted()
    {
        // Each of these becomes three bytes.
        string[] words = [.. Enumerable.Repeat("<<<<<<<a", 300)];
        var model = new FakeLanguageModel(prompt => LlmPunctuatorTests.Said(prompt).Replace('‹', '<'), 512);
        var result = await RunAsync(model, _prompts, words, new float[300]);
        Assert.Empty(result.Fallbacks);
        Assert.Equal(300, result.SameWords);
    }

    [Fact]
    public async Task Batches_end_at_the_longest_pauses()
    {
        string[] words = [.. Enumerable.Range(0, 700).Select(i => $"w{i}")];
        var pauses = new float[700];
        (pauses[100], pauses[250], pauses[300], pauses[560]) = (3, 1, 2, 0.5f);
        var model = new FakeLanguageModel(prompt => LlmPunctuatorTests.Said(prompt), 1 << 15);
        await RunAsync(model, _prompts, words, pauses);
        Assert.Equal(
            ["w300", "w699"], model.Prompts.Select(prompt => LlmPunctuatorTests.Said(prompt).Split(' ')[^1]));
    }

    private static Task<LlmPunctuation> RunAsync(FakeLanguageModel model, string? prompts, string[] words, float[] pauses) =>
        LlmPunctuator.PunctuateAsync(
            model, new LlmSettings(LlmEngine.OpenAi, "fake") { PromptFolder = prompts }, null, words, pauses,
            (first, end) => [.. words[first..end].Select(word => new WrittenWord(word, false))], _ => { }, CancellationToken.None);
}
