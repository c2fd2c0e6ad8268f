using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Omoai.Api.Tests.Support;

/// <summary>Bodies of requests.</summary>
internal static class Bodies
{
    /// <summary>Bytes that might be a recording.</summary>
    public static byte[] AudioBytes(int length = 1000)
    {
        var bytes = new byte[length];
        "RIFF"u8[..Math.Min(4, length)].CopyTo(bytes);
        return bytes;
    }

    public static HttpContent Audio(int length = 1000, string type = "audio/wav") => new ByteArrayContent(AudioBytes(length))
    {
        Headers = { ContentType = new MediaTypeHeaderValue(type) },
    };

    /// <summary>As <see cref="Audio"/>, in chunks, without saying how much it is.</summary>
    public static HttpContent ChunkedAudio(int length) => new Unmeasured(AudioBytes(length));

    public static HttpContent Json(object value) => Json(JsonSerializer.Serialize(value));

    public static HttpContent Json(string json) => new StringContent(json, Encoding.UTF8, "application/json");

    public static HttpContent Text(string text) => new StringContent(text, Encoding.UTF8, "text/plain");

    /// <summary>A form, with its parts in order.</summary>
    public static HttpContent Form(params (string Name, HttpContent Content)[] parts)
    {
        var form = new MultipartFormDataContent();
        foreach (var (name, content) in parts)
        {
            if (name == "audio")
            {
                form.Add(content, name, "talk.wav");
            }
            else
            {
                form.Add(content, name);
            }
        }

        return form;
    }

    private sealed class Unmeasured : HttpContent
    {
        private readonly byte[] _bytes;

        public Unmeasured(byte[] bytes)
        {
            _bytes = bytes;
            Headers.ContentType = new MediaTypeHeaderValue("audio/wav");
        }

        protected override Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context) => stream.WriteAsync(_bytes).AsTask();

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
