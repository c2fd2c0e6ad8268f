using System.Net;
using System.Net.Sockets;
using System.Text;
using Omoai.Isolation.Servers;

namespace Omoai.Isolation.Tests.Servers;

public sealed class HttpHealthTests : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ManualTime _time = new();
    private readonly HttpHealth _health;

    public HttpHealthTests()
    {
        _listener.Start();
        _health = new HttpHealth(new Uri($"http://{_listener.LocalEndpoint}/health"), TimeSpan.FromSeconds(3), _time);
    }

    public void Dispose()
    {
        _health.Dispose();
        _listener.Dispose();
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", null)]
    [InlineData("HTTP/1.1 204 No Content\r\n\r\n", null)]
    // What follows never comes.
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\nx", null)]
    [InlineData("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", "status 302")]
    [InlineData("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404")]
    [InlineData("HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n", "status 503")]
    public async Task The_status_is_the_answer(string response, string? problem)
    {
        var asked = _health.ProblemAsync(CancellationToken.None);
        using var client = await AnswerAsync(response);

        Assert.Equal(problem, await asked.WaitAsync(TimeSpan.FromSeconds(60)));
    }

    [Theory]
    [InlineData("HTTP/1.1 2")]
    [InlineData("no HTTP at all\r\n\r\n")]
    public async Task What_is_no_answer_is_a_problem(string response)
    {
        var asked = _health.ProblemAsync(CancellationToken.None);
        (await AnswerAsync(response)).Dispose();

        Assert.False(string.IsNullOrEmpty(await asked.WaitAsync(TimeSpan.FromSeconds(60))));
    }

    [Fact]
    public async Task Nobody_there_is_a_problem()
    {
        Assert.True(await _health.ListensAsync(CancellationToken.None));
        _listener.Stop();

        Assert.False(await _health.ListensAsync(CancellationToken.None));
        Assert.Contains("refused", await _health.ProblemAsync(CancellationToken.None), StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_answer_in_time_is_a_problem()
    {
        var asked = _health.ProblemAsync(CancellationToken.None);
        await _time.AskedForAsync(TimeSpan.FromSeconds(3));
        _time.Advance(TimeSpan.FromSeconds(2.9));
        Assert.False(asked.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.Equal("no answer within 3 s", await asked.WaitAsync(TimeSpan.FromSeconds(60)));
    }

    [Fact]
    public async Task Whoever_stops_asking_is_told_so()
    {
        using var cancel = new CancellationTokenSource();
        var asked = _health.ProblemAsync(cancel.Token);
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
    }

    private async Task<TcpClient> AnswerAsync(string response)
    {
        var client = await _listener.AcceptTcpClientAsync().WaitAsync(TimeSpan.FromSeconds(60));
        using var reader = new StreamReader(client.GetStream(), leaveOpen: true);
        while (await reader.ReadLineAsync() is { Length: > 0 })
        {
            // Whatever it is asked.
        }
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(response));
        return client;
    }
}
