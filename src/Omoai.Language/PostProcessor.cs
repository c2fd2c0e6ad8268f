using System.Globalization;
using System.Text.Json;
using Omoai.Language.Engines;
using Omoai.Language.Paragraphs;
using Omoai.Language.Punctuation;
using Omoai.Language.Punctuation.Llm;
using Omoai.Language.Summaries;
using Omoai.Language.Summaries.Llm;
using Omoai.Shared;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Quality;

namespace Omoai.Language;

/// <summary>Makes recognised words readable: punctuation and case, segments, paragraphs, and a summary.</summary>
public static class PostProcessor
{
    /// <summary>What <see cref="PostProcessOutput.Model"/> says where there is no punctuation model.</summary>
    public const string NoModel = "none";

    /// <summary>The code of the warning about words that the recogniser was unsure of.</summary>
    public const string LowConfidence = "low_confidence";

    /// <summary>The code of the warning about speech in a language that the punctuation model doesn't know.</summary>
    public const string OtherLanguage = "no_punctuation";

    /// <summary>The code of the warning about hot words that changed nothing.</summary>
    public const string HotWordsIgnored = "hot_words_ignored";

    /// <summary>The code of the warning about words that were probably never said.</summary>
    public const string Suspicious = "suspicious_words";

    /// <summary>The code of the warning about replies of a language model that couldn't be used for punctuation.</summary>
    public const string LlmFallback = "llm_fallback";

    /// <summary>The code of the warning about a language model's summary that couldn't be used.</summary>
    public const string LlmSummaryFailed = "llm_summary_failed";

    /// <summary>A mean confidence under this, one word in five expected to be wrong, is worth a warning.</summary>
    private const double ConfidenceBound = 0.8;

    /// <summary>Does what <paramref name="input"/> asks and writes a <see cref="PostProcessed"/> to its output.</summary>
    /// <param name="loadTagger">Gives the punctuation model of a folder; called where it is needed.</param>
    /// <param name="loadLlm">Gives the language model of an input; called where it is needed.</param>
    /// <param name="input">What to do.</param>
    /// <param name="progress">Told the part that is done, 0 to 1, rising, on any thread.</param>
    /// <param name="cancellation">Stops it; nothing is left at the output then.</param>
    /// <exception cref="BadInputException">A part can't be read, or a number is out of its range.</exception>
    /// <exception cref="MissingRequirementException">
    /// The punctuation model, the language model or ONNX Runtime's library can't be used, or a language model is asked for and none is
    /// configured.
    /// </exception>
    /// <exception cref="LanguageServerException">A language model's server can't be reached, or answers nothing from the first.</exception>
    internal static async Task<PostProcessOutput> PostProcessAsync(
        Func<string, IWordTagger> loadTagger, Func<PostProcessInput, ILanguageModel> loadLlm, PostProcessInput input,
        IProgress<double> progress, CancellationToken cancellation)
    {
        Check(input);
        var parts = new List<RecognizedPart>();
        foreach (var part in input.Parts)
        {
            parts.Add(await ReadPartAsync(part, cancellation));
        }

        progress = new RisingProgress(progress);
        progress.Report(0.1);
        var asksLlm = input.Punctuation == PunctuationMethod.Llm || input.Summary == SummaryMethod.Llm;
        var llm = asksLlm && parts.Any(part => part.Words.Count > 0) ? loadLlm(input) : null;
        // The small model is what a language model's reply that can't be used is replaced by.
        var tagger = input.ModelFolder is { } folder && input.Punctuation != PunctuationMethod.None && parts.Any(part => !part.Punctuated)
            ? loadTagger(folder)
            : null;
        var (result, warnings) = await ProcessAsync(parts, tagger, llm, input, progress, cancellation);
        await AtomicFile.WriteJsonAsync(input.Output, result, cancellation);
        progress.Report(1);
        var byLlm = result.Llm?.Punctuation is { } use && use.Batches > use.Fallbacks.Count;
        return new PostProcessOutput(
            result.Segments.Count, result.Segments.Select(segment => segment.Paragraph).Distinct().Count(),
            parts.Sum(part => part.Words.Count), byLlm ? result.Llm!.Model : tagger?.Name ?? NoModel, warnings, llm?.Provider?.Name,
            llm?.Provider?.Reason);
    }

    /// <summary>The work itself, without files.</summary>
    /// <param name="parts">What was recognised.</param>
    /// <param name="tagger">The punctuation model; null for none.</param>
    /// <param name="llm">The language model; null where neither punctuation nor summary is by one.</param>
    /// <param name="input">What to do; its parts, output and folders aren't looked at.</param>
    /// <param name="progress">Told the part that is done.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="BadInputException">The parts of a channel aren't in order of time.</exception>
    /// <exception cref="LanguageServerException">As above.</exception>
    internal static async Task<(PostProcessed Result, IReadOnlyList<Warning> Warnings)> ProcessAsync(
        IReadOnlyList<RecognizedPart> parts, IWordTagger? tagger, ILanguageModel? llm, PostProcessInput input,
        IProgress<double> progress, CancellationToken cancellation)
    {
        llm = llm is null ? null : new AnsweringModel(llm);
        var language = Language(parts);
        var warnings = new List<Warning>();
        var punctuates = llm is not null && input.Punctuation == PunctuationMethod.Llm;
        if (tagger is not null && language is not null && !SameLanguage(language, tagger.Language))
        {
            if (!punctuates)
            {
                warnings.Add(new Warning(
                    OtherLanguage, $"The punctuation model knows '{tagger.Language}' and the speech is '{language}': there is no punctuation."));
            }

            tagger = null;
        }

        var channels = parts.GroupBy(part => part.Channel).OrderBy(channel => channel.Key ?? -1).ToList();
        var spoken = new List<SpokenSegment>();
        var byLlm = new List<(LlmPunctuation Punctuation, RecognisedChannel Recognised)>();
        foreach (var (i, channel) in channels.Index())
        {
            Word[] words = [.. channel.SelectMany(part => part.Words)];
            if (!AreInOrder(words))
            {
                throw new BadInputException("The recognised parts aren't in order of time.");
            }

            var recognised = new RecognisedChannel(words, channel.All(part => part.Punctuated), tagger);
            void Report(double share) => progress.Report(0.1 + (0.5 * (i + share) / channels.Count));
            if (punctuates)
            {
                var punctuation = await LlmPunctuator.PunctuateAsync(
                    llm!, input.Llm!, language, recognised.Bare, recognised.Pauses,
                    (first, end) => recognised.Write(first, end, _ => { }, cancellation), Report, cancellation);
                byLlm.Add((punctuation, recognised));
                spoken.AddRange(Segments(channel.Key, recognised, punctuation.Words, punctuation.Respelt, input.ParagraphGapSeconds));
            }
            else
            {
                spoken.AddRange(Segments(
                    channel.Key, recognised, recognised.Write(0, words.Length, Report, cancellation), [], input.ParagraphGapSeconds));
            }
        }

        IReadOnlyList<SpokenSegment> turns = channels.Count == 1 ? spoken : InTurns(spoken);
        Segment[] segments = [.. turns.Select(turn => turn.Segment)];
        progress.Report(0.7);

        LlmUse? use = null;
        if (llm is not null)
        {
            use = new LlmUse(llm.Engine, llm.Name, 0, 0, 0, punctuates ? Use(byLlm) : null);
            foreach (var (punctuation, _) in byLlm)
            {
                use = Add(use, punctuation.Cost);
            }

            if (use.Punctuation is { Fallbacks.Count: > 0 } incomplete)
            {
                warnings.Add(FallbackWarning(incomplete, byLlm, tagger is not null));
            }
        }

        Summary? summary = null;
        if (llm is not null && input.Summary == SummaryMethod.Llm && segments.Length > 0)
        {
            (summary, var summaryUse, var cost) = await LlmSummarizer.SummarizeAsync(
                llm, segments, input.Llm!, input.MaxKeyPoints, language, input.SummaryLanguage,
                share => progress.Report(0.7 + (0.2 * share)), cancellation);
            use = Add(use! with { Summary = summaryUse }, cost);
            if (summary is null)
            {
                warnings.Add(new Warning(
                    LlmSummaryFailed,
                    $"The language model gave no summary that could be used ({summaryUse.Fallback}): the summary is made of the transcript's own sentences."));
            }
        }

        if (input.Summary != SummaryMethod.None && summary is null)
        {
            summary = ExtractiveSummarizer.Summarize(segments, [.. turns.Select(turn => turn.Bare)], input.MaxKeyPoints, cancellation);
        }

        progress.Report(0.9);
        var suspicions = parts.SelectMany(part => part.Suspicions ?? []).OrderBy(suspicion => suspicion.Start).ToList();
        // Each part has the same.
        if (parts.Select(part => part.IgnoredHotWords).FirstOrDefault(words => words is { Count: > 0 }) is { } ignored)
        {
            const int Shown = 5;
            var more = ignored.Count > Shown ? $" and {ignored.Count - Shown} more" : "";
            warnings.Add(new Warning(
                HotWordsIgnored,
                $"The speech model can't be told these hot words, or can't write them; they changed nothing: {string.Join(", ", ignored.Take(Shown))}{more}."));
        }

        warnings.AddRange(Warnings([.. parts.SelectMany(part => part.Words)], suspicions));
        string[] lines = [.. turns.Select(turn => string.Join(' ', turn.Recognised))];
        string[] texts = [.. segments.Select(segment => segment.Text)];
        var result = new PostProcessed(segments, summary, language, UnsureWords.Find(segments), suspicions)
        {
            Llm = use,
            Changes = [.. turns.SelectMany(turn => turn.Respelt, (turn, change) => change with { Segment = turn.Segment.Id })],
            Quality = input.QualityMetrics
                ? TranscriptQualities.Compare(
                    string.Join('\n', lines), string.Join('\n', texts), use?.Punctuation?.AlignmentConfidence, cancellation)
                : null,
            Diff = input.Diffs ? TextDiffs.Create(lines, texts, cancellation) : null,
            RawText = input.RawText ? string.Join('\n', lines) : null,
        };
        return (result, warnings);
    }

    /// <summary>The segments of one channel.</summary>
    private static IEnumerable<SpokenSegment> Segments(
        int? channel, RecognisedChannel recognised, IReadOnlyList<WrittenWord> written, IReadOnlyList<Respelling> respelt,
        double paragraphGapSeconds)
    {
        Word[] words = [.. recognised.Words.Select((word, i) => word with { Text = written[i].Text })];
        var segments = SegmentBuilder.Build(
            words, recognised.Pauses, i => written[i].EndsSentence, paragraphGapSeconds, i => written[i].EndsParagraph);
        var (next, change) = (0, 0);
        foreach (var segment in segments)
        {
            var from = next;
            next += segment.Words.Count;
            var changes = new List<SpellingChange>();
            for (; change < respelt.Count && respelt[change].Word < next; change++)
            {
                var (word, before, after) = respelt[change];
                changes.Add(new SpellingChange(segment.Id, words[word].Start, before, after));
            }

            yield return new SpokenSegment(
                segment with { Channel = channel }, recognised.Plain[from..next],
                [.. recognised.Bare[from..next].Select(word => word.ToLowerInvariant())], changes);
        }
    }

    /// <summary>The segments of all channels in order of time. Whoever begins to speak begins a paragraph.</summary>
    private static SpokenSegment[] InTurns(List<SpokenSegment> spoken)
    {
        var turns = spoken.OrderBy(item => item.Segment.Start).ThenBy(item => item.Segment.Channel).ToArray();
        var paragraph = 0;
        var before = turns.FirstOrDefault()?.Segment;
        for (var i = 0; i < turns.Length; i++)
        {
            var segment = turns[i].Segment;
            paragraph += segment.Channel != before!.Channel || segment.Paragraph != before.Paragraph ? 1 : 0;
            before = segment;
            turns[i] = turns[i] with { Segment = segment with { Id = i, Paragraph = paragraph } };
        }

        return turns;
    }

    /// <summary>What all channels took together.</summary>
    private static PunctuationUse Use(IReadOnlyList<(LlmPunctuation Punctuation, RecognisedChannel Recognised)> channels)
    {
        var (used, same) = (channels.Sum(channel => channel.Punctuation.UsedWords), channels.Sum(channel => channel.Punctuation.SameWords));
        return new PunctuationUse(
            channels.Sum(channel => channel.Punctuation.Batches),
            [.. channels.SelectMany(channel => channel.Punctuation.Fallbacks, (channel, unused) => new BatchFallback(
                unused.Reason, channel.Recognised.Words[unused.From].Start, channel.Recognised.Words[unused.To - 1].End, unused.To - unused.From))
                .OrderBy(fallback => fallback.Start)],
            used > 0 ? (double)same / used : 1);
    }

    private static LlmUse Add(LlmUse use, LlmCost cost) => use with
    {
        Requests = use.Requests + cost.Requests,
        PromptTokens = use.PromptTokens + cost.PromptTokens,
        ReplyTokens = use.ReplyTokens + cost.ReplyTokens,
    };

    private static Warning FallbackWarning(
        PunctuationUse use, IReadOnlyList<(LlmPunctuation Punctuation, RecognisedChannel Recognised)> channels, bool hasTagger)
    {
        var reasons = use.Fallbacks.CountBy(fallback => fallback.Reason).OrderBy(reason => reason.Key, StringComparer.Ordinal)
            .Select(reason => string.Create(CultureInfo.InvariantCulture, $"{reason.Key}: {reason.Value}"));
        const int Longest = 300;
        var problem = channels.Select(channel => channel.Punctuation.Problem).FirstOrDefault(problem => problem is not null);
        problem = problem?.Length > Longest ? problem[..Longest] + "…" : problem;
        var instead = string.Join(" or ", channels.Where(channel => channel.Punctuation.Fallbacks.Count > 0)
            .Select(channel => hasTagger && !channel.Recognised.Punctuated ? "as the small punctuation model writes them" : "as recognised")
            .Distinct());
        return new Warning(LlmFallback, string.Create(
            CultureInfo.InvariantCulture,
            $"The language model's replies couldn't be used in {use.Fallbacks.Count} of {use.Batches} stretches of words ({string.Join(", ", reasons)}): there they are {instead}.{(problem is null ? "" : $" {problem}")}"));
    }

    /// <summary>The language of most of the words; null where the parts don't say.</summary>
    private static string? Language(IReadOnlyList<RecognizedPart> parts) => parts.Where(part => part.Language is not null)
        .GroupBy(part => part.Language!).OrderByDescending(group => group.Sum(part => part.Words.Count))
        .ThenBy(group => group.Key, StringComparer.Ordinal).FirstOrDefault()?.Key;

    private static bool SameLanguage(string one, string other) =>
        one.Split('-')[0].Equals(other.Split('-')[0], StringComparison.OrdinalIgnoreCase);

    private static void Check(PostProcessInput input)
    {
        if (input.MaxKeyPoints is < 1 or > 50)
        {
            throw new BadInputException($"The number of key points must be 1 to 50, not {input.MaxKeyPoints}.");
        }

        if (!(input.ParagraphGapSeconds >= 0))
        {
            throw new BadInputException("The paragraph gap must be 0 seconds or more.");
        }

        if (input.Llm?.MaxSpellingEdits is < 0 or > 4)
        {
            throw new BadInputException($"The edits of a word's spelling must be 0 to 4, not {input.Llm.MaxSpellingEdits}.");
        }
    }

    private static async Task<RecognizedPart> ReadPartAsync(string path, CancellationToken cancellation)
    {
        try
        {
            await using var stream = File.OpenRead(path);
            var part = await JsonSerializer.DeserializeAsync<RecognizedPart>(stream, OmoaiJson.Compact, cancellation);
            return part is { Words: { } words } && words.All(IsSound) && AreInOrder(words)
                ? part
                : throw new BadInputException(
                    $"{Path.GetFileName(path)} holds words without text, with impossible times or confidence, or out of order.");
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new BadInputException($"{Path.GetFileName(path)} isn't a recognised part: {e.Message}", e);
        }
    }

    private static bool IsSound(Word? word) =>
        word is not null && !string.IsNullOrWhiteSpace(word.Text) && word.Start >= 0 && word.End >= word.Start
        && double.IsFinite(word.End) && word.Confidence is >= 0 and <= 1;

    private static bool AreInOrder(IReadOnlyList<Word> words) =>
        words.Zip(words.Skip(1)).All(pair => pair.Second.Start >= pair.First.Start && pair.Second.End >= pair.First.End);

    private static IEnumerable<Warning> Warnings(IReadOnlyList<Word> words, IReadOnlyList<Suspicion> suspicions)
    {
        if (words.Count > 0 && words.Average(word => word.Confidence) is var mean && mean < ConfidenceBound)
        {
            yield return new Warning(LowConfidence, string.Create(
                CultureInfo.InvariantCulture,
                $"The recogniser was unsure of what it heard (mean confidence {mean:0.00} of 1): expect more wrong words than usual."));
        }

        if (suspicions.Count > 0)
        {
            var kept = suspicions.Count(suspicion => suspicion.Kept);
            yield return new Warning(Suspicious, string.Create(
                CultureInfo.InvariantCulture,
                $"The recogniser gave words that were probably never said, in {suspicions.Count} places: {suspicions.Count - kept} left out, {kept} kept. See 'suspicions' in final.json."));
        }
    }
    /// <summary>A segment and what it was made of.</summary>
    /// <param name="Segment">As written.</param>
    /// <param name="Recognised">Its words as recognised.</param>
    /// <param name="Bare">The same without marks, lower case.</param>
    /// <param name="Respelt">Those that are spelt otherwise; their segment's id is that of <paramref name="Segment"/>.</param>
    private sealed record SpokenSegment(
        Segment Segment, IReadOnlyList<string> Recognised, string[] Bare, IReadOnlyList<SpellingChange> Respelt);

    /// <summary>Passes on what is more than what was told before, one report at a time.</summary>
    private sealed class RisingProgress(IProgress<double> progress) : IProgress<double>
    {
        private readonly Lock _lock = new();
        private double _highest = double.NegativeInfinity;

        public void Report(double value)
        {
            lock (_lock)
            {
                if (value > _highest)
                {
                    _highest = value;
                    progress.Report(value);
                }
            }
        }
    }
}
