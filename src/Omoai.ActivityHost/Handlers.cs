using System.Text.Json;
using Omoai.Isolation;
using Omoai.Language;
using Omoai.Language.Engines;
using Omoai.Language.Engines.Onnx;
using Omoai.Language.Punctuation;
using Omoai.Speech;
using Omoai.Speech.Models;
using Omoai.Speech.Vad;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.ActivityHost;

/// <summary>
/// The activities of this host: each turns its contract's input into its output. Their warm-ups run the same code on what
/// <see cref="MadeUp"/> makes up, and leave the model loaded. One for a process.
/// </summary>
internal sealed class Handlers
{
    private readonly KeptModel<TranscribeWarmUp, ISpeechModel> _speech = new(
        key => SpeechModels.Load(key.ModelFolder, key.Threads, key.Cuda));
    private readonly KeptModel<string, VadModel> _vad = new(VadModel.Load);
    private readonly KeptModel<string, OnnxWordTagger> _punctuation = new(OnnxWordTagger.Load);
    private readonly KeptModel<LlmKey, ILanguageModel> _llm = new(
        key => OnnxLanguageModel.Load(key.Folder, key.Settings, key.Threads, key.Cuda));

    public Handlers()
    {
        All = new Dictionary<string, ActivityHandler>
        {
            [ActivityNames.Prepare] = For<PrepareInput, PrepareOutput>(PrepareAsync),
            [ActivityNames.Transcribe] = For<TranscribeInput, TranscribeOutput>(TranscribeAsync),
            [ActivityNames.PostProcess] = For<PostProcessInput, PostProcessOutput>(PostProcessAsync),
            [ActivityNames.Inspect] = (_, _) => Task.FromResult(ToJson(Inspector.Inspect())),
            [ActivityNames.InspectModel] = For<InspectModelInput, InspectModelOutput>(ModelInspector.InspectAsync),
            [ActivityNames.TryModel] = For<TryModelInput, TryModelOutput>(TryModelAsync),
        };
        WarmUps = new Dictionary<string, ActivityWarmUp>
        {
            [ActivityNames.Prepare] = WarmUp<PrepareWarmUp, PrepareInput, PrepareOutput>(
                (input, folder) => MadeUp.Recording(folder, input), PrepareAsync),
            [ActivityNames.Transcribe] = WarmUp<TranscribeWarmUp, TranscribeInput, TranscribeOutput>(
                (input, folder) => MadeUp.Part(folder, input, _speech.Get(input).Manifest.SampleRate), TranscribeAsync),
            [ActivityNames.PostProcess] = WarmUp<PostProcessWarmUp, PostProcessInput, PostProcessOutput>(
                (input, folder) => MadeUp.Words(folder, input), PostProcessAsync),
        };
    }

    /// <summary>By the activity's name.</summary>
    public IReadOnlyDictionary<string, ActivityHandler> All { get; }

    /// <summary>By the activity's name; those that would gain nothing have none.</summary>
    public IReadOnlyDictionary<string, ActivityWarmUp> WarmUps { get; }

    private Task<PrepareOutput> PrepareAsync(PrepareInput input, IProgress<double> progress, CancellationToken cancellation) =>
        Preparer.PrepareAsync(input.VadModelFolder is { } folder ? _vad.Get(folder) : null, input, progress, cancellation);

    private Task<TranscribeOutput> TranscribeAsync(TranscribeInput input, IProgress<double> progress, CancellationToken cancellation) =>
        Transcriber.TranscribeAsync(
            _speech.Get(new TranscribeWarmUp(input.ModelFolder, input.Threads, input.Cuda)), input, progress, cancellation);

    private async Task<PostProcessOutput> PostProcessAsync(
        PostProcessInput input, IProgress<double> progress, CancellationToken cancellation)
    {
        ILanguageModel? client = null;
        try
        {
            return await PostProcessor.PostProcessAsync(_punctuation.Get, Llm, input, progress, cancellation);
        }
        finally
        {
            client?.Dispose();
        }

        ILanguageModel Llm(PostProcessInput asked) => asked is { LlmFolder: { } folder, Llm: { Engine: LlmEngine.Onnx } settings }
            ? _llm.Get(LlmKey.Of(folder, settings, asked.Threads, asked.Cuda))
            : client = LanguageModels.Load(asked);
    }

    /// <summary>Runs the activity that a model is for, on what <see cref="MadeUp"/> makes up.</summary>
    private async Task<TryModelOutput> TryModelAsync(
        TryModelInput input, IProgress<double> progress, CancellationToken cancellation)
    {
        string kind, name;
        using (var manifest = OpenManifest(input.ModelFolder))
        {
            var model = ModelManifest.Read(manifest);
            (kind, name) = (model.Kind, model.Name);
        }

        switch (kind)
        {
            case ModelKinds.Vad:
                await PrepareAsync(
                    MadeUp.Recording(input.ScratchFolder, new PrepareWarmUp(input.ModelFolder)), progress, cancellation);
                return new TryModelOutput(kind, null);
            case ModelKinds.Punctuation:
                await PostProcessAsync(
                    MadeUp.Words(input.ScratchFolder, new PostProcessWarmUp(input.ModelFolder)), progress, cancellation);
                return new TryModelOutput(kind, null);
            case ModelKinds.Llm:
                using (var model = OnnxLanguageModel.Load(input.ModelFolder, new LlmSettings(LlmEngine.Onnx, name), input.Threads, null))
                {
                    var replies = await model.GenerateAsync([new LlmPrompt("Answer in one word.", "Hello.", MaxReplyTokens: 4)], null, cancellation);
                    return replies[0] is { End: ReplyEnd.Failed } reply
                        ? throw new MissingRequirementException($"The language model '{name}' answers nothing: {reply.Problem}")
                        : new TryModelOutput(kind, model.Provider?.Name);
                }

            default:
                // What is no speech model is told so by the loader.
                var known = new TranscribeWarmUp(input.ModelFolder, input.Threads);
                var sampleRate = _speech.Get(known).Manifest.SampleRate;
                var output = await TranscribeAsync(
                    MadeUp.Second(input.ScratchFolder, known, sampleRate), progress, cancellation);
                return new TryModelOutput(kind, output.ExecutionProvider);
        }
    }

    private static FileStream OpenManifest(string folder)
    {
        try
        {
            return File.OpenRead(Path.Combine(folder, ModelManifest.FileName));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MissingRequirementException($"There is no model in {folder}: {e.Message}", e);
        }
    }

    /// <summary>An activity with typed input and output, as a handler. What it has loaded goes with the process.</summary>
    private static ActivityHandler For<TInput, TOutput>(
        Func<TInput, IProgress<double>, CancellationToken, Task<TOutput>> activity)
        where TInput : class =>
        (json, context) => RunAsync(json, activity, new Progress(context), context.CancellationToken);

    /// <summary>A run of an activity on made-up input in a folder of its own, as a warm-up.</summary>
    private static ActivityWarmUp WarmUp<TKnown, TInput, TOutput>(
        Func<TKnown, string, TInput> makeUp, Func<TInput, IProgress<double>, CancellationToken, Task<TOutput>> activity)
        where TKnown : class
        where TInput : class =>
        async (json, context) =>
        {
            var folder = Path.Combine(context.ScratchFolder, $"warm-up-{Guid.NewGuid():n}");
            Directory.CreateDirectory(folder);
            try
            {
                var input = makeUp(Parse<TKnown>(json), folder);
                await RunAsync(ToJson(input), activity, new Progress(null), context.CancellationToken);
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        };

    private static async Task<JsonElement> RunAsync<TInput, TOutput>(
        JsonElement json, Func<TInput, IProgress<double>, CancellationToken, Task<TOutput>> activity, Progress progress,
        CancellationToken cancellation)
        where TInput : class =>
        ToJson(await activity(Parse<TInput>(json), progress, cancellation));

    private static T Parse<T>(JsonElement json)
        where T : class =>
        json.Deserialize<T>(OmoaiJson.Compact) ?? throw new BadInputException("The activity got no input.");

    private static JsonElement ToJson<T>(T output) => JsonSerializer.SerializeToElement(output, OmoaiJson.Compact);

    /// <summary>What a language model is loaded from, and with.</summary>
    private sealed record LlmKey(string Folder, LlmSettings Settings, int Threads, CudaSettings? Cuda)
    {
        /// <summary>With those of the settings alone that loading looks at: the others may differ from job to job.</summary>
        public static LlmKey Of(string folder, LlmSettings settings, int threads, CudaSettings? cuda) => new(
            folder,
            new LlmSettings(settings.Engine, Path.GetFileName(folder))
            {
                ContextTokens = settings.ContextTokens,
                Concurrency = settings.Concurrency,
            },
            threads, cuda);
    }

    /// <summary>Passes reports on at once and in order, which <see cref="Progress{T}"/> does not.</summary>
    /// <param name="context">Null where nobody is to hear of them.</param>
    private sealed class Progress(ActivityContext? context) : IProgress<double>
    {
        public void Report(double value) => context?.Progress(value);
    }
}
