using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Omoai.Transcripts.Normalization;

namespace Omoai.Transcripts.Formats;

/// <summary>
/// The formats a transcript is written in (docs/formats.md). Every file is UTF-8 without a byte order mark, its lines
/// end with <c>\n</c>, its text is in NFC and its numbers are culture-invariant: the same transcript gives the same
/// bytes. </summary>
public static class TranscriptFormats
{
    private const string PlainText = "text/plain; charset=utf-8", MarkdownText = "text/markdown; charset=utf-8";

    public static TranscriptFormat Json { get; } = new("json", "final.json", "application/json", WriteJson);

    public static TranscriptFormat Text { get; } =
        new("txt", "transcript.txt", PlainText, (transcript, settings, writer) =>
            TextFormat.Write(transcript, writer, timestamps: settings.Timestamps ?? TimestampStyle.None));

    public static TranscriptFormat Srt { get; } =
        new("srt", "transcript.srt", "application/x-subrip; charset=utf-8", (transcript, _, writer) => SubtitleFormats.WriteSrt(transcript, writer));

    public static TranscriptFormat Vtt { get; } =
        new("vtt", "transcript.vtt", "text/vtt; charset=utf-8", (transcript, _, writer) => SubtitleFormats.WriteVtt(transcript, writer));

    public static TranscriptFormat Markdown { get; } =
        new("md", "transcript.md", MarkdownText, MarkdownFormats.WriteTranscript);

    public static TranscriptFormat Summary { get; } =
        new("md", "summary.md", MarkdownText, (transcript, _, writer) => MarkdownFormats.WriteSummary(transcript, writer));

    /// <summary>All formats, in the order that people expect them listed.</summary>
    public static IReadOnlyList<TranscriptFormat> All { get; } = [Json, Text, Srt, Vtt, Markdown, Summary];

    /// <summary>The names that people can ask for.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(format => format.Name).Distinct()];

    /// <summary>The formats with these names, in the order of <see cref="All"/>; all of them for null or none.</summary>
    /// <exception cref="ArgumentException">A name isn't one of <see cref="Names"/>.</exception>
    public static IReadOnlyList<TranscriptFormat> Select(IReadOnlyCollection<string>? names)
    {
        if (names is null or { Count: 0 })
        {
            return All;
        }

        var unknown = names.FirstOrDefault(name => !Names.Contains(name));
        return unknown is null
            ? [.. All.Where(format => names.Contains(format.Name))]
            : throw new ArgumentException($"There is no format '{unknown}'; there are {string.Join(", ", Names)}.", nameof(names));
    }

    /// <summary>Writes a transcript as is usual; the stream stays open.</summary>
    public static void Write(Transcript transcript, TranscriptFormat format, Stream stream) =>
        Write(transcript, format, new FormatSettings(), stream);

    /// <summary>Writes a transcript; the stream stays open.</summary>
    public static void Write(Transcript transcript, TranscriptFormat format, FormatSettings settings, Stream stream)
    {
        var encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        using var writer = new StreamWriter(stream, encoding, leaveOpen: true);
        writer.NewLine = "\n";
        format.Writer(InNfc(transcript), settings, writer);
    }

    private static void WriteJson(Transcript transcript, FormatSettings settings, TextWriter writer)
    {
        writer.Flush();
        var stream = ((StreamWriter)writer).BaseStream;
        if (settings.Include is { } include)
        {
            JsonSerializer.Serialize(stream, Parts(transcript, include), OmoaiJson.Indented);
        }
        else
        {
            JsonSerializer.Serialize(stream, transcript, OmoaiJson.Indented);
        }

        writer.WriteLine();
    }

    /// <summary>The document with no other parts than these: what isn't included is absent.</summary>
    private static JsonObject Parts(Transcript transcript, IReadOnlyList<TranscriptPart> include)
    {
        var words = include.Contains(TranscriptPart.Words);
        var segments = words || include.Contains(TranscriptPart.Segments);
        transcript = transcript with
        {
            RawText = include.Contains(TranscriptPart.Raw) ? transcript.RawText : null,
            Segments = !segments ? []
                : words ? transcript.Segments
                : [.. transcript.Segments.Select(segment => segment with { Words = [] })],
        };
        var document = JsonSerializer.SerializeToNode(transcript, OmoaiJson.Indented)!.AsObject();
        if (!segments)
        {
            document.Remove("segments");
        }
        else if (!words)
        {
            foreach (var segment in document["segments"]!.AsArray())
            {
                segment!.AsObject().Remove("words");
            }
        }

        return document;
    }

    private static Transcript InNfc(Transcript transcript) => transcript with
    {
        JobId = Nfc.Normalize(transcript.JobId),
        Language = Nfc.Normalize(transcript.Language),
        Source = transcript.Source with
        {
            Name = Nfc.Normalize(transcript.Source.Name),
            Codec = Nfc.Normalize(transcript.Source.Codec),
        },
        Models = new ModelsUsed(
            Nfc.Normalize(transcript.Models.Speech),
            Nfc.Normalize(transcript.Models.Punctuation),
            Nfc.Normalize(transcript.Models.Summary),
            transcript.Models.Vad is { } vad ? Nfc.Normalize(vad) : null),
        Segments =
        [
            .. transcript.Segments.Select(segment => segment with
            {
                Text = Nfc.Normalize(segment.Text),
                Words = [.. segment.Words.Select(word => word with { Text = Nfc.Normalize(word.Text) })],
            }),
        ],
        Summary = transcript.Summary is { } summary
            ? summary with
            {
                Title = Nfc.Normalize(summary.Title),
                Abstract = Nfc.Normalize(summary.Abstract),
                KeyPoints = [.. summary.KeyPoints.Select(point => point with { Text = Nfc.Normalize(point.Text) })],
                Topics = summary.Topics is { } topics ? [.. topics.Select(topic => topic with { Text = Nfc.Normalize(topic.Text) })] : null,
                Chapters = summary.Chapters is { } chapters
                    ? [.. chapters.Select(chapter => chapter with { Title = Nfc.Normalize(chapter.Title) })]
                    : null,
                Language = summary.Language is { } language ? Nfc.Normalize(language) : null,
            }
            : null,
        LowConfidence = [.. transcript.LowConfidence.Select(span => span with { Text = Nfc.Normalize(span.Text) })],
        Suspicions = [.. transcript.Suspicions.Select(suspicion => suspicion with { Text = Nfc.Normalize(suspicion.Text) })],
        Llm = transcript.Llm is { } llm ? llm with { Model = Nfc.Normalize(llm.Model) } : null,
        // Where every word was kept there is nothing to say.
        Changes = transcript.Changes is { Count: > 0 } changes
            ?
            [
                .. changes.Select(change => change with
                {
                    Recognised = Nfc.Normalize(change.Recognised),
                    Written = Nfc.Normalize(change.Written),
                }),
            ]
            : null,
        // HTML was escaped in NFC. To normalise it again could make markup of it: > and U+0338 are one character.
        Diff = transcript.Diff is { } diff ? diff with { Unified = Nfc.Normalize(diff.Unified) } : null,
        RawText = transcript.RawText is { } raw ? Nfc.Normalize(raw) : null,
        Warnings =
        [
            .. transcript.Warnings.Select(warning =>
                new Warning(Nfc.Normalize(warning.Code), Nfc.Normalize(warning.Message))),
        ],
    };
}
