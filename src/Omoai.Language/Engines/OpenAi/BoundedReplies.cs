using System.Globalization;

namespace Omoai.Language.Engines.OpenAi;

/// <summary>A reply goes on where no honest one would.</summary>
internal sealed class ReplyTooLongException(string message) : IOException(message);

/// <summary>
/// Bounds what is read of a server's answers: the client reads an event, and an error's whole body, into memory before it looks at them.
/// </summary>
/// <param name="inner">Does the work.</param>
/// <param name="contextTokens">No reply has more tokens.</param>
internal sealed class BoundedReplies(HttpMessageHandler inner, int contextTokens) : DelegatingHandler(inner)
{
    /// <summary>Of an error no more than this is read, bytes.</summary>
    private const int MaxErrorBytes = 64 << 10;

    /// <summary>
    /// An event of a stream is no longer, bytes. One of a token takes some 300; a server that sends its whole reply in one writes at most
    /// six for each of the <see cref="LlmReply.MaxCharacters"/>.
    /// </summary>
    private const int MaxEventBytes = 8 << 20;

    /// <summary>A stream has no more for each token of the context, bytes: an event, with a filter's verdict in it.</summary>
    private const int BytesPerToken = 2 << 10;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken);
        var content = response.Content;
        if (response.IsSuccessStatusCode && content.Headers.ContentType?.MediaType is "text/html" or "application/json")
        {
            response.Dispose();
            throw new InvalidDataException($"It sent {content.Headers.ContentType.MediaType}, not a stream of events.");
        }

        var body = await content.ReadAsStreamAsync(cancellationToken);
        response.Content = new StreamContent(response.IsSuccessStatusCode
            ? new BoundedStream(body, MaxEventBytes + ((long)BytesPerToken * contextTokens), MaxEventBytes)
            : new BoundedStream(body, MaxErrorBytes, null));
        foreach (var (name, values) in content.Headers)
        {
            if (name != "Content-Length")
            {
                response.Content.Headers.TryAddWithoutValidation(name, values);
            }
        }

        return response;
    }

    /// <summary>A body that ends early or fails when it gets too long.</summary>
    /// <param name="body">The body; closed with this.</param>
    /// <param name="maxBytes">Bytes that it may have.</param>
    /// <param name="maxEventBytes">
    /// Bytes that it may have up to an empty line. It fails where it has more of either; with null it ends after
    /// <paramref name="maxBytes"/>.
    /// </param>
    private sealed class BoundedStream(Stream body, long maxBytes, int? maxEventBytes) : Stream
    {
        private long _bytes;
        private int _eventBytes;
        private bool _emptyLine;

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) =>
            Check(buffer.AsSpan(offset, body.Read(buffer, offset, Fit(count))));

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await body.ReadAsync(buffer[..Fit(buffer.Length)], cancellationToken);
            return Check(buffer.Span[..read]);
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                body.Dispose();
            }

            base.Dispose(disposing);
        }

        private int Fit(int count) => maxEventBytes is null ? (int)Math.Min(count, maxBytes - _bytes) : count;

        private int Check(ReadOnlySpan<byte> read)
        {
            _bytes += read.Length;
            if (maxEventBytes is not { } most)
            {
                return read.Length;
            }

            foreach (var octet in read)
            {
                (_eventBytes, _emptyLine) = octet switch
                {
                    (byte)'\n' when _emptyLine => (0, true),
                    (byte)'\n' => (_eventBytes + 1, true),
                    (byte)'\r' => (_eventBytes + 1, _emptyLine),
                    _ => (_eventBytes + 1, false),
                };
                if (_eventBytes > most)
                {
                    throw TooLong("An event of its reply", most);
                }
            }

            return _bytes > maxBytes ? throw TooLong("Its reply", maxBytes) : read.Length;
        }

        private static ReplyTooLongException TooLong(string what, long bytes) =>
            new(string.Create(CultureInfo.InvariantCulture, $"{what} has more than {bytes} bytes."));
    }
}
