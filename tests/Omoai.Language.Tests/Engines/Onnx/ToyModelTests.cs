using Omoai.Language.Engines;
using Omoai.Language.Engines.Onnx;
using Omoai.Language.Tests.Support;
using Omoai.Transcripts.Activities;

namespace Omoai.Language.Tests.Engines.Onnx;

public sealed class ToyModelTests
{
    [Fact]
    public async Task Trained_it_writes_words_again_with_a_capital_and_a_full_stop()
    {
        Assert.True(await AccuracyAsync(ToyModel.Folder) >= 0.99);
    }

    [Fact]
    public async Task Untrained_or_hardly_trained_it_does_not()
    {
        var folder = Directory.CreateTempSubdirectory("omoai-untrained-").FullName;
        try
        {
            foreach (var steps in new[] { 0, 10 })
            {
                ToyModel.Write(folder, ToyModel.Train(steps));
                Assert.True(await AccuracyAsync(folder) < 0.1);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The share of sentences that come back as they should, of those that training didn't see.</summary>
    private static async Task<double> AccuracyAsync(string folder)
    {
        using var model = OnnxLanguageModel.Load(
            folder, new LlmSettings(LlmEngine.Onnx, "toy") { Concurrency = 8 }, 1, null, Bare.Texts);
        var random = new Random(77);
        string[] texts = [.. Enumerable.Range(0, 60).Select(i => ToyModel.Sentence(random, i < 3 ? 100 : random.Next(1, 30)))];
        var replies = await model.GenerateAsync(
            [.. texts.Select(text => new LlmPrompt("COPY\n\n", $"### {text} ###", 120))], null, CancellationToken.None);
        return texts.Zip(replies).Average(pair => pair.Second.Text == ToyModel.Answer(pair.First) && pair.Second.End == ReplyEnd.Complete ? 1 : 0);
    }
}
