using System.Text.Unicode;

namespace Omoai.Pipeline.Jobs;

/// <summary>
/// Recognises what plainly isn't a recording by how it begins, which spares it an activity host. Everything else is for Prepare
/// to judge: a recording must never be refused here by mistake.
/// </summary>
internal static class NotAudio
{
    /// <summary>How much of the beginning is looked at, bytes.</summary>
    public const int HeadBytes = 512;

    private static readonly (byte[] Start, string Kind)[] Signatures =
    [
        ("%PDF-"u8.ToArray(), "a PDF document"),
        ("PK\x03\x04"u8.ToArray(), "a ZIP archive or an office document"),
        ([0x1F, 0x8B, 0x08], "a gzip archive"),
        ([0x89, .. "PNG\r\n"u8], "a PNG picture"),
        ("GIF8"u8.ToArray(), "a GIF picture"),
        ([0xFF, 0xD8, 0xFF], "a JPEG picture"),
        ([0x7F, .. "ELF"u8], "a program"),
    ];

    /// <returns>What it is; null when it may be audio.</returns>
    public static string? Recognize(ReadOnlySpan<byte> head)
    {
        foreach (var (start, kind) in Signatures)
        {
            if (head.StartsWith(start))
            {
                return kind;
            }
        }

        return IsText(head) ? "text" : null;
    }

    /// <summary>Printable UTF-8 from the first byte to the last. No container of audio begins so: each has binary fields in
    /// its first bytes.</summary>
    private static bool IsText(ReadOnlySpan<byte> head)
    {
        // Short enough to be anything.
        if (head.Length < 16)
        {
            return false;
        }

        foreach (var value in head)
        {
            if (value is < 0x20 and not ((byte)'\t' or (byte)'\n' or (byte)'\r') or 0x7F)
            {
                return false;
            }
        }

        // A letter may be cut at the end of what was read.
        for (var cut = 0; cut < 4 && cut < head.Length; cut++)
        {
            if (Utf8.IsValid(head[..^cut]))
            {
                return true;
            }
        }

        return false;
    }
}
