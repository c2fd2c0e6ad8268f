using System.CommandLine;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Llm;
using Omoai.Pipeline.Models;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Local.Commands;

/// <summary>
/// Single stages on one folder of files, for people who debug or script: <c>prepare</c> fills it, <c>transcribe</c> and
/// <c>postprocess</c> go on from there. Each runs in a fresh process, as in a job.
/// </summary>
internal static class StageCommands
{
    private const string PlanFile = "plan.json";
    private const string TextFile = "post-processed.json";

    public static Command CreatePrepare(Option<bool> verbose)
    {
        var audio = new Argument<string>("AUDIO") { Description = "A recording." };
        var folder = new Option<string>("--output", "-o") { Description = "Folder for plan.json and the parts.", Required = true };
        var channels = SpeechOptions.Channels();
        var command = new Command("prepare", "Stage 1: decode to 16 kHz, find the speech, cut it into parts; what stages left in the folder before is deleted.") { audio, folder, channels };
        command.SetInterruptibleAction((parsed, cancellationToken) => RunAsync(OutputFolder.Create(parsed.GetValue(folder)!).Path, parsed.GetValue(verbose), async stage =>
        {
            var vad = stage.Services.GetRequiredService<ModelCatalog>().FindConfiguredVad();
            stage.ForgetEarlier();
            var input = new PrepareInput(
                Path.GetFullPath(parsed.GetValue(audio)!), stage.Folder, stage.Options.MaxPartSeconds, stage.Options.Ffmpeg,
                VadModelFolder: vad?.Folder, Channels: parsed.GetValue(channels));
            var plan = stage.Conclude(await stage.Hosts.PrepareAsync(
                input, HostedActivities.PrepareNeed(vad), stage.Scratch, stage.Options.PrepareDeadline, null, cancellationToken));
            if (plan is not null)
            {
                stage.Write(PlanFile, plan);
            }
        }));
        return command;
    }

    public static Command CreateTranscribe(Option<bool> verbose)
    {
        var folder = new Argument<string>("FOLDER") { Description = "A folder that `omoai prepare` filled." };
        var asr = new Option<string?>("--asr") { Description = "Speech model, by name (`omoai models list`)." };
        var language = SpeechOptions.Language();
        var hotWords = SpeechOptions.HotWords();
        var command = new Command("transcribe", "Stage 2: recognise the words of each part.") { folder, asr, language, hotWords };
        command.SetInterruptibleAction((parsed, cancellationToken) => RunAsync(parsed.GetValue(folder)!, parsed.GetValue(verbose), async stage =>
        {
            var model = stage.Services.GetRequiredService<ModelCatalog>().FindSpeech(parsed.GetValue(asr), parsed.GetValue(language));
            var threads = stage.Hosts.Threads(stage.Options.ModelThreads);
            foreach (var part in stage.Read<PrepareOutput>(PlanFile, "prepare").Parts)
            {
                var input = new TranscribeInput(
                    part, stage.File(part.File), model.Folder, stage.File(WordsFile(part.Index)), threads, parsed.GetValue(language),
                    parsed.GetValue(hotWords), stage.Options.Suspicious, stage.Hosts.Cuda);
                if (stage.Conclude(await stage.Hosts.TranscribeAsync(
                    input, stage.Hosts.TranscribeNeed(model, threads), stage.Scratch, stage.Options.TranscribeDeadline, null, cancellationToken)) is null)
                {
                    break;
                }
            }
        }));
        return command;
    }

    public static Command CreatePostProcess(Option<bool> verbose)
    {
        var folder = new Argument<string>("FOLDER") { Description = "A folder that `omoai transcribe` went through." };
        var text = new LanguageOptions();
        var command = new Command("postprocess", "Stage 3: punctuate and summarise.") { folder };
        text.AddTo(command);
        command.SetInterruptibleAction((parsed, cancellationToken) => RunAsync(parsed.GetValue(folder)!, parsed.GetValue(verbose), async stage =>
        {
            var asked = text.Read(parsed, new TranscriptionOptions());
            var parts = stage.Read<PrepareOutput>(PlanFile, "prepare").Parts.Select(part => stage.File(WordsFile(part.Index))).ToList();
            if (parts.FirstOrDefault(part => !File.Exists(part)) is { } missing)
            {
                throw new UsageException($"{missing} isn't there; run `omoai transcribe` first.");
            }

            var catalog = stage.Services.GetRequiredService<ModelCatalog>();
            var llm = stage.Services.GetRequiredService<IOptions<LlmOptions>>().Value.ToSettings(asked, catalog);
            var models = new PostProcessModels(
                asked.Punctuation switch
                {
                    PunctuationMethod.Model => catalog.FindPunctuation(),
                    PunctuationMethod.Llm => catalog.TryFindPunctuation(null),
                    _ => null,
                },
                llm, llm is { Engine: LlmEngine.Onnx } ? catalog.FindLlm(llm.Model) : null, stage.Hosts.Threads(stage.Options.ModelThreads));
            if (await ServerProblemAsync(stage.Services.GetRequiredService<VllmServer>(), llm, cancellationToken) is { } problem)
            {
                stage.Fail(problem);
                return;
            }

            stage.Conclude(await stage.Hosts.PostProcessAsync(
                stage.Hosts.PostProcessInputOf(models, asked, parts, stage.File(TextFile), stage.Options.ParagraphGapSeconds),
                stage.Hosts.PostProcessNeed(models), stage.Scratch, stage.Options.PostProcessDeadline, null, cancellationToken));
        }));
        return command;
    }

    /// <summary>Waits for the server of a language model as long as it starts: nobody else tries again here.</summary>
    private static async Task<ActivityFailure?> ServerProblemAsync(VllmServer server, LlmSettings? llm, CancellationToken cancellationToken)
    {
        while (true)
        {
            var problem = await server.WaitUntilReadyAsync(llm, cancellationToken);
            if (problem is not { Class: FailureClass.Busy })
            {
                return problem;
            }

            await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
        }
    }

    private static string WordsFile(int part) => $"words-{part:D4}.json";

    private static async Task<int> RunAsync(string folder, bool verbose, Func<Stage, Task> run)
    {
        using var work = new WorkFolder();
        await using var services = LocalServices.Create(work.Path, verbose);
        var stage = new Stage(Path.GetFullPath(folder), work.Path, services);
        await run(stage);
        return stage.ExitCode;
    }

    private sealed class Stage(string folder, string scratch, IServiceProvider services)
    {
        public string Folder => folder;
        public string Scratch => scratch;
        public IServiceProvider Services => services;
        public HostedActivities Hosts { get; } = services.GetRequiredService<HostedActivities>();
        public PipelineOptions Options { get; } = services.GetRequiredService<IOptions<PipelineOptions>>().Value;
        public int ExitCode { get; private set; }

        public string File(string name) => Path.Combine(folder, name);

        /// <summary>Prints the answer and the evidence as a line of JSON, or the reason of the failure.</summary>
        public TOutput? Conclude<TOutput>(HostedResult<TOutput> result) where TOutput : class
        {
            if (result.Failure is { } failure)
            {
                Fail(failure);
                return null;
            }

            Console.WriteLine(JsonSerializer.Serialize(new { result.Output, result.Evidence }, OmoaiJson.Compact));
            return result.Output;
        }

        public void Fail(ActivityFailure failure) => ExitCode = OmoaiCommandLine.Fail(ExitCodes.Of(failure), failure.Reason);

        /// <summary>Deletes what stages made of another recording, or with other options: it would be taken for this one's.</summary>
        public void ForgetEarlier()
        {
            string[] made = [PlanFile, TextFile, "words-*.json", "part-*.wav"];
            foreach (var file in made.SelectMany(pattern => Directory.EnumerateFiles(folder, pattern)))
            {
                System.IO.File.Delete(file);
            }
        }

        public void Write<T>(string name, T value) =>
            System.IO.File.WriteAllBytes(File(name), JsonSerializer.SerializeToUtf8Bytes(value, OmoaiJson.Indented));

        public T Read<T>(string name, string madeBy)
        {
            try
            {
                using var stream = System.IO.File.OpenRead(File(name));
                return JsonSerializer.Deserialize<T>(stream, OmoaiJson.Compact) ?? throw new JsonException("it is null");
            }
            catch (Exception e) when (e is IOException or JsonException)
            {
                throw new UsageException($"{File(name)} can't be read ({e.Message}); run `omoai {madeBy}` first.", e);
            }
        }
    }
}
