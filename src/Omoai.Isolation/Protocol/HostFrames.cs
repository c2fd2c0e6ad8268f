using System.Text.Json;

namespace Omoai.Isolation.Protocol;

/// <summary>
/// The host's side of the messages, written and read by hand: the metadata that the parent's side uses takes a process that has
/// just started longer to compile than all else it does before its hello.
/// </summary>
internal static class HostFrames
{
    public static byte[] Hello(Hello hello) => Create(FrameKind.Hello, json =>
    {
        json.WriteNumber("pid", hello.Pid);
        json.WriteBoolean("contained", hello.Contained);
        json.WriteBoolean("networkOff", hello.NetworkOff);
    });

    public static byte[] Warmed() => Create(FrameKind.Warmed, _ => { });

    public static byte[] Progress(HostProgress progress) => Create(FrameKind.Progress, json =>
    {
        json.WriteNumber("fraction", progress.Fraction);
        if (progress.Message is { } message)
            json.WriteString("message", message);
    });

    /// <exception cref="InvalidDataException">It would be too long.</exception>
    public static byte[] Reply(Reply reply) => Create(FrameKind.Reply, json =>
    {
        if (reply.Output is { } output)
        {
            json.WritePropertyName("output");
            output.WriteTo(json);
        }
        if (reply.Failure is { } failure)
        {
            json.WriteStartObject("failure");
            json.WriteString("class", failure.Class.ToText());
            json.WriteBoolean("retryable", failure.Retryable);
            json.WriteString("reason", failure.Reason);
            json.WriteEndObject();
        }
        if (reply.PeakMemoryBytes is { } peak)
            json.WriteNumber("peakMemoryBytes", peak);
        if (reply.GpuMemory is { } gpu)
        {
            json.WriteStartObject("gpuMemory");
            json.WriteNumber("beforeBytes", gpu.BeforeBytes);
            json.WriteNumber("afterBytes", gpu.AfterBytes);
            json.WriteBoolean("isOwn", gpu.IsOwn);
            json.WriteEndObject();
        }
    });

    /// <summary>What <see cref="ReadRequest"/> reads: for a host to try it.</summary>
    public static byte[] RequestBody(Request request) => Body(json =>
    {
        json.WriteString("activity", request.Activity);
        json.WritePropertyName("input");
        request.Input.WriteTo(json);
        json.WriteString("folder", request.Folder);
    });

    /// <exception cref="InvalidDataException">It is no request.</exception>
    public static Request ReadRequest(byte[] body) => Read(FrameKind.Request, body, json => new Request(
        Text(json, "activity"), json.GetProperty("input"), Text(json, "folder"),
        json.TryGetProperty("traceParent", out var trace) ? trace.GetString() : null));

    /// <exception cref="InvalidDataException">It is none.</exception>
    public static Warm ReadWarm(byte[] body) =>
        Read(FrameKind.Warm, body, json => new Warm(Text(json, "activity"), json.GetProperty("input")));

    private static string Text(JsonElement json, string name) =>
        json.GetProperty(name).GetString() ?? throw new InvalidDataException($"no {name}");

    private static T Read<T>(FrameKind kind, byte[] body, Func<JsonElement, T> read)
    {
        try
        {
            return read(JsonDocument.Parse(body).RootElement);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new InvalidDataException($"a malformed {kind} frame: {e.Message}", e);
        }
    }

    private static byte[] Create(FrameKind kind, Action<Utf8JsonWriter> write) => Frames.Create(kind, Body(write));

    private static byte[] Body(Action<Utf8JsonWriter> write)
    {
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return body.ToArray();
    }
}
