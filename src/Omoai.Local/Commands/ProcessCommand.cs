using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Local.Orchestration;
using Omoai.Local.Terminal;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Models;
using Omoai.Storage;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Formats;

namespace Omoai.Local.Commands;

/// <summary><c>omoai process</c>: the whole pipeline on recordings of this machine.</summary>
internal static class ProcessCommand
{
    public static Command Create(Option<bool> verbose)
    {
        var audio = new Argument<string[]>("AUDIO") { Description = "Recordings: WAV, or anything ffmpeg reads.", Arity = ArgumentArity.OneOrMore };
        audio.Validators.Add(result =>
        {
            // An option that isn't known would be taken for a recording.
            if (result.Tokens.FirstOrDefault(token => token.Value.StartsWith('-')) is { } token)
            {
                result.AddError($"There is no option '{token.Value}'. For a recording of that name write ./{token.Value}");
            }
        });
        var output = new Option<string?>("--output", "-o")
        {
            Description = "Folder for the files. With several recordings each gets a folder of its own in it. " +
                "Default: a new folder here, named after the recording and the time.",
        };
        var formats = new Option<string[]>("--format")
        {
            Description = $"What to write: {string.Join(',', TranscriptFormats.Names)}. Default: all.",
            CustomParser = result => [.. result.Tokens.SelectMany(token => token.Value.Split(','))],
        };
        formats.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string[]>()?.FirstOrDefault(name => !TranscriptFormats.Names.Contains(name)) is { } unknown)
            {
                result.AddError($"There is no format '{unknown}'; there are {string.Join(',', TranscriptFormats.Names)}.");
            }
        });
        var language = SpeechOptions.Language();
        var hotWords = SpeechOptions.HotWords();
        var channels = SpeechOptions.Channels();
        var asr = new Option<string?>("--asr") { Description = "Speech model, by name (`omoai models list`)." };
        var text = new LanguageOptions();
        var timestamps = LanguageOptions.Timestamps();
        var include = LanguageOptions.Include();
        var json = new Option<bool>("--json") { Description = "Print the outcome as JSON instead of the transcript." };
        var quiet = new Option<bool>("--quiet") { Description = "Print nothing but errors and warnings." };
        var command = new Command("process", "Transcribe, punctuate and summarise recordings.")
        {
            audio, output, formats, language, asr, hotWords, channels,
        };
        text.AddTo(command);
        command.Add(timestamps);
        command.Add(include);
        command.Add(json);
        command.Add(quiet);
        command.SetInterruptibleAction((parsed, cancellationToken) => RunAsync(
            new ProcessSettings(
                parsed.GetValue(audio)!, parsed.GetValue(output), TranscriptFormats.Select(parsed.GetValue(formats)),
                text.Read(parsed, new TranscriptionOptions
                {
                    Language = parsed.GetValue(language),
                    Asr = parsed.GetValue(asr),
                    HotWords = parsed.GetValue(hotWords) is { Length: > 0 } words ? words : null,
                    Channels = parsed.GetValue(channels),
                    Timestamps = parsed.GetValue(timestamps),
                    Include = parsed.GetValue(include) is { Length: > 0 } parts ? parts : null,
                }),
                parsed.GetValue(json), parsed.GetValue(quiet), parsed.GetValue(verbose)),
            cancellationToken));
        return command;
    }

    /// <summary>Passes on to the view of the recording that is at work.</summary>
    private sealed class CurrentView : IProgress<ActivityProgress>
    {
        public ProgressView? View { get; set; }

        public void Report(ActivityProgress value) => View?.Report(value);
    }

    private sealed record ProcessSettings(
        IReadOnlyList<string> Audio, string? Output, IReadOnlyList<TranscriptFormat> Formats, TranscriptionOptions Options,
        bool Json, bool Quiet, bool Verbose);

    /// <summary>What <c>--json</c> prints for each recording.</summary>
    private sealed record Outcome(
        string Input, JobStatus Status, string? JobId, string? Output, IReadOnlyList<string> Files, double? Duration, int? Words,
        IReadOnlyList<Warning> Warnings, ActivityFailure? Error);

    private static async Task<int> RunAsync(ProcessSettings settings, CancellationToken cancellationToken)
    {
        var folders = OutputFolder.Plan(settings.Audio, settings.Output, TimeProvider.System.GetUtcNow());
        var outcomes = new List<Outcome>();
        using var work = new WorkFolder();
        var current = new CurrentView();
        // The same for all recordings, so that a server that they ask is loaded once.
        await using var services = LocalServices.Create(work.Path, settings.Verbose, current);
        foreach (var (audio, folder) in settings.Audio.Zip(folders))
        {
            if (!cancellationToken.IsCancellationRequested)
            {
                var outcome = await RunOneAsync(audio, folder, settings, work, services, current, cancellationToken);
                outcomes.Add(outcome);
                await MakeRoomAsync(outcome, work, services.GetRequiredService<DirectoryArtifactStore>());
            }
        }

        if (settings.Json)
        {
            Console.WriteLine(JsonSerializer.Serialize(outcomes, OmoaiJson.Indented));
        }

        return cancellationToken.IsCancellationRequested
            ? ExitCodes.Interrupted
            : outcomes.Select(outcome => ExitCodes.Of(outcome.Error)).FirstOrDefault(code => code != ExitCodes.Done);
    }

    /// <summary>Deletes what is left of a job, for the next one may need as much; but not what couldn't be moved away.</summary>
    private static async Task MakeRoomAsync(Outcome outcome, WorkFolder work, DirectoryArtifactStore store)
    {
        if (outcome.JobId is not { } id)
        {
            return;
        }

        await store.DeleteAsync($"{ArtifactNames.ApiContainer}/{id}", CancellationToken.None);
        await store.DeleteAsync(ArtifactNames.Work(id), CancellationToken.None);
        if (outcome.Output?.StartsWith(work.Path, StringComparison.Ordinal) != true)
        {
            await store.DeleteAsync(ArtifactNames.Output(id, ""), CancellationToken.None);
        }
    }

    private static async Task<Outcome> RunOneAsync(
        string audio, string folder, ProcessSettings settings, WorkFolder work, IServiceProvider services, CurrentView current,
        CancellationToken cancellationToken)
    {
        if (!File.Exists(audio))
        {
            var reason = Directory.Exists(audio) ? $"{audio} is a folder; name the recordings in it." : $"{audio} isn't there.";
            return Failed(audio, null, new ActivityFailure(FailureClass.BadInput, Retryable: false, reason));
        }

        using var view = ProgressView.Create(Path.GetFileName(audio), settings.Quiet || settings.Json);
        current.View = view;
        var job = CreateJob(audio, settings.Options, services);
        var output = OutputFolder.Create(folder);
        var orchestration = new InMemoryOrchestration(
            job, services.GetRequiredService<TranscriptionActivities>(), view, services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<ILogger<InMemoryOrchestration>>(), cancellationToken);
        var result = await orchestration.RunAsync();
        view.Dispose();

        var made = Path.Combine(work.Path, ArtifactNames.OutputContainer, job.Id);
        try
        {
            var files = output.TakeFrom(made, settings.Formats);
            return result.Failure is { } failure
                ? Failed(audio, job.Id, failure) with { Output = output.Path, Files = files.Names }
                : Succeeded(audio, job.Id, result.Facts!, output.Path, files, settings);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            work.Keep();
            var reason = $"The files can't be moved to {output.Path}: {e.Message} They are in {made}";
            return Failed(audio, job.Id, new ActivityFailure(FailureClass.Internal, Retryable: false, reason)) with { Output = made };
        }
    }

    private static Outcome Succeeded(
        string audio, string jobId, JobFacts facts, string folder, JobFiles files, ProcessSettings settings)
    {
        foreach (var warning in facts.Warnings)
        {
            Console.Error.WriteLine($"omoai: warning: {audio}: {warning.Message}");
        }

        if (!settings.Json && !settings.Quiet)
        {
            TranscriptPrinter.Print(Console.Out, files, folder);
        }

        return new Outcome(audio, JobStatus.Succeeded, jobId, folder, files.Names, facts.Duration, facts.Words, facts.Warnings, null);
    }

    private static Outcome Failed(string audio, string? jobId, ActivityFailure failure)
    {
        var path = failure.Reason.Contains(Path.GetFileName(audio), StringComparison.Ordinal) ? "" : $"{audio}: ";
        OmoaiCommandLine.Fail(0, path + failure.Reason);
        var status = failure.Class == FailureClass.Cancelled ? JobStatus.Cancelled : JobStatus.Failed;
        return new Outcome(audio, status, jobId, null, [], null, null, [], failure);
    }

    /// <exception cref="MissingRequirementException">A model that it needs isn't installed.</exception>
    private static TranscriptionJob CreateJob(string audio, TranscriptionOptions options, IServiceProvider services)
    {
        var settings = services.GetRequiredService<IOptions<PipelineOptions>>().Value
            .ToSettings(options, services.GetRequiredService<ModelCatalog>(), services.GetRequiredService<IOptions<LlmOptions>>().Value);
        var file = new FileInfo(audio);
        var version = string.Create(CultureInfo.InvariantCulture, $"{file.Length}-{file.LastWriteTimeUtc.Ticks}");
        var id = JobId.Create(ArtifactNames.ApiContainer, file.FullName, version, run: 1);
        var input = $"{ArtifactNames.ApiContainer}/{id}";
        services.GetRequiredService<DirectoryArtifactStore>().AddLink(input, file.FullName);
        return new TranscriptionJob(id, input, file.Name, options, settings);
    }
}
