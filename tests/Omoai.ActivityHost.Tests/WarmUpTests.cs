using System.Text.Json;
using Omoai.Isolation;
using Omoai.Tests;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.ActivityHost.Tests;

/// <summary>The warm-ups and the handlers after them, in this process: the demo models are small.</summary>
[Collection(HostTests.ModelsInThisProcess)]
public sealed class WarmUpTests : IDisposable
{
    private static readonly string Models = Path.Combine(TestPaths.Repository, "models", "demo-en");
    private static readonly string Speech = Path.Combine(Models, "speech");
    private static readonly string Punctuation = Path.Combine(Models, "punctuation");

    private readonly string _scratch = Directory.CreateTempSubdirectory("omoai-warm-tests-").FullName;
    private readonly List<HostProgress> _progress = [];

    public void Dispose() => Directory.Delete(_scratch, recursive: true);

    [Fact]
    public async Task A_transcription_after_a_warm_up_is_the_same_byte_for_byte()
    {
        var input = Part("words.json");
        var cold = await RunAsync(new Handlers(), ActivityNames.Transcribe, input);
        var warm = await RunAsync(
            await WarmAsync(ActivityNames.Transcribe, new TranscribeWarmUp(Speech, 1)), ActivityNames.Transcribe, input);

        Assert.Equal(cold, warm);
        Assert.True(JsonDocument.Parse(cold.Output).RootElement.GetProperty("wordCount").GetInt32() > 10);
    }

    [Fact]
    public async Task Post_processing_after_a_warm_up_is_the_same_byte_for_byte()
    {
        foreach (var model in new[] { Punctuation, null })
        {
            var input = new PostProcessInput([WritePart()], Path.Combine(_scratch, "processed.json"), model);
            var cold = await RunAsync(new Handlers(), ActivityNames.PostProcess, input);
            var warm = await RunAsync(
                await WarmAsync(ActivityNames.PostProcess, new PostProcessWarmUp(model)), ActivityNames.PostProcess, input);

            Assert.Equal(cold, warm);
        }
    }

    [Fact]
    public async Task Preparation_after_a_warm_up_is_the_same()
    {
        var input = new PrepareInput(Sample, _scratch);
        var cold = await RunAsync(new Handlers(), ActivityNames.Prepare, input, "part-0000.wav");
        var warm = await RunAsync(
            await WarmAsync(ActivityNames.Prepare, new PrepareWarmUp()), ActivityNames.Prepare, input, "part-0000.wav");

        Assert.Equal(cold, warm);
    }

    [Fact]
    public async Task What_a_warm_up_loaded_serves_the_request_without_the_folder()
    {
        var (speech, punctuation) = (Copy(Speech), Copy(Punctuation));
        var transcribe = await WarmAsync(ActivityNames.Transcribe, new TranscribeWarmUp(speech, 1));
        var postProcess = await WarmAsync(ActivityNames.PostProcess, new PostProcessWarmUp(punctuation));
        Directory.Delete(speech, recursive: true);
        Directory.Delete(punctuation, recursive: true);

        var part = Part("words.json") with { ModelFolder = speech };
        await RunAsync(transcribe, ActivityNames.Transcribe, part);
        var words = new PostProcessInput([WritePart()], Path.Combine(_scratch, "processed.json"), punctuation);
        await RunAsync(postProcess, ActivityNames.PostProcess, words);
    }

    [Fact]
    public async Task Another_folder_or_number_of_threads_is_not_served_by_the_kept_model()
    {
        var other = Copy(Speech);
        Rename(other, "another");
        var handlers = await WarmAsync(ActivityNames.Transcribe, new TranscribeWarmUp(Speech, 1));
        var result = await RunAsync(handlers, ActivityNames.Transcribe, Part("words.json") with { ModelFolder = other });
        Assert.Contains("\"model\":\"another\"", result.Output, StringComparison.Ordinal);

        handlers = await WarmAsync(ActivityNames.Transcribe, new TranscribeWarmUp(other, 1));
        Directory.Delete(other, recursive: true);
        await Assert.ThrowsAsync<MissingRequirementException>(() => RunAsync(
            handlers, ActivityNames.Transcribe, Part("words.json") with { ModelFolder = other, Threads = 2 }));

        other = Copy(Punctuation);
        Rename(other, "another");
        handlers = await WarmAsync(ActivityNames.PostProcess, new PostProcessWarmUp(Punctuation));
        result = await RunAsync(
            handlers, ActivityNames.PostProcess, new PostProcessInput([WritePart()], Path.Combine(_scratch, "processed.json"), other));
        Assert.Contains("\"model\":\"another\"", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_that_cant_be_used_fails_as_in_the_activity_and_leaves_nothing()
    {
        var (speech, punctuation) = (Copy(Speech), Copy(Punctuation));
        foreach (var folder in new[] { speech, punctuation })
        {
            var bytes = await File.ReadAllBytesAsync(Path.Combine(folder, "model.onnx"));
            bytes[^1] ^= 1;
            await File.WriteAllBytesAsync(Path.Combine(folder, "model.onnx"), bytes);
        }

        var left = Directory.GetFileSystemEntries(_scratch).Order().ToArray();
        foreach (var (activity, input) in new (string, object)[]
        {
            (ActivityNames.Transcribe, new TranscribeWarmUp(speech, 1)),
            (ActivityNames.Transcribe, new TranscribeWarmUp(punctuation)),
            (ActivityNames.Transcribe, new TranscribeWarmUp(Path.Combine(_scratch, "nowhere"))),
            (ActivityNames.PostProcess, new PostProcessWarmUp(punctuation)),
            (ActivityNames.PostProcess, new PostProcessWarmUp(speech)),
            (ActivityNames.PostProcess, new PostProcessWarmUp(Punctuation, Path.Combine(_scratch, "nowhere"))),
        })
        {
            await Assert.ThrowsAsync<MissingRequirementException>(() => WarmAsync(activity, input));
            Assert.Equal(left, Directory.GetFileSystemEntries(_scratch).Order());
        }

        await Assert.ThrowsAsync<BadInputException>(() => WarmAsync(ActivityNames.Transcribe, null));
        await Assert.ThrowsAsync<JsonException>(() => WarmAsync(ActivityNames.Transcribe, new { }));
    }

    private static string Sample => Path.Combine(TestPaths.Repository, "samples", "standup.wav");

    /// <summary>Handlers whose warm-up has run: it told nobody of its progress and left nothing.</summary>
    private async Task<Handlers> WarmAsync(string activity, object? input)
    {
        var handlers = new Handlers();
        var before = Directory.GetFileSystemEntries(_scratch).Order().ToArray();
        _progress.Clear();
        await handlers.WarmUps[activity](JsonSerializer.SerializeToElement(input, OmoaiJson.Compact), Context());
        Assert.Empty(_progress);
        Assert.Equal(before, Directory.GetFileSystemEntries(_scratch).Order());
        return handlers;
    }

    /// <returns>The output, and the file that it wrote.</returns>
    private async Task<(string Output, string File)> RunAsync<T>(Handlers handlers, string activity, T input, string? file = null)
    {
        var json = JsonSerializer.SerializeToElement(input, OmoaiJson.Compact);
        var output = await handlers.All[activity](json, Context());
        var path = Path.Combine(_scratch, file ?? json.GetProperty("output").GetString()!);
        var written = Convert.ToHexString(await File.ReadAllBytesAsync(path));
        File.Delete(path);
        return (output.GetRawText(), written);
    }

    private ActivityContext Context() => new(_scratch, _progress.Add, CancellationToken.None);

    private TranscribeInput Part(string output) => new(
        new AudioPart(0, "standup.wav", 0, 30, [new Interval(0, 10), new Interval(10, 20)]), Sample, Speech,
        Path.Combine(_scratch, output), 1);

    private string WritePart()
    {
        var words = "so we begin here and the build is green who wants to say more"
            .Split(' ').Select((text, i) => new Word(text, i, i + 0.5, 0.9)).ToArray();
        var path = Path.Combine(_scratch, "part.json");
        File.WriteAllText(path, JsonSerializer.Serialize(new RecognizedPart(0, words), OmoaiJson.Compact));
        return path;
    }

    private string Copy(string model)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_scratch, Guid.NewGuid().ToString("n"))).FullName;
        foreach (var file in Directory.GetFiles(model))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        return folder;
    }

    private static void Rename(string model, string name)
    {
        var path = Path.Combine(model, ModelManifest.FileName);
        var manifest = JsonSerializer.Deserialize<ModelManifest>(File.ReadAllText(path), OmoaiJson.Indented)!;
        File.WriteAllText(path, JsonSerializer.Serialize(manifest with { Name = name }, OmoaiJson.Indented));
    }
}
