using System.Globalization;
using System.Text.RegularExpressions;

namespace Omoai.Language.Summaries.Llm;

/// <summary>Reads the marks in a text that say where it comes from.</summary>
internal static partial class Citations
{
    /// <summary>What cites more than this at once cites nothing.</summary>
    private const int MaxRange = 64;

    /// <summary>
    /// Takes <c>[3]</c>, <c>[3, 5-7]</c>, <c>(segment 4)</c> and, at the start, <c>[HH:MM:SS]</c>, <c>[MM:SS]</c>, <c>HH:MM:SS</c> and
    /// <c>MM:SS - </c> out of a text, in which each stretch of white space is one space.
    /// </summary>
    public static (string Text, IReadOnlyList<int> Segments, double? Seconds) Take(string text)
    {
        double? seconds = null;
        if (Clock().Match(text) is { Success: true } clock)
        {
            seconds = Time(clock.Groups.Values.Skip(1).First(group => group.Success).Value);
            text = text[clock.Length..];
        }

        var segments = new SortedSet<int>();
        text = Mark().Replace(text, match =>
        {
            segments.UnionWith(Ids(match.Groups[1].Value));
            return "";
        });
        return (text, [.. segments], seconds);
    }

    /// <summary>The ids in <c>3, 5-7</c>.</summary>
    public static IEnumerable<int> Ids(string text)
    {
        foreach (Match match in Range().Matches(text))
        {
            var first = int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
            var last = match.Groups[2].Success ? int.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture) : first;
            for (var id = first; last - first < MaxRange && id <= last; id++)
            {
                yield return id;
            }
        }
    }

    /// <summary>Seconds of <c>HH:MM:SS</c> or <c>MM:SS</c>; null for what is neither.</summary>
    public static double? Time(string text) => Time().Match(text) is { Success: true } match
        ? match.Groups.Values.Skip(1).Where(group => group.Success)
            .Aggregate(0.0, (sum, group) => (60 * sum) + int.Parse(group.ValueSpan, CultureInfo.InvariantCulture))
        : null;

    /// <summary>A time at the start. "10:30 was too late" begins with none that says where it comes from.</summary>
    [GeneratedRegex(
        @"^ ?(?:[\[(] ?([0-9]{1,4}:[0-9]{2}(?::[0-9]{2})?)(?:[.,][0-9]{1,3})?(?: ?[-–] ?[0-9:.,]{4,14})? ?[\])]|([0-9]{1,4}:[0-9]{2}:[0-9]{2})|([0-9]{1,4}:[0-9]{2})(?= [-–] ))(?: ?[-–:])? ?")]
    private static partial Regex Clock();

    [GeneratedRegex(@"^\s*(?:([0-9]{1,4}):)?([0-9]{1,4}):([0-9]{2})(?:[.,][0-9]+)?\s*$")]
    private static partial Regex Time();

    /// <summary>Ids in square brackets, or in round ones with a word that says what they are.</summary>
    [GeneratedRegex(
        @"\s*(?:\[\s*(?:(?:segments?|seg\.?|đoạn)\s*)?|\(\s*(?:segments?|seg\.?|đoạn)\s*)([0-9]{1,7}(?:\s*[-–,;]\s*(?:segments?\s*|đoạn\s*)?[0-9]{1,7})*)\s*[\])]",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Mark();

    [GeneratedRegex(@"(?<![0-9])([0-9]{1,7})(?![0-9])(?:\s*[-–]\s*([0-9]{1,7})(?![0-9]))?")]
    private static partial Regex Range();
}
