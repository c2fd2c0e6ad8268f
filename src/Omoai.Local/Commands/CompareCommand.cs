using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Quality;
using Omoai.Transcripts.Reading;
using Spectre.Console;

namespace Omoai.Local.Commands;

/// <summary><c>omoai compare</c>: how far one text is from another. Everything is done in this process; no model is needed.</summary>
internal static class CompareCommand
{
    private const string StandardInput = "-";
    private const int MaxMegabytes = 64;

    // To align texts takes time in proportion to both lengths: minutes, if they are as long as that and have nothing in common.
    private const int MaxCharacters = 1_000_000;

    // Of the columns; negative where they start on the left.
    private static readonly int[] Widths = [-6, 10, 9, 15, 12, 11, 10];

    private static readonly HtmlEncoder Html = HtmlEncoder.Create(UnicodeRanges.All);

    /// <summary>A text that is compared.</summary>
    /// <param name="Name">What the diff calls it.</param>
    /// <param name="Lines">Its lines; of a transcript, one for each segment.</param>
    /// <param name="Language">BCP 47; null where nobody says.</param>
    private sealed record Text(string Name, IReadOnlyList<string> Lines, string? Language)
    {
        public override string ToString() => string.Join('\n', Lines);
    }

    /// <summary>What <c>--json</c> prints.</summary>
    private sealed record Comparison(string Reference, string Hypothesis, TranscriptQuality Quality, string? Diff);

    public static Command Create()
    {
        var reference = new Argument<string>("A") { Description = "The reference: a text file (UTF-8), a transcript (final.json), or - for standard input." };
        var hypothesis = new Argument<string>("B") { Description = "The hypothesis, which is held against it: the same." };
        var json = new Option<bool>("--json") { Description = "Print the figures as JSON." };
        var html = new Option<string?>("--html") { Description = "Write a page to this file that shows the differences word by word." };
        var diff = new Option<bool>("--diff") { Description = "Print the differences line by line, as diff -u does; those of transcripts by segments." };
        var quiet = new Option<bool>("--quiet") { Description = "Print nothing but errors." };
        var command = new Command(
            "compare",
            "Tell how far a text is from another: edits (substitutions, insertions, deletions) for each token of the reference.\n" +
            "  WER    words as written: case and punctuation count\n" +
            "  U-WER  words without case and punctuation: what was said\n" +
            "  F-WER  words in their case, each punctuation mark a token of its own\n" +
            "  CER    characters as written\n" +
            "  PER    punctuation marks, between words that are aligned\n" +
            "The exit code is 0 when they differ, too.")
        {
            reference, hypothesis, json, html, diff, quiet,
        };
        command.SetInterruptibleAction(async (parsed, cancellationToken) =>
        {
            var (a, b) = (parsed.GetValue(reference)!, parsed.GetValue(hypothesis)!);
            if (a == StandardInput && b == StandardInput)
            {
                throw new UsageException("Only one of the two can come from standard input.");
            }

            if (parsed.GetValue(html) is "")
            {
                throw new UsageException("--html needs the name of a file.");
            }

            if (parsed.GetValue(html) is { } page && new[] { a, b }.Any(path => IsSameFile(path, page)))
            {
                throw new UsageException($"--html {page} would overwrite what is compared.");
            }

            var (expected, actual) = (await ReadAsync(a, cancellationToken), await ReadAsync(b, cancellationToken));
            var quality = TranscriptQualities.Compare(expected.ToString(), actual.ToString(), cancellationToken: cancellationToken);
            var unified = parsed.GetValue(diff)
                ? TextDiffs.CreateUnified(expected.Lines, actual.Lines, expected.Name, actual.Name, cancellationToken)
                : null;
            if (parsed.GetValue(html) is { } file)
            {
                Write(file, Page(expected, actual, quality, cancellationToken));
            }

            if (!parsed.GetValue(quiet))
            {
                Print(new Comparison(expected.Name, actual.Name, quality, unified), parsed.GetValue(json));
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static bool IsSameFile(string path, string other) =>
        path.Length > 0 && path != StandardInput && Path.GetFullPath(path) == Path.GetFullPath(other);

    /// <exception cref="BadInputException">It isn't there, or isn't what can be compared.</exception>
    private static async Task<Text> ReadAsync(string path, CancellationToken cancellationToken)
    {
        var name = path switch { StandardInput => "standard input", "" => "''", _ => path };
        var text = await ReadAsync(path, name, cancellationToken);
        return text.ToString().Length <= MaxCharacters
            ? text
            : throw new BadInputException($"{name} has a text of more than {MaxCharacters} characters.");
    }

    private static async Task<Text> ReadAsync(string path, string name, CancellationToken cancellationToken)
    {
        var bytes = await ReadBytesAsync(path, name, cancellationToken);
        string text;
        try
        {
            using var reader = new StreamReader(
                new MemoryStream(bytes), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true),
                detectEncodingFromByteOrderMarks: false);
            text = reader.ReadToEnd().TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException e)
        {
            throw new BadInputException($"{name} isn't text in UTF-8.", e);
        }

        if (!IsJson(text) && !path.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
        {
            var lines = text.ReplaceLineEndings("\n").Split('\n');
            // What ends with a newline has no other line after it.
            return new Text(name, lines[^1].Length > 0 ? lines : lines[..^1], null);
        }

        try
        {
            var transcript = TranscriptJson.Read(new MemoryStream(bytes));
            return transcript is { Segments.Count: 0, RawText: { } raw }
                ? new Text(name, raw.Split('\n'), transcript.Language)
                : new Text(name, [.. transcript.Segments.Select(segment => segment.Text)], transcript.Language);
        }
        catch (BadInputException e)
        {
            throw new BadInputException($"{name}: {e.Message}", e);
        }
    }

    /// <summary>Whether it begins as a document does; a text may begin with a brace, too.</summary>
    private static bool IsJson(string text) =>
        text.AsSpan().TrimStart() is ['{', .. var content] && content.TrimStart() is ['"', ..];

    private static async Task<byte[]> ReadBytesAsync(string path, string name, CancellationToken cancellationToken)
    {
        try
        {
            await using var stream = path == StandardInput ? Console.OpenStandardInput() : File.OpenRead(path);
            using var content = new MemoryStream();
            var buffer = new byte[1 << 16];
            for (int read; (read = await stream.ReadAsync(buffer, cancellationToken)) > 0;)
            {
                if (content.Length + read > MaxMegabytes << 20)
                {
                    throw new BadInputException($"{name} has more than {MaxMegabytes} MiB.");
                }

                content.Write(buffer, 0, read);
            }

            return content.ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new BadInputException(
                Directory.Exists(path) ? $"{name} is a folder." : File.Exists(path) ? $"{name} can't be read: {e.Message}" : $"{name} isn't there.", e);
        }
    }

    private static void Write(string file, string page)
    {
        try
        {
            File.WriteAllText(file, page);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{file} can't be written: {e.Message}", e);
        }
    }

    private static void Print(Comparison comparison, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(comparison, OmoaiJson.Indented));
            return;
        }

        var rows = Rows(comparison.Quality);
        for (var i = 0; i < rows.Count; i++)
        {
            var line = string.Concat(rows[i].Zip(Widths, (cell, width) => width < 0 ? cell.PadRight(-width) : cell.PadLeft(width)));
            if (i == 0 && !Console.IsOutputRedirected)
            {
                AnsiConsole.Write(new Spectre.Console.Text(line + "\n", new Style(decoration: Decoration.Bold)));
            }
            else
            {
                Console.WriteLine(line);
            }
        }

        if (comparison.Diff is { Length: > 0 } diff)
        {
            Console.WriteLine();
            Console.Write(diff);
        }
    }

    /// <summary>The headings, then a row for each figure.</summary>
    private static List<string[]> Rows(TranscriptQuality quality)
    {
        return
        [
            ["", "rate", "errors", "substitutions", "insertions", "deletions", "of"],
            Row("WER", quality.Wer),
            Row("U-WER", quality.UnpunctuatedWer),
            Row("F-WER", quality.FormattedWer),
            Row("CER", quality.Cer),
            // Of a reference without marks there is none.
            quality.Per is { } per ? Row("PER", per) : ["PER", "-", "", "", "", "", ""],
        ];

        static string[] Row(string name, ErrorRate rate) =>
        [
            name, string.Create(CultureInfo.InvariantCulture, $"{100 * rate.Rate:0.00} %"),
            .. new[] { rate.Errors, rate.Substitutions, rate.Insertions, rate.Deletions, rate.ReferenceLength }
                .Select(count => count.ToString(CultureInfo.InvariantCulture)),
        ];
    }

    /// <summary>A page of HTML that needs nothing else and lets nothing run.</summary>
    private static string Page(Text expected, Text actual, TranscriptQuality quality, CancellationToken cancellationToken)
    {
        var rows = Rows(quality).Select((row, i) =>
        {
            var element = i == 0 ? "th" : "td";
            return $"<tr>{string.Concat(row.Select(cell => $"<{element}>{Html.Encode(cell)}</{element}>"))}</tr>";
        });
        return $$"""
            <!DOCTYPE html>
            <html lang="{{Html.Encode(actual.Language ?? expected.Language ?? "und")}}">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <title>{{Html.Encode(actual.Name)}} against {{Html.Encode(expected.Name)}}</title>
            <style>
            body { font: 1rem/1.6 sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
            th, td { padding: 0 1rem 0 0; text-align: right; }
            ins { background: #d4f8d4; text-decoration: none; }
            del { background: #fbdada; }
            </style>
            </head>
            <body>
            <h1>{{Html.Encode(actual.Name)}} against {{Html.Encode(expected.Name)}}</h1>
            <table>
            {{string.Join('\n', rows)}}
            </table>
            {{TextDiffs.CreateHtml(expected.Lines, actual.Lines, cancellationToken).TrimEnd()}}
            </body>
            </html>

            """.ReplaceLineEndings("\n");
    }
}
