using System.Collections.Frozen;
using System.Text.RegularExpressions;

namespace Omoai.Language.Summaries.Llm;

/// <summary>The parts of a summary.</summary>
internal enum Part
{
    None,
    Title,
    Abstract,
    Points,
    Topics,
    Chapters,
}

/// <summary>A summary as plain text or Markdown, whose parts have labels.</summary>
internal static partial class LabelledText
{
    /// <summary>Labels aren't longer.</summary>
    private const int MaxLabel = 40;

    /// <summary>So much of a line is read.</summary>
    private const int MaxLine = 4 * ShownText.MaxAbstract;

    /// <summary>By their letters alone, without case and diacritics: 'Ý chính', 'KEY POINTS' and 'keyPoints'.</summary>
    private static readonly FrozenDictionary<string, Part> Labels = new (Part Part, string Names)[]
    {
        (Part.Title, "title heading tieude tuade nhande"),
        (Part.Abstract, "abstract summary overview synopsis tomtat tomluoc tongquan"),
        (Part.Points, "keypoints keypoint points mainpoints bullets bulletpoints highlights keytakeaways takeaways diemchinh cacdiemchinh "
            + "ychinh cacychinh nhungychinh nhungdiemchinh diemquantrong diemnoibat"),
        (Part.Topics, "topics topic timeline chude cacchude chudechinh"),
        (Part.Chapters, "chapters chapter sections chuong cacchuong chuongmuc phanchuong cacphan"),
    }.SelectMany(label => label.Names.Split(' ').Select(name => (name, label.Part))).ToFrozenDictionary(pair => pair.name, pair => pair.Part);

    /// <summary>What a label stands for.</summary>
    public static Part Label(string label) => label.Length > MaxLabel
        ? Part.None
        : Labels.GetValueOrDefault(ShownText.Fold(label).Trim("0123456789".ToCharArray()));

    /// <summary>Reads it; null where there is nothing with a label, and no list with citations.</summary>
    public static SummaryReply? Read(string text, bool cut)
    {
        string? heading = null;
        var lines = new Dictionary<Part, List<string>>();
        var part = Part.None;
        var (continues, hasBullets) = (false, false);
        foreach (var raw in (cut ? WithoutCutEnd(text) : text).Split('\n'))
        {
            var line = ShownText.Bounded(raw.Trim(), MaxLine);
            if (line.Length == 0)
            {
                continues = false;
                continue;
            }

            var (label, rest) = SplitLabel(line);
            if (label != Part.None)
            {
                (part, continues, hasBullets) = (label, false, false);
                Add(rest, startsItem: true);
            }
            else if (part == Part.None && line.StartsWith('#'))
            {
                heading ??= line;
            }
            else
            {
                var startsItem = Bullet().IsMatch(line);
                if (part is Part.None or Part.Title && startsItem && Item(line, ShownText.MaxPoint) is { Segments.Count: > 0 })
                {
                    part = Part.Points;
                }

                hasBullets |= startsItem;
                Add(line, startsItem || !continues || (part >= Part.Points && !hasBullets));
            }
        }

        var reply = new SummaryReply(
            Joined(Part.Title, ShownText.MaxTitle) ?? (heading is null ? null : ShownText.CleanOrNull(heading.TrimStart('#'), ShownText.MaxTitle)),
            Joined(Part.Abstract, ShownText.MaxAbstract), Items(Part.Points, ShownText.MaxPoint),
            Items(Part.Topics, ShownText.MaxTitle), Items(Part.Chapters, ShownText.MaxTitle));
        return reply.HasContent ? reply : null;

        void Add(string line, bool startsItem)
        {
            if (part == Part.None || string.IsNullOrWhiteSpace(line))
            {
                return;
            }

            if (!lines.TryGetValue(part, out var own))
            {
                lines[part] = own = [];
            }

            if (startsItem && own.Count < SummaryReply.MaxItems)
            {
                own.Add(line);
            }
            else if (own.Count > 0 && own[^1].Length < ShownText.MaxAbstract && own.Count < SummaryReply.MaxItems)
            {
                own[^1] += " " + line;
            }

            continues = true;
        }

        // A title is one line; what follows it without a label is no part of it.
        string? Joined(Part of, int maxCharacters) => !lines.TryGetValue(of, out var own) ? null
            : ShownText.CleanOrNull(of == Part.Title ? Unquoted(own[0]) : string.Join(' ', own), maxCharacters);

        IReadOnlyList<CitedText> Items(Part of, int maxCharacters) => !lines.TryGetValue(of, out var own) ? []
            : [.. own.Select(line => Item(line, maxCharacters)).OfType<CitedText>()];
    }

    /// <summary>A point, topic or chapter, with or without a bullet; null where nothing can be read.</summary>
    public static CitedText? Item(string line, int maxCharacters)
    {
        // Twice the room: the citations go.
        line = ShownText.Clean(Bullet().Replace(ShownText.Bounded(line.TrimStart(), 8 * maxCharacters), ""), 2 * maxCharacters);
        var (text, segments, seconds) = Citations.Take(line);
        return ShownText.CleanOrNull(text, maxCharacters) is { } clean ? new CitedText(clean, segments, seconds) : null;
    }

    private static string Unquoted(string line) => line.Trim(' ', '"', ',', '“', '”');

    private static (Part Label, string Text) SplitLabel(string line)
    {
        if (Dash().IsMatch(line))
        {
            return (Part.None, line);
        }

        var colon = line.AsSpan(0, Math.Min(line.Length, MaxLabel + 1)).IndexOfAny(':', '：');
        return colon > 0 && Label(line[..colon]) is var label and not Part.None
            ? (label, line[(colon + 1)..].TrimStart(' ', '*', '_'))
            : (Label(line), "");
    }

    private static string WithoutCutEnd(string text)
    {
        var last = text.LastIndexOf('\n') + 1;
        return text[..last] + ShownText.WholeSentences(text[last..]);
    }

    [GeneratedRegex(@"^(?:[-*•–—‣◦▪]|[0-9]{1,3}[.)])\s+")]
    private static partial Regex Bullet();

    /// <summary>A bullet that no label has.</summary>
    [GeneratedRegex(@"^[-*•–—‣◦▪]\s")]
    private static partial Regex Dash();
}
