using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Omoai.Local.Commands;
using Omoai.Local.Models;
using Omoai.Local.Tests.Journal;
using Omoai.Pipeline.Models;
using Omoai.Tests.Http;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;
using static Omoai.Local.Tests.Models.DownloaderTests;
using static Omoai.Tests.Http.FileServer;

namespace Omoai.Local.Tests.Models;

public sealed class ModelGetterTests : IAsyncDisposable
{
    private static readonly byte[] Graph = Noise(1, 200_000);
    private static readonly byte[] Tokens = "<blk> 0\na 1\n"u8.ToArray();

    private readonly string _root = Directory.CreateTempSubdirectory("omoai-test-").FullName;
    private readonly FileServer _server = new();
    private readonly View _view = new();
    private long _free = 1L << 40;

    public ModelGetterTests() => _server.At("/m/onnx/model.onnx", Whole(Graph)).At("/m/tokens.txt", Whole(Tokens));

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public async Task A_model_of_the_catalogue_is_fetched_and_is_one()
    {
        var folder = await GetAsync("pinned", "mit");

        Assert.Equal(Path.Combine(_root, "pinned"), folder);
        AssertWhole("pinned");
        var manifest = ModelCatalog.Open(folder).Manifest!;
        Assert.Equal(("pinned", "speech-ctc", "vi", "MIT"), (manifest.Name, manifest.Kind, manifest.Language, manifest.Licence));
        Assert.Equal((8000, 1), (manifest.Features!.HighHz, manifest.Features.SampleScale));
        Assert.Equal(["pinned"], Directory.EnumerateFileSystemEntries(_root).Select(Path.GetFileName));
        Assert.Contains("licence MIT (https://example.org/licence)", _view.Said[0], StringComparison.Ordinal);
        Assert.Equal(("model.onnx", 200_012, 200_012), _view.Reports.Last(report => report.File == "model.onnx"));
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData(null, false)]
    [InlineData("Apache-2.0", true)]
    public async Task Without_its_licence_accepted_nothing_is_fetched(string? accepted, bool? asked)
    {
        _view.Answer = asked;

        var e = await Assert.ThrowsAsync<UsageException>(() => GetAsync("pinned", accepted));

        Assert.Contains("MIT", e.Message, StringComparison.Ordinal);
        Assert.Empty(_server.Requests);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_root));
    }

    [Fact]
    public async Task A_licence_can_be_accepted_when_asked()
    {
        _view.Answer = true;
        await GetAsync("pinned", null);
        AssertWhole("pinned");
    }

    [Fact]
    public async Task What_nobody_has_stated_is_trusted_only_when_that_is_said_and_is_recorded()
    {
        var e = await Assert.ThrowsAsync<UsageException>(() => GetAsync("unpinned", "MIT"));
        Assert.Contains("--trust-first-use", e.Message, StringComparison.Ordinal);
        Assert.Empty(_server.Requests);

        await GetAsync("unpinned", "MIT", trust: true);

        AssertWhole("unpinned");
        Assert.Equal(FactsOf(Graph), ModelCatalog.Open(Path.Combine(_root, "unpinned")).Manifest!.Files["model.onnx"]);
        Assert.Contains("was trusted", _view.Said[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_without_a_download_says_what_to_do()
    {
        var e = await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync("elsewhere", "MIT", trust: true));
        Assert.Contains("Export it.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_name_is_told_the_known_ones()
    {
        var e = await Assert.ThrowsAsync<UsageException>(() => GetAsync("pined", "MIT"));
        Assert.Contains("pinned, unpinned, elsewhere", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_that_is_there_is_left_alone_and_a_damaged_one_is_fetched_again()
    {
        await GetAsync("pinned", "MIT");
        var requests = _server.Requests.Count;
        await GetAsync("pinned", "MIT");
        Assert.Equal(requests, _server.Requests.Count);
        Assert.Contains("there already", _view.Said[^1], StringComparison.Ordinal);

        await File.AppendAllTextAsync(Path.Combine(_root, "pinned", "tokens.txt"), "b 2\n");
        await GetAsync("pinned", "MIT");

        AssertWhole("pinned");
        Assert.Equal(["pinned"], Directory.EnumerateFileSystemEntries(_root).Select(Path.GetFileName));
    }

    [Fact]
    public async Task What_was_interrupted_is_no_model_and_is_gone_on_with()
    {
        using var cancel = new CancellationTokenSource();
        _server.At("/m/tokens.txt", Whole(Tokens)).At("/m/onnx/model.onnx", Then(Graph, 100_000, Silence), Whole(Graph));
        _view.Reported = (file, done) =>
        {
            if (file == "model.onnx" && done >= 100_000)
            {
                cancel.Cancel();
            }
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => GetAsync("pinned", "MIT", cancellation: cancel.Token));
        Assert.Empty(Installed());

        await GetAsync("pinned", "MIT");

        AssertWhole("pinned");
        Assert.Equal(["/m/tokens.txt", "/m/onnx/model.onnx", "/m/onnx/model.onnx"], _server.Requests.Select(request => request.Path));
        Assert.Equal("bytes=100000-", _server.Requests[2].Range);
    }

    [Fact]
    public async Task A_folder_under_way_is_no_model_whatever_is_in_it()
    {
        await GetAsync("pinned", "MIT");
        Directory.CreateDirectory(Path.Combine(_root, "other.partial"));
        Directory.Move(Path.Combine(_root, "pinned"), Path.Combine(_root, "other.partial", "files"));

        Assert.Empty(Installed());
    }

    [Fact]
    public async Task A_finished_file_that_was_damaged_since_is_fetched_again()
    {
        _server.At("/m/onnx/model.onnx", Head(404, "Content-Length: 0"), Whole(Graph));
        await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync("pinned", "MIT"));
        var finished = Path.Combine(_root, "pinned.partial", "files", "tokens.txt");
        Assert.True(File.Exists(finished));
        await File.WriteAllTextAsync(finished, "other");

        await GetAsync("pinned", "MIT");

        AssertWhole("pinned");
        Assert.Equal(Tokens, await File.ReadAllBytesAsync(Path.Combine(_root, "pinned", "tokens.txt")));
    }

    [Fact]
    public async Task Two_at_once_do_not_get_in_each_others_way()
    {
        var reached = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        _server.At("/m/tokens.txt", async (request, stream, stop) =>
        {
            reached.TrySetResult();
            await go.Task.WaitAsync(stop);
            await Whole(Tokens)(request, stream, stop);
        });

        var first = GetAsync("pinned", "MIT");
        await reached.Task.WaitAsync(TimeSpan.FromMinutes(1));
        var e = await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync("pinned", "MIT").WaitAsync(TimeSpan.FromSeconds(30)));
        go.SetResult();
        await first;

        Assert.Contains("another process", e.Message, StringComparison.Ordinal);
        AssertWhole("pinned");
    }

    [Fact]
    public async Task A_disk_without_room_for_all_of_it_is_said_before_anything_comes()
    {
        _free = (64 << 20) + 200_011;

        await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync("pinned", "MIT"));

        Assert.Empty(_server.Requests);
    }

    [Fact]
    public async Task A_model_json_at_a_URL_is_fetched_with_what_lies_beside_it_and_stays_as_it_is()
    {
        var json = Manifest(("mô hình 1.onnx", Graph), ("tokens.txt", Tokens));
        _server.At("/x/model.json", Whole(json)).At("/x/tokens.txt", Whole(Tokens)).At("/x/m%C3%B4%20h%C3%ACnh%201.onnx", Whole(Graph));

        var folder = await GetAsync(_server.Url + "/x/model.json?sig=s%2Fe", "CC-BY-4.0");

        AssertWhole("theirs");
        Assert.Equal(json, await File.ReadAllBytesAsync(Path.Combine(folder, "model.json")));
        Assert.All(_server.Requests, request => Assert.EndsWith("?sig=s%2Fe", request.Path, StringComparison.Ordinal));
        Assert.DoesNotContain(_view.Said, line => line.Contains("sig", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("../evil")]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData("MODEL.json")]
    [InlineData("Tokens.TXT")]
    [InlineData("a\u001b[2J")]
    public async Task A_file_name_that_leads_elsewhere_is_refused(string name)
    {
        _server.At("/x/model.json", Whole(Manifest((name, Graph), ("tokens.txt", Tokens))));

        await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(_server.Url + "/x/model.json", "CC-BY-4.0"));

        Assert.Single(_server.Requests);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_root));
    }

    [Theory]
    [InlineData("speech-ctc\u001b[2J", "vi")]
    [InlineData("speech-ctc", "vi\u001b[2J")]
    [InlineData("speech-ctc", "")]
    public async Task A_kind_or_language_that_is_none_is_refused(string kind, string language)
    {
        var json = JsonSerializer.Deserialize<ModelManifest>(Manifest(("tokens.txt", Tokens)), OmoaiJson.Compact)! with { Kind = kind, Language = language };
        _server.At("/x/model.json", Whole(JsonSerializer.SerializeToUtf8Bytes(json, OmoaiJson.Compact))).At("/x/tokens.txt", Whole(Tokens));

        await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(_server.Url + "/x/model.json", "CC-BY-4.0"));

        Assert.Empty(Directory.EnumerateFileSystemEntries(_root));
    }

    [Fact]
    public async Task What_a_folder_that_was_put_there_says_can_not_steer_a_terminal()
    {
        await GetAsync("pinned", "MIT");
        var manifest = Assert.Single(Installed()).Manifest!;

        Assert.Equal(
            "pinned\tk?[2J\tv?i\tMIT\t/f?",
            ModelsCommand.Line(new InstalledModel("/f\n", manifest with { Kind = "k\u001b[2J", Language = "v\u009bi" }, null)));
        Assert.Equal("(unreadable)\t/f\t?[2J", ModelsCommand.Line(new InstalledModel("/f", null, "\u001b[2J")));
    }

    [Fact]
    public void What_is_discarded_is_let_go_of_first()
    {
        using var incoming = IncomingModel.Begin(_root, "a");
        incoming.Discard();

        Assert.Empty(Directory.EnumerateFileSystemEntries(_root));
        // Elsewhere a file that is open can't be deleted at all.
        if (OperatingSystem.IsLinux())
        {
            Assert.DoesNotContain(
                Directory.EnumerateFiles("/proc/self/fd").Select(file => new FileInfo(file).LinkTarget ?? ""),
                target => target.StartsWith(_root, StringComparison.Ordinal));
        }

        using var next = IncomingModel.Begin(_root, "a");
        incoming.Dispose();
        Assert.Throws<MissingRequirementException>(() => IncomingModel.Begin(_root, "a"));
    }

    [Theory]
    [InlineData("../evil", "MIT")]
    [InlineData("", "MIT")]
    [InlineData(".hidden", "MIT")]
    [InlineData("a.partial", "MIT")]
    [InlineData("fine", "MIT\u001b[2J")]
    public async Task A_name_or_licence_that_is_none_is_refused(string name, string licence)
    {
        _server.At("/x/model.json", Whole(Manifest(name, licence, ("tokens.txt", Tokens))));

        await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(_server.Url + "/x/model.json", licence));

        Assert.Empty(Directory.EnumerateFileSystemEntries(_root));
    }

    [Fact]
    public async Task Sizes_that_no_disk_has_are_refused()
    {
        var file = $$$"""{"bytes":{{{long.MaxValue}}},"sha256":"{{{new string('0', 64)}}}"}""";
        var huge = $$$"""{"schema":1,"name":"huge","kind":"speech-ctc","language":"en","licence":"MIT","files":{"a":{{{file}}},"b":{{{file}}} } }""";
        _server.At("/x/model.json", Whole(Encoding.UTF8.GetBytes(huge)));

        await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(_server.Url + "/x/model.json", "MIT"));
    }

    [Fact]
    public async Task A_model_json_is_a_small_file()
    {
        _server.At("/x/model.json", Endless(_ => { }));

        var e = await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(_server.Url + "/x/model.json", "MIT"));

        Assert.Contains("1048576", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://example.invalid/model.json")]
    [InlineData("https://me:secret@example.invalid/model.json")]
    [InlineData("https://example.invalid/other.json")]
    [InlineData("ftp://example.invalid/model.json")]
    public async Task A_URL_that_is_none_of_a_model_is_a_mistake(string url) =>
        await Assert.ThrowsAsync<UsageException>(() => GetAsync(url, "MIT"));

    [Fact]
    public void The_first_folder_that_can_be_written_to_is_taken()
    {
        var file = Path.Combine(_root, "file");
        File.WriteAllText(file, "");
        var shipped = Path.Combine(AppContext.BaseDirectory, "models");

        Assert.Equal(Path.Combine(_root, "a", "b"), ModelFolders.FirstWritable([Path.Combine(file, "x"), shipped, Path.Combine(_root, "a", "b"), _root]));
        var e = Assert.Throws<MissingRequirementException>(() => ModelFolders.FirstWritable([Path.Combine(file, "x")]));
        Assert.Contains("Omoai:Models:Folders", e.Message, StringComparison.Ordinal);
    }

    private async Task<string> GetAsync(string name, string? accepted, bool trust = false, CancellationToken cancellation = default)
    {
        using var downloader = new Downloader(Impatient, new ManualTime(), _ => _free);
        return await new ModelGetter(Catalogue(), downloader, _root, _view).GetAsync(name, accepted, trust, cancellation);
    }

    private KnownModels Catalogue()
    {
        string Pinned(string name, string path, byte[] file) =>
            $$$"""{"name":"{{{name}}}","path":"{{{path}}}","bytes":{{{file.Length}}},"sha256":"{{{FactsOf(file).Sha256}}}"}""";
        string Entry(string name, string files, string more = "") => $$$"""
            {"name":"{{{name}}}","template":"t","licence":"MIT","licenceUrl":"https://example.org/licence","description":"d","page":"p",
             "base":"{{{_server.Url}}}/m/","files":[{{{files}}}],"model":{"language":"vi","features":{"sampleScale":1}}{{{more}}} }
            """;
        var json = $$$"""
            {"templates":{"t":{"kind":"speech-ctc","sampleRate":16000,"features":{"type":"log-mel","sampleScale":32768,"highHz":8000} } },
             "models":[
              {{{Entry("pinned", Pinned("tokens.txt", "tokens.txt", Tokens) + "," + Pinned("model.onnx", "onnx/model.onnx", Graph))}}},
              {{{Entry("unpinned", "{\"name\":\"model.onnx\",\"path\":\"onnx/model.onnx\"}")}}},
              {{{Entry("elsewhere", "", ",\"note\":\"Export it.\"")}}}]}
            """;
        return KnownModels.Read(new MemoryStream(Encoding.UTF8.GetBytes(json)));
    }

    private static byte[] Manifest(params (string Name, byte[] Content)[] files) => Manifest("theirs", "CC-BY-4.0", files);

    private static byte[] Manifest(string name, string licence, params (string Name, byte[] Content)[] files) => JsonSerializer.SerializeToUtf8Bytes(
        new ModelManifest
        {
            Schema = ModelManifest.CurrentSchema,
            Name = name,
            Kind = ModelKinds.SpeechCtc,
            Language = "vi",
            Licence = licence,
            Files = files.ToDictionary(file => file.Name, file => FactsOf(file.Content)),
        }, OmoaiJson.Indented);

    private void AssertWhole(string name) => Assert.Null(ModelCheck.Problem(Assert.Single(Installed(), model => model.Manifest?.Name == name)));

    private IReadOnlyList<InstalledModel> Installed()
    {
        var options = new ModelOptions();
        options.Folders.Add(_root);
        return new ModelCatalog(Options.Create(options)).List();
    }

    private sealed class View : IGetterView
    {
        public List<string> Said { get; } = [];
        public List<(string File, long Done, long? Total)> Reports { get; } = [];
        public bool? Answer { get; set; }
        public Action<string, long> Reported { get; set; } = (_, _) => { };

        public void Say(string line) => Said.Add(line);

        public bool? Accepts(string model, string licence, string? licenceUrl) => Answer;

        public void Report(string file, long done, long? total)
        {
            Reports.Add((file, done, total));
            Reported(file, done);
        }
    }
}
