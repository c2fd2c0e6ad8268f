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
        var words = new List<Word>();
        foreach (var part in input.Parts)
        {
            words.AddRange(await ReadPartAsync(part, cancellation));
        }

        if (!AreInOrder(words))
        {
            throw new BadInputException("The recognised parts aren't in order of time.");
        }

        progress.Report(0.1);
        var tagger = input.ModelFolder is { } folder ? load(folder) : null;
        var result = Process(words, tagger, input, progress, cancellation);
        await AtomicFile.WriteJsonAsync(input.Output, result, cancellation);
        progress.Report(1);
        return new PostProcessOutput(
            result.Segments.Count, result.Segments.Select(segment => segment.Paragraph).Distinct().Count(), words.Count,
            tagger?.Name ?? NoModel, Warnings(words));
    }

    /// <summary>The work itself, without files.</summary>
    internal static PostProcessed Process(
        IReadOnlyList<Word> recognised, IWordTagger? tagger, PostProcessInput input, IProgress<double> progress,
        CancellationToken cancellation)
    {
        var bare = recognised.Select(word => Nfc.Normalize(word.Text.Trim())).ToArray();
        var pauses = WordPauses.Of(recognised);
        var written = tagger is null
            ? [.. bare.Select((word, i) => new WrittenWord(word, pauses[i] >= SegmentPause))]
            : Punctuate(bare, pauses, tagger, progress, cancellation);

        Word[] words = [.. recognised.Select((word, i) => word with { Text = written[i].Text })];
        var segments = SegmentBuilder.Build(words, pauses, i => written[i].EndsSentence, input.ParagraphGapSeconds);
        progress.Report(0.7);

        var summary = input.Summary == SummaryMethod.None
            ? null
            : ExtractiveSummarizer.Summarize(segments, BareWords(segments, bare), input.MaxKeyPoints, cancellation);
        progress.Report(0.9);
        return new PostProcessed(segments, summary);
    }

    private static IReadOnlyList<WrittenWord> Punctuate(
        string[] words, float[] pauses, IWordTagger tagger, IProgress<double> progress, CancellationToken cancellation)
    {
        string[] lower = [.. words.Select(word => word.ToLowerInvariant())];
        var tags = TaggingWindows.Tag(
            tagger, lower, pauses, decided => progress.Report(0.1 + 0.5 * decided / words.Length), cancellation);
        var english = tagger.Language.Split('-')[0].Equals("en", StringComparison.OrdinalIgnoreCase);
        // The tagger knows lower case only, and its cases are the only ones: some recognisers write capitals alone.
        return Punctuator.Apply(lower, pauses, tags, english);
    }

    /// <summary>For each segment its words without marks, lower case.</summary>
    private static List<string[]> BareWords(IReadOnlyList<Segment> segments, string[] bare)
    {
        var lists = new List<string[]>(segments.Count);
        var next = 0;
        foreach (var segment in segments)
        {
            lists.Add([.. bare.Skip(next).Take(segment.Words.Count).Select(word => word.ToLowerInvariant())]);
            next += segment.Words.Count;
        }

        return lists;
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

    private static async Task<IReadOnlyList<Word>> ReadPartAsync(string path, CancellationToken cancellation)
    {
        try
        {
            await using var stream = File.OpenRead(path);
            var part = await JsonSerializer.DeserializeAsync<RecognizedPart>(stream, OmoaiJson.Compact, cancellation);
            return part is { Words: { } words } && words.All(IsSound) && AreInOrder(words)
                ? words
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

    private static IReadOnlyList<Warning> Warnings(IReadOnlyList<Word> words)
    {
        if (words.Count == 0 || words.Average(word => word.Confidence) is var mean && mean >= ConfidenceBound)
        {
            return [];
        }

        var message = string.Create(
            CultureInfo.InvariantCulture,
            $"The recogniser was unsure of what it heard (mean confidence {mean:0.00} of 1): expect more wrong words than usual.");
        return [new Warning(LowConfidence, message)];
    }
}
