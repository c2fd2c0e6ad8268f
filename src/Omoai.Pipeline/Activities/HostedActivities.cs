using System.Text.Json;
using Omoai.Isolation;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Pipeline.Activities;

/// <summary>What an activity in a fresh process gave: exactly one of <paramref name="Output"/> and
/// <paramref name="Failure"/>, and in any case the evidence.</summary>
public sealed record HostedResult<TOutput>(TOutput? Output, ActivityFailure? Failure, HostEvidence Evidence);

/// <summary>The activities of the activity host, typed. Files in, files out: what the parent stores is its own business.</summary>
public sealed class HostedActivities(ActivityHostLauncher launcher)
{
    /// <inheritdoc cref="ActivityHostLauncher.WaitForTurnAsync"/>
    public Task<(HostTurn? Turn, ActivityFailure? Failure)> WaitForTurnAsync(CancellationToken cancellationToken) =>
        launcher.WaitForTurnAsync(cancellationToken);

    public Task<HostedResult<PrepareOutput>> PrepareAsync(
        PrepareInput input, string scratch, TimeSpan deadline, IProgress<HostProgress>? progress, CancellationToken cancellationToken,
        HostTurn? turn = null) =>
        RunAsync<PrepareInput, PrepareOutput>(ActivityNames.Prepare, input, scratch, deadline, progress, cancellationToken, turn);

    public Task<HostedResult<TranscribeOutput>> TranscribeAsync(
        TranscribeInput input, string scratch, TimeSpan deadline, IProgress<HostProgress>? progress, CancellationToken cancellationToken,
        HostTurn? turn = null) =>
        RunAsync<TranscribeInput, TranscribeOutput>(ActivityNames.Transcribe, input, scratch, deadline, progress, cancellationToken, turn);

    public Task<HostedResult<PostProcessOutput>> PostProcessAsync(
        PostProcessInput input, string scratch, TimeSpan deadline, IProgress<HostProgress>? progress, CancellationToken cancellationToken,
        HostTurn? turn = null) =>
        RunAsync<PostProcessInput, PostProcessOutput>(ActivityNames.PostProcess, input, scratch, deadline, progress, cancellationToken, turn);

    /// <summary>Asks a fresh process what it can load: the parent must not look for itself.</summary>
    public Task<HostedResult<InspectOutput>> InspectAsync(string scratch, TimeSpan deadline, CancellationToken cancellationToken) =>
        RunAsync<object, InspectOutput>(ActivityNames.Inspect, new { }, scratch, deadline, null, cancellationToken);

    private async Task<HostedResult<TOutput>> RunAsync<TInput, TOutput>(
        string activity, TInput input, string scratch, TimeSpan deadline, IProgress<HostProgress>? progress,
        CancellationToken cancellationToken, HostTurn? turn = null)
    {
        var request = new HostRequest(activity, JsonSerializer.SerializeToElement(input, OmoaiJson.Compact), scratch, deadline);
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
