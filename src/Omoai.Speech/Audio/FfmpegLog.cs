using System.Globalization;
using System.Text.RegularExpressions;

namespace Omoai.Speech.Audio;

/// <summary>
/// What ffmpeg says on stderr at <c>-v level+info</c>, kept within bounds: the first errors and the few facts that the
/// audio
/// stream itself doesn't tell. The lines can hold text from inside the recording, so nothing more is believed than a
/// codec's
/// name and a duration.
/// </summary>
internal sealed partial class FfmpegLog
{
    private const int MaxLineLength = 400;
    private const int MaxErrors = 5;

    private readonly List<string> errors = [];
    private readonly Lock guard = new();
    private string? codec;
    private double? duration;
    private bool durationIsForAudio = true;
    private int errorCount;
    private string? firstLine;
    private bool interrupted;
    private int jumps;
    private double jumpSeconds;

    /// <summary>The decoded stream's codec, once known.</summary>
    public string? Codec => Read(() => codec);

    /// <summary>The length that the container states, seconds; null if it states none, or states that of a
    /// video.</summary>
    public double? Duration => Read(() => durationIsForAudio ? duration : null);

    /// <summary>How many errors there were.</summary>
    public int ErrorCount => Read(() => errorCount);

    /// <summary>The first errors.</summary>
    public IReadOnlyList<string> Errors => Read(() => errors.ToArray());

    /// <summary>The first line that isn't blank, whatever it is.</summary>
    public string? FirstLine => Read(() => firstLine);

    /// <summary>Whether ffmpeg stopped early because it was sent a signal.</summary>
    public bool Interrupted => Read(() => interrupted);

    /// <summary>How often the time stamps jumped (see <see cref="FfmpegReader"/>'s filter).</summary>
    public int Jumps => Read(() => jumps);

    /// <summary>By how much in all, seconds: what was left out of the time line, less what was counted
    /// twice.</summary>
    public double JumpSeconds => Read(() => jumpSeconds);

    /// <summary>Reads to the end.</summary>
    public async Task ReadAsync(TextReader stderr)
    {
        var buffer = new char[4096];
        var line = new char[MaxLineLength];
        int length = 0;
        int read;
        while ((read = await stderr.ReadAsync(buffer)) > 0)
        {
            for (int i = 0; i < read; i++)
            {
                if (buffer[i] is '\n' or '\r')
                {
                    AddLine(new string(line, 0, length));
                    length = 0;
                }
                else if (length < MaxLineLength)
                {
                    line[length++] = char.IsControl(buffer[i]) ? ' ' : buffer[i];
                }
            }
        }
        AddLine(new string(line, 0, length));
    }

    private void AddLine(string line)
    {
        lock (guard)
        {
            firstLine ??= string.IsNullOrWhiteSpace(line) ? null : line.Trim();
            if (ErrorLine().Match(line) is { Success: true } error)
            {
                errorCount++;
                if (errors.Count < MaxErrors)
                {
                    errors.Add(error.Groups["text"].Value.Trim());
                }
            }
            else if (duration is null && DurationLine().Match(line) is { Success: true } stated)
            {
                duration = (Number(stated, "h") * 60 + Number(stated, "m")) * 60 + Number(stated, "s");
            }
            else if (codec is null && MappingLine().Match(line) is { Success: true } mapping)
            {
                codec = mapping.Groups["codec"].Value;
            }
            else if (JumpLine().Match(line) is { Success: true } jump)
            {
                jumps++;
                jumpSeconds += Number(jump, "seconds");
            }
            else if (line.StartsWith("[info] Exiting normally, received signal", StringComparison.Ordinal))
            {
                interrupted = true;
            }
            else if (codec is null
                && (line.Contains(": Video: ", StringComparison.Ordinal) && !line.Contains("(attached pic)", StringComparison.Ordinal)
                    || line.Contains("Estimating duration from bitrate", StringComparison.Ordinal)))
            {
                durationIsForAudio = false;
            }
        }
    }

    private static double Number(Match match, string group) =>
        double.Parse(match.Groups[group].ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture);

    private T Read<T>(Func<T> value)
    {
        lock (guard)
        {
            return value();
        }
    }

    [GeneratedRegex(@"^(\[[^\]]{1,60} @ 0x[0-9a-f]+\] )*\[(error|fatal|panic)\] (?<text>.+)$", RegexOptions.CultureInvariant)]
    private static partial Regex ErrorLine();

    [GeneratedRegex(@"^\[info\]   Duration: (?<h>[0-9]{1,4}):(?<m>[0-9]{2}):(?<s>[0-9]{2}\.[0-9]{1,6}),", RegexOptions.CultureInvariant)]
    private static partial Regex DurationLine();

    [GeneratedRegex(@"^\[info\]   Stream #0:[0-9]+ -> #0:0 \((?<codec>[a-z0-9_]{1,32}) ", RegexOptions.CultureInvariant)]
    private static partial Regex MappingLine();

    // What the filter's print() writes; newer versions of ffmpeg put a context before it.
    [GeneratedRegex(@"^(\[[^\]]{1,60} @ 0x[0-9a-f]+\] )*\[info\] (?<seconds>-?[0-9]{1,20}\.[0-9]{6})$", RegexOptions.CultureInvariant)]
    private static partial Regex JumpLine();
}
