using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Omoai.Tests;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Formats;
using Omoai.Transcripts.Quality;
using Omoai.Transcripts.Reading;

namespace Omoai.Transcripts.Tests;

public sealed class TranscriptJsonTests
{
    private static readonly Transcript Spoken = Make.Transcript(0.25, "Good morning.", "Nothing broke.");

    private static readonly Transcript Full = Spoken with
    {
        Segments = [.. Spoken.Segments.Select(segment => segment with { Channel = segment.Id })],
        LowConfidence = [new UnsureSpan(0, 0, 0.25, "Good", 0.25)],
        Suspicions = [new Suspicion("repetition", 0.5, 0.75, "Nothing", Kept: true, Channel: 1)],
        Summary = Make.Summary with
        {
            KeyPoints = [new KeyPoint("Nothing broke.", [1], 0.5, 1, Supported: true)],
            Topics = [new Topic("What broke", 1, 0.5)],
            Chapters = [new Chapter("The morning", 0, 1, 0, 1)],
            Language = "vi",
        },
        Llm = new LlmUse(
            LlmEngine.OpenAi, "qwen", 4, 1000, 200, new PunctuationUse(3, [new BatchFallback("drifted", 0, 0.5, 2)], 0.975),
            new SummaryUse(1, 2, "unreadable")),
        Changes = [new SpellingChange(1, 0.75, "brok", "broke")],
        Quality = TranscriptQualities.Compare("good morning. nothing brok", "Good morning. Nothing broke.", 0.975, default),
        Diff = TextDiffs.Create(["good morning.", "nothing brok"], ["Good morning.", "Nothing broke."], default),
        RawText = "good morning\nnothing brok",
        Warnings = [new Warning("truncated_audio", "The recording ends early.")],
    };

    [Fact]
    public void What_is_written_is_read_back_the_same()
    {
        var read = TranscriptJson.Read(new MemoryStream(Write(Full)));

        Assert.Equal(Write(Full), Write(read));
        Assert.Equal(Full.CreatedAt, read.CreatedAt);
        Assert.Equal(Full.Segments[1].Words, read.Segments[1].Words);
        Assert.Equal(Full.Warnings, read.Warnings);
        Assert.Equal(Full.Changes, read.Changes);
        Assert.Equal(Full.Quality, read.Quality);
        Assert.Equal(Full.Diff, read.Diff);
        Assert.Equal(Full.RawText, read.RawText);
        Assert.Equal(Full.Llm!.Summary, read.Llm!.Summary);
        Assert.Equal(Full.Llm.Punctuation!.Fallbacks, read.Llm.Punctuation!.Fallbacks);
    }

    [Fact]
    public void A_written_document_has_exactly_what_the_schema_declares()
    {
        Assert.Empty(Schema().Check(Document(), everything: true));
        Assert.Empty(Schema().Check(JsonNode.Parse(Write(Full))));
    }

    [Fact]
    public void A_document_says_nothing_of_what_nobody_asked_for()
    {
        var plain = JsonNode.Parse(Write(Spoken))!.AsObject();
        var empty = JsonNode.Parse(Write(Spoken with { Changes = [] }))!.AsObject();

        Assert.Equal(
            ["schema", "jobId", "createdAt", "source", "language", "models", "segments", "lowConfidence", "suspicions", "warnings"],
            plain.Select(property => property.Key));
        Assert.True(JsonNode.DeepEquals(plain, empty));
        Assert.Empty(Schema().Check(plain));
    }

    [Fact]
    public void Figures_without_marks_keep_to_the_schema_and_are_read_back()
    {
        var bare = Spoken with { Quality = TranscriptQualities.Compare("good morning", "Good morning.") };
        var bytes = Write(bare);
        var document = JsonNode.Parse(bytes)!;

        Assert.Empty(Schema().Check(document));
        Assert.False(document["quality"]!.AsObject().ContainsKey("per"));
        Assert.Equal(bare.Quality, TranscriptJson.Read(new MemoryStream(bytes)).Quality);
    }

    [Theory]
    [InlineData(new TranscriptPart[] { }, false, false, false)]
    [InlineData(new[] { TranscriptPart.Raw }, true, false, false)]
    [InlineData(new[] { TranscriptPart.Segments }, false, true, false)]
    [InlineData(new[] { TranscriptPart.Words }, false, true, true)]
    [InlineData(new[] { TranscriptPart.Words, TranscriptPart.Segments, TranscriptPart.Raw }, true, true, true)]
    public void A_document_has_the_parts_that_are_asked_for_and_is_read_without_the_others(
        TranscriptPart[] parts, bool raw, bool segments, bool words)
    {
        var bytes = Write(Full, new FormatSettings(Include: parts));
        var document = JsonNode.Parse(bytes)!.AsObject();
        var read = TranscriptJson.Read(new MemoryStream(bytes));

        Assert.Empty(Schema().Check(document));
        Assert.Equal(raw, document.ContainsKey("rawText"));
        Assert.Equal(segments, document.ContainsKey("segments"));
        Assert.Equal(words, document["segments"]?[0]!.AsObject().ContainsKey("words") ?? false);
        Assert.Equal(raw ? Full.RawText : null, read.RawText);
        Assert.Equal(segments ? ["Good morning.", "Nothing broke."] : [], read.Segments.Select(segment => segment.Text));
        Assert.Equal(words ? 4 : 0, read.Segments.Sum(segment => segment.Words.Count));
        Assert.Equal([1], read.Summary!.KeyPoints[0].Segments);
        Assert.EndsWith("}\n", Encoding.UTF8.GetString(bytes), StringComparison.Ordinal);
        if (parts.Length == 3)
        {
            Assert.Equal(Write(Full), bytes);
        }
    }

    [Fact]
    public void Words_are_left_out_of_all_segments_or_of_none()
    {
        var error = Assert.Throws<BadInputException>(() => Read(Changed("$.segments[1].words", null).ToJsonString()));

        Assert.Contains("segment 1 has no words", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_document_without_speech_keeps_to_the_schema()
    {
        Assert.Empty(Schema().Check(JsonNode.Parse(Write(Make.Of([]) with { JobId = "" }))));
    }

    [Theory]
    [InlineData("$.language", null)]
    [InlineData("$.segments", "{}")]
    [InlineData("$.segments[0].words[0].confidence", "1.5")]
    [InlineData("$.segments[0].start", "-1")]
    [InlineData("$.segments[0].id", "0.5")]
    [InlineData("$.segments[0].words", "[]")]
    [InlineData("$.segments[0].speaker", "\"x\"")]
    [InlineData("$.summary.topics[0].segment", null)]
    [InlineData("$.summary.chapters[0].end", "-1")]
    [InlineData("$.summary.keyPoints[0].supported", "\"yes\"")]
    [InlineData("$.llm.engine", "\"vllm\"")]
    [InlineData("$.llm.punctuation.alignmentConfidence", "1.5")]
    [InlineData("$.llm.punctuation.fallbacks[0].reason", "\"It drifted\"")]
    [InlineData("$.changes[0].written", null)]
    [InlineData("$.quality.wer.errors", "-1")]
    [InlineData("$.quality.formattedWer", null)]
    [InlineData("$.diff.html", null)]
    [InlineData("$.rawText", "[]")]
    [InlineData("$.schema", "\"omoai.transcript/2\"")]
    [InlineData("$.createdAt", "\"yesterday\"")]
    public void The_schema_refuses_what_is_not_a_transcript(string path, string? value)
    {
        Assert.NotEmpty(Schema().Check(Changed(path, value)));
    }

    [Theory]
    [InlineData("$.schema", "\"omoai.transcript/2\"", "omoai.transcript/2")]
    [InlineData("$.schema", null, "no \"schema\"")]
    [InlineData("$.schema", "1", "no \"schema\"")]
    [InlineData("$.language", null, "language")]
    [InlineData("$.language", "null", "language")]
    [InlineData("$.language", "\"\\ud800\"", "can't be read")]
    [InlineData("$.segments", "null", "segments")]
    [InlineData("$.segments[1]", "null", "segment 1 is null")]
    [InlineData("$.segments[1].id", "7", "segment 1 has the id 7")]
    [InlineData("$.segments[0].paragraph", "1", "paragraph of segment 1 falls")]
    [InlineData("$.segments[0].end", "-1", "segment 0 ends before")]
    [InlineData("$.segments[0].words", "[]", "segment 0 has no words")]
    [InlineData("$.segments[0].words[0]", "null", "segment 0 has a word that is null")]
    [InlineData("$.segments[0].words[0].end", "-0.1", "segment 0 has a word that ends")]
    [InlineData("$.segments[0].words[0].confidence", "1.5", "confidence")]
    [InlineData("$.segments[1].start", "0.75", "segment 1 has a word that is not inside")]
    [InlineData("$.segments[1].end", "0.75", "segment 1 has a word that is not inside")]
    [InlineData("$.segments[0].start", "0.51", "segment 0 ends before")]
    [InlineData("$.segments[0].words[0].start", "0.26", "segment 0 has a word that ends")]
    [InlineData("$.source.duration", "-2", "duration")]
    [InlineData("$.summary.keyPoints[0]", "null", "key point")]
    [InlineData("$.summary.keyPoints[0].segments[0]", "2", "key point")]
    [InlineData("$.summary.keyPoints[0].start", "0", "key point's times")]
    [InlineData("$.summary.keyPoints[0].end", "1.1", "key point's times")]
    [InlineData("$.summary.topics[0]", "null", "topic")]
    [InlineData("$.summary.topics[0].segment", "2", "topic")]
    [InlineData("$.summary.topics[0].start", "0.25", "topic")]
    [InlineData("$.summary.chapters[0]", "null", "chapter")]
    [InlineData("$.summary.chapters[0].lastSegment", "2", "chapter")]
    [InlineData("$.summary.chapters[0].firstSegment", "1", "chapter")]
    [InlineData("$.summary.chapters[0].end", "0.5", "chapter")]
    [InlineData("$.llm.punctuation.fallbacks[0]", "null", "fallback")]
    [InlineData("$.llm.punctuation.fallbacks[0].start", "0.6", "fallback")]
    [InlineData("$.changes[0]", "null", "change of spelling")]
    [InlineData("$.changes[0].segment", "-1", "change of spelling")]
    [InlineData("$.quality.per.insertions", "-1", "quality")]
    [InlineData("$.warnings[0]", "null", "warning is null")]
    [InlineData("$.lowConfidence[0]", "null", "low confidence")]
    [InlineData("$.lowConfidence[0].segment", "2", "low confidence")]
    [InlineData("$.lowConfidence[0].end", "-1", "low confidence")]
    [InlineData("$.suspicions[0]", "null", "suspicion")]
    [InlineData("$.suspicions[0].start", "9", "suspicion")]
    public void A_document_that_breaks_the_transcripts_promises_is_refused_by_name(string path, string? value, string message)
    {
        var json = Changed(path, value).ToJsonString();
        if (value is "\"\\ud800\"")
        {
            json = json.Replace("\\uFFFD", "\\ud800", StringComparison.Ordinal);
        }

        var error = Assert.Throws<BadInputException>(() => Read(json));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Segments_and_words_out_of_order_are_refused()
    {
        Segment[] segments = [.. Full.Segments.Reverse().Select((segment, i) => segment with { Id = i })];
        Refused(Full with { Segments = segments, Summary = null }, "segment 1 starts before");
        segments = [Full.Segments[0] with { Words = [.. Full.Segments[0].Words.Reverse()] }];
        Refused(Full with { Segments = segments, Summary = null }, "segment 0 has words that are not in order");

        static void Refused(Transcript transcript, string message) => Assert.Contains(
            message, Assert.Throws<BadInputException>(() => TranscriptJson.Read(new MemoryStream(Write(transcript)))).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not json")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{\"schema\":\"\\ud800\"}")]
    public void What_is_not_a_document_is_refused(string text)
    {
        Assert.Throws<BadInputException>(() => Read(text));
    }

    [Fact]
    public void Properties_that_a_later_version_adds_are_passed_over()
    {
        var read = Read(Changed("$.segments[0].speaker", "\"Maria\"").ToJsonString());

        Assert.Equal(2, read.Segments.Count);
    }

    private static Transcript Read(string json) => TranscriptJson.Read(new MemoryStream(Encoding.UTF8.GetBytes(json)));

    private static byte[] Write(Transcript transcript, FormatSettings? settings = null)
    {
        using var stream = new MemoryStream();
        TranscriptFormats.Write(transcript, TranscriptFormats.Json, settings ?? new FormatSettings(), stream);
        return stream.ToArray();
    }

    /// <summary>The full document, with everything that it can have.</summary>
    private static JsonNode Document() => JsonSerializer.SerializeToNode(Full, OmoaiJson.Indented)!;

    private static JsonSchema Schema() => new(JsonNode.Parse(
        File.ReadAllText(Path.Combine(TestPaths.Repository, "docs", "schema", "transcript-1.schema.json")))!.AsObject());

    /// <summary>The full document with one value replaced or, by null, removed.</summary>
    private static JsonNode Changed(string path, string? value)
    {
        var root = Document();
        var steps = path.Replace("[", ".", StringComparison.Ordinal).Replace("]", "", StringComparison.Ordinal).Split('.')[1..];
        var parent = steps[..^1].Aggregate(root, (node, step) => node is JsonArray array ? array[Index(step)]! : node[step]!);
        var replacement = value is null or "\"\\ud800\"" ? "\uFFFD" : JsonNode.Parse(value);
        if (parent is JsonArray list)
        {
            list[Index(steps[^1])] = replacement;
        }
        else if (value is null)
        {
            Assert.True(parent.AsObject().Remove(steps[^1]));
        }
        else
        {
            parent[steps[^1]] = replacement;
        }

        return root;

        static int Index(string step) => int.Parse(step, System.Globalization.CultureInfo.InvariantCulture);
    }
}
