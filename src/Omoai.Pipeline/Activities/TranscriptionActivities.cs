using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Llm;
using Omoai.Pipeline.Models;
using Omoai.Pipeline.Webhooks;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Formats;
using Omoai.Transcripts.Models;

namespace Omoai.Pipeline.Activities;

/// <summary>How far one activity is.</summary>
/// <param name="JobId">The job.</param>
/// <param name="Activity">One of <see cref="PipelineActivities"/>.</param>
/// <param name="Part">The part, for Transcribe.</param>
/// <param name="Fraction">0 to 1, of this activity.</param>
public sealed record ActivityProgress(string JobId, string Activity, int Part, double Fraction);

/// <summary>
/// The bodies of the activities, whatever engine calls them. Each may run more than once: what it makes it commits as
/// an artifact once, and when that is there already it answers from it.
/// </summary>
public sealed partial class TranscriptionActivities(
    IArtifactStore store, HostedActivities hosts, ModelCatalog models, VllmServer vllm, WebhookSender webhooks,
    IOptions<PipelineOptions> options, IProgress<ActivityProgress> progress, TimeProvider time,
    ILogger<TranscriptionActivities> logger)
{
    private readonly PipelineOptions _options = options.Value;

    private int Threads => hosts.Threads(_options.ModelThreads);

    /// <inheritdoc cref="ActivityBody"/>
    public async Task<ActivityResult> RunAsync(string activity, ActivityCall call, CancellationToken cancellationToken) => activity switch
    {
        PipelineActivities.Prepare => await PrepareAsync(call, cancellationToken),
        PipelineActivities.Transcribe => await TranscribeAsync(call, cancellationToken),
        PipelineActivities.PostProcess => await PostProcessAsync(call, cancellationToken),
        PipelineActivities.Publish => await PublishAsync(call, cancellationToken),
        PipelineActivities.RecordFailure => await RecordFailureAsync(call, cancellationToken),
        PipelineActivities.Notify => await NotifyAsync(call, cancellationToken),
        _ => throw new ArgumentException($"There is no activity '{activity}'.", nameof(activity)),
    };

    /// <summary>Decodes the recording, finds the speech and cuts it into parts.</summary>
    public Task<ActivityResult<PrepareFacts>> PrepareAsync(ActivityCall call, CancellationToken cancellationToken) => GuardAsync(cancellationToken, async () =>
    {
        var jobId = call.Job.Id;
        if (await ReadAsync<PrepareOutput>(ArtifactNames.Plan(jobId), cancellationToken) is { } before)
        {
            return Facts(before);
        }

        var vad = call.Job.Settings.VadModel is { } vadName ? models.FindVad(vadName) : null;
        var need = HostedActivities.PrepareNeed(vad);
        using var turn = await TakeTurnAsync(ActivityNames.Prepare, need, cancellationToken);
        if (models.TryFindSpeech(call.Job.Settings.SpeechModel) is { } next)
        {
            // Its host gets ready while this one works.
            hosts.Expect(ActivityNames.Transcribe, hosts.TranscribeNeed(next, Threads));
        }

        using var scratch = ScratchFolder.Create(_options.ScratchFolder);
        var parts = Directory.CreateDirectory(scratch.File("parts")).FullName;
        var audio = await FetchInputAsync(call.Job, scratch, cancellationToken);
        var result = await hosts.PrepareAsync(
            new PrepareInput(
                audio, parts, call.Job.Settings.MaxPartSeconds, _options.Ffmpeg, call.Job.InputName, vad?.Folder, call.Job.Options.Channels),
            need, scratch.Path, call.Job.Settings.DeadlineOfPrepare(new FileInfo(audio).Length),
            Progress(call, PipelineActivities.Prepare), cancellationToken, turn);
        var plan = await ConcludeAsync(call, null, result, scratch, cancellationToken);

        foreach (var part in plan.Parts)
        {
            await store.CommitAsync(ArtifactNames.PartAudio(jobId, part.File), Path.Combine(parts, part.File), cancellationToken);
        }

        await CommitJsonAsync(ArtifactNames.Plan(jobId), plan, scratch, cancellationToken);
        return Facts(plan);

        static PrepareFacts Facts(PrepareOutput plan) => new(plan.Duration, plan.Parts.Count);
    });

    /// <summary>Recognises the words of one part.</summary>
    public Task<ActivityResult<TranscribeFacts>> TranscribeAsync(ActivityCall call, CancellationToken cancellationToken) => GuardAsync(cancellationToken, async () =>
    {
        var words = ArtifactNames.PartWords(call.Job.Id, call.Part);
        if (await ReadAsync<RecognizedPart>(words, cancellationToken) is { } before)
        {
            return new TranscribeFacts(call.Part, before.Words.Count);
        }

        var model = models.FindSpeech(call.Job.Settings.SpeechModel);
        var need = hosts.TranscribeNeed(model, Threads);
        using var turn = await TakeTurnAsync(ActivityNames.Transcribe, need, cancellationToken);
        if (call.Part == call.Parts - 1)
        {
            var settings = call.Job.Settings;
            var next = settings.PunctuationModel is { } name ? models.TryFind(name, ModelKinds.Punctuation) : null;
            var nextLlm = settings.Llm is { Engine: LlmEngine.Onnx } onnx ? models.TryFindLlm(onnx.Model) : null;
            hosts.Expect(ActivityNames.PostProcess, hosts.PostProcessNeed(new PostProcessModels(next, settings.Llm, nextLlm, Threads)));
        }

        using var scratch = ScratchFolder.Create(_options.ScratchFolder);
        var part = (await ReadPlanAsync(call, cancellationToken)).Parts[call.Part];
        var audio = await store.FetchAsync(ArtifactNames.PartAudio(call.Job.Id, part.File), null, scratch.Path, cancellationToken);
        var output = scratch.File("words.json");
        var result = await hosts.TranscribeAsync(
            new TranscribeInput(
                part, audio, model.Folder, output, Threads, call.Job.Options.Language, call.Job.Options.HotWords,
                call.Job.Settings.Suspicious, hosts.Cuda),
            need, scratch.Path,
            call.Job.Settings.DeadlineOfTranscribe(part.Duration),
            Progress(call, PipelineActivities.Transcribe), cancellationToken, turn);
        var facts = await ConcludeAsync(call, call.Part, result, scratch, cancellationToken);
        await store.CommitAsync(words, output, cancellationToken);
        return new TranscribeFacts(call.Part, facts.WordCount);
    });

    /// <summary>Punctuates and summarises the words of all parts.</summary>
    public Task<ActivityResult<PostProcessFacts>> PostProcessAsync(ActivityCall call, CancellationToken cancellationToken) => GuardAsync(cancellationToken, async () =>
    {
        var jobId = call.Job.Id;
        var artifact = ArtifactNames.PostProcessed(jobId);
        if (await ReadAsync<PostProcessed>(artifact, cancellationToken) is { } before)
        {
            return new PostProcessFacts(before.Segments.Count, before.Segments.Sum(segment => segment.Words.Count));
        }

        var asked = call.Job.Options;
        var settings = call.Job.Settings;
        var runsOn = new PostProcessModels(
            PunctuationModel(settings, asked.Punctuation), settings.Llm,
            settings.Llm is { Engine: LlmEngine.Onnx } onnx ? models.FindLlm(onnx.Model) : null, Threads);
        if (await vllm.WaitUntilReadyAsync(settings.Llm, cancellationToken) is { } notReady)
        {
            throw new ActivityFailedException(notReady);
        }

        var need = hosts.PostProcessNeed(runsOn);
        using var turn = await TakeTurnAsync(ActivityNames.PostProcess, need, cancellationToken);
        using var scratch = ScratchFolder.Create(_options.ScratchFolder);
        var parts = new List<string>();
        for (var part = 0; part < call.Parts; part++)
        {
            parts.Add(await store.FetchAsync(ArtifactNames.PartWords(jobId, part), null, scratch.Path, cancellationToken));
        }

        var output = scratch.File("post-processed.json");
        var result = await hosts.PostProcessAsync(
            hosts.PostProcessInputOf(runsOn, asked, parts, output, settings.ParagraphGapSeconds),
            need, scratch.Path, settings.DeadlineOfPostProcess(call.Parts),
            Progress(call, PipelineActivities.PostProcess), cancellationToken, turn);
        var facts = await ConcludeAsync(call, null, result, scratch, cancellationToken);
        await CommitJsonAsync(WarningsOf(jobId), facts.Warnings, scratch, cancellationToken);
        await store.CommitAsync(artifact, output, cancellationToken);
        return new PostProcessFacts(facts.SegmentCount, facts.WordCount);
    });

    /// <summary>Writes the outputs that people read, and the record of the run last.</summary>
    public Task<ActivityResult<PublishFacts>> PublishAsync(ActivityCall call, CancellationToken cancellationToken) => GuardAsync(cancellationToken, async () =>
    {
        var job = call.Job;
        var plan = await ReadPlanAsync(call, cancellationToken);
        var text = await RequireAsync<PostProcessed>(ArtifactNames.PostProcessed(job.Id), cancellationToken);
        var warnings = await RequireAsync<List<Warning>>(WarningsOf(job.Id), cancellationToken);
        var speech = models.FindSpeech(job.Settings.SpeechModel).Manifest!;
        var transcript = new Transcript
        {
            JobId = job.Id,
            CreatedAt = time.GetUtcNow(),
            Source = new AudioSource(job.InputName, plan.Duration, plan.SampleRate, plan.Channels, plan.Codec),
            Language = job.Options.Language ?? text.Language ?? speech.Language,
            Models = new ModelsUsed(
                job.Settings.SpeechModel, PunctuationOf(job, text.Llm?.Punctuation), SummaryOf(job, text.Llm?.Summary),
                job.Settings.VadModel ?? "energy"),
            Segments = text.Segments,
            Summary = text.Summary,
            LowConfidence = text.LowConfidence ?? [],
            Suspicions = text.Suspicions ?? [],
            Llm = text.Llm,
            Changes = text.Changes ?? [],
            Quality = text.Quality,
            Diff = text.Diff,
            RawText = text.RawText,
            Warnings = [.. plan.Warnings, .. warnings],
        };

        using var scratch = ScratchFolder.Create(_options.ScratchFolder);
        var outputs = new List<string>();
        var style = new FormatSettings(job.Options.Timestamps, job.Options.Include is { Count: > 0 } include ? include : null);
        foreach (var format in TranscriptFormats.Select(job.Options.Formats))
        {
            await CommitOutputAsync(format.FileName, stream => TranscriptFormats.Write(transcript, format, style, stream));
        }

        var attempts = await ReadAttemptsAsync(job.Id, cancellationToken);
        using var parent = System.Diagnostics.Process.GetCurrentProcess();
        var run = new RunRecord
        {
            JobId = job.Id,
            StartedAt = call.StartedAt,
            EndedAt = time.GetUtcNow(),
            ParentPid = parent.Id,
            ParentPeakMemoryBytes = parent.PeakWorkingSet64 is > 0 and var peak ? peak : null,
            ParentHadCuda = attempts.Any(attempt => attempt.Host.ParentHadCuda),
            ParentHadOnnxRuntime = attempts.Any(attempt => attempt.Host.ParentHadOnnxRuntime),
            Activities = attempts,
        };
        await CommitOutputAsync("run.json", stream => JsonSerializer.Serialize(stream, run, OmoaiJson.Indented));
        return new PublishFacts(text.Segments.Sum(segment => segment.Words.Count), outputs, transcript.Warnings);

        async Task CommitOutputAsync(string name, Action<Stream> write)
        {
            var file = scratch.File(name);
            await using (var stream = File.Create(file))
            {
                write(stream);
            }

            await store.CommitAsync(ArtifactNames.Output(job.Id, name), file, cancellationToken);
            outputs.Add(name);
        }
    });

    /// <summary>Writes <c>error.json</c>. The recording stays where it is.</summary>
    public Task<ActivityResult<PublishFacts>> RecordFailureAsync(ActivityCall call, CancellationToken cancellationToken) => GuardAsync(cancellationToken, async () =>
    {
        using var scratch = ScratchFolder.Create(_options.ScratchFolder);
        var attempts = await ReadAttemptsAsync(call.Job.Id, cancellationToken);
        var record = new ErrorRecord(call.Job.Id, call.Job.Input, time.GetUtcNow(), call.Failure!, attempts);
        await CommitJsonAsync(ArtifactNames.Output(call.Job.Id, "error.json"), record, scratch, cancellationToken, OmoaiJson.Indented);
        return new PublishFacts(0, ["error.json"], []);
    });

    /// <summary>Makes one attempt to deliver the job's webhook; says so beside the job's work when it is given up.</summary>
    public Task<ActivityResult<NotifyFacts>> NotifyAsync(ActivityCall call, CancellationToken cancellationToken) => GuardAsync(cancellationToken, async () =>
    {
        var job = call.Job;
        var sent = ArtifactNames.WebhookSent(job.Id);
        if (await ReadAsync<NotifyFacts>(sent, cancellationToken) is { } before)
        {
            return before;
        }

        using var scratch = ScratchFolder.Create(_options.ScratchFolder);
        var body = WebhookEvent.Create(job.Id, call.Outcome!, call.EndedAt!.Value).ToJson();
        if (await webhooks.SendAsync(job.Options.Webhook!, job.Id, body, cancellationToken) is { } failure)
        {
            if (!failure.Retryable || call.Attempt >= job.Settings.MaxWebhookAttempts)
            {
                await CommitJsonAsync(ArtifactNames.WebhookFailed(job.Id), failure, scratch, cancellationToken, OmoaiJson.Indented);
            }

            throw new ActivityFailedException(failure);
        }

        var facts = new NotifyFacts(time.GetUtcNow());
        // The receiver has it: a worker that is being stopped still writes that down.
        await CommitJsonAsync(sent, facts, scratch, CancellationToken.None);
        return facts;
    });

    /// <summary>First a turn, then what the host needs: whoever waits must not fill the disk of those who work.</summary>
    private async Task<HostTurn> TakeTurnAsync(string activity, HostNeed need, CancellationToken cancellationToken)
    {
        var (turn, failure) = await hosts.WaitForTurnAsync(activity, need, cancellationToken);
        return turn ?? throw new ActivityFailedException(failure!);
    }

    /// <summary>One that a language model falls back on may have gone since the job began; one that is to do the work may not.</summary>
    private InstalledModel? PunctuationModel(JobSettings settings, PunctuationMethod method) =>
        settings.PunctuationModel is not { } name ? null
        : method == PunctuationMethod.Llm ? models.TryFind(name, ModelKinds.Punctuation)
        : models.FindPunctuation(name);

    /// <summary>What wrote case and punctuation, by name: a language model where it wrote any, and else what it is replaced by.</summary>
    private static string PunctuationOf(TranscriptionJob job, PunctuationUse? use) =>
        job.Settings.Llm is { } llm && use is not null && use.Batches > use.Fallbacks.Count ? llm.Model : job.Settings.PunctuationModel ?? "none";

    /// <summary>How the summary was made.</summary>
    private static string SummaryOf(TranscriptionJob job, SummaryUse? use) =>
        (use?.Fallback is null ? job.Options.Summary : SummaryMethod.Extractive).ToString().ToLowerInvariant();

    private async Task<string> FetchInputAsync(TranscriptionJob job, ScratchFolder scratch, CancellationToken cancellationToken)
    {
        try
        {
            return await store.FetchAsync(job.Input, job.InputVersion, scratch.Path, cancellationToken);
        }
        catch (FileNotFoundException e)
        {
            throw new BadInputException($"{job.InputName} is gone, or was overwritten.", e);
        }
    }

    /// <summary>Turns what is expected to go wrong into data. Anything else is a bug, and left to the engine to report.</summary>
    private static async Task<ActivityResult<T>> GuardAsync<T>(CancellationToken cancellationToken, Func<Task<T>> activity)
    {
        try
        {
            return new ActivityResult<T>(await activity(), null);
        }
        catch (ActivityFailedException e)
        {
            return new ActivityResult<T>(default, e.Failure);
        }
        catch (MissingRequirementException e)
        {
            return Failed(FailureClass.ModelMissing, retryable: false, e);
        }
        catch (BadInputException e)
        {
            return Failed(FailureClass.BadInput, retryable: false, e);
        }
        catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested)
        {
            return Failed(FailureClass.Cancelled, retryable: true, e);
        }
        catch (ArtifactStoreException e)
        {
            return Failed(FailureClass.Lost, retryable: true, e);
        }
        catch (IOException e)
        {
            return Failed(FailureClass.Internal, retryable: true, e);
        }

        static ActivityResult<T> Failed(FailureClass @class, bool retryable, Exception e) =>
            new(default, new ActivityFailure(@class, retryable, e.Message));
    }

    /// <summary>Keeps the evidence, then gives the output or the failure on.</summary>
    private async Task<TOutput> ConcludeAsync<TOutput>(
        ActivityCall call, int? part, HostedResult<TOutput> result, ScratchFolder scratch, CancellationToken cancellationToken)
    {
        var (model, provider, why) = result.Output switch
        {
            TranscribeOutput done => (done.Model, done.ExecutionProvider, done.ExecutionProviderReason),
            PostProcessOutput done => (call.Job.Settings.Llm?.Model ?? done.Model, done.ExecutionProvider, done.ExecutionProviderReason),
            _ => ("", null, null),
        };
        if (provider is not null)
        {
            LogExecutionProvider(call.Job.Id, part ?? 0, model, provider, why);
        }

        var attempt = new AttemptRecord(call.Attempt, result.Evidence, part, provider, result.Failure, why);
        var host = result.Evidence;
        var artifact = ArtifactNames.Evidence(call.Job.Id, host.Activity, part ?? 0, call.Attempt, host.StartedAt, host.Pid);
        // The evidence of a cancelled attempt is kept too.
        await CommitJsonAsync(artifact, attempt, scratch, CancellationToken.None);
        return result.Failure is { } failure ? throw new ActivityFailedException(failure) : result.Output!;
    }

    private async Task<IReadOnlyList<AttemptRecord>> ReadAttemptsAsync(string jobId, CancellationToken cancellationToken)
    {
        var attempts = new List<AttemptRecord>();
        await foreach (var artifact in store.ListAsync(ArtifactNames.EvidencePrefix(jobId), cancellationToken))
        {
            attempts.Add(ForReaders(await RequireAsync<AttemptRecord>(artifact.Name, cancellationToken)));
        }

        return [.. attempts.OrderBy(attempt => attempt.Host.StartedAt)];
    }

    /// <summary>What a host wrote is of use only where it failed.</summary>
    private static AttemptRecord ForReaders(AttemptRecord attempt) => attempt.Failure is not null ? attempt : attempt with
    {
        Host = attempt.Host with { Stdout = CapturedOutput.Empty, Stderr = CapturedOutput.Empty },
    };

    private Task<PrepareOutput> ReadPlanAsync(ActivityCall call, CancellationToken cancellationToken) =>
        RequireAsync<PrepareOutput>(ArtifactNames.Plan(call.Job.Id), cancellationToken);

    private async Task<T> RequireAsync<T>(string artifact, CancellationToken cancellationToken) where T : class =>
        await ReadAsync<T>(artifact, cancellationToken) ?? throw new IOException($"The artifact {artifact} is gone.");

    private async Task<T?> ReadAsync<T>(string artifact, CancellationToken cancellationToken) where T : class
    {
        await using var stream = await store.OpenReadAsync(artifact, cancellationToken);
        return stream is null ? null : await JsonSerializer.DeserializeAsync<T>(stream, OmoaiJson.Compact, cancellationToken);
    }

    private async Task CommitJsonAsync<T>(
        string artifact, T value, ScratchFolder scratch, CancellationToken cancellationToken, JsonSerializerOptions? format = null)
    {
        var file = scratch.File(Path.GetRandomFileName());
        await File.WriteAllBytesAsync(file, JsonSerializer.SerializeToUtf8Bytes(value, format ?? OmoaiJson.Compact), cancellationToken);
        await store.CommitAsync(artifact, file, cancellationToken);
    }

    private Progress Progress(ActivityCall call, string activity) =>
        new(report => progress.Report(new ActivityProgress(call.Job.Id, activity, call.Part, report.Fraction)));

    [LoggerMessage(Level = LogLevel.Information,
        Message = "Job {JobId}: part {Part}: the model {Model} ran on {ExecutionProvider}: {Reason}")]
    private partial void LogExecutionProvider(string jobId, int part, string model, string executionProvider, string? reason);

    private static string WarningsOf(string jobId) => ArtifactNames.Work(jobId) + "warnings.json";

    private sealed class ActivityFailedException(ActivityFailure failure) : Exception(failure.Reason)
    {
        public ActivityFailure Failure { get; } = failure;
    }
}

/// <summary>Reports on the caller's thread, in order; <see cref="System.Progress{T}"/> would not.</summary>
internal sealed class Progress(Action<HostProgress> report) : IProgress<HostProgress>
{
    public void Report(HostProgress value) => report(value);
}
