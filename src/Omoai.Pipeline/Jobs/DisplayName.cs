using System.Text;

namespace Omoai.Pipeline.Jobs;

/// <summary>Makes a file name that a stranger gave fit to be shown. Nothing is ever opened by it.</summary>
public static class DisplayName
{
    /// <summary>The longest, characters.</summary>
    public const int MaxLength = 255;

    /// <summary>The last part of a path or an artifact's name, without control characters, at most <see cref="MaxLength"/>.</summary>
    public static string Of(string name)
    {
        var last = name.AsSpan()[(name.AsSpan().LastIndexOfAny('/', '\\') + 1)..];
        var shown = new StringBuilder();
        foreach (var rune in last.EnumerateRunes())
        {
            if (!Rune.IsControl(rune) && shown.Length + rune.Utf16SequenceLength <= MaxLength)
            {
                shown.Append(rune);
            }
        }

        return shown.ToString().Trim() is { Length: > 0 } text ? text : "recording";
    }
}
