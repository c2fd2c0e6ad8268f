using System.Globalization;

namespace Omoai.Isolation.Protocol;

/// <summary>What a host may do, as its parent tells it on the command line.</summary>
/// <param name="MaxFileBytes">The largest file it may write; null sets no bound.</param>
/// <param name="Network">Whether it may use the network.</param>
internal sealed record ConfinementSettings(long? MaxFileBytes, bool Network)
{
    public IEnumerable<string> ToArguments()
    {
        if (MaxFileBytes is { } bytes)
        {
            yield return "--max-file";
            yield return bytes.ToString(CultureInfo.InvariantCulture);
        }
        if (Network)
            yield return "--network";
    }

    /// <returns>Null where they are none of the above.</returns>
    public static ConfinementSettings? Parse(ReadOnlySpan<string> arguments)
    {
        var settings = new ConfinementSettings(null, false);
        while (!arguments.IsEmpty)
        {
            switch (arguments)
            {
                case ["--max-file", var text, .. var rest]
                    when long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes):
                    settings = settings with { MaxFileBytes = bytes };
                    arguments = rest;
                    break;
                case ["--network", .. var rest]:
                    settings = settings with { Network = true };
                    arguments = rest;
                    break;
                default:
                    return null;
            }
        }
        return settings;
    }
}
