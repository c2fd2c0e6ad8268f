using Omoai.Language.Engines;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Language.Summaries.Llm;

/// <summary>
/// Has a language model summarise a transcript, and holds it to what was said. What has room in the model's context is summarised at
/// once; the rest part by part, and the summaries of parts are made one, again in parts while there are too many of them.
/// </summary>
internal sealed class LlmSummarizer
{
    /// <summary>What <see cref="SummaryUse.Fallback"/> says.</summary>
    public const string Failed = "failed", Unreadable = "unreadable", Unsupported = "unsupported", TooSmallContext = "too_small_context";

    /// <summary>The parts are most of the work.</summary>
    private const double PartsShare = 0.8;

    private const int PointsOfAbstract = 3;

    private readonly ILanguageModel _model;
    private readonly IReadOnlyList<Segment> _segments;
    private readonly SummaryPrompts _prompts;
    private readonly Action<double> _progress;
    private readonly CancellationToken _cancellation;
    private LlmCost _cost;

    private LlmSummarizer(
        ILanguageModel model, IReadOnlyList<Segment> segments, SummaryPrompts prompts, Action<double> progress, CancellationToken cancellation) =>
        (_model, _segments, _prompts, _progress, _cancellation) = (model, segments, prompts, progress, cancellation);

    /// <summary>Summarises.</summary>
    /// <param name="model">The language model.</param>
    /// <param name="segments">The transcript; at least one.</param>
    /// <param name="settings">How the model is used.</param>
    /// <param name="maxKeyPoints">1 to 50.</param>
    /// <param name="spoken">BCP 47 tag of the language spoken; null where nobody knows.</param>
    /// <param name="language">BCP 47 tag of the summary's language; null for the one spoken.</param>
    /// <param name="progress">Told the part that is done, 0 to 1.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The summary, null where the model gave none that could be used and <see cref="SummaryUse.Fallback"/> says why; and
    /// what it took.</returns>
    public static async Task<(Summary? Summary, SummaryUse Use, LlmCost Cost)> SummarizeAsync(
        ILanguageModel model, IReadOnlyList<Segment> segments, LlmSettings settings, int maxKeyPoints, string? spoken,
        string? language, Action<double> progress, CancellationToken cancellation)
    {
        var prompts = new SummaryPrompts(model, settings, maxKeyPoints, language ?? spoken);
        var summarizer = new LlmSummarizer(model, segments, prompts, progress, cancellation);
        var (reply, fallback) = await summarizer.ReplyAsync();
        cancellation.ThrowIfCancellationRequested();
        var (summary, unsupported) = reply is null ? (null, 0) : summarizer.Check(reply, settings, maxKeyPoints, spoken, language);
        progress(1);
        fallback = summary is not null ? null : fallback ?? (unsupported > 0 ? Unsupported : Unreadable);
        return (summary, new SummaryUse(summarizer._cost.Requests, unsupported, fallback), summarizer._cost);
    }

    /// <summary>What the model says of the whole; null, and why, where that can't be used.</summary>
    private async Task<(SummaryReply? Reply, string? Fallback)> ReplyAsync()
    {
        if (TranscriptParts.Cut(_segments, _prompts) is not { Count: > 0 } parts || (parts.Count > 1 && _prompts.ReduceRoom == 0))
        {
            return (null, TooSmallContext);
        }

        var replies = await AskAsync([.. parts.Select((part, i) => _prompts.Summarize(part.Text, i + 1, parts.Count))], 0, parts.Count > 1 ? PartsShare : 1);
        var read = replies.Select(Read).ToArray();
        var lost = read.Count(reply => reply is null);
        // With more than half of it extracted, the summary isn't the model's.
        if (2 * lost > parts.Count)
        {
            return (null, replies.All(reply => reply.End == ReplyEnd.Failed) ? Failed : Unreadable);
        }

        var summaries = parts.Zip(read, (part, reply) => new SummaryPart(part.First, part.Last, reply ?? Extract(part))).ToList();
        for (var done = PartsShare; summaries.Count > 1; done += (1 - done) / 2)
        {
            var groups = Group(summaries);
            var several = groups.Where(group => group.Parts.Count > 1).ToList();
            var reduced = new Queue<LlmReply>(
                await AskAsync([.. several.Select(group => _prompts.Reduce(group.Text))], done, (1 - done) / 2));
            summaries = groups.ConvertAll(group =>
                group.Parts.Count > 1 ? SummaryPart.Merge(group.Parts, Read(reduced.Dequeue())) : group.Parts[0]);
        }

        return (summaries[0].Reply, null);
    }

    /// <summary>
    /// Neighbours that a prompt has room for together: two at least, for one may have half of the room and is made shorter where it
    /// needs more. What is left over at the end stays by itself.
    /// </summary>
    private List<(IReadOnlyList<SummaryPart> Parts, string Text)> Group(IReadOnlyList<SummaryPart> summaries)
    {
        var room = _prompts.ReduceRoom;
        var groups = new List<(IReadOnlyList<SummaryPart>, string)>();
        var (group, texts, used) = (new List<SummaryPart>(), new List<string>(), 0);
        foreach (var summary in summaries)
        {
            var (text, tokens) = summary.Render(_prompts, room / 2);
            if (group.Count > 1 && used + tokens > room)
            {
                groups.Add((group, string.Join('\n', texts)));
                (group, texts, used) = ([], [], 0);
            }

            group.Add(summary);
            texts.Add(text);
            used += tokens;
        }

        groups.Add((group, string.Join('\n', texts)));
        return groups;
    }

    private async Task<IReadOnlyList<LlmReply>> AskAsync(IReadOnlyList<LlmPrompt> asked, double done, double share)
    {
        var replies = await _model.GenerateAsync(asked, answered => _progress(done + (share * answered / asked.Count)), _cancellation);
        _cost += LlmCost.Of(replies);
        return replies;
    }

    private static SummaryReply? Read(LlmReply reply) =>
        reply.End == ReplyEnd.Failed ? null : SummaryReplies.Read(reply.Text, reply.End == ReplyEnd.Cut);

    /// <summary>What stands for a part whose reply can't be used, so that it isn't missing from the whole.</summary>
    private SummaryReply Extract(TranscriptPart part)
    {
        const int MaxPoints = 3;
        var summary = Extract([.. _segments.Skip(part.First).Take(part.Last - part.First + 1)], MaxPoints);
        return new SummaryReply(
            ShownText.CleanOrNull(summary.Title, ShownText.MaxTitle), ShownText.CleanOrNull(summary.Abstract, ShownText.MaxAbstract),
            [.. summary.KeyPoints.Select(point => new CitedText(ShownText.Clean(point.Text, ShownText.MaxPoint), point.Segments))], [], []);
    }

    private Summary Extract(IReadOnlyList<Segment> segments, int maxPoints) => ExtractiveSummarizer.Summarize(
        segments, [.. segments.Select(segment => segment.Words.Select(word => Bare(word.Text)).ToArray())], maxPoints, _cancellation)!;

    private static string Bare(string word) => WordMarks.Without(word).ToLowerInvariant();

    /// <summary>The summary as far as it can be held to what was said; null where no key point is left.</summary>
    private (Summary? Summary, int Unsupported) Check(
        SummaryReply reply, LlmSettings settings, int maxKeyPoints, string? spoken, string? language)
    {
        var heard = spoken ?? LanguageWords.Detect(_segments.SelectMany(segment => segment.Words.Select(word => Bare(word.Text)))).Tag;
        var verifier = new PointVerifier(_segments, heard, language ?? heard);
        var (points, unsupported) = (new List<KeyPoint>(), 0);
        foreach (var item in reply.Points.DistinctBy(point => ShownText.Fold(point.Text)))
        {
            _cancellation.ThrowIfCancellationRequested();
            // A time is as good as a citation.
            var cited = item is { Segments.Count: 0, Seconds: { } seconds } && Outline.SegmentAt(seconds, _segments) is { } at
                ? item with { Segments = [at] }
                : item;
            var point = verifier.Verify(cited);
            var isUnsupported = point is null or { Supported: false };
            unsupported += isUnsupported ? 1 : 0;
            if (point is not null && !(isUnsupported && settings.Unsupported == UnsupportedPolicy.Drop))
            {
                points.Add(point);
            }
        }

        if (points.Count == 0)
        {
            return (null, unsupported);
        }

        // Of too many, those that are borne out come first, and then those that the model names first.
        IReadOnlyList<KeyPoint> keyPoints =
            [.. points.OrderBy(point => point.Supported == false).Take(maxKeyPoints).OrderBy(point => point.Start).ThenBy(point => point.Segments[0])];
        var topics = Outline.Topics(reply.Topics, _segments);
        return (new Summary(
            reply.Title ?? Extract(_segments, maxKeyPoints).Title,
            reply.Abstract ?? ShownText.Clean(string.Join(' ', keyPoints.Take(PointsOfAbstract).Select(point => point.Text)), ShownText.MaxAbstract),
            keyPoints, topics, Outline.Chapters(reply.Chapters.Count > 0 ? reply.Chapters : reply.Topics, _segments),
            language is not null && LanguageNames.Primary(language) != LanguageNames.Primary(heard) ? language : null), unsupported);
    }
}
