using Omoai.Speech.Guards;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Speech.Tests.Guards;

public sealed class InventionGuardTests
{
    private const double Normal = -25;
    private const double Soft = -65;

    [Theory]
    [InlineData("no no no")]
    [InlineData("No, no, no, no, no, no, no!")]
    [InlineData("ha ha ha ha ha")]
    [InlineData("one two three four five six seven eight nine ten")]
    [InlineData("my number is five five five one two one two five five five five")]
    [InlineData("row row row your boat gently down the stream row row row your boat gently down the stream")]
    [InlineData("yes we can yes we can yes we can")]
    [InlineData("come on come on come on come on let's go")]
    [InlineData("không không không phải thế không phải thế")]
    [InlineData("bye bye bye bye")]
    [InlineData("thanks for watching")]
    [InlineData("thank you")]
    [InlineData("cảm ơn các bạn")]
    [InlineData("hello")]
    public void What_people_say_stays(string said)
    {
        var guarded = Apply(Words(said));

        Assert.Equal(said, Text(guarded.Words));
        Assert.Empty(guarded.Suspicions);
    }

    [Theory]
    [InlineData("so you you you you you you you you you you", "so you", "you you you you you you you you you")]
    [InlineData("No. no, NO no no no no no", "No.", "no, NO no no no no no")]
    [InlineData("well i see i see i see i see i see then", "well i see then", "i see i see i see i see")]
    [InlineData("a b c a b c a b c a b c", "a b c", "a b c a b c a b c")]
    [InlineData("a b c a b c a b c a b c a b", "a b c", "a b c a b c a b c a b")]
    [InlineData(
        "and we will go to the store and we will go to the store and we will go to the store now",
        "and we will go to the store now", "and we will go to the store and we will go to the store")]
    [InlineData("là là là là là là là là là", "là", "là là là là là là là là")]
    public void What_is_repeated_without_end_is_left_out_but_once(string recognised, string left, string suspicious)
    {
        var words = Words(recognised);

        var guarded = Apply(words);

        Assert.Equal(left, Text(guarded.Words));
        var suspicion = Assert.Single(guarded.Suspicions);
        Assert.Equal((InventionGuard.Repetition, suspicious, false), (suspicion.Reason, suspicion.Text, suspicion.Kept));
        Assert.Contains(words, word => word.Start == suspicion.Start);
        Assert.Contains(words, word => word.End == suspicion.End);
        Assert.Equal(suspicious.Split(' ').Length, words.Count(word => word.Start >= suspicion.Start && word.End <= suspicion.End));
    }

    [Fact]
    public void Several_repetitions_of_a_stretch_are_found_in_order()
    {
        var guarded = Apply(Words("a a a a a a a a b c d c d c d c d c d e"));

        Assert.Equal("a b c d e", Text(guarded.Words));
        Assert.Equal(["a a a a a a a", "c d c d c d c d"], guarded.Suspicions.Select(suspicion => suspicion.Text));
    }

    [Fact]
    public void The_policy_may_be_to_keep_them()
    {
        var words = Words("so you you you you you you you you you you");

        var guarded = Apply(words, policy: SuspicionPolicy.Keep);

        Assert.Equal(words, guarded.Words);
        Assert.True(Assert.Single(guarded.Suspicions).Kept);
    }

    [Fact]
    public void Nobody_says_forty_words_in_two_seconds()
    {
        var words = Words(string.Join(' ', Enumerable.Range(0, 40).Select(i => $"w{i}")), seconds: 2);

        var guarded = Apply(words, seconds: 2);

        Assert.Empty(guarded.Words);
        var suspicion = Assert.Single(guarded.Suspicions);
        Assert.Equal((InventionGuard.SpeechRate, 0.0, 2.0, false), (suspicion.Reason, suspicion.Start, Math.Round(suspicion.End, 3), suspicion.Kept));
    }

    [Fact]
    public void What_is_repeated_faster_than_it_can_be_said_leaves_the_rest()
    {
        var guarded = Apply(Words("so I think" + string.Concat(Enumerable.Repeat(" yes", 80)), seconds: 5), seconds: 5);

        Assert.Equal("so I think yes", Text(guarded.Words));
        Assert.Equal(InventionGuard.Repetition, Assert.Single(guarded.Suspicions).Reason);
    }

    [Fact]
    public void A_phrase_that_is_repeated_is_one_all_the_same()
    {
        var guarded = Apply(Words("thanks for watching thanks for watching thanks for watching thanks for watching", confidence: 0.4));

        Assert.Empty(guarded.Words);
        Assert.Equal(InventionGuard.SilencePhrase, Assert.Single(guarded.Suspicions).Reason);
    }

    [Fact]
    public void Nor_two_hundred_letters()
    {
        Assert.Empty(Apply(Words(string.Join(' ', Enumerable.Repeat("responsibilities", 6).Select((word, i) => word + i)), seconds: 2), seconds: 2).Words);
    }

    [Theory]
    [InlineData(7, 1)]
    [InlineData(9, 1)]
    [InlineData(5, 0.4)]
    [InlineData(140, 20)]
    public void Fast_speakers_stay(int count, double seconds)
    {
        var words = Words(string.Join(' ', Enumerable.Range(0, count).Select(i => $"w{i}")), seconds: seconds);

        Assert.Empty(Apply(words, seconds: seconds).Suspicions);
    }

    [Fact]
    public void Words_that_are_crowded_within_a_longer_stretch_are_kept_and_listed()
    {
        var words = Words("all is well here", seconds: 3)
            .Concat(Words(string.Join(' ', Enumerable.Range(0, 15).Select(i => $"w{i}")), 4, 0.2))
            .Concat(Words("and here", 6, 1)).ToList();

        var guarded = Apply(words, seconds: 10);

        Assert.Equal(words, guarded.Words);
        var suspicion = Assert.Single(guarded.Suspicions);
        Assert.Equal((InventionGuard.SpeechRate, true), (suspicion.Reason, suspicion.Kept));
        Assert.StartsWith("w0 ", suspicion.Text, StringComparison.Ordinal);
        Assert.EndsWith(" w14", suspicion.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Thanks for watching!")]
    [InlineData("Subtitles by the Amara.org community")]
    [InlineData("Hãy subscribe cho kênh Ghiền Mì Gõ Để không bỏ lỡ những video hấp dẫn")]
    [InlineData("Cảm ơn các bạn đã theo dõi.")]
    [InlineData("Sous-titres réalisés par la communauté d'Amara.org")]
    [InlineData("谢 谢 观 看")]
    [InlineData("谢谢观看")]
    [InlineData("Субтитры сделал DimaTorzok")]
    public void What_recognisers_write_over_silence_is_left_out_where_nothing_speaks_for_it(string phrase)
    {
        foreach (var guarded in new[]
        {
            Apply(Words(phrase, confidence: 0.3), seconds: 8),
            Apply(Words(phrase), seconds: 8, level: Soft),
            Apply(Words(phrase), doubt: "decoder_failed"),
        })
        {
            Assert.Empty(guarded.Words);
            var suspicion = Assert.Single(guarded.Suspicions);
            Assert.Equal((InventionGuard.SilencePhrase, phrase, false), (suspicion.Reason, suspicion.Text, suspicion.Kept));
        }

        Assert.Empty(Apply(Words(phrase)).Suspicions);
        Assert.Empty(Apply(Words("and " + phrase, confidence: 0.3)).Suspicions);
        Assert.Equal(
            InventionGuard.SilencePhrase,
            Assert.Single(Apply(Words(phrase, confidence: 0.3), seconds: 8, policy: SuspicionPolicy.Keep).Suspicions).Reason);
    }

    [Fact]
    public void A_phrase_that_there_is_no_time_for_is_left_out()
    {
        Assert.Empty(Apply(Words("thanks for watching", seconds: 0.4), seconds: 0.4).Words);
        Assert.NotEmpty(Apply(Words("thanks for watching", seconds: 0.6), seconds: 0.6).Words);
    }

    [Fact]
    public void What_people_say_all_the_time_takes_two_signs()
    {
        Assert.NotEmpty(Apply(Words("Thank you.", confidence: 0.3)).Words);
        Assert.NotEmpty(Apply(Words("Thank you."), level: Soft).Words);
        Assert.Empty(Apply(Words("Thank you.", confidence: 0.3), level: Soft).Words);
    }

    [Fact]
    public void What_the_recogniser_took_for_no_speech_is_left_out()
    {
        var guarded = Apply(Words("good morning"), doubt: InventionGuard.NoSpeech);

        Assert.Empty(guarded.Words);
        Assert.Equal(new Suspicion("no_speech", 0, 3, "good morning", false), Assert.Single(guarded.Suspicions));
    }

    [Fact]
    public void Where_no_speech_is_only_the_end_the_beginning_stays()
    {
        // The three last are more than anybody can say in the stretch, which says nothing about the first two.
        var words = Words("good morning " + new string('a', 60) + " b c");
        var stretch = new RecognizedStretch(words, Doubt: InventionGuard.NoSpeech, DoubtFrom: 2);

        var cut = InventionGuard.Apply(stretch, new StretchFacts(1), SuspicionPolicy.Cut);
        var kept = InventionGuard.Apply(stretch, new StretchFacts(1), SuspicionPolicy.Keep);

        Assert.Equal("good morning", Text(cut.Words));
        Assert.Equal(words, kept.Words);
        Assert.Equal(("no_speech", words[2].Start, words[^1].End), cut.Suspicions.Select(found => (found.Reason, found.Start, found.End)).Single());
        Assert.Equal((false, true), (cut.Suspicions.Single().Kept, kept.Suspicions.Single().Kept));
    }

    [Fact]
    public void Other_doubts_of_the_recogniser_are_listed_only()
    {
        var guarded = Apply(Words("good morning"), doubt: "decoder_failed");

        Assert.Equal("good morning", Text(guarded.Words));
        Assert.Equal(new Suspicion("decoder_failed", 0, 3, "good morning", true), Assert.Single(guarded.Suspicions));
    }

    [Fact]
    public void No_words_no_suspicions()
    {
        var guarded = Apply([], doubt: InventionGuard.NoSpeech);

        Assert.Empty(guarded.Words);
        Assert.Empty(guarded.Suspicions);
    }

    [Fact]
    public void Facts_of_samples()
    {
        var facts = StretchFacts.Of(Enumerable.Repeat(0.1f, 8000).ToArray(), 16_000);

        Assert.Equal(0.5, facts.Seconds);
        Assert.Equal(-20, facts.Level!.Value, 1e-3);
        Assert.Equal(-120, StretchFacts.Of(new float[100], 16_000).Level!.Value, 1e-3);
        Assert.Equal(0, StretchFacts.Of([], 16_000).Seconds);
    }

    /// <summary>Words spread evenly over so many seconds; without a number, three or as many as they need.</summary>
    [Fact]
    public void A_word_that_nobody_can_draw_out_for_so_long_is_listed_and_kept()
    {
        List<Word> words = [new("so", 0, 4, 0.9), new("documentation", 4, 8.1, 0.9)];
        var guarded = Apply(words);
        Assert.Equal(words, guarded.Words);
        Assert.Equal([new Suspicion(InventionGuard.SpeechRate, 4, 8.1, "documentation", Kept: true)], guarded.Suspicions);
    }

    private static List<Word> Words(string text, double start = 0, double? seconds = null, double confidence = 0.95)
    {
        var texts = text.Split(' ');
        var each = (seconds ?? Math.Max(3, texts.Length * 0.3)) / texts.Length;
        return [.. texts.Select((word, i) => new Word(word, start + (i * each), start + ((i + 1) * each), confidence))];
    }

    private static GuardedWords Apply(
        IReadOnlyList<Word> words, double? seconds = null, double level = Normal, string? doubt = null,
        SuspicionPolicy policy = SuspicionPolicy.Cut) => InventionGuard.Apply(
            new RecognizedStretch(words, Doubt: doubt),
            new StretchFacts(seconds ?? (words.Count == 0 ? 1 : words[^1].End), level), policy);

    private static string Text(IReadOnlyList<Word> words) => string.Join(' ', words.Select(word => word.Text));
}
