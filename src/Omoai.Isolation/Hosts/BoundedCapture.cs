using System.Text;

namespace Omoai.Isolation.Hosts;

/// <summary>Keeps the first and the last half of at most <paramref name="limit"/> bytes. One thread at a time.</summary>
internal sealed class BoundedCapture(int limit)
{
    private readonly MemoryStream _head = new();
    private readonly byte[] _tail = new byte[limit - (limit / 2)];
    private int _tailStart;
    private int _tailLength;
    private long _dropped;

    public void Append(ReadOnlySpan<byte> bytes)
    {
        var toHead = Math.Min(bytes.Length, (limit / 2) - (int)_head.Length);
        _head.Write(bytes[..toHead]);
        bytes = bytes[toHead..];
        if (bytes.Length > _tail.Length)
        {
            _dropped += bytes.Length - _tail.Length;
            bytes = bytes[^_tail.Length..];
        }
        var overflow = Math.Max(0, _tailLength + bytes.Length - _tail.Length);
        _dropped += overflow;
        _tailStart = (_tailStart + overflow) % _tail.Length;
        _tailLength -= overflow;
        var end = (_tailStart + _tailLength) % _tail.Length;
        var first = Math.Min(bytes.Length, _tail.Length - end);
        bytes[..first].CopyTo(_tail.AsSpan(end));
        bytes[first..].CopyTo(_tail);
        _tailLength += bytes.Length;
    }

    public CapturedOutput ToOutput()
    {
        var tail = new byte[_tailLength];
        var first = Math.Min(_tailLength, _tail.Length - _tailStart);
        _tail.AsSpan(_tailStart, first).CopyTo(tail);
        _tail.AsSpan(0, _tailLength - first).CopyTo(tail.AsSpan(first));
        var head = _head.ToArray();
        return _dropped == 0
            ? new CapturedOutput(Encoding.UTF8.GetString([.. head, .. tail]), 0)
            : new CapturedOutput(
                $"{Encoding.UTF8.GetString(head)}\n[{_dropped} bytes left out]\n{Encoding.UTF8.GetString(tail)}", _dropped);
    }
}
