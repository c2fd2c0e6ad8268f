using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Omoai.Language.Tests.Engines.OpenAi;

/// <summary>A server of HTTP on a socket of this machine, which answers as a test says: well, badly, or never.</summary>
internal sealed class SocketServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly Func<Exchange, Task> _answer;
    private readonly ConcurrentQueue<Exchange> _exchanges = [];
    private readonly ConcurrentQueue<Task> _connections = [];
    private readonly ConcurrentQueue<TcpClient> _clients = [];
    private readonly Task _accepting;

    public SocketServer(Func<Exchange, Task> answer)
    {
        _answer = answer;
        _listener.Start();
        Endpoint = new Uri($"http://{_listener.LocalEndpoint}/v1");
        _accepting = AcceptAsync();
    }

    public Uri Endpoint { get; }

    public IReadOnlyList<Exchange> Exchanges => [.. _exchanges];

    public int Connections => _connections.Count;

    /// <summary>Ends when clients have closed the connections that there were.</summary>
    public Task ClosedAsync() => Task.WhenAll(_connections).WaitAsync(TimeSpan.FromMinutes(1));

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _accepting;
        _listener.Dispose();
        _end.Dispose();
        foreach (var client in _clients)
        {
            client.Dispose();
        }

        await ClosedAsync();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_end.Token);
                client.NoDelay = true;
                _clients.Enqueue(client);
                _connections.Enqueue(ServeAsync(client));
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                for (var goesOn = true; goesOn && await ReadAsync(stream) is { } exchange; goesOn = exchange.KeepsConnection)
                {
                    _exchanges.Enqueue(exchange);
                    exchange.Number = _exchanges.Count;
                    await _answer(exchange);
                }
            }
            catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
            {
                // The client has gone, or the test.
            }
        }
    }

    private static async Task<Exchange?> ReadAsync(NetworkStream stream)
    {
        var head = new StringBuilder();
        var octet = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(octet) == 0)
            {
                return null;
            }

            head.Append((char)octet[0]);
        }

        var length = head.ToString().Split("\r\n").First(line => line.StartsWith("Content-Length: ", StringComparison.OrdinalIgnoreCase));
        var body = new byte[int.Parse(length.AsSpan("Content-Length: ".Length), CultureInfo.InvariantCulture)];
        await stream.ReadExactlyAsync(body);
        return new Exchange(head.ToString(), Encoding.UTF8.GetString(body), stream);
    }
}

/// <summary>A request, and what it is answered with.</summary>
internal sealed class Exchange(string head, string body, NetworkStream stream)
{
    public string Head => head;

    public string RawBody => body;

    public JsonElement Body { get; } = JsonDocument.Parse(body).RootElement;

    /// <summary>Of all requests of the server, from 1.</summary>
    public int Number { get; set; }

    /// <summary>Whether the answer left the connection to a next request.</summary>
    public bool KeepsConnection { get; private set; }

    /// <summary>Bytes that the client, or what is between, has taken.</summary>
    public long Written { get; private set; }

    public bool Has(string field) => Body.TryGetProperty(field, out _);

    /// <summary>What the user's message says.</summary>
    public string User => Body.GetProperty("messages")[1].GetProperty("content").GetString()!;

    public async Task WriteAsync(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        await stream.WriteAsync(bytes);
        Written += bytes.Length;
    }

    /// <summary>A reply as it should be, a part at a time.</summary>
    public async Task ReplyAsync(string finish, params string[] parts)
    {
        await BeginAsync("keep-alive");
        foreach (var part in parts)
        {
            await ChunkAsync(Part(part));
        }

        await ChunkAsync(Event($$"""{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"{{finish}}"}]}"""));
        await ChunkAsync(Event("""{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}}"""));
        // At once: a client that has read "[DONE]" and not the end may take another connection.
        await WriteAsync("e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
        KeepsConnection = true;
    }

    /// <summary>The head of a stream of events.</summary>
    public Task BeginAsync(string connection = "close") => WriteAsync(
        $"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\nConnection: {connection}\r\n\r\n");

    public Task ChunkAsync(string text) => WriteAsync($"{Encoding.UTF8.GetByteCount(text):x}\r\n{text}\r\n");

    /// <summary>Anything else than a stream.</summary>
    public Task AnswerAsync(int status, string body, string headers = "", string type = "application/json") => WriteAsync(
        $"HTTP/1.1 {status} Because\r\nContent-Type: {type}\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\nConnection: close\r\n{headers}\r\n{body}");

    /// <summary>Ends when the client has closed the connection.</summary>
    public async Task ClosedAsync()
    {
        try
        {
            while (await stream.ReadAsync(new byte[1024]) > 0)
            {
            }
        }
        catch (IOException)
        {
        }
    }

    public static string Event(string json) => $"data: {json}\n\n";

    public static string Part(string text) => Event(
        $$"""{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":{{JsonSerializer.Serialize(text)}}},"finish_reason":null}]}""");
}
