using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;
using Omoai.Transcripts.Alignment;
using Omoai.Transcripts.Formats;
using Omoai.Transcripts.Normalization;

namespace Omoai.Transcripts.Quality;

/// <summary>Shows the differences between two texts.</summary>
public static class TextDiffs
{
    /// <summary>Lines that are the same and are shown before and after those that differ.</summary>
    private const int Context = 3;

    /// <summary>A stroke through the character before it, which is one with <c>&gt;</c> in NFC: it would undo the tag that it follows.</summary>
    private const char Stroke = '\u0338';

    private static readonly HtmlEncoder Html = CreateEncoder();

    /// <summary>Compares texts of lines: those of what was recognised with those of what was written, as a rule one for each segment.</summary>
    /// <param name="recognised">Lines; in each, white space and what isn't printed become one space.</param>
    /// <param name="written">The same.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>
    /// As <c>diff -u</c> shows them, files <c>recognised</c> and <c>written</c>, and empty where the lines are the same; of
    /// lines that replace one another each stands with its own. And as HTML (see <see cref="CreateHtml"/>), which compares
    /// words, wherever lines begin.
    /// </returns>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static TextDiff Create(
        IReadOnlyList<string> recognised, IReadOnlyList<string> written, CancellationToken cancellationToken) =>
        new(CreateUnified(recognised, written, "recognised", "written", cancellationToken),
            CreateHtml(recognised, written, cancellationToken));

    /// <summary>A unified diff (POSIX <c>diff -u</c>) that <c>patch</c> takes, every line of it ended by a newline.</summary>
    /// <param name="reference">Lines.</param>
    /// <param name="hypothesis">Lines.</param>
    /// <param name="referenceName">What the diff calls the reference.</param>
    /// <param name="hypothesisName">What the diff calls the hypothesis.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static string CreateUnified(
        IReadOnlyList<string> reference, IReadOnlyList<string> hypothesis, string referenceName, string hypothesisName,
        CancellationToken cancellationToken)
    {
        string[] before = [.. reference.Select(Line)];
        string[] after = [.. hypothesis.Select(Line)];
        var edits = SequenceAlignment.Align(before, after, StringComparer.Ordinal, cancellationToken);
        var result = new StringBuilder();
        for (var at = 0; NextChange(at) is { } change;)
        {
            if (result.Length == 0)
            {
                result.Append("--- ").Append(Line(referenceName)).Append("\n+++ ").Append(Line(hypothesisName)).Append('\n');
            }

            // As long as the lines that are the same between two changes are in the context of both.
            var (from, to) = (Math.Max(at, change - Context), change + 1);
            while (NextChange(to) is { } next && next - to <= 2 * Context)
            {
                to = next + 1;
            }

            to = Math.Min(to + Context, edits.Count);
            AppendHunk(from, to);
            at = to;
        }

        return result.ToString();

        int? NextChange(int from)
        {
            while (from < edits.Count && edits[from].Kind == EditKind.Equal)
            {
                from++;
            }

            return from < edits.Count ? from : null;
        }

        void AppendHunk(int from, int to)
        {
            var lines = new StringBuilder();
            var (referenceLines, hypothesisLines) = (0, 0);
            foreach (var (kind, i, j) in edits.Skip(from).Take(to - from))
            {
                if (kind == EditKind.Equal)
                {
                    lines.Append(' ').Append(before[i]).Append('\n');
                }

                if (kind is EditKind.Delete or EditKind.Substitute)
                {
                    lines.Append('-').Append(before[i]).Append('\n');
                }

                if (kind is EditKind.Insert or EditKind.Substitute)
                {
                    lines.Append('+').Append(after[j]).Append('\n');
                }

                referenceLines += kind == EditKind.Insert ? 0 : 1;
                hypothesisLines += kind == EditKind.Delete ? 0 : 1;
            }

            result.Append("@@ -").Append(Range(edits[from].Reference, referenceLines))
                .Append(" +").Append(Range(edits[from].Hypothesis, hypothesisLines)).Append(" @@\n").Append(lines);
        }
    }

    /// <summary>
    /// A fragment of HTML: the hypothesis, each of its lines a paragraph, with <c>ins</c> around words that only it has and
    /// <c>del</c> around those that only the reference has, where they were. Words are as written, in NFC; all text is
    /// escaped. Its length is in proportion to the texts'.
    /// </summary>
    /// <param name="reference">Lines, whose breaks don't count.</param>
    /// <param name="hypothesis">Lines.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static string CreateHtml(
        IReadOnlyList<string> reference, IReadOnlyList<string> hypothesis, CancellationToken cancellationToken)
    {
        string[] before = [.. reference.SelectMany(Words)];
        string[][] lines = [.. hypothesis.Select(line => Words(line).ToArray()).Where(line => line.Length > 0)];
        string[] after = [.. lines.SelectMany(line => line)];
        var edits = SequenceAlignment.Align(before, after, StringComparer.Ordinal, cancellationToken);

        var result = new StringBuilder("<div class=\"omoai-diff\">\n");
        var (deleted, inserted, paragraph) = (new List<string>(), new List<string>(), new List<string>());
        var (line, left) = (0, lines.Length > 0 ? lines[0].Length : 0);
        foreach (var (kind, i, j) in edits)
        {
            if (kind == EditKind.Equal)
            {
                CloseChange();
                paragraph.Add(Html.Encode(after[j]));
            }

            if (kind is EditKind.Delete or EditKind.Substitute)
            {
                deleted.Add(Html.Encode(before[i]));
            }

            if (kind is EditKind.Insert or EditKind.Substitute)
            {
                inserted.Add(Html.Encode(after[j]));
            }

            if (kind != EditKind.Delete && --left == 0)
            {
                CloseParagraph();
                left = ++line < lines.Length ? lines[line].Length : 0;
            }
        }

        CloseParagraph();
        return result.Append("</div>\n").ToString();

        void CloseChange()
        {
            Close("del", deleted);
            Close("ins", inserted);
        }

        void Close(string element, List<string> words)
        {
            if (words.Count > 0)
            {
                paragraph.Add($"<{element}>{string.Join(' ', words)}</{element}>");
                words.Clear();
            }
        }

        void CloseParagraph()
        {
            CloseChange();
            if (paragraph.Count > 0)
            {
                result.Append("<p>").AppendJoin(' ', paragraph).Append("</p>\n");
                paragraph.Clear();
            }
        }
    }

    /// <summary>What could be markup becomes character references, quotes too; letters of all scripts stay.</summary>
    private static HtmlEncoder CreateEncoder()
    {
        var settings = new TextEncoderSettings(UnicodeRanges.All);
        settings.ForbidCharacter(Stroke);
        return HtmlEncoder.Create(settings);
    }

    /// <summary>Where a hunk is in a file, from 1; one that has no lines of it comes after a line, or after none: 0.</summary>
    private static string Range(int from, int count) => count == 1
        ? string.Create(CultureInfo.InvariantCulture, $"{from + 1}")
        : string.Create(CultureInfo.InvariantCulture, $"{(count == 0 ? from : from + 1)},{count}");

    private static string Line(string text) => string.Join(' ', Words(text));

    private static IEnumerable<string> Words(string text) => Lines.Words(Nfc.Normalize(text));
}
