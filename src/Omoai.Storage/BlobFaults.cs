using System.Xml;
using Azure;
using Azure.Identity;
using Omoai.Pipeline.Artifacts;

namespace Omoai.Storage;

/// <summary>Turns what the SDK throws into what <see cref="IArtifactStore"/> promises.</summary>
internal static class BlobFaults
{
    public static async Task<T> GuardAsync<T>(string account, CancellationToken cancellationToken, Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (Exception e) when (IsFault(e) && !cancellationToken.IsCancellationRequested)
        {
            throw ToStoreException(account, e);
        }
    }

    public static T Guard<T>(string account, Func<T> call)
    {
        try
        {
            return call();
        }
        catch (Exception e) when (IsFault(e))
        {
            throw ToStoreException(account, e);
        }
    }

    // Several attempts that failed come as an AggregateException, one that took too long as a cancellation, and Azurite
    // lists what isn't XML when a blob's name has a control character.
    private static bool IsFault(Exception e) =>
        e is RequestFailedException or AggregateException or AuthenticationFailedException or OperationCanceledException or XmlException;

    private static ArtifactStoreException ToStoreException(string account, Exception fault)
    {
        var cause = fault is AggregateException all ? all.InnerExceptions[^1] : fault;
        // The first line says what it is; the further ones list headers.
        var reason = cause.Message.AsSpan();
        reason = reason[..(reason.IndexOfAny('\r', '\n') is >= 0 and var end ? end : reason.Length)];
        var code = cause is RequestFailedException { ErrorCode: { Length: > 0 } error } ? $" ({error})" : "";
        return new ArtifactStoreException($"The blob storage account {account} could not do it{code}: {reason}", fault);
    }
}

/// <summary>Reads a blob forward, with the faults of <see cref="BlobFaults"/>.</summary>
internal sealed class BlobReadStream(Stream content, string account) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) =>
        BlobFaults.Guard(account, () => content.Read(buffer, offset, count));

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        await BlobFaults.GuardAsync(account, cancellationToken, () => content.ReadAsync(buffer, cancellationToken).AsTask());

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            content.Dispose();
        }

        base.Dispose(disposing);
    }
}
