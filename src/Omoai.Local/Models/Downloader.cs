using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Local.Models;

/// <summary>A file to fetch.</summary>
/// <param name="Url">Where it is.</param>
/// <param name="Part">Path that its bytes go to; what is there already is gone on with where the server still has the same.</param>
/// <param name="Validator">Path that remembers which version of the file those bytes are of.</param>
/// <param name="Bytes">Its size; null where nobody has stated it.</param>
/// <param name="Sha256">Its SHA-256 in hexadecimal; null where nobody has stated it.</param>
internal sealed record Download(Uri Url, string Part, string Validator, long? Bytes = null, string? Sha256 = null)
{
    /// <summary>How long it may be where its size isn't stated; null for <see cref="DownloadSettings.MaxUnstatedBytes"/>.</summary>
    public long? MaxBytes { get; init; }
}

/// <summary>
/// Fetches files over HTTP from servers that are slow, cut connections and say what isn't so. Nothing is believed: the size
/// bounds what is written, and the SHA-256 over all that is on the disk decides.
/// </summary>
internal sealed class Downloader : IDisposable
{
    private readonly DownloadSettings _settings;
    private readonly TimeProvider _time;
    private readonly Func<string, long> _freeBytes;
    private readonly HttpClient _client;

    /// <param name="settings">How patient it is.</param>
    /// <param name="time">The clock of waits.</param>
    /// <param name="freeBytes">Bytes free on the disk of a folder.</param>
    public Downloader(DownloadSettings settings, TimeProvider time, Func<string, long> freeBytes)
    {
        (_settings, _time, _freeBytes) = (settings, time, freeBytes);
        // Redirects are followed here, where each is looked at; a body that is packed would have another length and hash.
        _client = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            MaxResponseDrainSize = 0,
        })
        { Timeout = Timeout.InfiniteTimeSpan };
        _client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("omoai", null));
        _client.DefaultRequestHeaders.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
    }

    public void Dispose() => _client.Dispose();

    /// <summary>A URL for people and logs, without what may be a key: user name, password, query.</summary>
    public static string Show(Uri url) => $"{url.Scheme}://{url.Authority}{url.AbsolutePath}";

    /// <summary>Whether files may be fetched from there: https, or this machine.</summary>
    public static bool IsAllowed(Uri url) =>
        url.UserInfo.Length == 0 && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback));

    /// <summary>Fetches a file to <see cref="Download.Part"/>. Cancelled, it leaves what it has, for the next time.</summary>
    /// <param name="download">What to fetch.</param>
    /// <param name="progress">Told how many bytes of it are there.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Its size and SHA-256; those that were stated, where some were.</returns>
    /// <exception cref="MissingRequirementException">It isn't to be had, or it isn't what was stated.</exception>
    /// <exception cref="IOException">It can't be written.</exception>
    public async Task<ModelFile> GetAsync(Download download, Action<long> progress, CancellationToken cancellationToken)
    {
        if (!IsAllowed(download.Url))
        {
            throw new MissingRequirementException($"{Show(download.Url)} isn't https: nothing is fetched from there.");
        }

        var failures = 0;
        long furthest = 0;
        while (true)
        {
            try
            {
                return await TryAsync(download, progress, cancellationToken);
            }
            catch (PassingException e)
            {
                // A connection that is cut every few megabytes gets there in the end; one that begins again each time doesn't.
                var length = Length(download.Part);
                failures = length - furthest >= _settings.ProgressBytes ? 1 : failures + 1;
                furthest = Math.Max(furthest, length);
                if (failures >= _settings.Attempts)
                {
                    throw new MissingRequirementException(
                        $"{Show(download.Url)} can't be fetched, after {failures} attempts: {e.Message} What came is kept: try again later.", e);
                }

                await Task.Delay(Wait(e.RetryAfter, failures, download.Url), _time, cancellationToken);
            }
        }
    }

    private async Task<ModelFile> TryAsync(Download download, Action<long> progress, CancellationToken cancellationToken)
    {
        var validator = ReadValidator(download);
        await using var file = new FileStream(download.Part, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        if (validator is null || file.Length > download.Bytes)
        {
            file.SetLength(0);
        }

        var resumed = file.Length;
        // What is on the disk is hashed, not what is remembered of it.
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[128 << 10];
        for (int read; (read = await file.ReadAsync(buffer, cancellationToken)) > 0;)
        {
            hash.AppendData(buffer.AsSpan(0, read));
        }

        progress(file.Length);
        if (file.Length == 0 || file.Length != download.Bytes)
        {
            using var stall = new Stall(_settings, _time, cancellationToken);
            using var response = await SendAsync(download.Url, file.Length, validator, stall);
            var limit = Accept(download, file, response, hash, ref resumed);
            var lookAt = file.Length + _settings.RoomBytes;
            await using var body = await stall.WatchAsync(token => response.Content.ReadAsStreamAsync(token));
            for (int read; (read = await stall.WatchAsync(token => body.ReadAsync(buffer, token).AsTask())) > 0;)
            {
                if (file.Length + read > limit)
                {
                    Forget(download, file);
                    throw new MissingRequirementException(
                        $"{Show(download.Url)} goes on after the {limit} bytes that it may have: it isn't the file that was meant. It was deleted.");
                }

                if (file.Length >= lookAt)
                {
                    CheckRoom(Path.GetDirectoryName(download.Part)!, read);
                    lookAt = file.Length + _settings.RoomBytes;
                }

                await file.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                hash.AppendData(buffer.AsSpan(0, read));
                stall.Came(read);
                progress(file.Length);
            }

            if (file.Length < download.Bytes)
            {
                throw new PassingException($"It ended after {file.Length} of {download.Bytes} bytes.");
            }
        }

        var actual = Convert.ToHexStringLower(hash.GetHashAndReset());
        if (download.Sha256 is { } sha256 && !sha256.Equals(actual, StringComparison.OrdinalIgnoreCase))
        {
            Forget(download, file);
            throw resumed > 0
                ? new PassingException("What it went on with was of another file.")
                : new MissingRequirementException(
                    $"{Show(download.Url)} has the SHA-256 {actual}, not {sha256} as was stated: it isn't the file that was meant. It was deleted.");
        }

        return new ModelFile(file.Length, actual);
    }

    /// <summary>Looks at an answer's head, and makes the file ready for its body.</summary>
    /// <returns>How long the file may get.</returns>
    private long Accept(Download download, FileStream file, HttpResponseMessage response, IncrementalHash hash, ref long resumed)
    {
        var content = response.Content.Headers;
        long? total;
        switch (response.StatusCode)
        {
            case HttpStatusCode.PartialContent
                when content.ContentRange is { Unit: "bytes", From: { } from } range && from == file.Length && from > 0:
                total = range.Length ?? (content.ContentLength is { } rest ? from + rest : null);
                break;
            case HttpStatusCode.OK:
                // From the beginning: it was asked for that, or it has another version, or it knows no ranges.
                file.SetLength(0);
                _ = hash.GetHashAndReset();
                resumed = 0;
                total = content.ContentLength;
                WriteValidator(download, response);
                break;
            case HttpStatusCode.PartialContent or HttpStatusCode.RequestedRangeNotSatisfiable:
                Forget(download, file);
                throw new PassingException("The file has changed since a part of it came; that part was deleted.");
            case HttpStatusCode.RequestTimeout or (HttpStatusCode)425 or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError:
                throw new PassingException(
                    string.Create(CultureInfo.InvariantCulture, $"The server answered {(int)response.StatusCode}."), RetryAfter(response));
            default:
                throw new MissingRequirementException(string.Create(
                    CultureInfo.InvariantCulture, $"{Show(download.Url)} can't be fetched: the server answered {(int)response.StatusCode}."));
        }

        if (content.ContentEncoding.Count > 0 || (total is not null && download.Bytes is not null && total != download.Bytes))
        {
            Forget(download, file);
            throw new MissingRequirementException(content.ContentEncoding.Count > 0
                ? $"{Show(download.Url)} comes packed ({string.Join(", ", content.ContentEncoding)}), which wasn't asked for."
                : $"{Show(download.Url)} has {total} bytes there, not {download.Bytes} as was stated: it isn't the file that was meant.");
        }

        var most = download.Bytes ?? download.MaxBytes ?? _settings.MaxUnstatedBytes;
        if (total > most)
        {
            throw new MissingRequirementException($"{Show(download.Url)} has {total} bytes; at most {most} are taken.");
        }

        CheckRoom(Path.GetDirectoryName(download.Part)!, (total ?? download.Bytes ?? 0) - file.Length);
        return total ?? most;
    }

    /// <exception cref="MissingRequirementException">The disk of a folder has no room for so much.</exception>
    public void CheckRoom(string folder, long bytes)
    {
        var free = _freeBytes(folder);
        if (free - _settings.DiskMargin < bytes)
        {
            throw new MissingRequirementException(
                $"{folder} has room for {Bytes.Show(Math.Max(0, free - _settings.DiskMargin))}; {Bytes.Show(bytes)} are needed. Make room, or name another folder first in Omoai:Models:Folders.");
        }
    }

    /// <summary>Asks for a file from an offset on, following redirects that lead to where files may be fetched from.</summary>
    private async Task<HttpResponseMessage> SendAsync(Uri url, long from, string? validator, Stall stall)
    {
        var start = url;
        for (var hops = 0; ; hops++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            if (from > 0)
            {
                request.Headers.Range = new RangeHeaderValue(from, null);
                request.Headers.TryAddWithoutValidation("If-Range", validator);
            }

            var response = await stall.WatchAsync(
                token => _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token));
            if (!IsRedirect(response.StatusCode) || response.Headers.Location is not { } location)
            {
                return response;
            }

            response.Dispose();
            if (!Uri.TryCreate(url, location, out var next))
            {
                throw new MissingRequirementException($"{Show(start)} redirects to what is no address.");
            }

            if (!IsAllowed(next) || (next.Scheme != Uri.UriSchemeHttps && !start.IsLoopback))
            {
                throw new MissingRequirementException(
                    $"{Show(start)} redirects to {Show(next)}, which isn't https: it isn't followed.");
            }

            if (hops == _settings.MaxRedirects)
            {
                throw new MissingRequirementException($"{Show(start)} redirects more than {_settings.MaxRedirects} times.");
            }

            url = next;
        }
    }

    private static bool IsRedirect(HttpStatusCode status) => status is
        HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect
        or HttpStatusCode.PermanentRedirect;

    private TimeSpan Wait(TimeSpan? retryAfter, int failures, Uri url)
    {
        if (retryAfter > _settings.MaxRetryAfter)
        {
            throw new MissingRequirementException(
                $"{Show(url)} can't be fetched now: the server asks to come back in {retryAfter:g}. What came is kept: try again then.");
        }

        var delay = _settings.FirstDelay * Math.Pow(2, Math.Min(failures - 1, 20));
        delay = delay < _settings.MaxDelay ? delay : _settings.MaxDelay;
        return retryAfter > delay ? retryAfter.Value : delay;
    }

    private TimeSpan? RetryAfter(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - _time.GetUtcNow(),
        _ => null,
    };

    private static long Length(string path) => File.Exists(path) ? new FileInfo(path).Length : 0;

    /// <summary>What names the version that the bytes on the disk are of, for If-Range; null where they are of no use.</summary>
    private static string? ReadValidator(Download download) =>
        File.Exists(download.Validator) && File.ReadAllLines(download.Validator) is [var url, var validator] && url == Hash(download.Url)
            ? validator : null;

    /// <summary>A strong ETag, or else the time of the last change; with neither, an interrupted file is begun again.</summary>
    private static void WriteValidator(Download download, HttpResponseMessage response)
    {
        var validator = response.Headers.ETag is { IsWeak: false } tag
            ? tag.Tag : response.Content.Headers.LastModified?.ToString("r", CultureInfo.InvariantCulture);
        if (validator is null)
        {
            File.Delete(download.Validator);
        }
        else
        {
            File.WriteAllLines(download.Validator, [Hash(download.Url), validator]);
        }
    }

    /// <summary>Tells URLs apart without writing them down: a query may be a key.</summary>
    private static string Hash(Uri url) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(url.AbsoluteUri)));

    private static void Forget(Download download, FileStream file)
    {
        file.SetLength(0);
        File.Delete(download.Validator);
    }

    /// <summary>It failed, and another attempt may not.</summary>
    private sealed class PassingException(string message, TimeSpan? retryAfter = null, Exception? inner = null) : Exception(message, inner)
    {
        public TimeSpan? RetryAfter => retryAfter;
    }

    /// <summary>Waits for a server for so long and no longer.</summary>
    private sealed class Stall : IDisposable
    {
        private readonly DownloadSettings _settings;
        private readonly CancellationTokenSource _timer;
        private readonly CancellationTokenSource _linked;
        private readonly CancellationToken _caller;
        private long _came;

        public Stall(DownloadSettings settings, TimeProvider time, CancellationToken caller)
        {
            (_settings, _caller) = (settings, caller);
            _timer = new CancellationTokenSource(settings.StallTimeout, time);
            _linked = CancellationTokenSource.CreateLinkedTokenSource(_timer.Token, caller);
        }

        /// <summary>Counts bytes: with enough of them the time begins anew, so that a drop now and then is not taken for a flow.</summary>
        public void Came(int bytes)
        {
            _came += bytes;
            if (_came >= _settings.StallBytes)
            {
                _came = 0;
                _timer.CancelAfter(_settings.StallTimeout);
            }
        }

        /// <summary>Does something with the network; what goes wrong with that may be better next time.</summary>
        public async Task<T> WatchAsync<T>(Func<CancellationToken, Task<T>> action)
        {
            try
            {
                return await action(_linked.Token);
            }
            catch (OperationCanceledException e) when (!_caller.IsCancellationRequested)
            {
                throw new PassingException(
                    $"Fewer than {_settings.StallBytes} bytes came in {_settings.StallTimeout:g}.", inner: e);
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                throw new PassingException($"The connection failed: {e.Message}", inner: e);
            }
        }

        public void Dispose()
        {
            _linked.Dispose();
            _timer.Dispose();
        }
    }
}

/// <summary>Sizes for people.</summary>
internal static class Bytes
{
    public static string Show(long bytes) => bytes switch
    {
        < 1000 => string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes"),
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:0} kB"),
        < 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.00} GB"),
    };
}
