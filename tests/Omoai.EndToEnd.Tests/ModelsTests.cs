using System.Text.Json;
using Omoai.Tests;
using Omoai.Tests.Http;
using Omoai.Transcripts;
using Omoai.Transcripts.Models;
using static Omoai.Tests.Http.FileServer;

namespace Omoai.EndToEnd.Tests;

/// <summary><c>omoai models get</c> and <c>add</c>, run as a user runs them.</summary>
public sealed class ModelsTests : IAsyncDisposable
{
    private static readonly string Demo = Path.Combine(TestPaths.Repository, "models", "demo-en", "speech");

    private readonly TestFolder _data = new();
    private readonly FileServer _server = new();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _data.Dispose();
    }

    [Fact]
    public async Task A_model_is_fetched_from_a_URL_once_its_licence_is_accepted()
    {
        var url = Serve(Demo, "demo-en-2");

        var refused = await RunAsync("models", "get", url);
        Assert.Equal((2, ""), (refused.ExitCode, refused.Output));
        Assert.Contains("--accept-licence \"MIT\"", refused.Error, StringComparison.Ordinal);

        var got = await RunAsync("models", "get", url, "--accept-licence", "MIT");
        var folder = Path.Combine(_data.Path, "omoai", "models", "demo-en-2");
        Assert.Equal((0, folder), (got.ExitCode, got.Output.Trim()));
        Assert.Contains("model.onnx: 4.8 MB of", got.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("models", "verify", "demo-en-2")).ExitCode);
        Assert.Contains($"demo-en-2\tspeech-ctc\ten\tMIT\t{folder}", (await RunAsync("models", "list")).Output, StringComparison.Ordinal);

        var requests = _server.Requests.Count;
        Assert.Equal(0, (await RunAsync("models", "get", url, "--accept-licence", "MIT")).ExitCode);
        Assert.Equal(requests + 1, _server.Requests.Count);
    }

    [Fact]
    public async Task A_download_that_is_interrupted_is_gone_on_with()
    {
        var file = File.ReadAllBytes(Path.Combine(Demo, "model.onnx"));
        var url = Serve(Demo, "demo-en-2");
        var sent = new TaskCompletionSource();
        _server.At("/model.onnx", Then(file, 1_000_000, (stream, stop) =>
        {
            sent.TrySetResult();
            return Silence(stream, stop);
        }), Whole(file));

        var interrupted = await OmoaiProgram.RunAsync(["models", "get", url, "--accept-licence", "MIT"], Environment, async process =>
        {
            await sent.Task.WaitAsync(TimeSpan.FromMinutes(1));
            // What was sent has come when it is on the disk.
            var part = Path.Combine(_data.Path, "omoai", "models", "demo-en-2.partial", "unfinished", "model.onnx");
            while (!File.Exists(part) || new FileInfo(part).Length == 0)
            {
                await Task.Delay(10);
            }

            await Programs.RunAsync("kill", "-INT", $"{process.Id}");
        });
        Assert.Equal(130, interrupted.ExitCode);
        Assert.DoesNotContain("demo-en-2", (await RunAsync("models", "list")).Output, StringComparison.Ordinal);

        var got = await RunAsync("models", "get", url, "--accept-licence", "MIT");

        Assert.Equal(0, got.ExitCode);
        Assert.StartsWith("bytes=", _server.Requests.Last(request => request.Path == "/model.onnx").Range, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("whisper-bas", 2)]
    [InlineData("chunkformer-large-vie", 5)]
    [InlineData("http://example.org/model.json", 2)]
    public async Task What_can_not_be_fetched_is_said(string name, int exitCode)
    {
        var outcome = await RunAsync("models", "get", name, "--accept-licence", "MIT");
        Assert.Equal((exitCode, ""), (outcome.ExitCode, outcome.Output));
        Assert.Single(outcome.Error.Trim().Split('\n'));
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_something_that_lacks()
    {
        var url = Serve(Demo, "demo-en-2");
        _server.At("/words.txt", Head(404, "Content-Length: 0"));
        var outcome = await RunAsync("models", "get", url, "--accept-licence", "MIT");
        Assert.Equal(5, outcome.ExitCode);
        Assert.Contains("/words.txt can't be fetched: the server answered 404.", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_with_a_model_json_is_copied_and_tried()
    {
        var outcome = await RunAsync("models", "add", Demo);
        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Error));
        Assert.Contains("loaded and run on", outcome.Output, StringComparison.Ordinal);
        var folder = Path.Combine(_data.Path, "omoai", "models", "demo-en");
        Assert.Equal(Directory.GetFiles(Demo).Select(Path.GetFileName).Order(), Directory.GetFiles(folder).Select(Path.GetFileName).Order());

        Assert.Equal(2, (await RunAsync("models", "add", Demo)).ExitCode);
    }

    [SharedDataFact]
    public async Task A_folder_without_one_gets_one_when_that_is_confirmed()
    {
        var source = Directory.CreateDirectory(_data["my-vad"]).FullName;
        File.Copy(Path.Combine(TestPaths.SharedData!, "vad", "silero_vad.onnx"), Path.Combine(source, "silero_vad.onnx"));

        var proposed = await RunAsync("models", "add", source, "--licence", "MIT");
        Assert.Equal(2, proposed.ExitCode);
        using var json = JsonDocument.Parse(proposed.Output);
        Assert.Equal(("my-vad", "vad"), (json.RootElement.GetProperty("name").GetString(), json.RootElement.GetProperty("kind").GetString()));
        Assert.Equal(["silero_vad.onnx"], Directory.GetFiles(source).Select(Path.GetFileName));

        Assert.Equal(0, (await RunAsync("models", "add", source, "--licence", "MIT", "--name", "vad-1", "--yes")).ExitCode);
        Assert.Equal(0, (await RunAsync("models", "verify", "vad-1")).ExitCode);

        Assert.Equal(0, (await RunAsync("models", "add", source, "--yes", "--in-place")).ExitCode);
        Assert.Equal(["model.json", "silero_vad.onnx"], Directory.GetFiles(source).Select(Path.GetFileName).Order());
    }

    [SharedDataFact]
    public async Task A_language_model_is_proposed()
    {
        var folder = Path.Combine(TestPaths.SharedData!, "llm", "tiny-random-gpt2");

        var proposed = await RunAsync("models", "add", folder, "--licence", "MIT");

        Assert.Equal(2, proposed.ExitCode);
        using var json = JsonDocument.Parse(proposed.Output);
        Assert.Equal("llm", json.RootElement.GetProperty("kind").GetString());
        var causal = json.RootElement.GetProperty("causal").Deserialize<CausalSettings>(OmoaiJson.Compact)!;
        Assert.Equivalent(new CausalSettings("past.onnx", "tokenizer.json", "plain", 512, [98]), causal, strict: true);
        Assert.Contains("There is no chat template", proposed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_is_no_model_is_left_as_it_is()
    {
        var source = Directory.CreateDirectory(_data["none"]).FullName;
        File.WriteAllText(Path.Combine(source, "model.onnx"), "no graph");

        var outcome = await RunAsync("models", "add", source, "--yes", "--in-place");

        Assert.Equal((5, ""), (outcome.ExitCode, outcome.Output));
        Assert.Contains("model.onnx can't be loaded", outcome.Error, StringComparison.Ordinal);
        Assert.Equal(["model.onnx"], Directory.GetFiles(source).Select(Path.GetFileName));
        Assert.False(Directory.Exists(Path.Combine(_data.Path, "omoai")));
        Assert.Equal(2, (await RunAsync("models", "add", source + "-missing")).ExitCode);
    }

    [Fact]
    public async Task A_model_that_does_not_run_is_taken_back()
    {
        // Whole by its manifest, and of a kind that it isn't.
        var source = Directory.CreateDirectory(_data["wrong"]).FullName;
        foreach (var file in Directory.GetFiles(Demo))
        {
            File.Copy(file, Path.Combine(source, Path.GetFileName(file)));
        }

        var path = Path.Combine(source, "model.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"log_probs\"", "\"nothing\"", StringComparison.Ordinal));

        var outcome = await RunAsync("models", "add", source);

        Assert.Equal(5, outcome.ExitCode);
        Assert.Contains("doesn't run", outcome.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(_data.Path, "omoai", "models")));
    }

    private Dictionary<string, string?> Environment => new() { ["XDG_DATA_HOME"] = _data.Path, ["TMPDIR"] = Path.GetTempPath() };

    private Task<Outcome> RunAsync(params string[] arguments) => OmoaiProgram.RunAsync(arguments, Environment, null);

    /// <summary>Serves a model's folder under another name.</summary>
    private string Serve(string folder, string name)
    {
        using var stream = File.OpenRead(Path.Combine(folder, ModelManifest.FileName));
        var manifest = ModelManifest.Read(stream) with { Name = name };
        _server.At("/model.json", Whole(JsonSerializer.SerializeToUtf8Bytes(manifest, OmoaiJson.Indented)));
        foreach (var file in manifest.Files.Keys)
        {
            _server.At("/" + file, Whole(File.ReadAllBytes(Path.Combine(folder, file))));
        }

        return _server.Url + "/model.json";
    }
}
