using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Omoai.Isolation;
using Omoai.Pipeline.Artifacts;
using Omoai.Transcripts;

namespace Omoai.Pipeline.Jobs;

/// <summary>
/// Takes in what Azure gave up delivering: the messages of the blob trigger's poison queue, and the files of events that Event
/// Grid dead-lettered. Each upload that they name gets one more chance, and a record of what became of it. Anybody who may
/// write to the queue or the container could have written them, so they are only believed where the storage agrees.
/// </summary>
public sealed partial class UndeliveredUploads(
    IArtifactStore store, UploadReceiver receiver, TimeProvider time,
    ILogger<UndeliveredUploads> logger)
{
    // A queue's own limit.
    private const int MaxMessageLength = 64 << 10;
    private const int MaxFileBytes = 8 << 20;
    private const int MaxEvents = 1000;
    // A blob's own limit.
    private const int MaxNameLength = 1024;
    private const int MaxVersionLength = 128;

    private const string CreatedEvent = "Microsoft.Storage.BlobCreated";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    /// <summary>Takes in a message of the queue <c>webjobs-blobtrigger-poison</c>: an upload whose function failed every time.</summary>
    /// <param name="message">Its text.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="ArtifactStoreException">The storage doesn't answer; try again.</exception>
    public Task RecordPoisonedAsync(string message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        const UndeliveredSource Source = UndeliveredSource.PoisonQueue;
        const string NoMessage = "The message isn't one of the blob trigger.";
        if (message.Length > MaxMessageLength)
        {
            return RecordUnreadableAsync(
                Source, message, $"A message of {message.Length} characters can't be of a queue.", cancellationToken);
        }

        try
        {
            // What isn't text comes out as other text, and not as an exception of its own.
            return JsonSerializer.Deserialize<PoisonMessage>(Encoding.UTF8.GetBytes(message), Json) is { } poison
                ? TakeAsync(
                    new Notice(Source, message, poison.ContainerName, poison.BlobName, poison.ETag, Join(poison.FunctionId, "failed every time")),
                    cancellationToken)
                : RecordUnreadableAsync(Source, message, NoMessage, cancellationToken);
        }
        catch (JsonException)
        {
            return RecordUnreadableAsync(Source, message, NoMessage, cancellationToken);
        }
    }

    /// <summary>Takes in a file of events that Event Grid gave up delivering.</summary>
    /// <param name="name">The file's name, only ever shown.</param>
    /// <param name="content">The events as JSON, in Event Grid's schema or that of CloudEvents.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="ArtifactStoreException">The storage doesn't answer; try again. What was taken in already is found.</exception>
    public async Task RecordDeadLetteredAsync(string name, Stream content, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(content);
        if (await ReadAsync(content, cancellationToken) is not { } bytes)
        {
            await RefuseAsync(name, $"is larger than {MaxFileBytes} bytes.");
            return;
        }

        IReadOnlyList<JsonElement> events;
        try
        {
            using var document = JsonDocument.Parse(bytes);
            var root = document.RootElement.Clone();
            events = root.ValueKind == JsonValueKind.Array ? [.. root.EnumerateArray()] : [root];
        }
        catch (JsonException e)
        {
            await RefuseAsync(name, $"isn't JSON: {e.Message}");
            return;
        }

        if (events.Count > MaxEvents)
        {
            await RefuseAsync(name, $"has {events.Count} events, more than {MaxEvents}.");
            return;
        }

        for (var i = 0; i < events.Count; i++)
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"{name}\n{i}");
            Notice? notice;
            try
            {
                notice = NoticeOf(events[i].Deserialize<StorageEvent>(Json), key);
            }
            catch (JsonException)
            {
                notice = null;
            }

            await (notice is null
                ? RefuseAsync(key, $"has an event, number {i}, that isn't about a new blob.")
                : TakeAsync(notice, cancellationToken));
        }

        Task RefuseAsync(string key, string problem) => RecordUnreadableAsync(
            UndeliveredSource.DeadLetter, key, $"The file {DisplayName.Of(name)} {problem}", cancellationToken);
    }

    /// <returns>Null where the event is about something else.</returns>
    private static Notice? NoticeOf(StorageEvent? said, string key)
    {
        const string Containers = "/blobServices/default/containers/";
        const string Blobs = "/blobs/";
        if (said is not { Subject: { } subject } || (said.EventType ?? said.Type) != CreatedEvent
            || !subject.StartsWith(Containers, StringComparison.Ordinal)
            || subject.IndexOf(Blobs, Containers.Length, StringComparison.Ordinal) is not (>= 0 and var end))
        {
            return null;
        }

        var reason = Join(said.DeadLetterReason, said.LastDeliveryOutcome is { } outcome ? $"(the last time: {outcome})" : null);
        return new Notice(
            UndeliveredSource.DeadLetter, key, subject[Containers.Length..end], subject[(end + Blobs.Length)..], said.Data?.ETag, reason,
            said.Data?.Url);
    }

    private async Task TakeAsync(Notice notice, CancellationToken cancellationToken)
    {
        const string container = ArtifactNames.InputContainer;
        var problem = notice switch
        {
            { Container: null } or { Name: null or "" } => "No blob is named.",
            _ when notice.Container != container => $"Uploads are in the container {container}, and not in {Cut(notice.Container)}.",
            { Name.Length: > MaxNameLength } => $"No blob has a name of {notice.Name.Length} characters.",
            { Version.Length: > MaxVersionLength } => $"No blob has a version of {notice.Version.Length} characters.",
            _ => null,
        };
        if (problem is not null)
        {
            await RecordUnreadableAsync(notice.Source, notice.Key, problem, cancellationToken);
            return;
        }

        var record = await TryAgainAsync(notice, cancellationToken);
        await RecordAsync(record, $"{notice.Name}\n{record.Version}", cancellationToken);
    }

    private async Task<UndeliveredUpload> TryAgainAsync(Notice notice, CancellationToken cancellationToken)
    {
        var version = notice.Version?.Trim('"') is { Length: > 0 } known ? known : null;
        var record = new UndeliveredUpload(
            Artifact(notice.Name!), version, notice.Source, notice.Reason, UndeliveredOutcome.Failed, null, null, Now());
        try
        {
            if (await FindAsync(notice, cancellationToken) is not { } upload)
            {
                return record with { Outcome = UndeliveredOutcome.Gone };
            }

            // Another version has, or will have, an event of its own; it is received all the same: that is the same job.
            var start = await receiver.ReceiveAsync(upload, null, new TranscriptionOptions(), rerun: false, cancellationToken);
            var replaced = version is not null && upload.Version != version;
            return record with
            {
                Blob = upload.Name,
                Outcome = replaced ? UndeliveredOutcome.Replaced
                    : start.Outcome == StartOutcome.Created ? UndeliveredOutcome.Started : UndeliveredOutcome.Existing,
                JobId = start.Job.Id,
                Detail = replaced ? $"It is there in the version {upload.Version}." : null,
            };
        }
        catch (Exception e) when (e is not IOException && !cancellationToken.IsCancellationRequested)
        {
            // Another delivery wouldn't help, and nobody but the record would say why.
            return record with { Detail = ActivityFailure.OneLine(e.Message) };
        }
    }

    /// <summary>Looks by the name in the subject, which is not encoded. Event Grid has been seen to spoil letters outside the
    /// basic plane there, so the URL is asked too.</summary>
    private async Task<ArtifactInfo?> FindAsync(Notice notice, CancellationToken cancellationToken)
    {
        var found = await store.FindAsync(Artifact(notice.Name!), cancellationToken);
        return found is null && NameInUrl(notice.Url, notice.Container!) is { } other && other != notice.Name
            ? await store.FindAsync(Artifact(other), cancellationToken)
            : found;
    }

    private static string? NameInUrl(string? url, string container)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri))
        {
            return null;
        }

        // The account's name may come first, as with Azurite.
        var path = Uri.UnescapeDataString(uri.AbsolutePath);
        var start = path.IndexOf($"/{container}/", StringComparison.Ordinal);
        return start >= 0 && path[(start + container.Length + 2)..] is { Length: > 0 and <= MaxNameLength } name ? name : null;
    }

    private Task RecordUnreadableAsync(UndeliveredSource source, string key, string problem, CancellationToken cancellationToken) =>
        RecordAsync(
            new UndeliveredUpload(
                null, null, source, null, UndeliveredOutcome.Failed, null, ActivityFailure.OneLine(problem), Now()),
            key, cancellationToken);

    /// <summary>Commits a record; of two on the same, the later one counts: what failed may have been put right.</summary>
    private async Task RecordAsync(UndeliveredUpload record, string key, CancellationToken cancellationToken)
    {
        // Nothing is named after what a stranger said.
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{record.Source}\n{record.Blob is null}\n{key}"));
        var artifact = $"{ArtifactNames.Undelivered}{Convert.ToHexStringLower(hash)[..32]}.json";
        var text = JsonSerializer.Serialize(record, OmoaiJson.Indented);
        if (!await store.CommitTextAsync(artifact, text, cancellationToken))
        {
            await store.DeleteExactAsync(artifact, null, cancellationToken);
            await store.CommitTextAsync(artifact, text, cancellationToken);
        }

        LogUndelivered(
            logger, record.JobId is null ? LogLevel.Error : LogLevel.Warning, record.Source,
            record.Blob is { } blob ? ActivityFailure.OneLine(blob) : "(unknown)", record.Reason, record.Outcome, record.JobId,
            record.Detail, artifact);
    }

    private static async Task<byte[]?> ReadAsync(Stream content, CancellationToken cancellationToken)
    {
        using var bytes = new MemoryStream();
        var buffer = new byte[64 << 10];
        while (await content.ReadAsync(buffer, cancellationToken) is > 0 and var length)
        {
            if (bytes.Length + length > MaxFileBytes)
            {
                return null;
            }

            bytes.Write(buffer, 0, length);
        }

        return bytes.ToArray();
    }

    private DateTimeOffset Now() => time.GetUtcNow().ToUniversalTime();

    private static string Artifact(string name) => $"{ArtifactNames.InputContainer}/{name}";

    private static string? Join(string? what, string? more) => what is null ? null : Cut($"{what} {more}");

    /// <summary>Enough to recognise it by.</summary>
    private static string Cut(string text) => ActivityFailure.OneLine(text.Length > 200 ? text[..200] + "…" : text);

    [LoggerMessage("An upload was not delivered ({Source}): {Blob}, {Reason}. What became of it: {Outcome}, job {JobId}; {Detail}. It is " +
        "recorded in {Artifact}")]
    private static partial void LogUndelivered(
        ILogger logger, LogLevel level, UndeliveredSource source, string blob, string? reason, UndeliveredOutcome outcome, string? jobId,
        string? detail, string artifact);

    /// <summary>What a message or an event says of an upload.</summary>
    /// <param name="Source">Where it says so.</param>
    /// <param name="Key">Tells it from the others.</param>
    /// <param name="Container">As the account calls it.</param>
    /// <param name="Name">The blob's name.</param>
    /// <param name="Version">Its ETag, with or without quotes.</param>
    /// <param name="Reason">Why it wasn't delivered.</param>
    /// <param name="Url">The blob's URL.</param>
    private sealed record Notice(
        UndeliveredSource Source, string Key, string? Container, string? Name, string? Version, string? Reason, string? Url = null);

    private sealed record PoisonMessage(string? FunctionId, string? ContainerName, string? BlobName, string? ETag);

    /// <summary>An event in Event Grid's schema, or, with <paramref name="Type"/>, in that of CloudEvents.</summary>
    private sealed record StorageEvent(
        string? Subject, string? EventType, string? Type, StorageEventData? Data, string? DeadLetterReason, string? LastDeliveryOutcome);

    private sealed record StorageEventData(string? ETag, string? Url);
}

/// <summary>Who gave up delivering an upload.</summary>
public enum UndeliveredSource
{
    /// <summary>The blob trigger: the function failed every time.</summary>
    PoisonQueue,

    /// <summary>Event Grid: the function didn't take the event.</summary>
    DeadLetter,
}

/// <summary>What became of an upload that was not delivered.</summary>
public enum UndeliveredOutcome
{
    /// <summary>A job was started for it now.</summary>
    Started,

    /// <summary>It had a job already.</summary>
    Existing,

    /// <summary>It isn't there any more.</summary>
    Gone,

    /// <summary>It is there in another version, which has the job.</summary>
    Replaced,

    /// <summary>It has no job; the detail says why.</summary>
    Failed,
}

/// <summary>The record of an upload that was not delivered, below <see cref="ArtifactNames.Undelivered"/>.</summary>
/// <param name="Blob">The artifact; null where none could be made out.</param>
/// <param name="Version">The version that was not delivered; null where nothing said it.</param>
/// <param name="Source">Who gave it up.</param>
/// <param name="Reason">Why, as they say.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="JobId">Its job, or that of the version that replaced it.</param>
/// <param name="Detail">More on that, for people.</param>
/// <param name="RecordedAt">UTC.</param>
public sealed record UndeliveredUpload(
    string? Blob, string? Version, UndeliveredSource Source, string? Reason, UndeliveredOutcome Outcome, string? JobId, string? Detail,
    DateTimeOffset RecordedAt);
