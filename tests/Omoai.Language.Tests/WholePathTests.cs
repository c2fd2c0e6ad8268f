using System.Text.Json;
using Omoai.Language.Tests.Support;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Language.Tests;

/// <summary>From recognised parts to readable text with a decoder that is run by ONNX Runtime: a toy, really trained (<see cref="ToyModel"/>).</summary>
public sealed class WholePathTests : IDisposable
{
    private const int Words = 200;

    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-whole-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_trained_decoder_gives_each_batch_a_capital_and_a_full_stop()
    {
        var (said, result, output) = await ProcessAsync(ToyModel.Folder);

        var words = result.Segments.SelectMany(segment => segment.Words).ToList();
        var use = result.Llm!.Punctuation!;
        Assert.Empty(use.Fallbacks);
        Assert.True(use.Batches > 1);
        Assert.Equal(1, use.AlignmentConfidence);
        Assert.Equal(use.Batches, result.Llm.Requests);
        Assert.Equal(said, words.Select(word => word.Text.TrimEnd('.').ToLowerInvariant()));
        Assert.Equal(use.Batches, words.Count(word => word.Text.EndsWith('.')));
        Assert.Equal(use.Batches, words.Count(word => char.IsUpper(word.Text[0])));
        Assert.Equal(0, result.Quality!.UnpunctuatedWer.Errors);
        // A capital and a full stop for each batch.
        Assert.Equal(2 * use.Batches, result.Quality.FormattedWer.Errors);
        Assert.Equal("toy", output.Model);
        Assert.Equal("cpu", output.ExecutionProvider);
        Assert.DoesNotContain(output.Warnings, warning => warning.Code == PostProcessor.LlmFallback);
    }

    [Fact]
    public async Task Nothing_that_an_untrained_decoder_writes_gets_into_the_text()
    {
        var untrained = Path.Combine(_folder, "untrained");
        Directory.CreateDirectory(untrained);
        ToyModel.Write(untrained, ToyModel.Train(0));

        var (said, result, output) = await ProcessAsync(untrained);

        var use = result.Llm!.Punctuation!;
        Assert.Equal(use.Batches, use.Fallbacks.Count);
        Assert.Equal(Words, use.Fallbacks.Sum(fallback => fallback.Words));
        Assert.Equal(said, result.Segments.SelectMany(segment => segment.Words).Select(word => word.Text));
        Assert.Equal(PostProcessor.NoModel, output.Model);
        Assert.Single(output.Warnings, warning => warning.Code == PostProcessor.LlmFallback);
    }

    private async Task<(string[] Said, PostProcessed Result, PostProcessOutput Output)> ProcessAsync(string model)
    {
        var prompts = Directory.CreateDirectory(Path.Combine(_folder, "prompts")).FullName;
        await File.WriteAllTextAsync(Path.Combine(prompts, "punctuate.en.txt"), "COPY\n=== user ===\n### {{text}} ###\n");
        var said = ToyModel.Sentence(new Random(5), Words).Split(' ');
        // A pause after every 20th word, where a batch may end.
        Word[] words = [.. said.Select((text, i) => new Word(text, i + (i / 20), i + (i / 20) + 0.9, 0.9))];
        var part = Path.Combine(_folder, "part.json");
        await File.WriteAllBytesAsync(part, JsonSerializer.SerializeToUtf8Bytes(new RecognizedPart(0, words, Language: "en"), OmoaiJson.Compact));
        var file = Path.Combine(_folder, "processed.json");
        var output = await PostProcessing.RunAsync(
            new PostProcessInput([part], file, Summary: SummaryMethod.None)
            {
                Punctuation = PunctuationMethod.Llm,
                Llm = new LlmSettings(LlmEngine.Onnx, "toy") { ContextTokens = 256, PromptFolder = prompts },
                LlmFolder = model,
                Threads = 1,
                QualityMetrics = true,
            });
        await using var stream = File.OpenRead(file);
        return (said, (await JsonSerializer.DeserializeAsync<PostProcessed>(stream, OmoaiJson.Compact))!, output);
    }
}
