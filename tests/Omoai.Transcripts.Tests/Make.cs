namespace Omoai.Transcripts.Tests;

/// <summary>Transcripts for tests.</summary>
internal static class Make
{
    /// <summary>One segment for each text; words follow each other, <paramref name="wordSeconds"/> each.</summary>
    public static Transcript Transcript(double wordSeconds, params string[] segments) =>
        Transcript(wordSeconds, [.. segments.Select(text => (0, text))]);

    public static Transcript Transcript(double wordSeconds, params (int Paragraph, string Text)[] segments)
    {
        var (result, time) = (new List<Segment>(), 0.0);
        foreach (var (paragraph, text) in segments)
        {
            var words = new List<Word>();
            foreach (var word in text.Split(' '))
            {
                words.Add(new Word(word, time, time + wordSeconds, 0.9));
                time += wordSeconds;
            }

            result.Add(new Segment(result.Count, paragraph, words[0].Start, words[^1].End, text, words));
        }

        return Of(result);
    }

    /// <summary>One segment with these words.</summary>
    public static Transcript Words(params (string Text, double Start, double End)[] words) =>
        Of([new Segment(0, 0, words[0].Start, words[^1].End, string.Join(' ', words.Select(word => word.Text)),
            [.. words.Select(word => new Word(word.Text, word.Start, word.End, 1))])]);

    public static Transcript Of(IReadOnlyList<Segment> segments) => new()
    {
        JobId = "0123456789abcdef0123456789abcdef",
        CreatedAt = new DateTimeOffset(2026, 5, 4, 3, 2, 1, TimeSpan.Zero),
        Source = new AudioSource("talk.wav", 12.5, 16000, 1, "pcm_s16le"),
        Language = "en",
        Models = new ModelsUsed("demo-en", "demo-en-punctuation", "extractive", "energy"),
        Segments = segments,
    };

    public static readonly Summary Summary = new(
        "Release and incident", "The release went well.", [new KeyPoint("Nothing broke.", [0], 0.4, 3661.9)]);
}
