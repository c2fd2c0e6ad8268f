using System.Net;
using System.Text.Json;
using Omoai.EndToEnd.Serve;

namespace Omoai.Faults;

/// <summary>Uploads that are made as they are sent: a header, and zeros.</summary>
internal static class Uploads
{
    /// <param name="server">Where to.</param>
    /// <param name="length">Bytes of the body.</param>
    /// <param name="sized">Whether the request says its length.</param>
    public static async Task<(int Status, string? Id)> PostAsync(OmoaiServer server, long length, bool sized)
    {
        using var content = new Zeros(length, sized);
        content.Headers.ContentType = new("audio/wav");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/transcriptions?name=large.wav") { Content = content };
        // So that a refusal comes before the body, and isn't lost in a connection that was closed under it.
        request.Headers.ExpectContinue = sized;
        try
        {
            using var answer = await server.Client.SendAsync(request);
            var id = answer.IsSuccessStatusCode
                ? JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("id").GetString()
                : null;
            return ((int)answer.StatusCode, id);
        }
        catch (HttpRequestException e)
        {
            Console.WriteLine($"       the connection broke: {e.Message} {e.InnerException?.Message}");
            return (0, null);
        }
    }

    private sealed class Zeros(long length, bool sized) : HttpContent
    {
        private const int ChunkBytes = 1 << 16;

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            var header = Recordings.Header(length - Recordings.Header(0).Length);
            await stream.WriteAsync(header);
            var zeros = new byte[ChunkBytes];
            for (var left = length - header.Length; left > 0; left -= ChunkBytes)
            {
                await stream.WriteAsync(zeros.AsMemory(0, (int)Math.Min(left, ChunkBytes)));
            }
        }

        protected override bool TryComputeLength(out long computed)
        {
            computed = length;
            return sized;
        }
    }
}
