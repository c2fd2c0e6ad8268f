using System.Globalization;
using System.Text.Json;
using Omoai.Isolation;
using Omoai.Pipeline.Artifacts;
using Omoai.Transcripts;

namespace Omoai.Pipeline.Activities;

/// <summary>
/// Counts the attempts of each activity of a job in the artifact store, where no crash of a worker or an engine can make
/// it forget. An attempt is written down before it begins (<c>001</c>), and how it failed after it (<c>001-failed</c>):
/// one that has no end was lost with its worker. Orchestrators learn of the count only through an activity's result.
/// </summary>
public sealed class AttemptLedger(IArtifactStore store, TimeProvider time)
{
    private const string FailedSuffix = "-failed";
    private const string BusySuffix = "-busy";

    /// <summary>Begins an attempt.</summary>
    /// <returns>The attempt, to be given to <see cref="EndAsync"/>; or, when a budget is used up, the failure that ends
    /// the job.</returns>
    public async Task<(string? Attempt, ActivityFailure? Spent)> BeginAsync(
        string activity, ActivityCall call, CancellationToken cancellationToken)
    {
        var prefix = ArtifactNames.Attempts(call.Job.Id, activity, call.Part);
        var begun = 0;
        var busy = 0;
        var failed = new List<string>();
        await foreach (var entry in store.ListAsync(prefix, cancellationToken))
        {
            if (entry.Name.EndsWith(FailedSuffix, StringComparison.Ordinal))
            {
                failed.Add(entry.Name);
            }
            else if (entry.Name.EndsWith(BusySuffix, StringComparison.Ordinal))
            {
                busy++;
            }
            else
            {
                begun++;
            }
        }

        if (failed.Count >= call.Job.Settings.MaxAttempts)
        {
            return (null, await ReadAsync(failed[^1], cancellationToken) with { Retryable = false });
        }

        var lost = begun - failed.Count - busy;
        if (lost >= call.Job.Settings.MaxLostAttempts)
        {
            var reason = string.Create(CultureInfo.InvariantCulture, $"{activity} was lost with its worker {lost} times.");
            return (null, new ActivityFailure(FailureClass.Lost, Retryable: false, reason));
        }

        for (var number = begun + 1; ; number++)
        {
            var attempt = string.Create(CultureInfo.InvariantCulture, $"{prefix}{number:D3}");
            var now = time.GetUtcNow().ToString("O", CultureInfo.InvariantCulture);
            if (await store.CommitTextAsync(attempt, now, cancellationToken))
            {
                return (attempt, null);
            }
        }
    }

    /// <summary>Writes down how an attempt failed. One that was stopped, or lost, stays without an end.</summary>
    public async Task EndAsync(string attempt, ActivityFailure failure)
    {
        if (failure.Class is FailureClass.Lost or FailureClass.Cancelled)
        {
            return;
        }

        var suffix = failure.Class == FailureClass.Busy ? BusySuffix : FailedSuffix;
        var text = JsonSerializer.Serialize(failure, OmoaiJson.Compact);

        // What happened, happened: a worker that is being stopped still writes it down.
        await store.CommitTextAsync(attempt + suffix, text, CancellationToken.None);
    }

    private async Task<ActivityFailure> ReadAsync(string entry, CancellationToken cancellationToken)
    {
        await using var stream = await store.OpenReadAsync(entry, cancellationToken)
            ?? throw new IOException($"The artifact {entry} is gone.");
        return (await JsonSerializer.DeserializeAsync<ActivityFailure>(stream, OmoaiJson.Compact, cancellationToken))!;
    }
}
