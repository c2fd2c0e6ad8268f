using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Omoai.Tests.Http;

/// <summary>A request as it came over the wire. Header names are in small letters.</summary>
internal sealed record Asked(string Path, IReadOnlyDictionary<string, string> Headers)
{
    public string? Range => Headers.GetValueOrDefault("range");
}

/// <summary>Answers one request, after which the connection is closed.</summary>
internal delegate Task Answer(Asked request, Stream stream, CancellationToken stop);

/// <summary>A web server on this machine that does to each path what it is told: one answer for each request, the last one again.</summary>
internal sealed class FileServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<string, Queue<Answer>> _answers = [];
    private readonly List<Asked> _requests = [];
    private readonly Task _serving;

    public FileServer()
    {
        _listener.Start();
        _serving = ServeAsync();
    }

    public string Url => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    public IReadOnlyList<Asked> Requests
    {
        get
        {
            lock (_requests)
            {
                return [.. _requests];
            }
        }
    }

    public FileServer At(string path, params Answer[] answers)
    {
        lock (_requests)
        {
            _answers[path] = new Queue<Answer>(answers);
        }

        return this;
    }

    /// <summary>A file as it should be served: with an ETag, and from where it is asked for.</summary>
    public static Answer Whole(byte[] file, string etag = "\"v1\"") => CutAfter(file, int.MaxValue, etag);

    /// <summary>As <see cref="Whole"/>, but the connection ends after so many bytes of the body.</summary>
    public static Answer CutAfter(byte[] file, int bytes, string etag = "\"v1\"") => async (request, stream, stop) =>
    {
        var from = request.Range is { } range && request.Headers.GetValueOrDefault("if-range") == etag
            ? int.Parse(range["bytes=".Length..^1], CultureInfo.InvariantCulture) : 0;
        if (from >= file.Length && from > 0)
        {
            await Head(416, "Content-Length: 0")(request, stream, stop);
            return;
        }

        var partial = from > 0 ? string.Create(CultureInfo.InvariantCulture, $"Content-Range: bytes {from}-{file.Length - 1}/{file.Length}\r\n") : "";
        await Head(from > 0 ? 206 : 200, string.Create(CultureInfo.InvariantCulture, $"{partial}ETag: {etag}\r\nContent-Length: {file.Length - from}"))(request, stream, stop);
        await stream.WriteAsync(file.AsMemory(from, Math.Min(bytes, file.Length - from)), stop);
    };

    /// <summary>Says what it likes, and sends something.</summary>
    public static Answer Says(int status, string headers, byte[] body) => async (request, stream, stop) =>
    {
        await Head(status, headers)(request, stream, stop);
        await stream.WriteAsync(body, stop);
    };

    public static Answer Head(int status, string headers) => (_, stream, stop) => stream.WriteAsync(
        Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {status} Some\r\nConnection: close\r\n{headers}\r\n\r\n")), stop).AsTask();

    public static Answer Redirect(string to) => Head(302, $"Location: {to}\r\nContent-Length: 0");

    /// <summary>A body without a length and without an end; tells how much went out of it.</summary>
    public static Answer Endless(Action<int> sent) => async (request, stream, stop) =>
    {
        await Head(200, "ETag: \"v1\"")(request, stream, stop);
        var block = new byte[16 << 10];
        while (true)
        {
            await stream.WriteAsync(block, stop);
            sent(block.Length);
        }
    };

    /// <summary>The first bytes of a file, and then what the test says.</summary>
    public static Answer Then(byte[] file, int bytes, Func<Stream, CancellationToken, Task> then) => async (request, stream, stop) =>
    {
        await CutAfter(file, bytes)(request, stream, stop);
        await then(stream, stop);
    };

    public static Task Silence(Stream stream, CancellationToken stop) => Task.Delay(Timeout.Infinite, stop);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _serving;
        _listener.Stop();
        _stop.Dispose();
    }

    private async Task ServeAsync()
    {
        var serving = new List<Task>();
        try
        {
            while (true)
            {
                serving.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
        }
        catch (OperationCanceledException)
        {
        }

        await Task.WhenAll(serving);
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                if (await ReadAsync(stream) is not { } request)
                {
                    return;
                }

                Answer answer;
                lock (_requests)
                {
                    _requests.Add(request);
                    answer = !_answers.TryGetValue(request.Path.Split('?')[0], out var answers) ? Head(404, "Content-Length: 0")
                        : answers.Count > 1 ? answers.Dequeue() : answers.Peek();
                }

                await answer(request, stream, _stop.Token);
                client.Client.Shutdown(SocketShutdown.Send);
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                // The client has gone, or the test has ended.
            }
        }
    }

    private async Task<Asked?> ReadAsync(NetworkStream stream)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one, _stop.Token) == 0)
            {
                return null;
            }

            head.Append((char)one[0]);
        }

        var lines = head.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        return new Asked(
            lines[0].Split(' ')[1],
            lines.Skip(1).Select(line => line.Split(": ", 2)).ToDictionary(header => header[0].ToLowerInvariant(), header => header[1]));
    }
}
