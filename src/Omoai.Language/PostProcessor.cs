using System.Globalization;
using System.Text.Json;
using Omoai.Language.Paragraphs;
using Omoai.Language.Punctuation;
using Omoai.Language.Summaries;
using Omoai.Shared;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Normalization;

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

    /// <summary>A mean confidence under this, one word in five expected to be wrong, is worth a warning.</summary>
    private const double ConfidenceBound = 0.8;

    /// <summary>Without a punctuation model, a silence this long ends a segment, seconds.</summary>
    private const float SegmentPause = 0.6f;

    /// <summary>Does what <paramref name="input"/> asks and writes a <see cref="PostProcessed"/> to its output.</summary>
    /// <param name="input">What to do.</param>
    /// <param name="progress">Told the part that is done, 0 to 1.</param>
    /// <param name="cancellation">Stops it; nothing is left at the output then.</param>
    /// <exception cref="BadInputException">A part can't be read, or a number is out of its range.</exception>
    /// <exception cref="MissingRequirementException">
    /// The punctuation model or ONNX Runtime's library can't be used, or a language model is asked for.
    /// </exception>
    public static async Task<PostProcessOutput> PostProcessAsync(
        PostProcessInput input, IProgress<double> progress, CancellationToken cancellation)
    {
        OnnxWordTagger? tagger = null;
        try
        {
            return await PostProcessAsync(folder => tagger = OnnxWordTagger.Load(folder), input, progress, cancellation);
        }
        finally
        {
            tagger?.Dispose();
        }
    }

    /// <summary>The same with a model that <paramref name="load"/> gives for its folder, and that stays loaded.</summary>
    internal static async Task<PostProcessOutput> PostProcessAsync(
        Func<string, IWordTagger> load, PostProcessInput input, IProgress<double> progress, CancellationToken cancellation)
    {
        Check(input);
        var parts = new List<RecognizedPart>();
        foreach (var part in input.Parts)
        {
            parts.Add(await ReadPartAsync(part, cancellation));
        }

        progress.Report(0.1);
        var tagger = input.ModelFolder is { } folder && parts.Any(part => !part.Punctuated) ? load(folder) : null;
        var (result, warnings) = Process(parts, tagger, input, progress, cancellation);
        await AtomicFile.WriteJsonAsync(input.Output, result, cancellation);
        progress.Report(1);
        return new PostProcessOutput(
            result.Segments.Count, result.Segments.Select(segment => segment.Paragraph).Distinct().Count(),
            parts.Sum(part => part.Words.Count), tagger?.Name ?? NoModel, warnings);
    }

    /// <summary>The work itself, without files.</summary>
    /// <exception cref="BadInputException">The parts of a channel aren't in order of time.</exception>
    internal static (PostProcessed Result, IReadOnlyList<Warning> Warnings) Process(
        IReadOnlyList<RecognizedPart> parts, IWordTagger? tagger, PostProcessInput input, IProgress<double> progress,
        CancellationToken cancellation)
    {
        var language = Language(parts);
        var warnings = new List<Warning>();
        if (tagger is not null && language is not null && !SameLanguage(language, tagger.Language))
        {
            warnings.Add(new Warning(
                OtherLanguage, $"The punctuation model knows '{tagger.Language}' and the speech is '{language}': there is no punctuation."));
            tagger = null;
        }

        var channels = parts.GroupBy(part => part.Channel).OrderBy(channel => channel.Key ?? -1).ToList();
        var spoken = channels.SelectMany((channel, i) =>
            Segments(channel.Key, [.. channel.SelectMany(part => part.Words)], channel.All(part => part.Punctuated), tagger,
                input.ParagraphGapSeconds, share => progress.Report(0.1 + (0.5 * (i + share) / channels.Count)), cancellation));
        var (segments, bare) = channels.Count == 1 ? Unzip([.. spoken]) : Unzip(InTurns([.. spoken]));
        progress.Report(0.7);

        var summary = input.Summary == SummaryMethod.None
            ? null
            : ExtractiveSummarizer.Summarize(segments, bare, input.MaxKeyPoints, cancellation);
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
        return (new PostProcessed(segments, summary, language, UnsureWords.Find(segments), suspicions), warnings);
    }

    /// <summary>The segments of one channel, each with its words without marks, lower case.</summary>
    private static IReadOnlyList<(Segment Segment, string[] Bare)> Segments(
        int? channel, Word[] recognised, bool punctuated, IWordTagger? tagger, double paragraphGapSeconds, Action<double> progress,
        CancellationToken cancellation)
    {
        if (!AreInOrder(recognised))
        {
            throw new BadInputException("The recognised parts aren't in order of time.");
        }

        var plain = recognised.Select(word => Nfc.Normalize(word.Text.Trim())).ToArray();
        var pauses = WordPauses.Of(recognised);
        var written = punctuated ? [.. plain.Select(word => new WrittenWord(word, EndsSentence(word)))]
            : tagger is null ? [.. plain.Select((word, i) => new WrittenWord(word, pauses[i] >= SegmentPause))]
            : Punctuate(plain, pauses, tagger, progress, cancellation);
        Word[] words = [.. recognised.Select((word, i) => word with { Text = written[i].Text })];
        var segments = SegmentBuilder.Build(words, pauses, i => written[i].EndsSentence, paragraphGapSeconds);
        var result = new List<(Segment, string[])>(segments.Count);
        var next = 0;
        foreach (var segment in segments)
        {
            var bare = plain.Skip(next).Take(segment.Words.Count).Select(word => (punctuated ? WithoutMarks(word) : word).ToLowerInvariant());
            result.Add((segment with { Channel = channel }, [.. bare]));
            next += segment.Words.Count;
        }

        return result;
    }

    /// <summary>The segments of all channels in order of time. Whoever begins to speak begins a paragraph.</summary>
    private static (Segment Segment, string[] Bare)[] InTurns((Segment Segment, string[] Bare)[] spoken)
    {
        var turns = spoken.OrderBy(item => item.Segment.Start).ThenBy(item => item.Segment.Channel).ToArray();
        var paragraph = 0;
        var before = turns.FirstOrDefault().Segment;
        for (var i = 0; i < turns.Length; i++)
        {
            var segment = turns[i].Segment;
            paragraph += segment.Channel != before!.Channel || segment.Paragraph != before.Paragraph ? 1 : 0;
            before = segment;
            turns[i].Segment = segment with { Id = i, Paragraph = paragraph };
        }

        return turns;
    }

    private static (IReadOnlyList<Segment> Segments, List<string[]> Bare) Unzip((Segment Segment, string[] Bare)[] items) =>
        ([.. items.Select(item => item.Segment)], [.. items.Select(item => item.Bare)]);

    /// <summary>The language of most of the words; null where the parts don't say.</summary>
    private static string? Language(IReadOnlyList<RecognizedPart> parts) => parts.Where(part => part.Language is not null)
        .GroupBy(part => part.Language!).OrderByDescending(group => group.Sum(part => part.Words.Count))
        .ThenBy(group => group.Key, StringComparer.Ordinal).FirstOrDefault()?.Key;

    private static bool SameLanguage(string one, string other) =>
        one.Split('-')[0].Equals(other.Split('-')[0], StringComparison.OrdinalIgnoreCase);

    private static bool EndsSentence(string word) => word.TrimEnd('"', '\'', '”', '’', '»', ')', ']', '」')
        is [.., '.' or '?' or '!' or '…' or '。' or '？' or '！'];

    private static string WithoutMarks(string word)
    {
        var bare = word.AsSpan().Trim(".,;:?!…\"'“”‘’«»()[]。，、？！".AsSpan());
        return bare.IsEmpty ? word : bare.ToString();
    }

    private static IReadOnlyList<WrittenWord> Punctuate(
        string[] words, float[] pauses, IWordTagger tagger, Action<double> progress, CancellationToken cancellation)
    {
        string[] lower = [.. words.Select(word => word.ToLowerInvariant())];
        var tags = TaggingWindows.Tag(
            tagger, lower, pauses, decided => progress((double)decided / words.Length), cancellation);
        var english = tagger.Language.Split('-')[0].Equals("en", StringComparison.OrdinalIgnoreCase);
        // The tagger knows lower case only, and its cases are the only ones: some recognisers write capitals alone.
        return Punctuator.Apply(lower, pauses, tags, english);
    }

    private static void Check(PostProcessInput input)
    {
        if (input.Summary == SummaryMethod.Llm)
        {
            throw new MissingRequirementException(
                "A summary by a language model was asked for and no language model is configured. Ask for an extractive one.");
        }

        if (input.MaxKeyPoints is < 1 or > 50)
        {
            throw new BadInputException($"The number of key points must be 1 to 50, not {input.MaxKeyPoints}.");
        }

        if (!(input.ParagraphGapSeconds >= 0))
        {
            throw new BadInputException("The paragraph gap must be 0 seconds or more.");
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
}
