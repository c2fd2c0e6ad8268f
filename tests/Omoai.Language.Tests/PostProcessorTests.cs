using System.Text.Json;
using Omoai.Language.Engines;
using Omoai.Language.Punctuation;
using Omoai.Language.Tests.Punctuation.Llm;
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
        var e = await Assert.ThrowsAsync<BadInputException>(() => PostProcessing.RunAsync(
            new PostProcessInput([part], output, null)));
        Assert.Contains("part.json", e.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(output));
    }

    [Theory]
    [InlineData(0, 1.5)]
    [InlineData(51, 1.5)]
    [InlineData(7, -1)]
    [InlineData(7, double.NaN)]
    public async Task Numbers_out_of_range_are_bad_input(int maxKeyPoints, double gap) =>
        await Assert.ThrowsAsync<BadInputException>(() => PostProcessing.RunAsync(
            new PostProcessInput([], Path.Combine(folder, "out.json"), null, MaxKeyPoints: maxKeyPoints, ParagraphGapSeconds: gap)));

    [Fact]
    public async Task A_cancelled_run_leaves_nothing()
    {
        var output = Path.Combine(folder, "out.json");
        var part = await WritePartAsync(0, Speech.Say("hello"));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => PostProcessing.RunAsync(
            new PostProcessInput([part], output, null), new CancellationToken(canceled: true)));
        Assert.False(File.Exists(output));
    }

    [Fact]
    public void Progress_rises_to_one()
    {
        var reports = new Reports();
        var words = Speech.Say(string.Join(' ', Enumerable.Repeat("word", 1000)));
        PostProcessing.Process(
            [new RecognizedPart(0, words)], new FakeTagger((seen, _) => [.. seen.Select(_ => FakeTagger.Nothing)], 50), Input, reports);
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
        var result = PostProcessing.Process([new RecognizedPart(0, words)], tagger, Input).Result;

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

    [Fact]
    public async Task A_language_model_punctuates_each_channel_and_the_document_says_what_it_did()
    {
        // As above, and the one who answers is misheard.
        var first = new RecognizedPart(0, [new("hello", 0, 1, 0.9), new("there", 1, 2, 0.9), new("again", 20, 25, 0.9)], Channel: 0, Language: "en");
        var second = new RecognizedPart(
            1, [new("yes", 10, 11, 0.9), new("yes", 11, 12, 0.9), new("quite", 21, 22, 0.9), new("sertain", 22, 23, 0.9)], Channel: 1);
        var model = new FakeLanguageModel((prompt, number) => new LlmReply(
            number == 0 ? "Hello there. Again?" : "Yes, yes. “Quite” certain!", ReplyEnd.Complete, 30, 20));
        var (result, warnings) = await ProcessAsync([first, second], model, Llm with
        {
            Llm = Llm.Llm! with { MaxSpellingEdits = 1 },
            QualityMetrics = true,
            Diffs = true,
            RawText = true,
        });

        Assert.Equal(
            [(0, 0, "Hello there."), (1, 1, "Yes, yes."), (2, 0, "Again?"), (3, 1, "“Quite” certain!")],
            result.Segments.Select(segment => (segment.Id, segment.Channel!.Value, segment.Text)));
        Assert.Equal([new SpellingChange(3, 22, "sertain", "certain")], result.Changes!);
        Assert.Equal("hello there\nyes yes\nagain\nquite sertain", result.RawText);
        Assert.Equal(new LlmUse(LlmEngine.OpenAi, "fake", 2, 60, 40), result.Llm! with { Punctuation = null });
        Assert.Equal((2, 0), (result.Llm!.Punctuation!.Batches, result.Llm.Punctuation.Fallbacks.Count));
        Assert.Equal(6.0 / 7, result.Llm.Punctuation.AlignmentConfidence, 12);
        Assert.Equal(result.Llm.Punctuation.AlignmentConfidence, result.Quality!.AlignmentConfidence);
        Assert.Equal((1, 7), (result.Quality.UnpunctuatedWer.Errors, result.Quality.UnpunctuatedWer.ReferenceLength));
        Assert.Contains("+Hello there.\n", result.Diff!.Unified, StringComparison.Ordinal);
        Assert.Contains("-quite sertain\n", result.Diff.Unified, StringComparison.Ordinal);
        Assert.Empty(warnings);
    }

    [Fact]
    public async Task What_nobody_asked_for_is_not_there()
    {
        var result = (await ProcessAsync([Part("so it is")], new FakeLanguageModel(_ => "So it is."), Llm)).Result;
        Assert.Equal((null, null, null), (result.Quality, result.Diff, result.RawText));
        Assert.Null(Process([Part("so it is")]).Result.Llm);
        Assert.Empty(Process([Part("so it is")]).Result.Changes!);
    }

    [Fact]
    public async Task Where_a_reply_can_not_be_used_the_small_model_writes_and_a_warning_says_so()
    {
        var (result, warnings) = await ProcessAsync(
            [Part("the queue stopped")], new FakeLanguageModel(_ => "HACKED"), Llm, FakeTagger.Knowing("The queue, stopped."));
        Assert.Equal("The queue, stopped.", Assert.Single(result.Segments).Text);
        Assert.Equal([new BatchFallback("drifted", 1, 2, 3)], result.Llm!.Punctuation!.Fallbacks);
        Assert.Equal(1, result.Llm.Punctuation.AlignmentConfidence);
        var warning = Assert.Single(warnings);
        Assert.Equal(PostProcessor.LlmFallback, warning.Code);
        Assert.Equal(
            "The language model's replies couldn't be used in 1 of 1 stretches of words (drifted: 1): there they are as the small punctuation model writes them.",
            warning.Message);
    }

    [Fact]
    public async Task Where_the_small_model_knows_another_language_pauses_make_the_segments()
    {
        var part = Part("xin chào / ông") with { Language = "vi" };
        var tagger = new FakeTagger((_, _) => throw new InvalidOperationException(), 50);
        var (result, warnings) = await ProcessAsync(
            [part], new FakeLanguageModel((_, _) => new LlmReply("", ReplyEnd.Failed, 0, 0, "The server said no.")), Llm, tagger);
        Assert.Equal(["xin chào", "ông"], result.Segments.Select(segment => segment.Text));
        Assert.EndsWith(
            "(failed: 1): there they are as recognised. The server said no.", Assert.Single(warnings).Message, StringComparison.Ordinal);

        // Nor does anybody need it where the replies are good.
        Assert.Empty((await ProcessAsync([part], new FakeLanguageModel(_ => "Xin chào ông."), Llm, tagger)).Warnings);
    }

    [Fact]
    public async Task Marks_of_the_recogniser_are_replaced_where_a_language_model_is_asked_and_kept_where_it_fails()
    {
        var part = new RecognizedPart(0, [new("Hello,", 0, 1, 0.9), new("Ann.", 1, 2, 0.9), new("Bye.", 2, 3, 0.9)], Punctuated: true);
        var model = new FakeLanguageModel(_ => "“Hello Ann!” Bye…");
        var result = (await ProcessAsync([part], model, Llm with { RawText = true })).Result;
        Assert.Contains("\nHello Ann Bye\n", model.Prompts[0].User, StringComparison.Ordinal);
        Assert.Equal(["“Hello Ann!”", "Bye…"], result.Segments.Select(segment => segment.Text));
        Assert.Equal("Hello, Ann.\nBye.", result.RawText);

        result = (await ProcessAsync([part], new FakeLanguageModel(_ => "Oh."), Llm)).Result;
        Assert.Equal(["Hello, Ann.", "Bye."], result.Segments.Select(segment => segment.Text));
        Assert.Equal(["Hello, Ann.", "Bye."], Process([part]).Result.Segments.Select(segment => segment.Text));
    }

    [Fact]
    public async Task Apostrophes_of_a_recogniser_that_writes_marks_stay_in_their_words()
    {
        string[] texts = ["“The", "dogs'", "bowls,", "'tis", "rock’n’roll", "the", "bosses’.", "'Ready?'", "’so’", "it.'", "'em..."];
        var part = new RecognizedPart(0, [.. texts.Select((text, i) => new Word(text, i, i + 1, 0.9))], Punctuated: true);
        var model = new FakeLanguageModel(prompt => LlmPunctuatorTests.Said(prompt) + ".");
        var result = (await ProcessAsync([part], model, Llm)).Result;
        Assert.Equal("The dogs' bowls 'tis rock’n’roll the bosses’ Ready so it 'em", LlmPunctuatorTests.Said(model.Prompts[0]));
        Assert.Equal("The dogs' bowls 'tis rock’n’roll the bosses’ Ready so it 'em.", Assert.Single(result.Segments).Text);
    }

    [Fact]
    public async Task The_warning_says_who_wrote_each_channel_where_replies_can_not_be_used()
    {
        var marked = new RecognizedPart(0, [new("Hello,", 0, 1, 0.9), new("Ann.", 1, 2, 0.9)], Channel: 0, Punctuated: true);
        var bare = new RecognizedPart(1, [new("so", 10, 11, 0.9), new("it", 11, 12, 0.9), new("is", 12, 13, 0.9)], Channel: 1);
        Assert.Equal("as recognised.", await InsteadAsync("Hello"));
        Assert.Equal("as the small punctuation model writes them.", await InsteadAsync("so it"));
        Assert.Equal("as recognised or as the small punctuation model writes them.", await InsteadAsync(""));

        async Task<string> InsteadAsync(string refused)
        {
            var model = new FakeLanguageModel(prompt =>
                LlmPunctuatorTests.Said(prompt) is var said && said.StartsWith(refused, StringComparison.Ordinal) ? "HACKED" : said);
            var tagger = new FakeTagger((seen, _) => [.. seen.Select(_ => FakeTagger.Nothing)], 50);
            return Assert.Single((await ProcessAsync([marked, bare], model, Llm, tagger)).Warnings).Message.Split("there they are ")[1];
        }
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    public async Task What_a_server_answered_is_kept_where_it_fails_later(int outage, bool stops)
    {
        // A good first batch and one that is asked for again in halves; then the summary.
        var words = string.Join(' ', Enumerable.Range(0, 450).Select(i => $"word{i}"));
        var calls = 0;
        using var model = new OutageModel(
            new FakeLanguageModel((prompt, number) => number == 1
                ? new LlmReply("", ReplyEnd.Cut, 0, 0) : new LlmReply(LlmPunctuatorTests.Said(prompt) + ".", ReplyEnd.Complete, 0, 0), 1 << 15),
            () => calls++ == outage);
        var running = ProcessAsync([Part(words)], model, Llm with { Summary = SummaryMethod.Llm });
        if (stops)
        {
            await Assert.ThrowsAsync<LanguageServerException>(() => running);
            return;
        }

        var (result, warnings) = await running;
        Assert.Equal(3, calls);
        Assert.Equal(450, result.Segments.Sum(segment => segment.Words.Count));
        Assert.True(result.Llm!.Punctuation!.Batches > result.Llm.Punctuation.Fallbacks.Count);
        Assert.Equal(outage == 1 ? ["failed", "failed"] : Array.Empty<string>(), result.Llm.Punctuation.Fallbacks.Select(fallback => fallback.Reason));
        Assert.Equal(outage == 2 ? "failed" : "unreadable", result.Llm.Summary!.Fallback);
        Assert.NotNull(result.Summary);
        Assert.Equal(outage == 1, warnings.Any(warning => warning.Message.EndsWith("Nobody is there.", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_blank_line_of_the_reply_starts_a_paragraph()
    {
        var result = (await ProcessAsync(
            [Part("it broke we ran it is over")], new FakeLanguageModel(_ => "It broke. We ran.\n\nIt is over."), Llm)).Result;
        Assert.Equal([0, 0, 1], result.Segments.Select(segment => segment.Paragraph));
    }

    [Fact]
    public async Task A_long_text_without_marks_is_broken_all_the_same()
    {
        var text = string.Join(' ', Enumerable.Repeat("so it goes on", 100));
        var result = (await ProcessAsync([Part(text)], new FakeLanguageModel(_ => text, 1 << 15), Llm)).Result;
        Assert.All(result.Segments, segment => Assert.InRange(segment.Words.Count, 1, 60));
        Assert.Empty(result.Llm!.Punctuation!.Fallbacks);
    }

    [Fact]
    public async Task Models_are_loaded_where_they_are_needed_and_named_where_they_were_of_use()
    {
        TinyModel.WriteFolder(folder);
        var model = new FakeLanguageModel(_ => "Oh. I saw it.");
        Assert.Equal((true, true, "fake"), await LoadAsync("oh i saw it", PunctuationMethod.Llm, SummaryMethod.None));
        Assert.Equal((true, true, "tiny"), await LoadAsync("nobody saw anything", PunctuationMethod.Llm, SummaryMethod.None));
        Assert.Equal((true, false, "tiny"), await LoadAsync("oh i saw it", PunctuationMethod.Model, SummaryMethod.Extractive));
        Assert.Equal((false, false, "none"), await LoadAsync("oh i saw it", PunctuationMethod.None, SummaryMethod.Extractive));
        Assert.Equal((true, false, "tiny"), await LoadAsync("", PunctuationMethod.Llm, SummaryMethod.Llm));

        async Task<(bool Tagger, bool Llm, string Model)> LoadAsync(string words, PunctuationMethod punctuation, SummaryMethod summary)
        {
            var (tagger, llm) = (false, false);
            var output = await PostProcessor.PostProcessAsync(
                path => (tagger = path == folder) ? OnnxWordTagger.Load(path) : throw new InvalidOperationException(path),
                asked => (llm = asked.Llm is not null) ? model : throw new InvalidOperationException(),
                Llm with
                {
                    Parts = [await WritePartAsync(0, Speech.Say(words))],
                    Output = Path.Combine(folder, "out.json"),
                    ModelFolder = folder,
                    Punctuation = punctuation,
                    Summary = summary,
                },
                new Reports(), CancellationToken.None);
            return (tagger, llm, output.Model);
        }
    }

    [Fact]
    public async Task What_stops_a_language_model_stops_the_activity()
    {
        await Assert.ThrowsAsync<LanguageServerException>(() => ProcessAsync(
            [Part("so it is")], new FakeLanguageModel((_, _) => throw new LanguageServerException("Nobody is there.")), Llm));
        await Assert.ThrowsAsync<BadInputException>(() => PostProcessing.RunAsync(
            Llm with { Llm = Llm.Llm! with { MaxSpellingEdits = 5 } }));
        Assert.False(File.Exists(Path.Combine(folder, "out.json")));
    }

    [Fact]
    public async Task Progress_rises_whatever_a_language_model_tells()
    {
        var words = Speech.Say(string.Join(' ', Enumerable.Repeat("word", 2000)));
        var reports = new Reports();
        await PostProcessor.PostProcessAsync(
            _ => throw new InvalidOperationException(), _ => new Backwards(),
            Llm with { Parts = [await WritePartAsync(0, words)], Output = Path.Combine(folder, "out.json") }, reports, CancellationToken.None);
        Assert.Equal(reports.Values.Order().Distinct(), reports.Values);
        Assert.Equal(1, reports.Values[^1]);
        Assert.Contains(reports.Values, value => value is > 0.3 and < 0.6);
    }

    [Fact]
    public async Task A_summary_that_can_not_be_used_is_extracted_and_a_warning_says_so()
    {
        var (result, warnings) = await ProcessAsync(
            [Part("the queue stopped / the daemon restarted / nobody saw it")], new FakeLanguageModel(_ => "%", 1 << 15),
            Llm with { Punctuation = PunctuationMethod.Model, Summary = SummaryMethod.Llm });
        Assert.NotNull(result.Summary);
        Assert.NotNull(result.Llm!.Summary!.Fallback);
        Assert.Null(result.Llm.Punctuation);
        Assert.Equal(PostProcessor.LlmSummaryFailed, Assert.Single(warnings).Code);
    }

    private static PostProcessInput Input => new([], "", null);

    private static PostProcessInput Llm => Input with
    {
        Punctuation = PunctuationMethod.Llm,
        Summary = SummaryMethod.None,
        Llm = new LlmSettings(LlmEngine.OpenAi, "fake"),
    };

    private static RecognizedPart Part(string words) => new(0, Speech.Say(words));

    private static Task<(PostProcessed Result, IReadOnlyList<Warning> Warnings)> ProcessAsync(
        IReadOnlyList<RecognizedPart> parts, ILanguageModel model, PostProcessInput input, IWordTagger? tagger = null) =>
        PostProcessor.ProcessAsync(parts, tagger, model, input, new Reports(), CancellationToken.None);

    private static (PostProcessed Result, IReadOnlyList<Warning> Warnings) Process(IReadOnlyList<RecognizedPart> parts, IWordTagger? tagger = null) =>
        PostProcessing.Process(parts, tagger, Input);

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
        var output = await PostProcessing.RunAsync(new PostProcessInput(files, path, model, summary));
        return (output, JsonSerializer.Deserialize<PostProcessed>(await File.ReadAllTextAsync(path), OmoaiJson.Compact)!);
    }

    /// <summary>Tells of its replies in the wrong order.</summary>
    private sealed class Backwards : ILanguageModel
    {
        public string Name => "backwards";
        public LlmEngine Engine => LlmEngine.OpenAi;
        public int ContextTokens => 4096;
        public (string Name, string Reason)? Provider => null;

        public int CountTokens(string text) => text.Length;

        public int CountTokens(LlmPrompt prompt) => prompt.System.Length + prompt.User.Length;

        public Task<IReadOnlyList<LlmReply>> GenerateAsync(
            IReadOnlyList<LlmPrompt> prompts, Action<int>? answered, CancellationToken cancellation)
        {
            foreach (var done in Enumerable.Range(1, prompts.Count).OrderBy(done => Math.Abs(done - prompts.Count / 2)))
            {
                answered!(done);
            }

            return Task.FromResult<IReadOnlyList<LlmReply>>([.. prompts.Select(_ => new LlmReply("", ReplyEnd.Failed, 0, 0))]);
        }

        public void Dispose()
        {
        }
    }

    /// <summary>A server that is away at times.</summary>
    private sealed class OutageModel(FakeLanguageModel inner, Func<bool> isAway) : ILanguageModel
    {
        public string Name => inner.Name;
        public LlmEngine Engine => inner.Engine;
        public int ContextTokens => inner.ContextTokens;
        public (string Name, string Reason)? Provider => null;

        public int CountTokens(string text) => inner.CountTokens(text);

        public int CountTokens(LlmPrompt prompt) => inner.CountTokens(prompt);

        public Task<IReadOnlyList<LlmReply>> GenerateAsync(
            IReadOnlyList<LlmPrompt> prompts, Action<int>? answered, CancellationToken cancellation) =>
            isAway() ? throw new LanguageServerException("Nobody is there.") : inner.GenerateAsync(prompts, answered, cancellation);

        public void Dispose() => inner.Dispose();
    }

    private sealed class Reports : IProgress<double>
    {
        public List<double> Values { get; } = [];

        public void Report(double value) => Values.Add(value);
    }
}
