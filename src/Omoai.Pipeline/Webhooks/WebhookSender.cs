using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Omoai.Isolation;

namespace Omoai.Pipeline.Webhooks;

/// <summary>
/// Posts to URLs that callers have named, signed as Standard Webhooks says. It connects only to addresses that it has
/// itself looked up and checked, and follows nothing: what a caller can't reach, they can't reach through us.
/// </summary>
public sealed class WebhookSender : IDisposable
{
    /// <summary>The longest URL, characters.</summary>
    public const int MaxUrlLength = 2000;

    private const int MaxResponseBytes = 64 << 10;

    private readonly WebhookOptions _options;
    private readonly TimeProvider _time;
    private readonly Func<string, CancellationToken, Task<IPAddress[]>> _resolve;
    private readonly HttpClient _client;

    public WebhookSender(IOptions<WebhookOptions> options, TimeProvider time)
        : this(options.Value, time, Dns.GetHostAddressesAsync)
    {
    }

    internal WebhookSender(
        WebhookOptions options, TimeProvider time, Func<string, CancellationToken, Task<IPAddress[]>> resolve)
    {
        _options = options;
        _time = time;
        _resolve = resolve;
        var handler = new SocketsHttpHandler
        {
            // A proxy would look up the name by itself, and find another address than the one that was checked.
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ConnectCallback = ConnectAsync,
            // An abandoned request doesn't end the connecting.
            ConnectTimeout = options.Timeout,
            // Each delivery is checked anew.
            PooledConnectionLifetime = TimeSpan.Zero,
            MaxResponseDrainSize = 0,
        };
        _client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        _client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("omoai", null));
    }

    public void Dispose() => _client.Dispose();

    /// <summary>Whether jobs may have this webhook, as far as that can be told without looking up its host.</summary>
    /// <returns>Why not, in one sentence for the caller, which doesn't repeat the URL; or null.</returns>
    public string? Check(string url)
    {
        if (url.Length > MaxUrlLength)
        {
            return string.Create(CultureInfo.InvariantCulture, $"The webhook's URL is longer than {MaxUrlLength} characters.");
        }

        var schemes = _options.AllowPrivateNetworks ? "http or https" : "https";
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri)
            || !(uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && _options.AllowPrivateNetworks)))
        {
            return $"The webhook must be an absolute {schemes} URL.";
        }

        if (uri.UserInfo.Length > 0)
        {
            return "The webhook's URL must not hold a user name or password.";
        }

        if (uri.HostNameType is UriHostNameType.IPv4 or UriHostNameType.IPv6 && !MayReach(IPAddress.Parse(uri.IdnHost)))
        {
            return "The webhook's address is not on the public internet.";
        }

        return _options.Key is null ? $"The server has no {WebhookOptions.Section}:{nameof(WebhookOptions.Secret)}." : null;
    }

    /// <summary>Makes one attempt to deliver.</summary>
    /// <param name="url">The receiver.</param>
    /// <param name="id">The same in each attempt, so that the receiver can tell a repetition.</param>
    /// <param name="body">JSON.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>Null when the receiver took it, else why not, and whether another attempt can help.</returns>
    public async Task<ActivityFailure?> SendAsync(
        string url, string id, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        // The configuration may have changed since the job was accepted.
        if (Check(url) is { } refused)
        {
            return Failed(FailureClass.BadInput, retryable: false, refused);
        }

        using var late = new CancellationTokenSource(_options.Timeout, _time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        using var request = Sign(url, id, body);
        try
        {
            using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop.Token);
            await SkipBodyAsync(response, stop.Token);
            return Judge(response.StatusCode);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Failed(
                FailureClass.Timeout, retryable: true, $"The webhook's receiver gave no answer within {_options.Timeout:g}.");
        }
        catch (HttpRequestException e) when (e.InnerException is RefusedAddressException refusal)
        {
            return Failed(FailureClass.BadInput, retryable: false, refusal.Message);
        }
        catch (HttpRequestException e)
        {
            return Failed(
                FailureClass.Internal, retryable: true, $"The webhook's receiver can't be reached: {e.Message}");
        }
    }

    private HttpRequestMessage Sign(string url, string id, ReadOnlyMemory<byte> body)
    {
        var timestamp = _time.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        byte[] content = [.. Encoding.UTF8.GetBytes($"{id}.{timestamp}."), .. body.Span];
        var signature = Convert.ToBase64String(HMACSHA256.HashData(_options.Key!, content));
        return new HttpRequestMessage(HttpMethod.Post, url)
        {
            Content = new ReadOnlyMemoryContent(body)
            {
                Headers = { ContentType = new MediaTypeHeaderValue("application/json", "utf-8") },
            },
            Headers =
            {
                { "webhook-id", id },
                { "webhook-timestamp", timestamp },
                { "webhook-signature", $"v1,{signature}" },
            },
        };
    }

    private static ActivityFailure? Judge(HttpStatusCode status)
    {
        var code = ((int)status).ToString(CultureInfo.InvariantCulture);
        return (int)status switch
        {
            >= 200 and < 300 => null,
            >= 300 and < 400 => Failed(
                FailureClass.BadInput, retryable: false,
                $"The webhook's receiver answered {code}, a redirect, which is not followed: give the final address."),
            408 or 425 or 429 or >= 500 => Failed(
                FailureClass.Internal, retryable: true, $"The webhook's receiver answered {code}."),
            _ => Failed(FailureClass.BadInput, retryable: false, $"The webhook's receiver answered {code}."),
        };
    }

    /// <summary>Lets the receiver finish its answer, within bounds. The status is the answer, whatever becomes of the rest.</summary>
    private static async Task SkipBodyAsync(HttpResponseMessage response, CancellationToken stop)
    {
        try
        {
            await using var stream = await response.Content.ReadAsStreamAsync(stop);
            var buffer = new byte[MaxResponseBytes];
            await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, stop);
        }
        catch (Exception e) when (e is IOException or HttpRequestException or OperationCanceledException)
        {
        }
    }

    /// <summary>Looks the host up once, checks what it is told, and connects to just that. A name that is public when it is
    /// checked and private when it is connected to (DNS rebinding) so gains nothing.</summary>
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var (host, port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        var addresses = await _resolve(host, cancellationToken);
        if (Array.Find(addresses, address => !MayReach(address)) is { } refused)
        {
            throw new RefusedAddressException(
                $"The webhook's host {host} has the address {refused}, which is not on the public internet.");
        }

        SocketException? last = null;
        foreach (var address in addresses)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(address, port, cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (Exception e)
            {
                socket.Dispose();
                if (e is not SocketException unreachable)
                {
                    throw;
                }

                last = unreachable;
            }
        }

        throw last ?? new SocketException((int)SocketError.HostNotFound);
    }

    private bool MayReach(IPAddress address) => _options.AllowPrivateNetworks || WebhookAddresses.IsPublic(address);

    private static ActivityFailure Failed(FailureClass @class, bool retryable, string reason) =>
        new(@class, retryable, ActivityFailure.OneLine(reason));

    private sealed class RefusedAddressException(string message) : Exception(message);
}
