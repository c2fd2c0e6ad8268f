using System.Text.Json;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Pipeline.Models;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Formats;

namespace Omoai.Pipeline.Activities;

/// <summary>What an activity in a fresh process gave: exactly one of <paramref name="Output"/> and
/// <paramref name="Failure"/>, and in any case the evidence.</summary>
public sealed record HostedResult<TOutput>(TOutput? Output, ActivityFailure? Failure, HostEvidence Evidence);

/// <summary>What PostProcess runs on.</summary>
/// <param name="Punctuation">The punctuation model, if there is to be one.</param>
/// <param name="Llm">The language model and how it is used, if one is asked for.</param>
/// <param name="LlmModel">The same as an installed model, where the host itself runs it.</param>
/// <param name="Threads">Threads for that one.</param>
public sealed record PostProcessModels(
    InstalledModel? Punctuation = null, LlmSettings? Llm = null, InstalledModel? LlmModel = null, int Threads = 0);

/// <summary>The activities of the activity host, typed. Files in, files out: what the parent stores is its own business.</summary>
public sealed class HostedActivities(ActivityHostLauncher launcher, IOptions<CudaOptions> cuda, IOptions<LlmOptions> llm)
{
    /// <summary>What a host for Prepare must have.</summary>
    /// <param name="vad">The voice-activity model, if there is to be one.</param>
    public static HostNeed PrepareNeed(InstalledModel? vad) => new()
    {
        Gpu = false,
        WarmUp = WarmUp(new PrepareWarmUp(vad?.Folder), vad?.Stamp() ?? ""),
    };

    /// <summary>What a host for Transcribe must have.</summary>
    /// <param name="model">The speech model.</param>
    /// <param name="threads">As in <see cref="TranscribeInput"/>.</param>
    public HostNeed TranscribeNeed(InstalledModel model, int threads) => new()
    {
        MemoryMb = model.Manifest!.MemoryMb,
        WarmUp = WarmUp(new TranscribeWarmUp(model.Folder, threads, Cuda), model.Stamp()),
    };

    /// <summary>What a host for PostProcess must have.</summary>
    /// <param name="models">What it runs on.</param>
    public HostNeed PostProcessNeed(PostProcessModels models)
    {
        var (punctuation, llm, llmModel, threads) = models;
        var asksServer = llm?.Engine == LlmEngine.OpenAi;
        var (folder, stamp) = (punctuation?.Folder, punctuation?.Stamp() ?? "");
        return new HostNeed
        {
            // Whoever only asks a server keeps nobody from the GPU, that server least of all.
            Gpu = !asksServer,
            Network = asksServer,
            MemoryMb = (punctuation?.Manifest!.MemoryMb ?? 0) + (llmModel?.Manifest!.MemoryMb ?? 0),
            WarmUp = llmModel is null
                ? WarmUp(new PostProcessWarmUp(folder), stamp)
                : WarmUp(new PostProcessWarmUp(folder, llmModel.Folder, threads, Cuda, llm), $"{stamp}+{llmModel.Stamp()}"),
        };
    }

    /// <summary>What PostProcess is given; with the server's token, which goes nowhere else.</summary>
    /// <param name="models">What it runs on.</param>
    /// <param name="asked">What was asked for.</param>
    /// <param name="parts">As in <see cref="PostProcessInput"/>.</param>
    /// <param name="output">As in <see cref="PostProcessInput"/>.</param>
    /// <param name="paragraphGapSeconds">As in <see cref="PostProcessInput"/>.</param>
    public PostProcessInput PostProcessInputOf(
        PostProcessModels models, TranscriptionOptions asked, IReadOnlyList<string> parts, string output, double paragraphGapSeconds) =>
        new(parts, output, models.Punctuation?.Folder, asked.Summary, asked.MaxKeyPoints, paragraphGapSeconds)
        {
            Punctuation = asked.Punctuation,
            Llm = models.Llm,
            LlmFolder = models.LlmModel?.Folder,
            LlmToken = llm.Value.TokenFor(models.Llm),
            // As in the warm-up: a host that was got ready with others isn't used.
            Threads = models.LlmModel is null ? 0 : models.Threads,
            Cuda = models.LlmModel is null ? null : Cuda,
            SummaryLanguage = asked.SummaryLanguage,
            QualityMetrics = asked.QualityMetrics,
            Diffs = asked.Diffs,
            RawText = asked.Include?.Contains(TranscriptPart.Raw) == true,
        };

    /// <summary>How models use a GPU.</summary>
    public CudaSettings Cuda { get; } = cuda.Value.ToSettings();

    /// <summary>Threads for a model: those configured or, for 0, its share of the processor.</summary>
    public int Threads(int configured) => configured > 0 ? configured : launcher.ThreadsPerHost;

    /// <inheritdoc cref="ActivityHostLauncher.Expect"/>
    public void Expect(string activity, HostNeed need) => launcher.Expect(activity, need);

    /// <inheritdoc cref="ActivityHostLauncher.WaitForTurnAsync"/>
    public Task<(HostTurn? Turn, ActivityFailure? Failure)> WaitForTurnAsync(
        string activity, HostNeed need, CancellationToken cancellationToken) =>
        launcher.WaitForTurnAsync(activity, need, cancellationToken);

    public Task<HostedResult<PrepareOutput>> PrepareAsync(
        PrepareInput input, HostNeed need, string scratch, TimeSpan deadline, IProgress<HostProgress>? progress, CancellationToken cancellationToken,
        HostTurn? turn = null) =>
        RunAsync<PrepareInput, PrepareOutput>(
            ActivityNames.Prepare, input, need, scratch, deadline, progress, cancellationToken, turn);

    public Task<HostedResult<TranscribeOutput>> TranscribeAsync(
        TranscribeInput input, HostNeed need, string scratch, TimeSpan deadline, IProgress<HostProgress>? progress,
        CancellationToken cancellationToken, HostTurn? turn = null) =>
        RunAsync<TranscribeInput, TranscribeOutput>(
            ActivityNames.Transcribe, input, need, scratch, deadline, progress, cancellationToken, turn);

    public Task<HostedResult<PostProcessOutput>> PostProcessAsync(
        PostProcessInput input, HostNeed need, string scratch, TimeSpan deadline, IProgress<HostProgress>? progress,
        CancellationToken cancellationToken, HostTurn? turn = null) =>
        RunAsync<PostProcessInput, PostProcessOutput>(
            ActivityNames.PostProcess, input, need, scratch, deadline, progress, cancellationToken, turn);

    /// <summary>Asks a fresh process what it can load: the parent must not look for itself.</summary>
    public Task<HostedResult<InspectOutput>> InspectAsync(string scratch, TimeSpan deadline, CancellationToken cancellationToken) =>
        RunAsync<object, InspectOutput>(ActivityNames.Inspect, new { }, new HostNeed(), scratch, deadline, null, cancellationToken, null);

    /// <summary>Asks a fresh process what ONNX graphs take and give.</summary>
    public Task<HostedResult<InspectModelOutput>> InspectModelAsync(
        InspectModelInput input, string scratch, TimeSpan deadline, CancellationToken cancellationToken) =>
        RunAsync<InspectModelInput, InspectModelOutput>(
            ActivityNames.InspectModel, input, new HostNeed { Gpu = false }, scratch, deadline, null, cancellationToken, null);

    /// <summary>Has a fresh process load a model and run it once.</summary>
    /// <param name="input">The model.</param>
    /// <param name="memoryMb">What it declares to take, MiB.</param>
    /// <param name="scratch">An existing folder.</param>
    /// <param name="deadline">How long that may take.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public Task<HostedResult<TryModelOutput>> TryModelAsync(
        TryModelInput input, int memoryMb, string scratch, TimeSpan deadline, CancellationToken cancellationToken) =>
        RunAsync<TryModelInput, TryModelOutput>(
            ActivityNames.TryModel, input, new HostNeed { MemoryMb = memoryMb }, scratch, deadline, null, cancellationToken, null);

    private static WarmUp WarmUp<T>(T input, string stamp) => new(JsonSerializer.SerializeToElement(input, OmoaiJson.Compact), stamp);

    private async Task<HostedResult<TOutput>> RunAsync<TInput, TOutput>(
        string activity, TInput input, HostNeed need, string scratch, TimeSpan deadline, IProgress<HostProgress>? progress,
        CancellationToken cancellationToken, HostTurn? turn)
    {
        var json = JsonSerializer.SerializeToElement(input, OmoaiJson.Compact);
        var request = new HostRequest(activity, json, scratch, deadline) { Need = need };
        var result = await launcher.RunAsync(request, progress, cancellationToken, turn);
        if (result.Failure is { } failure)
        {
            return new HostedResult<TOutput>(default, failure, result.Evidence);
        }

        try
        {
            return new HostedResult<TOutput>(result.Output!.Value.Deserialize<TOutput>(OmoaiJson.Compact), null, result.Evidence);
        }
        catch (JsonException e)
        {
            var unreadable = new ActivityFailure(
                FailureClass.Internal, Retryable: false, $"The activity host's answer to '{activity}' can't be read: {e.Message}");
            return new HostedResult<TOutput>(default, unreadable, result.Evidence);
        }
    }
}
