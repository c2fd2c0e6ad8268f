using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Models;
using Omoai.Pipeline.Telemetry;
using Omoai.Pipeline.Webhooks;
using Omoai.Transcripts;

namespace Omoai.Pipeline.Jobs;

/// <summary>Jobs on any engine: ids, run numbers and the marker of cancellation are the same for all.</summary>
public sealed class Jobs(
    IJobEngine engine, IArtifactStore store, ModelCatalog models, IOptions<PipelineOptions> options,
    IOptions<LlmOptions> llm, IOptions<WebhookOptions> webhooks, TimeProvider time) : IJobs
{
    private static readonly TimeSpan WatchInterval = TimeSpan.FromMilliseconds(500);

    public async Task<JobStart> StartAsync(JobRequest request, CancellationToken cancellationToken)
    {
        JobRecord? latest = null;
        for (var run = 1; ; run++)
        {
            var job = Create(request.Input, request.Version, request.InputName, request.Options, run) with { Refusal = request.Refusal };
            if (await engine.FindAsync(job.Id, cancellationToken) is { } there)
            {
                latest = there;
                continue;
            }

            if (latest is not null && Same(latest.Job.Options, request.Options))
            {
                return new JobStart(StartOutcome.Existing, latest.State);
            }

            if (latest is not null && !request.Rerun)
            {
                return new JobStart(StartOutcome.Conflict, latest.State);
            }

            if (await TryAcceptAsync(job, cancellationToken))
            {
                return new JobStart(StartOutcome.Created, (await engine.FindAsync(job.Id, cancellationToken))!.State);
            }

            // Somebody else was quicker: look at what they started.
            run--;
        }
    }

    public async Task<JobState?> FindAsync(string id, CancellationToken cancellationToken) =>
        (await engine.FindAsync(id, cancellationToken))?.State;

    public Task<JobPage> ListAsync(JobStatus? status, int limit, string? continuation, CancellationToken cancellationToken) =>
        engine.ListAsync(status, limit, continuation, cancellationToken);

    public async IAsyncEnumerable<JobState> WatchAsync(string id, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        JobState? shown = null;
        using var tick = new PeriodicTimer(WatchInterval, time);
        do
        {
            if (await FindAsync(id, cancellationToken) is not { } state)
            {
                yield break;
            }

            if (state != shown)
            {
                yield return shown = state;
            }
        }
        while (shown.EndedAt is null && await tick.WaitForNextTickAsync(cancellationToken));
    }

    public async Task<JobState?> CancelAsync(string id, CancellationToken cancellationToken)
    {
        if (await engine.FindAsync(id, cancellationToken) is not { State.EndedAt: null } found)
        {
            return await FindAsync(id, cancellationToken);
        }

        // The event first: an activity that the marker stops is then never mistaken for one that was lost.
        await engine.RaiseCancelAsync(id, cancellationToken);
        await store.CommitTextAsync(ArtifactNames.CancelMarker(id), "", cancellationToken);
        return await FindAsync(id, cancellationToken) ?? found.State;
    }

    public async Task<JobState?> RerunAsync(string id, TranscriptionOptions? options, CancellationToken cancellationToken)
    {
        if (await engine.FindAsync(id, cancellationToken) is not { } before)
        {
            return null;
        }

        for (var run = before.Job.Run + 1; ; run++)
        {
            var job = Create(
                before.Job.Input, before.Job.InputVersion, before.Job.InputName, options ?? before.Job.Options, run);
            if (await TryAcceptAsync(job, cancellationToken))
            {
                return await FindAsync(job.Id, cancellationToken);
            }
        }
    }

    public async Task<JobState?> PurgeAsync(string id, bool input, CancellationToken cancellationToken)
    {
        if (await engine.FindAsync(id, cancellationToken) is not { } found || found.State.EndedAt is null)
        {
            return await FindAsync(id, cancellationToken);
        }

        await store.DeleteAsync(ArtifactNames.Output(id, ""), cancellationToken);
        await store.DeleteAsync(ArtifactNames.Work(id), cancellationToken);
        if (input)
        {
            await store.DeleteExactAsync(found.Job.Input, found.Job.InputVersion, cancellationToken);
        }

        // Last, so that what was left by an interruption can be asked for again.
        await engine.DeleteAsync(id, cancellationToken);
        return found.State;
    }

    /// <summary>Hands a job to the engine, with the trace of whoever asks for it.</summary>
    private async Task<bool> TryAcceptAsync(TranscriptionJob job, CancellationToken cancellationToken)
    {
        using var span = OmoaiTelemetry.StartAccepting(job.Id);
        var accepted = await engine.TryCreateAsync(
            job with { TraceParent = IsolationTelemetry.CurrentTraceParent }, cancellationToken);
        if (accepted)
        {
            OmoaiTelemetry.CountAccepted();
        }

        return accepted;
    }

    private TranscriptionJob Create(string input, string? version, string inputName, TranscriptionOptions asked, int run)
    {
        var slash = input.IndexOf('/', StringComparison.Ordinal);
        if (slash <= 0)
        {
            throw new ArgumentException($"'{input}' isn't the name of an artifact.", nameof(input));
        }

        var id = JobId.Create(input[..slash], input[(slash + 1)..], version ?? "", run);
        var settings = options.Value.ToSettings(asked, models, llm.Value) with { MaxWebhookAttempts = webhooks.Value.MaxAttempts };
        return new TranscriptionJob(id, input, inputName, asked, settings, version?.Trim('"'), run);
    }

    /// <summary>Compares what was asked for; as records, lists would be compared by reference.</summary>
    private static bool Same(TranscriptionOptions a, TranscriptionOptions b) =>
        JsonSerializer.Serialize(a, OmoaiJson.Compact) == JsonSerializer.Serialize(b, OmoaiJson.Compact);
}
