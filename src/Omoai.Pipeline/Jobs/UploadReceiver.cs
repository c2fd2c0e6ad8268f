using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Pipeline.Artifacts;

namespace Omoai.Pipeline.Jobs;

/// <summary>
/// Starts a job for a recording that has arrived, whoever noticed it: a watcher, a trigger, or a caller of the API. What can't be
/// a recording gets a job too, one that fails at once, so that its reason is recorded like that of any other.
/// </summary>
public sealed partial class UploadReceiver(
    IJobs jobs, IArtifactStore store, IOptions<PipelineOptions> options, ILogger<UploadReceiver> logger)
{
    /// <summary>Starts a job for an upload, or finds the one that is there.</summary>
    /// <param name="upload">The recording.</param>
    /// <param name="name">Its name as people know it, only ever shown; null takes the end of the artifact's name.</param>
    /// <param name="asked">What is asked for.</param>
    /// <param name="rerun">See <see cref="JobRequest.Rerun"/>.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="Transcripts.Activities.MissingRequirementException">A model that it needs isn't installed.</exception>
    public async Task<JobStart> ReceiveAsync(
        ArtifactInfo upload, string? name, TranscriptionOptions asked, bool rerun, CancellationToken cancellationToken)
    {
        var shown = DisplayName.Of(name ?? upload.Name);
        var refusal = await ReasonToRefuseAsync(upload, cancellationToken) is { } reason
            ? new ActivityFailure(FailureClass.BadInput, Retryable: false, ActivityFailure.OneLine($"{shown} {reason}"))
            : null;
        var start = await jobs.StartAsync(
            new JobRequest(upload.Name, upload.Version, shown, asked, rerun, refusal), cancellationToken);
        if (start.Outcome == StartOutcome.Created)
        {
            LogAccepted(logger, start.Job.Id, upload.Name, upload.Length, refusal?.Reason);
        }

        return start;
    }

    /// <summary>Starts a job for an upload that a trigger told of, as it is now, or finds the one that is there. One that has gone
    /// meanwhile has no job.</summary>
    /// <param name="upload">The recording, as an artifact name.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="Transcripts.Activities.MissingRequirementException">A model that it needs isn't installed.</exception>
    public async Task<JobStart?> ReceiveAsync(string upload, CancellationToken cancellationToken)
    {
        if (await store.FindAsync(upload, cancellationToken) is { } found)
        {
            return await ReceiveAsync(found, null, new TranscriptionOptions(), rerun: false, cancellationToken);
        }

        LogGone(logger, upload);
        return null;
    }

    private async Task<string?> ReasonToRefuseAsync(ArtifactInfo upload, CancellationToken cancellationToken)
    {
        if (upload.Length == 0)
        {
            return "is empty.";
        }

        if (upload.Length > options.Value.MaxRecordingBytes)
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"has {upload.Length} bytes, more than the {options.Value.MaxRecordingBytes} that Omoai:Pipeline:MaxRecordingBytes allows.");
        }

        await using var content = await store.OpenReadAsync(upload.Name, cancellationToken);
        if (content is null)
        {
            // Gone, or overwritten: Prepare will say so.
            return null;
        }

        var head = new byte[NotAudio.HeadBytes];
        var length = await content.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken);
        return NotAudio.Recognize(head.AsSpan(0, length)) is { } kind ? $"isn't audio: it is {kind}." : null;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Job {JobId} is accepted for {Input} of {Bytes} bytes; refusal: {Refusal}")]
    private static partial void LogAccepted(ILogger logger, string jobId, string input, long bytes, string? refusal);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Input} was uploaded, and is gone")]
    private static partial void LogGone(ILogger logger, string input);
}
