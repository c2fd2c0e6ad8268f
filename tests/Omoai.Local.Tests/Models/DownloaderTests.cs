using System.Security.Cryptography;
using System.Text;
using Omoai.Local.Models;
using Omoai.Local.Tests.Journal;
using Omoai.Tests.Http;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;
using static Omoai.Tests.Http.FileServer;

namespace Omoai.Local.Tests.Models;

public sealed class DownloaderTests : IAsyncDisposable
{
    /// <summary>Only what should happen takes no time; what shouldn't ends the test.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly byte[] File1 = Noise(1, 300_000);
    private static readonly byte[] File2 = Noise(2, 300_000);

    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;
    private readonly FileServer _server = new();
    private readonly ManualTime _time = new();
    private long _free = 1L << 40;

    private string Part => Path.Combine(_folder, "part");

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_file_is_fetched_with_its_size_and_hash_stated_or_not(bool stated)
    {
        _server.At("/f", Whole(File1));
        var seen = new List<long>();

        var got = await GetAsync(stated ? File1 : null, seen.Add);

        Assert.Equal(FactsOf(File1), got);
        AssertFile(File1);
        Assert.Equal(File1.Length, seen[^1]);
        Assert.Equal("identity", _server.Requests.Single().Headers["accept-encoding"]);
    }

    [Fact]
    public async Task A_connection_that_is_cut_again_and_again_is_gone_on_with()
    {
        // More cuts than attempts: what brings bytes is no failure.
        _server.At("/f", [.. Enumerable.Repeat(CutAfter(File1, 70_000), 4), CutAfter(File1, 0), CutAfter(File1, 1000), Whole(File1)]);

        Assert.Equal(FactsOf(File1), await GetAsync(File1, settings: Impatient with { Attempts = 4 }));

        AssertFile(File1);
        Assert.Equal([null, "bytes=70000-", "bytes=140000-", "bytes=210000-", "bytes=280000-"], _server.Requests.Select(request => request.Range).Take(5));
        Assert.All(_server.Requests.Skip(1), request => Assert.Equal("\"v1\"", request.Headers["if-range"]));
    }

    [Fact]
    public async Task A_server_that_cuts_and_brings_nothing_is_given_up()
    {
        _server.At("/f", CutAfter(File1, 70_000), CutAfter(File1, 0));

        var e = await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(File1, settings: Impatient with { Attempts = 3 }));

        Assert.Contains("after 3 attempts", e.Message, StringComparison.Ordinal);
        Assert.Equal(3, _server.Requests.Count);
        Assert.Equal(70_000, new FileInfo(Part).Length);
    }

    [Fact]
    public async Task A_server_that_brings_the_same_bytes_again_and_again_is_given_up()
    {
        var gone = Head(416, "Content-Length: 0");
        _server.At("/f", [.. Enumerable.Repeat(new[] { CutAfter(File1, 70_000), gone }, 10).SelectMany(pair => pair), Whole(File1)]);

        await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(File1, settings: Impatient with { Attempts = 4 }));

        Assert.Equal(4, _server.Requests.Count);
    }

    [Fact]
    public async Task What_was_cancelled_is_gone_on_with_by_another_process()
    {
        using var cancel = new CancellationTokenSource();
        _server.At("/f", Then(File1, 100_000, Silence), Whole(File1));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => GetAsync(
            File1, bytes => { if (bytes == 100_000) cancel.Cancel(); }, cancellation: cancel.Token));
        Assert.Equal(FactsOf(File1), await GetAsync(File1));

        AssertFile(File1);
        Assert.Equal("bytes=100000-", _server.Requests[1].Range);
    }

    [Fact]
    public async Task A_server_that_knows_no_ranges_starts_over()
    {
        _server.At("/f", CutAfter(File1, 70_000), Says(200, "ETag: \"v1\"\r\nContent-Length: 300000", File1));

        Assert.Equal(FactsOf(File1), await GetAsync(File1));

        AssertFile(File1);
        Assert.Equal("bytes=70000-", _server.Requests[1].Range);
    }

    [Fact]
    public async Task A_file_without_ETag_and_date_is_begun_again()
    {
        _server.At("/f", Says(200, "Content-Length: 300000", File1[..70_000]), Says(200, "ETag: W/\"1\"\r\nContent-Length: 300000", File1[..80_000]), Whole(File1));

        Assert.Equal(FactsOf(File1), await GetAsync(File1));

        Assert.All(_server.Requests, request => Assert.Null(request.Range));
    }

    [Fact]
    public async Task The_date_of_the_last_change_will_do()
    {
        const string Changed = "Fri, 02 Jan 2026 03:04:05 GMT";
        _server.At(
            "/f", Says(200, $"Last-Modified: {Changed}\r\nContent-Length: 300000", File1[..70_000]),
            Says(206, $"Last-Modified: {Changed}\r\nContent-Range: bytes 70000-299999/300000\r\nContent-Length: 230000", File1[70_000..]));

        Assert.Equal(FactsOf(File1), await GetAsync(File1));

        Assert.Equal(Changed, _server.Requests[1].Headers["if-range"]);
    }

    [Fact]
    public async Task A_file_that_changes_between_attempts_is_not_pieced_together()
    {
        _server.At("/f", CutAfter(File1, 70_000), Whole(File2, "\"v2\""));

        Assert.Equal(FactsOf(File2), await GetAsync(null));

        AssertFile(File2);
    }

    [Theory]
    [InlineData("bytes 60000-299999/300000")]
    [InlineData("bytes 0-299999/300000")]
    [InlineData("pages 70000-299999/300000")]
    public async Task A_range_that_was_not_asked_for_is_not_appended(string range)
    {
        _server.At("/f", CutAfter(File1, 70_000), Says(206, $"Content-Range: {range}", File1), Whole(File1));

        Assert.Equal(FactsOf(File1), await GetAsync(File1));

        AssertFile(File1);
        Assert.Null(_server.Requests[2].Range);
    }

    [Fact]
    public async Task A_whole_part_asks_for_nothing()
    {
        await WritePartAsync(File1);

        Assert.Equal(FactsOf(File1), await GetAsync(File1));

        Assert.Empty(_server.Requests);
    }

    [Fact]
    public async Task A_part_that_is_not_of_the_file_is_thrown_away()
    {
        await WritePartAsync(File2[..70_000]);
        _server.At("/f", Whole(File1));

        Assert.Equal(FactsOf(File1), await GetAsync(File1));

        AssertFile(File1);
        Assert.Equal(["bytes=70000-", null], _server.Requests.Select(request => request.Range));
    }

    [Fact]
    public async Task What_may_be_a_key_is_not_written_down()
    {
        _server.At("/f", CutAfter(File1, 70_000), CutAfter(File1, 0), Whole(File1));
        using var downloader = new Downloader(Impatient with { Attempts = 2 }, _time, _ => _free);
        var download = new Download(new Uri(_server.Url + "/f?sig=secret"), Part, Part + ".validator");

        await Assert.ThrowsAsync<MissingRequirementException>(() => downloader.GetAsync(download, _ => { }, default));

        Assert.DoesNotContain("secret", await File.ReadAllTextAsync(download.Validator), StringComparison.Ordinal);
        Assert.Equal(FactsOf(File1), await downloader.GetAsync(download, _ => { }, default));
        Assert.Equal("bytes=70000-", _server.Requests[^1].Range);
    }

    [Fact]
    public async Task A_part_of_another_address_is_thrown_away()
    {
        await WritePartAsync(File2[..70_000], _server.Url + "/other");
        _server.At("/f", Whole(File1));

        Assert.Equal(FactsOf(File1), await GetAsync(null));

        AssertFile(File1);
    }

    [Fact]
    public async Task Wrong_bytes_are_deleted_and_said()
    {
        _server.At("/f", Whole(File2));

        var e = await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(File1));

        Assert.Contains(FactsOf(File1).Sha256, e.Message, StringComparison.Ordinal);
        Assert.Contains(FactsOf(File2).Sha256, e.Message, StringComparison.Ordinal);
        Assert.Equal(0, new FileInfo(Part).Length);
        Assert.Single(_server.Requests);
    }

    [Theory]
    [InlineData(299_999)]
    [InlineData(300_001)]
    public async Task Another_length_than_was_stated_is_refused_before_a_byte_of_it(int length)
    {
        _server.At("/f", Says(200, $"Content-Length: {length}", []));

        var e = await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(File1));

        Assert.Contains($"{length} bytes", e.Message, StringComparison.Ordinal);
        Assert.Single(_server.Requests);
    }

    [Fact]
    public async Task A_promise_of_more_than_comes_is_not_believed()
    {
        _server.At("/f", Says(200, "Content-Length: 300001", File1));

        var e = await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(null, settings: Impatient with { Attempts = 2 }));

        Assert.Contains("after 2 attempts", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_ends_early_of_its_own_accord_is_too_short()
    {
        _server.At("/f", Says(200, "ETag: \"v1\"", File1[..1000]));

        var e = await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(File1, settings: Impatient with { Attempts = 2 }));

        Assert.Contains("1000 of 300000", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_body_without_an_end_is_left_at_its_bound(bool stated)
    {
        _server.At("/f", Endless(_ => { }));
        long most = 0;

        var e = await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(
            stated ? File1 : null, bytes => most = Math.Max(most, bytes), Impatient with { MaxUnstatedBytes = 400_000 }));

        Assert.Contains("goes on after", e.Message, StringComparison.Ordinal);
        Assert.InRange(most, 1, stated ? 300_000 : 400_000);
        Assert.Equal(0, new FileInfo(Part).Length);
    }

    [Fact]
    public async Task A_packed_body_is_refused()
    {
        _server.At("/f", Says(200, "Content-Encoding: gzip\r\nContent-Length: 1000", File1[..1000]));

        Assert.Contains("packed", (await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(null))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(408)]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task A_server_that_has_trouble_is_asked_again(int status)
    {
        _server.At("/f", Head(status, "Content-Length: 0"), Head(status, "Content-Length: 0"), Whole(File1));

        Assert.Equal(FactsOf(File1), await GetAsync(File1));
    }

    [Theory]
    [InlineData(401)]
    [InlineData(404)]
    [InlineData(204)]
    [InlineData(302)]
    public async Task An_answer_that_will_stay_is_taken_at_once(int status)
    {
        _server.At("/f", Head(status, "Content-Length: 0"));

        var e = await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(File1));

        Assert.Contains($"{status}", e.Message, StringComparison.Ordinal);
        Assert.Single(_server.Requests);
    }

    [Fact]
    public async Task It_waits_longer_each_time_and_as_long_as_it_is_asked_to()
    {
        _server.At("/f", Head(500, "Content-Length: 0"), Head(500, "Content-Length: 0"), Head(429, "Retry-After: 77\r\nContent-Length: 0"), Whole(File1));

        var getting = GetAsync(File1, settings: new DownloadSettings());
        foreach (var seconds in new[] { 1, 2, 77 })
        {
            var wait = TimeSpan.FromSeconds(seconds);
            await UntilAsync(() => _time.TimersIn(wait) == 1, getting);
            _time.Advance(wait);
        }

        Assert.Equal(FactsOf(File1), await getting.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_server_that_wants_to_be_left_alone_for_long_is()
    {
        _server.At("/f", Head(503, "Retry-After: 3600\r\nContent-Length: 0"));

        var e = await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(File1));

        Assert.Contains("1:00:00", e.Message, StringComparison.Ordinal);
        Assert.Single(_server.Requests);
    }

    [Fact]
    public async Task A_silent_server_is_left_and_asked_again()
    {
        var came = new TaskCompletionSource();
        _server.At("/f", Then(File1, 100_000, Silence), Whole(File1));

        var getting = GetAsync(File1, bytes => { if (bytes == 100_000) came.TrySetResult(); });
        await came.Task.WaitAsync(Patience);
        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.False(getting.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(FactsOf(File1), await getting.WaitAsync(Patience));
        Assert.Equal("bytes=100000-", _server.Requests[1].Range);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_at_all_is_left()
    {
        var asked = new TaskCompletionSource();
        _server.At("/f", (_, stream, stop) =>
        {
            asked.TrySetResult();
            return Silence(stream, stop);
        }, Whole(File1));

        var getting = GetAsync(File1);
        await asked.Task.WaitAsync(Patience);
        _time.Advance(TimeSpan.FromSeconds(30));

        Assert.Equal(FactsOf(File1), await getting.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_drop_now_and_then_is_not_a_flow()
    {
        using var drops = new SemaphoreSlim(0);
        using var came = new SemaphoreSlim(0);
        _server.At("/f", Then(File1, 100_000, async (stream, stop) =>
        {
            for (var i = 100_000; ; i++)
            {
                await drops.WaitAsync(stop);
                await stream.WriteAsync(File1.AsMemory(i, 1), stop);
            }
        }), Whole(File1));

        var getting = GetAsync(File1, bytes => { if (bytes is >= 100_000 and <= 100_002) came.Release(); });
        for (var i = 0; i < 3; i++)
        {
            Assert.True(await came.WaitAsync(Patience));
            _time.Advance(TimeSpan.FromSeconds(10));
            drops.Release();
        }

        Assert.Equal(FactsOf(File1), await getting.WaitAsync(Patience));
        AssertFile(File1);
    }

    [Fact]
    public async Task A_redirect_is_followed_each_time_anew()
    {
        _server.At("/f", Redirect("/g?key=1"), Redirect(_server.Url + "/h")).At("/g", CutAfter(File1, 70_000)).At("/h", Whole(File1));

        Assert.Equal(FactsOf(File1), await GetAsync(File1));

        Assert.Equal(["/f", "/g?key=1", "/f", "/h"], _server.Requests.Select(request => request.Path));
        Assert.Equal("bytes=70000-", _server.Requests[3].Range);
    }

    [Theory]
    [InlineData("http://example.invalid/f")]
    [InlineData("ftp://127.0.0.1/f")]
    [InlineData("file:///etc/passwd")]
    [InlineData("http://me:secret@127.0.0.1/f")]
    [InlineData("//")]
    [InlineData("//[")]
    public async Task A_redirect_to_where_nothing_is_fetched_from_is_not_followed(string to)
    {
        _server.At("/f", Redirect(to));

        var e = await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(File1));

        Assert.Contains("redirects", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redirects_in_a_circle_come_to_an_end()
    {
        _server.At("/f", Redirect("/f"));

        var e = await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(File1));

        Assert.Contains("5 times", e.Message, StringComparison.Ordinal);
        Assert.Equal(6, _server.Requests.Count);
    }

    [Theory]
    [InlineData("http://example.invalid/f")]
    [InlineData("ftp://127.0.0.1/f")]
    public async Task Nothing_is_fetched_without_encryption_but_from_this_machine(string url)
    {
        using var downloader = new Downloader(Impatient, _time, _ => _free);

        await Assert.ThrowsAsync<MissingRequirementException>(
            () => downloader.GetAsync(new Download(new Uri(url), Part, Part + ".validator"), _ => { }, default));
    }

    [Fact]
    public async Task A_disk_without_room_is_said_before_a_byte_comes()
    {
        _free = (64 << 20) + File1.Length - 1;
        _server.At("/f", Whole(File1));

        var e = await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(null));

        Assert.Contains("300 kB are needed", e.Message, StringComparison.Ordinal);
        Assert.Equal(0, new FileInfo(Part).Length);
        _free++;
        Assert.Equal(FactsOf(File1), await GetAsync(null));
    }

    [Fact]
    public async Task A_disk_that_fills_up_meanwhile_is_noticed()
    {
        _server.At("/f", Says(200, "ETag: \"v1\"", File1));

        await Assert.ThrowsAsync<MissingRequirementException>(() => GetAsync(
            null, bytes => _free = (64 << 20) + 200_000 - bytes, Impatient with { RoomBytes = 20_000 }));

        Assert.InRange(new FileInfo(Part).Length, 1, 200_000);
    }

    internal static byte[] Noise(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    internal static ModelFile FactsOf(byte[] file) => new(file.Length, Convert.ToHexStringLower(SHA256.HashData(file)));

    /// <summary>Waits for nothing that isn't an answer.</summary>
    internal static DownloadSettings Impatient => new() { FirstDelay = TimeSpan.Zero };

    private static async Task UntilAsync(Func<bool> condition, Task running)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!condition())
        {
            Assert.False(running.IsCompleted, "It ended before it waited.");
            await Task.Delay(5, patience.Token);
        }
    }

    private void AssertFile(byte[] expected) => Assert.True(File.ReadAllBytes(Part).AsSpan().SequenceEqual(expected), "The file isn't the one that was served.");

    private async Task WritePartAsync(byte[] content, string? url = null)
    {
        await File.WriteAllBytesAsync(Part, content);
        await File.WriteAllLinesAsync(Part + ".validator", [Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(url ?? _server.Url + "/f"))), "\"v1\""]);
    }

    private async Task<ModelFile> GetAsync(
        byte[]? stated, Action<long>? progress = null, DownloadSettings? settings = null, CancellationToken cancellation = default)
    {
        var facts = stated is null ? null : FactsOf(stated);
        using var downloader = new Downloader(settings ?? Impatient, _time, _ => _free);
        return await downloader.GetAsync(
            new Download(new Uri(_server.Url + "/f"), Part, Part + ".validator", facts?.Bytes, facts?.Sha256), progress ?? (_ => { }), cancellation);
    }
}
