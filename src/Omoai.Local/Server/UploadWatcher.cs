using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Omoai.Pipeline;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Jobs;

namespace Omoai.Local.Server;

/// <summary>
/// Looks into <c>audio-in</c> again and again, and starts a job for each new version of a recording. A receipt in the artifact
/// store says that a version has had its job, so that it gets no second one when the job has been forgotten.
/// </summary>
internal sealed partial class UploadWatcher(
    UploadReceiver receiver, IArtifactStore store, IOptions<WatcherOptions> options, TimeProvider time,
    ILogger<UploadWatcher> logger) : BackgroundService
{
    private const string Prefix = $"{ArtifactNames.InputContainer}/";

    private readonly HashSet<string> _receipts = [];
    private readonly HashSet<string> _postponed = [];
    private Dictionary<string, string> _seen = [];
    private bool _receiptsAreRead;
    private bool _away;

    /// <summary>Looks once.</summary>
    /// <exception cref="IOException">The store doesn't answer.</exception>
    internal async Task LookAsync(CancellationToken cancellationToken)
    {
        if (!_receiptsAreRead)
        {
            await foreach (var receipt in store.ListAsync(ArtifactNames.Receipts, cancellationToken))
            {
                _receipts.Add(receipt.Name);
            }

            _receiptsAreRead = true;
        }

        var seen = new Dictionary<string, string>();
        var wanted = new HashSet<string>();
        await foreach (var upload in store.ListAsync(Prefix, cancellationToken))
        {
            seen[upload.Name] = upload.Version;
            var receipt = ReceiptOf(upload);
            wanted.Add(receipt);
            // A file that is still being written changes from look to look.
            if (!_receipts.Contains(receipt) && _seen.GetValueOrDefault(upload.Name) == upload.Version
                && await TryTakeAsync(upload, cancellationToken))
            {
                await store.CommitTextAsync(receipt, upload.Name, cancellationToken);
                _receipts.Add(receipt);
            }
        }

        // The recording is gone, and that version can't come back.
        foreach (var receipt in _receipts.Where(receipt => !wanted.Contains(receipt)).ToList())
        {
            await store.DeleteExactAsync(receipt, null, cancellationToken);
            _receipts.Remove(receipt);
        }

        _seen = seen;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.Value.Enabled)
        {
            return;
        }

        using var tick = new PeriodicTimer(options.Value.Interval, time);
        try
        {
            do
            {
                await TryLookAsync(stoppingToken);
            }
            while (await tick.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    private async Task TryLookAsync(CancellationToken cancellationToken)
    {
        try
        {
            await LookAsync(cancellationToken);
            if (_away)
            {
                _away = false;
                LogBack(logger);
            }
        }
        catch (IOException e)
        {
            if (!_away)
            {
                _away = true;
                LogAway(logger, e.Message);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Whatever it is, the next look may be luckier; and the API goes on in any case.
            LogBug(logger, e);
        }
    }

    /// <returns>False when it is to be tried again at the next look.</returns>
    private async Task<bool> TryTakeAsync(ArtifactInfo upload, CancellationToken cancellationToken)
    {
        try
        {
            await receiver.ReceiveAsync(upload, null, new TranscriptionOptions(), rerun: false, cancellationToken);
            return true;
        }
        catch (Exception e) when (e is not (OperationCanceledException or ArtifactStoreException))
        {
            // A model that isn't installed, a file that can't be read: that one waits, and the others go on.
            if (_postponed.Add(upload.Name + upload.Version))
            {
                LogNotYet(logger, upload.Name, e.Message);
            }

            return false;
        }
    }

    private static string ReceiptOf(ArtifactInfo upload) =>
        ArtifactNames.Receipts + JobId.Create(ArtifactNames.InputContainer, upload.Name[Prefix.Length..], upload.Version, run: 1);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The storage can't be watched now: {Reason}")]
    private static partial void LogAway(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The storage is watched again")]
    private static partial void LogBack(ILogger logger);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Upload} can't be taken now, and is tried again at every look: {Reason}")]
    private static partial void LogNotYet(ILogger logger, string upload, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Watching the storage went wrong")]
    private static partial void LogBug(ILogger logger, Exception exception);
}
