using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Omoai.Transcripts.Activities;

namespace Omoai.Transcripts.Reading;

/// <summary>Reads a transcript that was written as JSON.</summary>
public static class TranscriptJson
{
    private static readonly JsonSerializerOptions Options = new(OmoaiJson.Compact)
    {
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { MakePartsOptional } },
    };

    /// <summary>
    /// Reads <c>final.json</c>. Properties that this version doesn't know are passed over; what it does know must hold
    /// what <see cref="Transcript"/> promises, so that nobody who gets one has to check it again. Segments, and the words
    /// of all of them, may be left out. The document is held in memory.
    /// </summary>
    /// <exception cref="BadInputException">It isn't a transcript, or one of another schema version.</exception>
    public static Transcript Read(Stream stream)
    {
        try
        {
            using var document = JsonDocument.Parse(stream);
            RequireSchema(document.RootElement);
            var transcript = document.RootElement.Deserialize<Transcript>(Options)!;
            // Null is what was left out.
            var hasSegments = transcript.Segments is not null;
            var hasWords = hasSegments && (transcript.Segments!.Count == 0 || transcript.Segments.Any(segment => segment?.Words is not null));
            transcript = transcript with
            {
                Segments =
                [
                    .. (transcript.Segments ?? []).Select(segment => segment is { Words: null } ? segment with { Words = [] } : segment),
                ],
            };
            Check(transcript, hasSegments, hasWords);
            return transcript;
        }
        catch (JsonException e)
        {
            throw new BadInputException($"The transcript can't be read: {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            // How System.Text.Json reports text that isn't valid Unicode.
            throw new BadInputException($"The transcript can't be read: {e.Message}", e);
        }
    }

    private static void MakePartsOptional(JsonTypeInfo type)
    {
        if (type.Type == typeof(Transcript) || type.Type == typeof(Segment))
        {
            foreach (var property in type.Properties.Where(property => property.Name is "segments" or "words"))
            {
                property.IsRequired = false;
            }
        }
    }

    private static void RequireSchema(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object
            || !root.TryGetProperty("schema", out var schema) || schema.ValueKind != JsonValueKind.String)
        {
            throw new BadInputException("The document isn't a transcript: it has no \"schema\".");
        }

        if (schema.GetString() != Transcript.CurrentSchema)
        {
            throw new BadInputException(
                $"The document has the schema '{schema.GetString()}'; this version reads '{Transcript.CurrentSchema}'.");
        }
    }

    private static void Check(Transcript transcript, bool hasSegments, bool hasWords)
    {
        Require(IsSpan(0, transcript.Source.Duration), "source.duration is not a duration");
        var (paragraph, start) = (0, 0.0);
        for (var i = 0; i < transcript.Segments.Count; i++)
        {
            var segment = transcript.Segments[i];
            Require(segment is not null, $"segment {i} is null");
            Require(segment!.Id == i, $"segment {i} has the id {segment.Id}");
            Require(segment.Paragraph >= paragraph, $"the paragraph of segment {i} falls");
            Require(IsSpan(segment.Start, segment.End), $"segment {i} ends before it starts");
            Require(segment.Start >= start, $"segment {i} starts before the one that precedes it");
            Require(segment.Words.Count > 0 || !hasWords, $"segment {i} has no words");
            Require(segment.Words.All(word => word is not null), $"segment {i} has a word that is null");
            Require(
                segment.Words.All(word => IsSpan(word.Start, word.End)),
                $"segment {i} has a word that ends before it starts");
            Require(
                segment.Words.All(word => word.Start >= segment.Start && word.End <= segment.End),
                $"segment {i} has a word that is not inside it");
            Require(
                segment.Words.Zip(segment.Words.Skip(1)).All(pair => pair.Second.Start >= pair.First.Start),
                $"segment {i} has words that are not in order of time");
            Require(
                segment.Words.All(word => word.Confidence is >= 0 and <= 1),
                $"segment {i} has a word whose confidence is not between 0 and 1");
            (paragraph, start) = (segment.Paragraph, segment.Start);
        }

        foreach (var point in transcript.Summary?.KeyPoints ?? [])
        {
            Require(
                point is { Segments.Count: > 0 } && point.Segments.All(IsSegment),
                "a key point doesn't rest on segments of the transcript");
            Require(
                IsOf(point!.Segments.Min(), point.Segments.Max(), point.Start, point.End), "a key point's times aren't those of its segments");
        }

        foreach (var topic in transcript.Summary?.Topics ?? [])
        {
            Require(
                topic is not null && IsSegment(topic.Segment) && IsOf(topic.Segment, null, topic.Start, topic.Start),
                "a topic doesn't begin with a segment of the transcript");
        }

        foreach (var chapter in transcript.Summary?.Chapters ?? [])
        {
            Require(
                chapter is not null && IsSegment(chapter.FirstSegment) && IsSegment(chapter.LastSegment)
                    && chapter.LastSegment >= chapter.FirstSegment
                    && IsOf(chapter.FirstSegment, chapter.LastSegment, chapter.Start, chapter.End),
                "a chapter isn't a stretch of segments of the transcript");
        }

        foreach (var span in transcript.LowConfidence)
        {
            Require(
                span is not null && IsSegment(span.Segment) && IsSpan(span.Start, span.End),
                "a span of low confidence isn't one of its segments");
        }

        foreach (var change in transcript.Changes ?? [])
        {
            Require(
                change is not null && IsSegment(change.Segment) && IsSpan(change.Start, change.Start),
                "a change of spelling isn't in one of its segments");
        }

        Require(
            (transcript.Llm?.Punctuation?.Fallbacks ?? []).All(fallback => fallback is not null && IsSpan(fallback.Start, fallback.End)),
            "a fallback of the language model is null, or ends before it starts");
        if (transcript.Quality is { } quality)
        {
            Require(
                new[] { quality.Wer, quality.Cer, quality.Per, quality.UnpunctuatedWer, quality.FormattedWer }.All(rate =>
                    rate is null or { Substitutions: >= 0, Insertions: >= 0, Deletions: >= 0, ReferenceLength: >= 0 }),
                "a figure of its quality counts less than nothing");
        }

        Require(
            transcript.Suspicions.All(suspicion => suspicion is not null && IsSpan(suspicion.Start, suspicion.End)),
            "a suspicion is null, or ends before it starts");
        Require(transcript.Warnings.All(warning => warning is not null), "a warning is null");

        // Where there are no segments there is nothing to hold ids and times against.
        bool IsSegment(int id) => id >= 0 && (id < transcript.Segments.Count || !hasSegments);

        bool IsOf(int first, int? last, double from, double to) => hasSegments
            ? IsSameTime(from, transcript.Segments[first].Start) && (last is null || IsSameTime(to, transcript.Segments[last.Value].End))
            : IsSpan(from, to);
    }

    private static bool IsSpan(double start, double end) => start >= 0 && end >= start && double.IsFinite(end);

    /// <summary>To the millisecond, to which times are written.</summary>
    private static bool IsSameTime(double one, double other) => Math.Abs(one - other) <= 0.001;

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new BadInputException($"The transcript can't be used: {otherwise}.");
        }
    }
}
