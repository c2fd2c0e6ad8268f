using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using Omoai.Pipeline;
using Omoai.Pipeline.Artifacts;

namespace Omoai.Api.Uploads;

/// <summary>A recording that came through the API.</summary>
/// <param name="Recording">Where it is now.</param>
/// <param name="Name">What its sender calls it; null where they didn't say.</param>
/// <param name="Options">What is asked for.</param>
/// <param name="IsNew">Whether no other request can know of it: false with an idempotency key.</param>
internal sealed record ReceivedAudio(ArtifactInfo Recording, string? Name, TranscriptionOptions? Options, bool IsNew);

/// <summary>Passes recordings from requests on into the artifact store, without ever holding one in memory.</summary>
internal sealed class AudioUpload(IArtifactStore store, long maxBytes)
{
    private const int MaxKeyLength = 200;
    private const string KeyPrefix = $"{ArtifactNames.ApiContainer}/key-";

    /// <summary>Where a recording that has no idempotency key goes.</summary>
    public static string NewArtifact() => $"{ArtifactNames.ApiContainer}/{Guid.NewGuid():n}";

    /// <summary>Takes a request whose body is the recording.</summary>
    public async Task<ReceivedAudio> ReceiveBodyAsync(
        HttpRequest request, string? name, TranscriptionOptions? options, CancellationToken cancellationToken)
    {
        if (request.ContentLength > maxBytes)
        {
            throw ApiException.TooLarge(maxBytes);
        }

        var artifact = ArtifactOf(request);
        var earlier = await FindEarlierAsync(request, artifact, cancellationToken);
        var (recording, isNew) = earlier is not null ? (earlier, false) : await CommitAsync(artifact, request.Body, cancellationToken);
        return new ReceivedAudio(recording, name, options, isNew);
    }

    /// <summary>Takes a form with a file <c>audio</c> and, before or after it, JSON named <c>options</c>.</summary>
    public async Task<ReceivedAudio> ReceiveFormAsync(
        HttpRequest request, MediaTypeHeaderValue type, TranscriptionOptions? options, CancellationToken cancellationToken)
    {
        // With some room for the parts' headers and the options.
        if (request.ContentLength > maxBytes + (2 * StrictJson.MaxBytes))
        {
            throw ApiException.TooLarge(maxBytes);
        }

        var artifact = ArtifactOf(request);
        var recording = await FindEarlierAsync(request, artifact, cancellationToken);
        var isNew = false;
        string? name = null;
        var done = false;
        try
        {
            var reader = new MultipartReader(BoundaryOf(type), request.Body);
            var seen = new HashSet<string>();
            while (await ReadingAsync(() => reader.ReadNextSectionAsync(cancellationToken)) is { } section)
            {
                var field = ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition)
                    ? HeaderUtilities.RemoveQuotes(disposition.Name).ToString()
                    : "";
                if (!seen.Add(field))
                {
                    throw ApiException.InvalidRequest($"The form has two parts '{field}'.");
                }

                switch (field)
                {
                    case "audio":
                        name = HeaderUtilities.RemoveQuotes(disposition!.FileNameStar.HasValue ? disposition.FileNameStar : disposition.FileName).ToString();
                        if (recording is null)
                        {
                            (recording, isNew) = await CommitAsync(artifact, section.Body, cancellationToken);
                        }

                        break;
                    case "options":
                        options = await ReadingAsync(() => StrictJson.ReadAsync<TranscriptionOptions>(
                            section.Body, ProblemCodes.InvalidOptions, cancellationToken));
                        break;
                    default:
                        throw ApiException.InvalidRequest("The form may have the parts 'audio' and 'options' and no others.");
                }
            }

            done = true;
            return new ReceivedAudio(
                recording ?? throw ApiException.InvalidRequest("The form has no part 'audio'."),
                name is { Length: > 0 } ? name : null, options, isNew);
        }
        finally
        {
            if (!done && isNew)
            {
                await store.DeleteExactAsync(recording!.Name, recording.Version, CancellationToken.None);
            }
        }
    }

    private async Task<(ArtifactInfo Recording, bool IsNew)> CommitAsync(string artifact, Stream content, CancellationToken cancellationToken)
    {
        var isFirst = await store.CommitAsync(artifact, new BoundedStream(content, maxBytes), cancellationToken);
        var recording = await store.FindAsync(artifact, cancellationToken) ?? throw new IOException($"{artifact} is gone.");
        if (recording.Length == 0)
        {
            await store.DeleteExactAsync(artifact, recording.Version, CancellationToken.None);
            throw new ApiException(StatusCodes.Status400BadRequest, ProblemCodes.EmptyAudio, "The recording is empty.");
        }

        // What has a key may have the job of another request by now, so it isn't ours to delete; whoever sends the key again uses it.
        return (recording, isFirst && !artifact.StartsWith(KeyPrefix, StringComparison.Ordinal));
    }

    private async Task<ArtifactInfo?> FindEarlierAsync(HttpRequest request, string artifact, CancellationToken cancellationToken) =>
        KeyOf(request) is null ? null : await store.FindAsync(artifact, cancellationToken);

    /// <summary>The same key leads to the same artifact, and so to the same job.</summary>
    private static string ArtifactOf(HttpRequest request) => KeyOf(request) is { } key
        ? $"{KeyPrefix}{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))}"
        : NewArtifact();

    private static string? KeyOf(HttpRequest request) => request.Headers["Idempotency-Key"].ToString() switch
    {
        "" => null,
        { Length: > MaxKeyLength } => throw ApiException.InvalidRequest(string.Create(
            CultureInfo.InvariantCulture, $"Idempotency-Key may have {MaxKeyLength} characters at most.")),
        var key => key,
    };

    private static string BoundaryOf(MediaTypeHeaderValue type) =>
        HeaderUtilities.RemoveQuotes(type.Boundary).ToString() is { Length: > 0 and <= 200 } boundary
            ? boundary
            : throw ApiException.InvalidRequest("multipart/form-data needs a boundary.");

    /// <summary>What can't be read of a form is its sender's fault, and not the store's.</summary>
    private static async Task<T> ReadingAsync<T>(Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (Exception e) when (e is IOException and not BadHttpRequestException or InvalidDataException)
        {
            throw ApiException.InvalidRequest($"The form can't be read: {e.Message}");
        }
    }
}
