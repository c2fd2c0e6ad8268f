namespace Omoai.Language.Engines;

/// <summary>What models think aloud before they answer.</summary>
internal static class Thoughts
{
    private const string Start = "<think>";
    private const string End = "</think>";

    /// <summary>
    /// The reply after a block <c>&lt;think&gt;…&lt;/think&gt;</c> that it begins with; nothing where that has no end. Some chat
    /// templates open the block, so that its end alone is there. A server that knows of it has taken it away already.
    /// </summary>
    public static string Without(string reply)
    {
        var start = reply.IndexOf(Start, StringComparison.OrdinalIgnoreCase);
        var end = reply.IndexOf(End, StringComparison.OrdinalIgnoreCase);
        var begins = start >= 0 && reply.AsSpan(0, start).IsWhiteSpace();
        return end >= 0 && (begins || start < 0 || end < start) ? reply[(end + End.Length)..].TrimStart()
            : begins ? ""
            : reply;
    }
}
