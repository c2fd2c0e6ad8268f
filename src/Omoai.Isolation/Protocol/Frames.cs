using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Omoai.Isolation.Protocol;

internal enum FrameKind : byte
{
    /// <summary>Child to parent, first.</summary>
    Hello = 1,

    /// <summary>Parent to child, once.</summary>
    Request = 2,

    /// <summary>Child to parent, any number.</summary>
    Progress = 3,

    /// <summary>Child to parent, last.</summary>
    Reply = 4,

    /// <summary>Parent to child, before the request, to one that is started ahead of time.</summary>
    Warm = 5,

    /// <summary>Child to parent, in answer to <see cref="Warm"/>; a <see cref="Reply"/> with a failure where that went wrong.</summary>
    Warmed = 6,
}

/// <param name="Pid">The host's own.</param>
/// <param name="Contained">Whether all that it starts stays in its process group.</param>
/// <param name="NetworkOff">Whether the kernel refuses it any network.</param>
internal sealed record Hello(int Pid, bool Contained = false, bool NetworkOff = false);

/// <param name="Activity">The handler's name.</param>
/// <param name="Input">Its input.</param>
/// <param name="Folder">The scratch folder.</param>
/// <param name="TraceParent">The parent's span, as a W3C traceparent; null where nobody traces.</param>
internal sealed record Request(string Activity, JsonElement Input, string Folder, string? TraceParent = null);

/// <param name="Activity">The activity to get ready for.</param>
/// <param name="Input">Its warm-up's input.</param>
internal sealed record Warm(string Activity, JsonElement Input);

internal sealed record Warmed;

internal sealed record Reply(
    JsonElement? Output, ActivityFailure? Failure, long? PeakMemoryBytes, GpuMemoryUse? GpuMemory = null);

/// <summary>Generated at build time, so that a host starts without reflection.</summary>
[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = false)]
[JsonSerializable(typeof(Hello))]
[JsonSerializable(typeof(Request))]
[JsonSerializable(typeof(HostProgress))]
[JsonSerializable(typeof(Reply))]
[JsonSerializable(typeof(Warm))]
[JsonSerializable(typeof(Warmed))]
internal sealed partial class ProtocolJson : JsonSerializerContext;

/// <summary>
/// Messages between parent and host: the length of the body (4 bytes, little-endian), the kind (1 byte), the body (UTF-8
/// JSON). Neither side trusts the other: lengths are checked before anything is allocated.
/// </summary>
internal static class Frames
{
    /// <summary>The longest body, bytes.</summary>
    public const int MaxBody = 1 << 20;

    private const int HeaderLength = 5;

    /// <summary>A whole frame.</summary>
    /// <exception cref="InvalidDataException">The body would be too long.</exception>
    public static byte[] Create<T>(FrameKind kind, T message, JsonTypeInfo<T> type)
    {
        return Create(kind, JsonSerializer.SerializeToUtf8Bytes(message, type));
    }

    /// <inheritdoc cref="Create{T}(FrameKind, T, JsonTypeInfo{T})"/>
    public static byte[] Create(FrameKind kind, byte[] body)
    {
        if (body.Length > MaxBody)
            throw new InvalidDataException($"a {kind} frame of {body.Length} bytes is over the limit of {MaxBody}");
        var frame = new byte[HeaderLength + body.Length];
        BinaryPrimitives.WriteInt32LittleEndian(frame, body.Length);
        frame[4] = (byte)kind;
        body.CopyTo(frame, HeaderLength);
        return frame;
    }

    /// <summary>The next frame, or null where the other side has closed the stream.</summary>
    /// <exception cref="InvalidDataException">What arrived is no frame.</exception>
    public static async Task<(FrameKind Kind, byte[] Body)?> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        var header = new byte[HeaderLength];
        if (await stream.ReadAtLeastAsync(header, HeaderLength, throwOnEndOfStream: false, cancellationToken) < HeaderLength)
            return null;
        var length = BinaryPrimitives.ReadUInt32LittleEndian(header);
        if (length > MaxBody)
            throw new InvalidDataException($"a frame of {length} bytes is over the limit of {MaxBody}");
        if (!Enum.IsDefined((FrameKind)header[4]))
            throw new InvalidDataException($"a frame of the unknown kind {header[4]}");
        var body = new byte[length];
        if (await stream.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, cancellationToken) < body.Length)
            return null;
        return ((FrameKind)header[4], body);
    }

    /// <summary>A body's message.</summary>
    /// <exception cref="InvalidDataException">It is not that message.</exception>
    public static T Parse<T>(FrameKind kind, byte[] body, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(body, type) ?? throw new InvalidDataException($"an empty {kind} frame");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"a malformed {kind} frame: {e.Message}", e);
        }
    }
}
