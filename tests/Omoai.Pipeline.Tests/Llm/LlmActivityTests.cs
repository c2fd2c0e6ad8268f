using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Models;
using Omoai.Storage;
using Omoai.Tests;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Formats;
using Omoai.Transcripts.Models;
using Omoai.Transcripts.Quality;

namespace Omoai.Pipeline.Tests.Llm;

/// <summary>What the activities do for a language model. The host here is real but knows none of our activities: whoever gets that far fails.</summary>
public sealed class LlmActivityTests : IDisposable
{
    private const string Token = "t0p-s3cret-of-a-server";
    private const string HostsFailure = "The host knows no activity";

    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;
    private readonly ModelFolders _models = new();
    private readonly ConcurrentQueue<string> _log = new();
    private readonly ServiceProvider _services;
    private readonly DirectoryArtifactStore _store;

    public LlmActivityTests()
    {
        _models.Add("qwen", ModelKinds.Llm, "mul", memoryMb: 1000);
        var settings = new Dictionary<string, string?>
        {
            ["Omoai:Isolation:HostPath"] = Path.Combine(AppContext.BaseDirectory, "Omoai.Isolation.TestHost"),
            ["Omoai:Isolation:StandbyHosts"] = "0",
            ["Omoai:Isolation:Devices"] = "",
            ["Omoai:Isolation:LeaseFolder"] = Path.Combine(_folder, "leases"),
            ["Omoai:Pipeline:ScratchFolder"] = Directory.CreateDirectory(Path.Combine(_folder, "scratch")).FullName,
            ["Omoai:Pipeline:ModelThreads"] = "3",
            ["Omoai:Models:Folders:0"] = Path.Combine(TestPaths.Repository, "models"),
            ["Omoai:Models:Folders:1"] = _models.Path,
            ["Omoai:Llm:OpenAi:Endpoint"] = "https://example.com/v1",
            ["Omoai:Llm:OpenAi:Model"] = "gpt",
            ["Omoai:Llm:OpenAi:Token"] = Token,
        };
        _services = new ServiceCollection()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(settings).Build())
            .AddLogging(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(new Logs(_log)))
            .AddOmoaiPipeline()
            .AddOmoaiDirectoryStorage(Path.Combine(_folder, "store"))
            .BuildServiceProvider();
        _store = _services.GetRequiredService<DirectoryArtifactStore>();
    }

    private HostedActivities Hosts => _services.GetRequiredService<HostedActivities>();

    public void Dispose()
    {
        _services.Dispose();
        _models.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void A_host_that_runs_the_language_model_is_got_ready_with_it_on_the_GPU_without_a_network()
    {
        var models = ModelsOf("qwen");

        var need = Hosts.PostProcessNeed(models);
        var input = InputOf(models);

        Assert.Equal((true, false), (need.Gpu, need.Network));
        Assert.Equal(1000 + models.Punctuation!.Manifest!.MemoryMb, need.MemoryMb);
        var warmUp = need.WarmUp!.Input.Deserialize<PostProcessWarmUp>(OmoaiJson.Compact);
        Assert.Equal(new PostProcessWarmUp(models.Punctuation.Folder, models.LlmModel!.Folder, 3, new CudaSettings(), models.Llm), warmUp);
        // Else the host that is ready is not the one that serves.
        Assert.Equal(warmUp, new PostProcessWarmUp(input.ModelFolder, input.LlmFolder, input.Threads, input.Cuda, input.Llm));
        Assert.Contains(models.LlmModel.Stamp(), need.WarmUp.Stamp, StringComparison.Ordinal);
        Assert.Contains(models.Punctuation.Stamp(), need.WarmUp.Stamp, StringComparison.Ordinal);
        Assert.Null(input.LlmToken);
    }

    [Fact]
    public void A_host_that_asks_a_server_has_the_network_no_GPU_and_the_token_in_its_request_alone()
    {
        var models = ModelsOf(null);

        var need = Hosts.PostProcessNeed(models);
        var input = InputOf(models);

        Assert.Equal((false, true), (need.Gpu, need.Network));
        var warmUp = need.WarmUp!.Input.Deserialize<PostProcessWarmUp>(OmoaiJson.Compact);
        Assert.Equal(new PostProcessWarmUp(models.Punctuation!.Folder), warmUp);
        Assert.Equal(warmUp, new PostProcessWarmUp(input.ModelFolder, input.LlmFolder, input.Threads, input.Cuda));
        Assert.Equal(Token, input.LlmToken);
        Assert.DoesNotContain(Token, need.WarmUp.Input.GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain(Token, input.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_host_is_told_all_that_was_asked_for()
    {
        var asked = new TranscriptionOptions
        {
            Punctuation = PunctuationMethod.Llm,
            Summary = SummaryMethod.Llm,
            SummaryLanguage = "vi",
            MaxKeyPoints = 3,
            QualityMetrics = true,
            Diffs = true,
            Include = [TranscriptPart.Words, TranscriptPart.Raw],
        };
        var models = ModelsOf(null);

        var input = Hosts.PostProcessInputOf(models, asked, ["a"], "b", 2);

        Assert.Equal((PunctuationMethod.Llm, SummaryMethod.Llm, "vi", 3), (input.Punctuation, input.Summary, input.SummaryLanguage, input.MaxKeyPoints));
        Assert.Equal((true, true, true, 2.0), (input.QualityMetrics, input.Diffs, input.RawText, input.ParagraphGapSeconds));
        Assert.Same(models.Llm, input.Llm);
        var nothing = InputOf(new PostProcessModels());
        Assert.Equal((false, false, false, null), (nothing.QualityMetrics, nothing.Diffs, nothing.RawText, nothing.LlmToken));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("qwen")]
    public async Task The_token_is_in_no_artifact_and_no_line_of_the_log(string? model)
    {
        await CommitAsync(ArtifactNames.PartWords("job", 0), new RecognizedPart(0, []));

        var result = await _services.GetRequiredService<ActivityRunner>().RunAsync(PipelineActivities.PostProcess, Call(model), default);
        await _services.GetRequiredService<TranscriptionActivities>().RecordFailureAsync(Call(model) with { Failure = result.Failure }, default);

        Assert.Contains(HostsFailure, result.Failure!.Reason, StringComparison.Ordinal);
        var files = Directory.GetFiles(_folder, "*", SearchOption.AllDirectories);
        Assert.Contains(files, file => file.EndsWith("error.json", StringComparison.Ordinal));
        Assert.All(files, file => Assert.DoesNotContain(Token, File.ReadAllText(file), StringComparison.Ordinal));
        Assert.NotEmpty(_log);
        Assert.All(_log, line => Assert.DoesNotContain(Token, line, StringComparison.Ordinal));
        Assert.DoesNotContain(Token, JsonSerializer.Serialize(Call(model), OmoaiJson.Compact), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_language_model_that_has_gone_since_the_job_began_is_missing_and_a_fall_back_is_not()
    {
        await CommitAsync(ArtifactNames.PartWords("job", 0), new RecognizedPart(0, []));
        var activities = _services.GetRequiredService<TranscriptionActivities>();
        var call = Call("qwen");
        var settings = call.Job.Settings;

        var noFallback = await activities.PostProcessAsync(With(settings with { PunctuationModel = "gone" }), default);
        var noModel = await activities.PostProcessAsync(With(settings with { Llm = settings.Llm! with { Model = "gone" } }), default);

        Assert.Contains(HostsFailure, noFallback.Failure!.Reason, StringComparison.Ordinal);
        Assert.Equal((FailureClass.ModelMissing, false), (noModel.Failure!.Class, noModel.Failure.Retryable));
        Assert.Contains("'gone'", noModel.Failure.Reason, StringComparison.Ordinal);

        ActivityCall With(JobSettings changed) => call with { Job = call.Job with { Settings = changed } };
    }

    [Theory]
    [InlineData(2, "gpt", null, "llm")]
    [InlineData(1, "demo-en-punctuation", "unreadable", "extractive")]
    public async Task What_the_language_model_did_is_published(int batches, string punctuation, string? fallback, string summary)
    {
        var rate = new ErrorRate(1, 0, 0, 4);
        var made = new PostProcessed([new Segment(0, 0, 0, 1, "One.", [new Word("One.", 0, 1, 1)])], new Summary("Title", "Abstract", []))
        {
            Llm = new LlmUse(LlmEngine.OpenAi, "gpt", 3, 200, 100, new PunctuationUse(batches, [new BatchFallback("cut", 0, 1, 4)], 0.9), new SummaryUse(1, 0, fallback)),
            Changes = [new SpellingChange(0, 0, "won", "One")],
            Quality = new TranscriptQuality(rate, rate, rate, rate, AlignmentConfidence: 0.9),
            Diff = new TextDiff("-won\n+One.\n", "<p>One.</p>"),
            RawText = "won",
        };
        await CommitAsync(ArtifactNames.Plan("job"), new PrepareOutput(1, 16000, 1, "pcm_s16le", [], []));
        await CommitAsync(ArtifactNames.PostProcessed("job"), made);
        await CommitAsync(ArtifactNames.Work("job") + "warnings.json", new List<Warning>());

        var result = await _services.GetRequiredService<TranscriptionActivities>().PublishAsync(Call(null), default);

        Assert.Null(result.Failure);
        await using var stream = await _store.OpenReadAsync(ArtifactNames.Output("job", "final.json"), default);
        var transcript = (await JsonSerializer.DeserializeAsync<Transcript>(stream!, OmoaiJson.Compact))!;
        // One that wrote nothing isn't named.
        Assert.Equal((punctuation, summary), (transcript.Models.Punctuation, transcript.Models.Summary));
        Assert.Equal(made.Llm.Punctuation!.Fallbacks, transcript.Llm!.Punctuation!.Fallbacks);
        Assert.Equal((3, 200, 100), (transcript.Llm.Requests, transcript.Llm.PromptTokens, transcript.Llm.ReplyTokens));
        Assert.Equal(made.Changes, transcript.Changes);
        Assert.Equal((made.Quality, made.Diff, made.RawText), (transcript.Quality, transcript.Diff, transcript.RawText));
    }

    private ActivityCall Call(string? model)
    {
        var asked = new TranscriptionOptions { Punctuation = PunctuationMethod.Llm, Summary = SummaryMethod.Llm, Llm = model };
        var settings = new PipelineOptions().ToSettings(
            asked, _services.GetRequiredService<ModelCatalog>(), _services.GetRequiredService<IOptions<LlmOptions>>().Value);
        return new ActivityCall(
            new TranscriptionJob("job", "audio-api/job", "a.wav", asked, settings), new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), Parts: 1);
    }

    private PostProcessModels ModelsOf(string? model)
    {
        var catalog = _services.GetRequiredService<ModelCatalog>();
        var llm = Call(model).Job.Settings.Llm!;
        return new PostProcessModels(catalog.FindPunctuation(), llm, catalog.TryFindLlm(llm.Model), 3);
    }

    private PostProcessInput InputOf(PostProcessModels models) =>
        Hosts.PostProcessInputOf(models, new TranscriptionOptions(), [], "out.json", 1.5);

    private async Task CommitAsync<T>(string artifact, T value) =>
        Assert.True(await _store.CommitTextAsync(artifact, JsonSerializer.Serialize(value, OmoaiJson.Compact), default));

    private sealed class Logs(ConcurrentQueue<string> lines) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue($"{formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }
}
