using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Omoai.Pipeline.Tests.Webhooks;

/// <summary>A request as it came over the wire. Header names are in small letters.</summary>
internal sealed record Received(string Line, IReadOnlyDictionary<string, string> Headers, string Body);

/// <summary>A web server on this machine that answers as it is told: one answer for each request, the last one again.</summary>
internal sealed class Receiver : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Received> _requests = [];
    private readonly Task _serving;
    private int _connections;

    public Receiver(params Func<Stream, CancellationToken, Task>[] answers)
    {
        _listener.Start();
        _serving = ServeAsync(answers);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public string Url => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Port}/hook?job=1");

    public int Connections => Volatile.Read(ref _connections);

    public IReadOnlyList<Received> Requests
    {
        get
        {
            lock (_requests)
            {
                return [.. _requests];
            }
        }
    }

    /// <summary>Answers with a status, and the headers given.</summary>
    public static Func<Stream, CancellationToken, Task> Status(int status, string headers = "") => (stream, stop) =>
        stream.WriteAsync(Encoding.ASCII.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"HTTP/1.1 {status} Some\r\n{headers}Content-Length: 0\r\n\r\n")), stop).AsTask();

    /// <summary>Takes the request and is silent.</summary>
    public static Task Nothing(Stream stream, CancellationToken stop) => Task.Delay(Timeout.Infinite, stop);

    /// <summary>Answers 200 with a body that never ends.</summary>
    public static async Task Endless(Stream stream, CancellationToken stop)
    {
        await stream.WriteAsync("HTTP/1.1 200 OK\r\n\r\n"u8.ToArray(), stop);
        var megabyte = new byte[1 << 20];
        while (true)
        {
            await stream.WriteAsync(megabyte, stop);
        }
    }

    /// <summary>Answers 200 and says nothing of the body that it promised.</summary>
    public static async Task Stalled(Stream stream, CancellationToken stop)
    {
        await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"u8.ToArray(), stop);
        await Nothing(stream, stop);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _serving;
        // Not before: whoever accepts from a listener that has stopped gets another exception.
        _listener.Stop();
        _stop.Dispose();
    }

    private async Task ServeAsync(Func<Stream, CancellationToken, Task>[] answers)
    {
        var serving = new List<Task>();
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                Interlocked.Increment(ref _connections);
                serving.Add(ServeAsync(client, answers));
            }
        }
        catch (OperationCanceledException)
        {
        }

        await Task.WhenAll(serving);
    }

    private async Task ServeAsync(TcpClient client, Func<Stream, CancellationToken, Task>[] answers)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                while (await ReadAsync(stream) is { } request)
                {
                    int number;
                    lock (_requests)
                    {
                        number = _requests.Count;
                        _requests.Add(request);
                    }

                    await answers[Math.Min(number, answers.Length - 1)](stream, _stop.Token);
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // The sender has gone, or the test has ended.
            }
        }
    }

    private async Task<Received?> ReadAsync(NetworkStream stream)
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
        var headers = lines.Skip(1).Select(line => line.Split(": ", 2))
            .ToDictionary(header => header[0].ToLowerInvariant(), header => header[1]);
        var body = new byte[int.Parse(headers["content-length"], CultureInfo.InvariantCulture)];
        await stream.ReadExactlyAsync(body, _stop.Token);
        return new Received(lines[0], headers, Encoding.UTF8.GetString(body));
    }
}
