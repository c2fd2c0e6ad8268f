using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Omoai.Api.Tests.Support;

/// <summary>HTTP/1.1 by hand, for what HttpClient is too well-behaved for.</summary>
internal sealed class RawConnection : IDisposable
{
    private readonly TcpClient _client;

    private RawConnection(TcpClient client) => _client = client;

    public static async Task<RawConnection> OpenAsync(Uri server)
    {
        var client = new TcpClient();
        await client.ConnectAsync(server.Host, server.Port);
        return new RawConnection(client);
    }

    public void Dispose() => _client.Dispose();

    /// <summary>Ends the connection as a program does that is killed.</summary>
    public void Break()
    {
        _client.LingerState = new LingerOption(true, 0);
        _client.Close();
    }

    /// <summary>Sends a request's head with a key, and what there is of its body.</summary>
    public async Task SendAsync(string requestLine, IEnumerable<string> headers, ReadOnlyMemory<byte> body = default)
    {
        var head = string.Join("\r\n", [$"{requestLine} HTTP/1.1", "Host: 127.0.0.1", $"X-Api-Key: {ApiServer.Key}", .. headers, "", ""]);
        await _client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(head));
        await _client.GetStream().WriteAsync(body);
    }

    /// <summary>Reads one answer, and not to the end of the connection: the server may wait for the rest of a request.</summary>
    public async Task<Answer> ReadAsync(string method, string path)
    {
        var received = new List<byte>();
        var buffer = new byte[8192];
        while (true)
        {
            if (TryParse(received.ToArray(), method, path) is { } answer)
            {
                return answer;
            }

            var length = await _client.GetStream().ReadAsync(buffer);
            Assert.True(length > 0, $"The connection ended after: {Encoding.Latin1.GetString([.. received])}");
            received.AddRange(buffer[..length]);
        }
    }

    private static Answer? TryParse(byte[] received, string method, string path)
    {
        var headLength = received.AsSpan().IndexOf("\r\n\r\n"u8);
        if (headLength < 0)
        {
            return null;
        }

        var lines = Encoding.Latin1.GetString(received, 0, headLength).Split("\r\n");
        var headers = lines[1..].Select(line => line.Split(": ", 2))
            .ToDictionary(pair => pair[0], pair => pair[1], StringComparer.OrdinalIgnoreCase);
        var rest = received[(headLength + 4)..];
        var body = headers.ContainsKey("Transfer-Encoding") ? Chunks(rest)
            : rest.Length >= int.Parse(headers["Content-Length"], CultureInfo.InvariantCulture) ? rest
            : null;
        return body is null ? null : new Answer(method, path, int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture), headers, body);
    }

    private static byte[]? Chunks(ReadOnlySpan<byte> rest)
    {
        var body = new List<byte>();
        while (rest.IndexOf("\r\n"u8) is var end and >= 0)
        {
            var length = int.Parse(rest[..end], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (rest.Length < end + length + 4)
            {
                return null;
            }

            if (length == 0)
            {
                return [.. body];
            }

            body.AddRange(rest.Slice(end + 2, length));
            rest = rest[(end + length + 4)..];
        }

        return null;
    }
}
