namespace Omoai.Language.Summaries.Llm;

/// <summary>What a reply says, cleaned, and not yet held to anything. What is missing is null or empty.</summary>
/// <param name="Title">At most <see cref="ShownText.MaxTitle"/> characters.</param>
/// <param name="Abstract">At most <see cref="ShownText.MaxAbstract"/> characters.</param>
/// <param name="Points">Each at most <see cref="ShownText.MaxPoint"/> characters.</param>
/// <param name="Topics">Each at most <see cref="ShownText.MaxTitle"/> characters.</param>
/// <param name="Chapters">Each at most <see cref="ShownText.MaxTitle"/> characters.</param>
internal sealed record SummaryReply(
    string? Title, string? Abstract, IReadOnlyList<CitedText> Points, IReadOnlyList<CitedText> Topics, IReadOnlyList<CitedText> Chapters)
{
    /// <summary>So many of a kind are read.</summary>
    public const int MaxItems = 200;

    public static SummaryReply Empty { get; } = new(null, null, [], [], []);

    /// <summary>A title alone says nothing.</summary>
    public bool HasContent => Abstract is not null || Points.Count > 0;
}

/// <summary>A text and what it says it comes from.</summary>
/// <param name="Text">Cleaned.</param>
/// <param name="Segments">Ids, that may be of no segment; in order, each once.</param>
/// <param name="Seconds">A time in the recording; null where none is told.</param>
internal sealed record CitedText(string Text, IReadOnlyList<int> Segments, double? Seconds = null);
