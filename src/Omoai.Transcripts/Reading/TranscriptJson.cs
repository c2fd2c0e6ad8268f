using System.Text.Json;
using Omoai.Transcripts.Activities;

namespace Omoai.Transcripts.Reading;

/// <summary>Reads a transcript that was written as JSON.</summary>
public static class TranscriptJson
{
    /// <summary>
    /// Reads <c>final.json</c>. Properties that this version doesn't know are passed over; what it does know must hold
    /// what <see cref="Transcript"/> promises, so that nobody who gets one has to check it again. The document is held
    /// in memory.
    /// </summary>
    /// <exception cref="BadInputException">It isn't a transcript, or one of another schema version.</exception>
    public static Transcript Read(Stream stream)
    {
        try
        {
            using var document = JsonDocument.Parse(stream);
            RequireSchema(document.RootElement);
            var transcript = document.RootElement.Deserialize<Transcript>(OmoaiJson.Compact)!;
            Check(transcript);
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

    private static void Check(Transcript transcript)
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
            Require(segment.Words.Count > 0, $"segment {i} has no words");
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
                point is { Segments.Count: > 0 } && point.Segments.All(id => id >= 0 && id < transcript.Segments.Count),
                "a key point doesn't rest on segments of the transcript");
            Require(
                IsSameTime(point!.Start, transcript.Segments[point.Segments.Min()].Start)
                    && IsSameTime(point.End, transcript.Segments[point.Segments.Max()].End),
                "a key point's times aren't those of its segments");
        }

        foreach (var span in transcript.LowConfidence)
        {
            Require(
                span is not null && span.Segment >= 0 && span.Segment < transcript.Segments.Count && IsSpan(span.Start, span.End),
                "a span of low confidence isn't one of its segments");
        }

        Require(
            transcript.Suspicions.All(suspicion => suspicion is not null && IsSpan(suspicion.Start, suspicion.End)),
            "a suspicion is null, or ends before it starts");
        Require(transcript.Warnings.All(warning => warning is not null), "a warning is null");
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
