using System.Text.Json;
using Omoai.Language.Punctuation;
using Omoai.Language.Tests.Support;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Language.Tests;

public sealed class PostProcessorTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("omoai-language-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task Parts_are_read_in_order_punctuated_and_written()
    {
        var words = Speech.Say("the queue stopped / zulu the daemon restarted //  nobody saw it");
        TinyModel.WriteFolder(folder);
        var (output, result) = await RunAsync([words[..4], words[4..]], model: folder);

        Assert.Equal(
            ["The queue stopped.", "Zulu, the daemon restarted.", "Nobody saw it."], result.Segments.Select(segment => segment.Text));
        Assert.Equal([0, 0, 1], result.Segments.Select(segment => segment.Paragraph));
        Assert.Equal((3, 2, 10, "tiny"), (output.SegmentCount, output.ParagraphCount, output.WordCount, output.Model));
        Assert.Empty(output.Warnings);
        Assert.NotNull(result.Summary);
        Assert.DoesNotContain(Directory.GetFiles(folder), file => file.EndsWith(".tmp", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_a_model_words_stay_as_recognised_and_pauses_make_segments()
    {
        var (output, result) = await RunAsync([Speech.Say("i saw it / i did // ok")]);
        Assert.Equal(["i saw it", "i did", "ok"], result.Segments.Select(segment => segment.Text));
        Assert.Equal([0, 0, 1], result.Segments.Select(segment => segment.Paragraph));
        Assert.Equal(PostProcessor.NoModel, output.Model);
    }

    [Fact]
    public async Task No_words_make_an_empty_document_without_a_summary()
    {
        var (output, result) = await RunAsync([[], []]);
        Assert.Empty(result.Segments);
        Assert.Null(result.Summary);
        Assert.Equal((0, 0, 0), (output.SegmentCount, output.ParagraphCount, output.WordCount));
        Assert.Empty(output.Warnings);
    }

    [Fact]
    public async Task Parts_out_of_order_are_bad_input()
    {
        var words = Speech.Say("the queue stopped");
        await Assert.ThrowsAsync<BadInputException>(() => RunAsync([words[1..], words[..1]]));
    }

    [Fact]
    public async Task Words_in_capitals_get_the_case_of_the_tagger()
    {
        TinyModel.WriteFolder(folder);
        var (_, result) = await RunAsync([Speech.Say("THE QUEUE STOPPED / I SAW IT")], model: folder);
        Assert.Equal(["The queue stopped.", "I saw it."], result.Segments.Select(segment => segment.Text));
    }

    [Fact]
    public async Task One_word_is_a_sentence()
    {
        TinyModel.WriteFolder(folder);
        var (_, result) = await RunAsync([Speech.Say("hello")], model: folder);
        Assert.Equal("Hello.", Assert.Single(result.Segments).Text);
        Assert.Equal("Hello", result.Summary!.Title);
    }

    [Fact]
    public async Task No_summary_where_none_is_asked_for() =>
        Assert.Null((await RunAsync([Speech.Say("the queue stopped")], summary: SummaryMethod.None)).Result.Summary);

    [Fact]
    public async Task A_language_model_that_is_not_there_is_missing()
    {
        var e = await Assert.ThrowsAsync<MissingRequirementException>(
            () => RunAsync([Speech.Say("the queue stopped")], summary: SummaryMethod.Llm));
        Assert.Contains("language model", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.79, true)]
    [InlineData(0.8, false)]
    public async Task Unsure_recognition_is_warned_about(double confidence, bool warned) =>
        Assert.Equal(
            warned ? [PostProcessor.LowConfidence] : Array.Empty<string>(),
            (await RunAsync([Speech.Say("the queue stopped", confidence)])).Output.Warnings.Select(warning => warning.Code));

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{"index":0}""")]
    [InlineData("""{"index":0,"words":null}""")]
    [InlineData("""{"index":0,"words":[null]}""")]
    [InlineData("""{"index":0,"words":[{"text":" ","start":0,"end":1,"confidence":1}]}""")]
    [InlineData("""{"index":0,"words":[{"text":"a","start":2,"end":1,"confidence":1}]}""")]
    [InlineData("""{"index":0,"words":[{"text":"a","start":-1,"end":1,"confidence":1}]}""")]
    [InlineData("""{"index":0,"words":[{"text":"a","start":0,"end":1e999,"confidence":1}]}""")]
    [InlineData("""{"index":0,"words":[{"text":"a","start":0,"end":1,"confidence":-0.1}]}""")]
    [InlineData("""{"index":0,"words":[{"text":"a","start":0,"end":1,"confidence":1.1}]}""")]
    [InlineData("""{"index":0,"words":[{"text":"a","start":2,"end":3,"confidence":1},{"text":"b","start":1,"end":3,"confidence":1}]}""")]
    [InlineData("""{"index":0,"words":[{"text":"a","start":0,"end":3,"confidence":1},{"text":"b","start":1,"end":2,"confidence":1}]}""")]
    [InlineData("""{"index":0,"words":[{"text":"a","start":0""")]
    public async Task A_part_that_is_none_is_bad_input_and_leaves_no_output(string json)
    {
        var part = Path.Combine(folder, "part.json");
        await File.WriteAllTextAsync(part, json);
        var output = Path.Combine(folder, "out.json");
        var e = await Assert.ThrowsAsync<BadInputException>(() => PostProcessor.PostProcessAsync(
            new PostProcessInput([part], output, null), new Progress<double>(), CancellationToken.None));
        Assert.Contains("part.json", e.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(output));
    }

    [Theory]
    [InlineData(0, 1.5)]
    [InlineData(51, 1.5)]
    [InlineData(7, -1)]
    [InlineData(7, double.NaN)]
    public async Task Numbers_out_of_range_are_bad_input(int maxKeyPoints, double gap) =>
        await Assert.ThrowsAsync<BadInputException>(() => PostProcessor.PostProcessAsync(
            new PostProcessInput([], Path.Combine(folder, "out.json"), null, MaxKeyPoints: maxKeyPoints, ParagraphGapSeconds: gap),
            new Progress<double>(), CancellationToken.None));

    [Fact]
    public async Task A_cancelled_run_leaves_nothing()
    {
        var output = Path.Combine(folder, "out.json");
        var part = await WritePartAsync(0, Speech.Say("hello"));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => PostProcessor.PostProcessAsync(
            new PostProcessInput([part], output, null),
            new Progress<double>(), new CancellationToken(canceled: true)));
        Assert.False(File.Exists(output));
    }

    [Fact]
    public void Progress_rises_to_one()
    {
        var reports = new Reports();
        var words = Speech.Say(string.Join(' ', Enumerable.Repeat("word", 1000)));
        PostProcessor.Process(
            [new RecognizedPart(0, words)], new FakeTagger((seen, _) => [.. seen.Select(_ => FakeTagger.Nothing)], 50), Input, reports, CancellationToken.None);
        Assert.Equal(reports.Values.Order(), reports.Values);
        Assert.True(reports.Values.Count > 20);
        Assert.InRange(reports.Values[^1], 0.8, 1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void Whatever_the_tagger_says_the_words_and_times_are_those_recognised(int seed)
    {
        var random = new Random(seed);
        string[] vocabulary = ["the", "queue", "i", "i'm", "what", "is", "can", "you", "đường", "ông", "x", "3d", "o'clock", "'tis", "ñandú"];
        WordTag[] tags =
        [
            FakeTagger.Nothing, new(",", WordCase.Lower), new(".", WordCase.Capitalised), new("?", WordCase.Upper), new("", WordCase.Upper),
        ];
        var time = 0.0;
        var words = new List<Word>();
        for (var i = random.Next(0, 2000); i >= 0; i--)
        {
            var end = time + random.NextDouble() * (random.Next(50) == 0 ? 20 : 0.6);
            words.Add(new Word(vocabulary[random.Next(vocabulary.Length)], time, end, random.NextDouble()));
            time = end + (random.Next(8) == 0 ? random.NextDouble() * 4 : 0);
        }

        var tagger = new FakeTagger((seen, _) => [.. seen.Select(_ => tags[random.Next(seed % 2 == 0 ? 2 : tags.Length)])], 30);
        var result = PostProcessor.Process(
            [new RecognizedPart(0, words)], tagger, Input, new Reports(), CancellationToken.None).Result;

        var written = result.Segments.SelectMany(segment => segment.Words).ToArray();
        Assert.Equal(words.Select(word => word.Text), written.Select(word => word.Text.TrimEnd('.', ',', '?').ToLowerInvariant()));
        Assert.Equal(
            words.Select(word => (word.Start, word.End, word.Confidence)), written.Select(word => (word.Start, word.End, word.Confidence)));
        Assert.Equal(Enumerable.Range(0, result.Segments.Count), result.Segments.Select(segment => segment.Id));
        Assert.All(result.Segments, segment =>
        {
            Assert.Equal(string.Join(' ', segment.Words.Select(word => word.Text)), segment.Text);
            Assert.Equal((segment.Words[0].Start, segment.Words[^1].End), (segment.Start, segment.End));
            Assert.InRange(segment.Words.Count, 1, 60);
        });
        Assert.All(result.Segments.Zip(result.Segments.Skip(1)), pair =>
            Assert.InRange(pair.Second.Paragraph - pair.First.Paragraph, 0, 1));
        Assert.Equal(0, result.Segments[0].Paragraph);
        Assert.Contains(written[^1].Text[^1], ".?");
        Assert.All(result.Summary!.KeyPoints, point =>
            Assert.Equal(point.Text, string.Join(' ', point.Segments.Select(id => result.Segments[id].Text))));
    }

    [Fact]
    public void Each_channel_is_punctuated_by_itself_and_the_segments_take_turns()
    {
        // One asks at 0 s and again at 20 s; the other answers at 10 s, and speaks into the second question.
        var first = new RecognizedPart(0, [new("hello", 0, 1, 0.9), new("there", 1, 2, 0.9), new("again", 20, 25, 0.9)], Channel: 0);
        var second = new RecognizedPart(1, [new("yes", 10, 11, 0.9), new("quite", 21, 22, 0.9)], Channel: 1);

        var segments = Process([first, second]).Result.Segments;

        Assert.Equal(["hello there", "yes", "again", "quite"], segments.Select(segment => segment.Text));
        Assert.Equal([0, 1, 0, 1], segments.Select(segment => segment.Channel));
        Assert.Equal([0, 1, 2, 3], segments.Select(segment => segment.Id));
        Assert.Equal([0, 1, 2, 3], segments.Select(segment => segment.Paragraph));
    }

    [Fact]
    public void Words_that_have_their_marks_keep_them()
    {
        var part = new RecognizedPart(
            0, [new("Hello,", 0, 1, 0.9), new("Ann.", 1, 2, 0.9), new("Are", 2, 3, 0.9), new("you", 3, 4, 0.9), new("“in?”", 4, 5, 0.9)],
            Punctuated: true);
        var segments = Process([part], new FakeTagger((_, _) => throw new InvalidOperationException(), 50)).Result.Segments;
        Assert.Equal(["Hello, Ann.", "Are you “in?”"], segments.Select(segment => segment.Text));
    }

    [Fact]
    public void A_tagger_of_another_language_is_not_asked()
    {
        var part = new RecognizedPart(0, [new("xin", 0, 1, 0.9), new("chào", 1, 2, 0.9)], Language: "vi-VN");
        var (result, warnings) = Process([part], new FakeTagger((_, _) => throw new InvalidOperationException(), 50));
        Assert.Equal("xin chào", result.Segments.Single().Text);
        Assert.Equal("vi-VN", result.Language);
        Assert.Equal(PostProcessor.OtherLanguage, warnings.Single().Code);
    }

    [Fact]
    public void Unsure_words_are_listed_by_runs_and_segments()
    {
        var part = new RecognizedPart(0,
        [
            new("a", 0, 1, 0.4), new("b", 1, 2, 0.3), new("c", 2, 3, 0.5), new("d", 3, 4, 0.49), new("e", 9, 10, 0.1), new("f", 10, 11, 0.9),
        ]);
        Assert.Equal(
            [new UnsureSpan(0, 0, 2, "a b", 0.3), new UnsureSpan(0, 3, 4, "d", 0.49), new UnsureSpan(1, 9, 10, "e", 0.1)],
            Process([part]).Result.LowConfidence);
    }

    [Fact]
    public void Hot_words_that_changed_nothing_are_named_once()
    {
        var part = new RecognizedPart(0, [new("a", 0, 1, 0.9)], IgnoredHotWords: ["3D", "x1", "x2", "x3", "x4", "x5"]);
        var warning = Assert.Single(Process([part, part with { Index = 1, Words = [] }]).Warnings);
        Assert.Equal(PostProcessor.HotWordsIgnored, warning.Code);
        Assert.EndsWith("3D, x1, x2, x3, x4 and 1 more.", warning.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_probably_never_said_is_listed_in_order_and_warned_of()
    {
        Suspicion late = new("repetition", 30, 40, "and and", Kept: true), early = new("silence_phrase", 3, 4, "thanks", Kept: false);
        var (result, warnings) = Process(
        [
            new RecognizedPart(0, [new("a", 0, 1, 0.9)], Suspicions: [late]), new RecognizedPart(1, [new("b", 50, 51, 0.9)], Suspicions: [early]),
        ]);
        Assert.Equal([early, late], result.Suspicions);
        var warning = Assert.Single(warnings);
        Assert.Equal(PostProcessor.Suspicious, warning.Code);
        Assert.Contains("1 left out, 1 kept", warning.Message, StringComparison.Ordinal);
    }

    private static PostProcessInput Input => new([], "", null);

    private static (PostProcessed Result, IReadOnlyList<Warning> Warnings) Process(IReadOnlyList<RecognizedPart> parts, IWordTagger? tagger = null) =>
        PostProcessor.Process(parts, tagger, Input, new Reports(), CancellationToken.None);

    private async Task<string> WritePartAsync(int index, Word[] words)
    {
        var path = Path.Combine(folder, $"part{index}.json");
        await File.WriteAllTextAsync(path, JsonSerializer.Serialize(new RecognizedPart(index, words), OmoaiJson.Compact));
        return path;
    }

    private async Task<(PostProcessOutput Output, PostProcessed Result)> RunAsync(
        Word[][] parts, string? model = null, SummaryMethod summary = SummaryMethod.Extractive)
    {
        var files = new List<string>();
        foreach (var words in parts)
        {
            files.Add(await WritePartAsync(files.Count, words));
        }

        var path = Path.Combine(folder, "out.json");
        var output = await PostProcessor.PostProcessAsync(
            new PostProcessInput(files, path, model, summary), new Reports(), CancellationToken.None);
        return (output, JsonSerializer.Deserialize<PostProcessed>(await File.ReadAllTextAsync(path), OmoaiJson.Compact)!);
    }

    private sealed class Reports : IProgress<double>
    {
        public List<double> Values { get; } = [];

        public void Report(double value) => Values.Add(value);
    }
}
