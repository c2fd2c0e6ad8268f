using System.Globalization;
using System.Text;

namespace Omoai.Transcripts.Normalization;

/// <summary>
/// Unicode Normalization Form C (UAX #15, Unicode 14). It is done here because this solution runs in .NET's invariant
/// globalization mode, where <see cref="string.Normalize()"/> returns its input as it is.
/// </summary>
public static class Nfc
{
    private const int HangulFirst = 0xAC00, HangulCount = LeadCount * VowelCount * TailCount;
    private const int LeadFirst = 0x1100, VowelFirst = 0x1161, TailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TailCount = 28;

    private static readonly Lazy<CanonicalData> Data = new(CanonicalData.Load);

    /// <summary>The text in NFC. Halves of surrogate pairs that stand alone become U+FFFD.</summary>
    public static string Normalize(string text)
    {
        // Everything before U+0300 is in NFC in any combination.
        if (!text.AsSpan().ContainsAnyInRange('\u0300', '\uFFFF') || IsSurelyNormal(text))
        {
            return text;
        }

        var points = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            Decompose(rune.Value, points);
        }

        Reorder(points);
        var composed = Compose(points);
        var result = new StringBuilder(composed.Count);
        foreach (var point in composed)
        {
            result.Append(new Rune(point));
        }

        return result.ToString();
    }

    /// <summary>
    /// The quick check of UAX #15, section 9: no character that has a class, changes or can join the one before.
    /// </summary>
    private static bool IsSurelyNormal(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            // The replacement character may stand for half a surrogate pair.
            if (rune.Value >= 0x300 && (rune == Rune.ReplacementChar || Data.Value.Suspects.Contains(rune.Value)))
            {
                return false;
            }
        }

        return true;
    }

    private static void Decompose(int point, List<int> output)
    {
        if (point - HangulFirst is >= 0 and < HangulCount)
        {
            var index = point - HangulFirst;
            output.Add(LeadFirst + (index / (VowelCount * TailCount)));
            output.Add(VowelFirst + (index / TailCount % VowelCount));
            if (index % TailCount != 0)
            {
                output.Add(TailBase + (index % TailCount));
            }
        }
        else if (Data.Value.Decompositions.TryGetValue(point, out var parts))
        {
            Decompose(parts.First, output);
            if (parts.Second != 0)
            {
                Decompose(parts.Second, output);
            }
        }
        else
        {
            output.Add(point);
        }
    }

    /// <summary>
    /// Puts each run of combining marks into the order of their classes; equal classes keep their order.
    /// </summary>
    private static void Reorder(List<int> points)
    {
        for (var from = 0; from < points.Count; from++)
        {
            var to = from;
            while (to < points.Count && Class(points[to]) != 0)
            {
                to++;
            }

            if (to - from > 1)
            {
                // OrderBy is stable, and stays fast on a hostile run of a million marks.
                var run = points.GetRange(from, to - from).OrderBy(Class).ToList();
                for (var i = 0; i < run.Count; i++)
                {
                    points[from + i] = run[i];
                }
            }

            from = Math.Max(from, to - 1);
        }
    }

    private static List<int> Compose(List<int> points)
    {
        var output = new List<int>(points.Count);
        var starter = -1;
        var lastClass = 0;
        foreach (var point in points)
        {
            var pointClass = Class(point);
            var blocked = starter < output.Count - 1 && lastClass >= pointClass;
            if (starter >= 0 && !blocked && TryCompose(output[starter], point, out var composite))
            {
                output[starter] = composite;
                continue;
            }

            if (pointClass == 0)
            {
                starter = output.Count;
            }

            output.Add(point);
            lastClass = pointClass;
        }

        return output;
    }

    private static bool TryCompose(int first, int second, out int composite)
    {
        if (first - LeadFirst is >= 0 and < LeadCount && second - VowelFirst is >= 0 and < VowelCount)
        {
            composite = HangulFirst + ((((first - LeadFirst) * VowelCount) + (second - VowelFirst)) * TailCount);
            return true;
        }

        if (first - HangulFirst is >= 0 and < HangulCount && (first - HangulFirst) % TailCount == 0
            && second - TailBase is > 0 and < TailCount)
        {
            composite = first + (second - TailBase);
            return true;
        }

        return Data.Value.Compositions.TryGetValue((first, second), out composite);
    }

    private static int Class(int point) => point < 0x300 ? 0 : Data.Value.Classes.GetValueOrDefault(point);

    private sealed record CanonicalData(
        Dictionary<int, byte> Classes,
        Dictionary<int, (int First, int Second)> Decompositions,
        Dictionary<(int First, int Second), int> Compositions,
        HashSet<int> Suspects)
    {
        public static CanonicalData Load()
        {
            var data = new CanonicalData([], [], [], []);
            using var stream = typeof(Nfc).Assembly.GetManifestResourceStream("canonical.txt")!;
            using var reader = new StreamReader(stream, Encoding.UTF8);
            while (reader.ReadLine() is { } line)
            {
                var fields = line.Split(' ');
                switch (fields[0])
                {
                    case "class":
                        data.AddClass(byte.Parse(fields[1], CultureInfo.InvariantCulture), fields[2..]);
                        break;
                    case "pair":
                        var (character, pair) = (Hex(fields[1]), (Hex(fields[2]), Hex(fields[3])));
                        data.Decompositions.Add(character, pair);
                        data.Compositions.Add(pair, character);
                        break;
                    case "apart":
                        data.Decompositions.Add(Hex(fields[1]), (Hex(fields[2]), fields.Length > 3 ? Hex(fields[3]) : 0));
                        break;
                }
            }

            data.Suspects.UnionWith(data.Classes.Keys);
            data.Suspects.UnionWith(data.Compositions.Keys.Select(pair => pair.Second));
            data.Suspects.UnionWith(data.Decompositions.Keys.Except(data.Compositions.Values));
            data.Suspects.UnionWith(Enumerable.Range(VowelFirst, VowelCount));
            data.Suspects.UnionWith(Enumerable.Range(TailBase + 1, TailCount - 1));
            return data;
        }

        private void AddClass(byte value, string[] ranges)
        {
            foreach (var range in ranges)
            {
                var ends = range.Split('-');
                for (var point = Hex(ends[0]); point <= Hex(ends[1]); point++)
                {
                    Classes.Add(point, value);
                }
            }
        }

        private static int Hex(string digits) => int.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
