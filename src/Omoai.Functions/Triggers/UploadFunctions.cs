using Azure.Storage.Blobs;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Omoai.Functions.Orchestration;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Jobs;

namespace Omoai.Functions.Triggers;

/// <summary>Recordings that people put into <c>audio-in</c>. Bound to the blob's name, never to its content.</summary>
internal sealed class UploadFunctions(UploadReceiver receiver, UndeliveredUploads undelivered, DurableJobEngine engine)
{
    private const string Uploads = $"{ArtifactNames.InputContainer}/{{name}}";
    private const string DeadLetters = "dead-letters/{name}";
    private const string PoisonQueue = "webjobs-blobtrigger-poison";

    [Function(FunctionNames.AudioUploaded)]
    public Task ReceiveAsync(
        [BlobTrigger(Uploads, Source = BlobTriggerSource.EventGrid)] BlobClient blob, string name,
        [DurableClient] DurableTaskClient client, CancellationToken stop) => StartAsync(name, client, stop);

    [Function(FunctionNames.AudioUploadedPolling)]
    public Task ReceivePolledAsync(
        [BlobTrigger(Uploads, Source = BlobTriggerSource.LogsAndContainerScan)] BlobClient blob, string name,
        [DurableClient] DurableTaskClient client, CancellationToken stop) => StartAsync(name, client, stop);

    [Function(FunctionNames.UploadPoisoned)]
    public Task RecordPoisonedAsync(
        [QueueTrigger(PoisonQueue)] string message, [DurableClient] DurableTaskClient client, CancellationToken stop)
    {
        engine.Client = client;
        return undelivered.RecordPoisonedAsync(message, stop);
    }

    [Function(FunctionNames.EventDeadLettered)]
    public async Task RecordDeadLetteredAsync(
        [BlobTrigger(DeadLetters, Source = BlobTriggerSource.EventGrid)] BlobClient blob,
        [DurableClient] DurableTaskClient client, CancellationToken stop)
    {
        engine.Client = client;
        await using var events = await blob.OpenReadAsync(cancellationToken: stop);
        await undelivered.RecordDeadLetteredAsync(blob.Name, events, stop);
    }

    // The name as the trigger has it: a client's own is less than that for a name such as ../x.
    private Task StartAsync(string name, DurableTaskClient client, CancellationToken stop)
    {
        engine.Client = client;
        return receiver.ReceiveAsync($"{ArtifactNames.InputContainer}/{name}", stop);
    }
}
