using System.Text;

namespace Omoai.Isolation.Servers;

/// <summary>
/// Makes lines of what a server writes, gives each to <paramref name="write"/>, and keeps the last few of stderr. A line that is too
/// long is cut: what a server may write without end has a bound here.
/// </summary>
internal sealed class OutputLines(Action<bool, string> write)
{
    /// <summary>The longest line, bytes.</summary>
    public const int MaxLine = 1000;

    /// <summary>How many lines of stderr are kept.</summary>
    public const int Kept = 20;

    private readonly Lock _gate = new();
    private readonly Line _stdout = new();
    private readonly Line _stderr = new();
    private readonly Queue<string> _last = new();

    /// <summary>The last lines of stderr, oldest first.</summary>
    public IReadOnlyList<string> Last
    {
        get
        {
            lock (_gate)
                return [.. _last];
        }
    }

    public void Append(bool isError, ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            var line = isError ? _stderr : _stdout;
            while (bytes.IndexOf((byte)'\n') is >= 0 and var end)
            {
                line.Append(bytes[..end]);
                Finish(isError, line);
                bytes = bytes[(end + 1)..];
            }
            line.Append(bytes);
        }
    }

    /// <summary>The server has ended: what it has begun is a line.</summary>
    public void Finish()
    {
        lock (_gate)
        {
            Finish(isError: false, _stdout);
            Finish(isError: true, _stderr);
        }
    }

    private void Finish(bool isError, Line line)
    {
        var text = line.Take();
        if (text.Length == 0)
            return;
        if (isError)
        {
            _last.Enqueue(text);
            if (_last.Count > Kept)
                _last.Dequeue();
        }
        write(isError, text);
    }

    private sealed class Line
    {
        private readonly byte[] _bytes = new byte[MaxLine];
        private int _length;

        public void Append(ReadOnlySpan<byte> bytes)
        {
            bytes = bytes[..Math.Min(bytes.Length, MaxLine - _length)];
            bytes.CopyTo(_bytes.AsSpan(_length));
            _length += bytes.Length;
        }

        /// <summary>The line as text without control characters.</summary>
        public string Take()
        {
            var text = ActivityFailure.OneLine(Encoding.UTF8.GetString(_bytes, 0, _length));
            _length = 0;
            return text;
        }
    }
}
