using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Pipeline.Webhooks;

namespace Omoai.Pipeline.Tests.Webhooks;

public sealed class WebhookSenderTests
{
    private const string Secret = "a secret of the tests, hunter2";

    /// <summary>What takes this long would take for ever.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly byte[] Body = Encoding.UTF8.GetBytes("""{"id":"job","words":"đã xong"}""");

    [Theory]
    [InlineData(Secret, "6120736563726574206f66207468652074657374732c2068756e74657232")]
    [InlineData("whsec_aHVudGVyMi1odW50ZXIyLWh1bnRlcjI=", "68756e746572322d68756e746572322d68756e74657232")]
    public async Task A_request_is_signed_as_standard_webhooks_says(string secret, string key)
    {
        await using var receiver = new Receiver(Receiver.Status(204));
        using var sender = Sender(secret: secret);

        Assert.Null(await sender.SendAsync(receiver.Url, "job", Body, default));

        var request = Assert.Single(receiver.Requests);
        Assert.Equal("POST /hook?job=1 HTTP/1.1", request.Line);
        Assert.Equal(Encoding.UTF8.GetString(Body), request.Body);
        Assert.Equal("application/json; charset=utf-8", request.Headers["content-type"]);
        Assert.Equal("job", request.Headers["webhook-id"]);
        Assert.Equal("1767323045", request.Headers["webhook-timestamp"]);

        // Put together anew from what came over the wire, with the key written out by hand.
        using var hmac = new HMACSHA256(Convert.FromHexString(key));
        var signed = $"{request.Headers["webhook-id"]}.{request.Headers["webhook-timestamp"]}.{request.Body}";
        var expected = hmac.ComputeHash(Encoding.UTF8.GetBytes(signed));
        Assert.Equal($"v1,{Convert.ToBase64String(expected)}", request.Headers["webhook-signature"]);
    }

    [Fact]
    public async Task The_example_of_standard_webhooks_gives_its_signature()
    {
        await using var receiver = new Receiver(Receiver.Status(200));
        using var sender = Sender(
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", now: DateTimeOffset.FromUnixTimeSeconds(1614265330));

        await sender.SendAsync(receiver.Url, "msg_p5jXN8AQM9LWM0D4loKWxJek", """{"test": 2432232314}"""u8.ToArray(), default);

        Assert.Equal("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", receiver.Requests[0].Headers["webhook-signature"]);
    }

    [Theory]
    [InlineData(200, null)]
    [InlineData(202, null)]
    [InlineData(299, null)]
    [InlineData(400, false)]
    [InlineData(404, false)]
    [InlineData(410, false)]
    [InlineData(408, true)]
    [InlineData(425, true)]
    [InlineData(429, true)]
    [InlineData(500, true)]
    [InlineData(503, true)]
    public async Task The_status_says_whether_it_was_delivered_and_whether_to_try_again(int status, bool? retryable)
    {
        await using var receiver = new Receiver(Receiver.Status(status));
        using var sender = Sender();

        var failure = await sender.SendAsync(receiver.Url, "job", Body, default);

        Assert.Equal(retryable, failure?.Retryable);
        if (failure is not null)
        {
            Assert.Contains(status.ToString(CultureInfo.InvariantCulture), failure.Reason, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task A_redirect_is_not_followed(int status)
    {
        await using var target = new Receiver(Receiver.Status(200));
        await using var receiver = new Receiver(Receiver.Status(status, $"Location: {target.Url}\r\n"), Receiver.Status(200));
        using var sender = Sender();

        var failure = await sender.SendAsync(receiver.Url, "job", Body, default);

        Assert.False(failure!.Retryable);
        Assert.Contains("give the final address", failure.Reason, StringComparison.Ordinal);
        Assert.Single(receiver.Requests);
        Assert.Equal(0, target.Connections);
    }

    [Fact]
    public async Task A_name_that_is_this_machine_is_refused_and_not_connected_to()
    {
        await using var receiver = new Receiver(Receiver.Status(200));
        using var sender = Sender(allowPrivate: false);
        var url = string.Create(CultureInfo.InvariantCulture, $"https://localhost:{receiver.Port}/");

        Assert.Null(sender.Check(url));
        var failure = await sender.SendAsync(url, "job", Body, default);

        Assert.False(failure!.Retryable);
        Assert.Contains("not on the public internet", failure.Reason, StringComparison.Ordinal);
        Assert.Equal(0, receiver.Connections);
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("127.0.0.1", "1.1.1.1")]
    [InlineData("127.0.0.1", "2606:4700:4700::1111")]
    public async Task A_name_with_any_address_that_is_not_public_is_refused(params string[] addresses)
    {
        await using var receiver = new Receiver(Receiver.Status(200));
        using var sender = Sender(allowPrivate: false, resolve: _ => addresses);

        var failure = await sender.SendAsync(
            string.Create(CultureInfo.InvariantCulture, $"https://receiver.example:{receiver.Port}/"), "job", Body, default);

        Assert.Equal(FailureClass.BadInput, failure!.Class);
        Assert.False(failure.Retryable);
        Assert.Equal(0, receiver.Connections);
    }

    [Fact]
    public async Task A_name_is_looked_up_once_and_what_was_checked_is_what_is_connected_to()
    {
        await using var receiver = new Receiver(Receiver.Status(200));
        var lookups = new List<string>();
        using var sender = Sender(resolve: host =>
        {
            lookups.Add(host);
            return ["127.0.0.1"];
        });
        var url = string.Create(CultureInfo.InvariantCulture, $"http://receiver.example:{receiver.Port}/");

        Assert.Null(await sender.SendAsync(url, "job", Body, default));
        Assert.Equal(["receiver.example"], lookups);

        // And anew for the next delivery: no connection is kept from an earlier answer.
        Assert.Null(await sender.SendAsync(url, "job", Body, default));
        Assert.Equal(2, lookups.Count);
        Assert.Equal(2, receiver.Connections);
    }

    [Fact]
    public async Task No_proxy_is_used_as_it_would_look_up_the_name_by_itself()
    {
        await using var receiver = new Receiver(Receiver.Status(200));
        await using var proxy = new Receiver(Receiver.Status(200));
        var before = HttpClient.DefaultProxy;
        HttpClient.DefaultProxy = new FixedProxy(new Uri(proxy.Url));
        try
        {
            using var sender = Sender(resolve: _ => ["127.0.0.1"]);
            var url = string.Create(CultureInfo.InvariantCulture, $"http://receiver.example:{receiver.Port}/");
            Assert.Null(await sender.SendAsync(url, "job", Body, default));
        }
        finally
        {
            HttpClient.DefaultProxy = before;
        }

        Assert.Equal(0, proxy.Connections);
        Assert.Single(receiver.Requests);
    }

    [Fact]
    public async Task A_cookie_of_a_receiver_is_not_sent_back()
    {
        await using var receiver = new Receiver(Receiver.Status(503, "Set-Cookie: a=b\r\n"), Receiver.Status(200));
        using var sender = Sender();

        await sender.SendAsync(receiver.Url, "job", Body, default);
        Assert.Null(await sender.SendAsync(receiver.Url, "job", Body, default));

        Assert.DoesNotContain("cookie", receiver.Requests[1].Headers.Keys);
    }

    [Fact]
    public async Task A_receiver_that_is_silent_is_given_up_in_time_and_may_be_tried_again()
    {
        await using var receiver = new Receiver(Receiver.Nothing);
        using var sender = Sender(timeout: TimeSpan.FromMilliseconds(300));

        var failure = await sender.SendAsync(receiver.Url, "job", Body, default).WaitAsync(Patience);

        Assert.Equal(FailureClass.Timeout, failure!.Class);
        Assert.True(failure.Retryable);
    }

    [Fact]
    public async Task A_receiver_that_can_not_be_reached_may_be_tried_again()
    {
        var gone = new Receiver(Receiver.Nothing);
        var url = gone.Url;
        await gone.DisposeAsync();
        using var sender = Sender();

        var failure = await sender.SendAsync(url, "job", Body, default);

        Assert.Equal(FailureClass.Internal, failure!.Class);
        Assert.True(failure.Retryable);
    }

    [Fact]
    public async Task A_name_that_does_not_exist_may_be_tried_again()
    {
        using var sender = Sender(allowPrivate: false, resolve: _ => []);

        Assert.True((await sender.SendAsync("https://receiver.example/", "job", Body, default))!.Retryable);
    }

    [Fact]
    public async Task A_body_that_never_ends_does_not_hurt()
    {
        await using var receiver = new Receiver(Receiver.Endless);
        using var sender = Sender(timeout: TimeSpan.FromMinutes(1));

        Assert.Null(await sender.SendAsync(receiver.Url, "job", Body, default).WaitAsync(Patience));
    }

    [Fact]
    public async Task A_body_that_never_comes_does_not_undo_the_answer()
    {
        await using var receiver = new Receiver(Receiver.Stalled);
        using var sender = Sender(timeout: TimeSpan.FromMilliseconds(300));

        Assert.Null(await sender.SendAsync(receiver.Url, "job", Body, default));
    }

    [Fact]
    public async Task Whoever_stops_it_gets_their_own_cancellation()
    {
        using var stop = new CancellationTokenSource();
        await using var receiver = new Receiver(async (stream, ended) =>
        {
            await stop.CancelAsync();
            await Receiver.Nothing(stream, ended);
        });
        using var sender = Sender();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => sender.SendAsync(receiver.Url, "job", Body, stop.Token));
    }

    [Theory]
    [InlineData("https://receiver.example/hook", null)]
    [InlineData("https://1.1.1.1/", null)]
    [InlineData("https://[2606:4700:4700::1111]/", null)]
    [InlineData("http://receiver.example/", "https")]
    [InlineData("ftp://receiver.example/", "https")]
    [InlineData("/hook", "https")]
    [InlineData("receiver.example/hook", "https")]
    [InlineData("", "https")]
    [InlineData("https://name:password@receiver.example/", "user name")]
    [InlineData("https://name@receiver.example/", "user name")]
    [InlineData("https://127.0.0.1/", "public internet")]
    [InlineData("https://2130706433/", "public internet")]
    [InlineData("https://0x7f.1/", "public internet")]
    [InlineData("https://169.254.169.254/latest/meta-data/", "public internet")]
    [InlineData("https://[::1]/", "public internet")]
    [InlineData("https://[::ffff:10.0.0.1]/", "public internet")]
    [InlineData("https://[fe80::1%25eth0]/", "public internet")]
    public async Task A_url_is_checked_before_the_job_is_accepted_and_again_before_it_is_sent(string url, string? refusal)
    {
        using var sender = Sender(allowPrivate: false, resolve: _ => []);

        var reason = sender.Check(url);

        if (refusal is null)
        {
            Assert.Null(reason);
            return;
        }

        Assert.Contains(refusal, reason, StringComparison.Ordinal);
        Assert.DoesNotContain("password@", reason, StringComparison.Ordinal);
        var failure = await sender.SendAsync(url, "job", Body, default);
        Assert.Equal(new ActivityFailure(FailureClass.BadInput, Retryable: false, reason!), failure);
    }

    [Fact]
    public void A_url_is_not_longer_than_a_job_may_keep()
    {
        using var sender = Sender(allowPrivate: false);
        var start = "https://receiver.example/";

        Assert.Null(sender.Check(start.PadRight(2000, 'a')));
        Assert.NotNull(sender.Check(start.PadRight(2001, 'a')));
    }

    [Theory]
    [InlineData("http://127.0.0.1:8080/", null)]
    [InlineData("https://[::1]/", null)]
    [InlineData("http://name@127.0.0.1/", "user name")]
    public void Private_networks_and_http_can_be_allowed_and_user_names_not(string url, string? refusal)
    {
        using var sender = Sender();

        Assert.Equal(refusal is null, sender.Check(url) is null);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void A_server_without_a_secret_has_no_webhooks(string? secret)
    {
        using var sender = Sender(secret: secret);

        Assert.Equal("The server has no Omoai:Webhook:Secret.", sender.Check("https://receiver.example/"));
    }

    [Fact]
    public async Task No_reason_holds_the_secret()
    {
        await using var receiver = new Receiver(
            Receiver.Status(500), Receiver.Status(400), Receiver.Status(302), Receiver.Nothing);
        using var sender = Sender(timeout: TimeSpan.FromMilliseconds(300));

        for (var answer = 0; answer < 4; answer++)
        {
            var failure = await sender.SendAsync(receiver.Url, "job", Body, default);
            Assert.DoesNotContain("hunter2", failure!.Reason, StringComparison.Ordinal);
        }

        Assert.DoesNotContain("hunter2", string.Concat(receiver.Requests.SelectMany(request => request.Headers.Values)), StringComparison.Ordinal);
    }

    private static WebhookSender Sender(
        bool allowPrivate = true, string? secret = Secret, TimeSpan? timeout = null, DateTimeOffset? now = null,
        Func<string, string[]>? resolve = null)
    {
        var options = new WebhookOptions
        {
            Secret = secret,
            AllowPrivateNetworks = allowPrivate,
            Timeout = timeout ?? TimeSpan.FromSeconds(30),
        };
        var time = new FixedTime(now ?? new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));
        return resolve is null
            ? new WebhookSender(Options.Create(options), time)
            : new WebhookSender(options, time, (host, _) => Task.FromResult(Array.ConvertAll(resolve(host), IPAddress.Parse)));
    }

    /// <summary>The hour stands still; timers don't.</summary>
    private sealed class FixedTime(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }

    private sealed class FixedProxy(Uri proxy) : IWebProxy
    {
        public ICredentials? Credentials { get; set; }

        public Uri? GetProxy(Uri destination) => proxy;

        public bool IsBypassed(Uri host) => false;
    }
}
