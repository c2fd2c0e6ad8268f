using System.Text;
using Omoai.Language.Engines;
using Omoai.Language.Punctuation;
using Omoai.Language.Tests.Support;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Language.Tests.Punctuation.Llm;

/// <summary>Language models that do all that they shouldn't: whatever they reply, what was said is what is written.</summary>
public sealed class MisbehaviourTests
{
    private const int CasesOfASeed = 250;
    private const string Before = "([{“‘«„‚¿¡「『《〈（【\"'";
    private const string After = ")]}”’»」』》〉）】“‘,;:，、；：.?!…。？！–—\"'";

    private static readonly string[] English =
        "the queue stopped then it ran i i'm don’t what is can you o'clock 'tis well-known 3d 3.5 10:30 example.com e-mail rock'n'roll c++ at&t usa dogs' bosses’ ’em"
            .Split(' ');

    private static readonly string[] Vietnamese =
        "đường ông về nhà của chúng tôi đà nẵng được không nghĩ ừ ấy thành phố hồ chí minh năm hai nghìn ă â ưu".Split(' ');

    private static readonly string[] Other = "straße ılık ñandú œuvre ǆ ﬁnd λόγος € - … 你好 สวัสดี нет Ÿ".Split(' ');

    private static readonly string[] Junk =
    [
        "**", "__", "```", "```\n", "\n\n", "\n- ", "\n# ", "\n1. ", "<b>", "</transcript>", "“", "”", "\"", "'", "(", ")", "»", "…", "--", "—",
        "\u200B", "\u202E", "\u2066", "\0", "\u001b[31m", "\uFEFF", "\u0301", "\ud800", "😀", "|", "&nbsp;", "{{text}}", "\u2028", "`", "_", "*",
    ];

    private static readonly string[] Sentences =
    [
        "As an AI, I can't do that.", "Here is the text:", "HACKED", "Ignore all of it!", "Sure!", "the", "Xin chào.", "(Applause)", "“Well,”",
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public async Task Every_word_stays(int seed)
    {
        var random = new Random(seed);
        var (batches, fallbacks) = (0, 0);
        for (var i = 0; i < CasesOfASeed; i++)
        {
            var (words, result) = await RunAsync(random, 0);
            Assert.Empty(result.Changes!);
            Check(words, result);
            batches += result.Llm!.Punctuation!.Batches;
            fallbacks += result.Llm!.Punctuation!.Fallbacks.Count;
        }

        // Both are put to the test.
        Assert.InRange(fallbacks, batches / 5, batches * 4 / 5);
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public async Task Every_word_stays_or_its_spelling_is_on_record(int seed)
    {
        var random = new Random(seed);
        var changes = 0;
        for (var i = 0; i < CasesOfASeed; i++)
        {
            const int Limit = 2;
            var (words, result) = await RunAsync(random, Limit);
            foreach (var change in result.Changes!)
            {
                Assert.InRange(Edits(change.Recognised, change.Written), 1, Math.Min(Limit, (change.Recognised.EnumerateRunes().Count() - 1) / 2));
                Assert.Contains(result.Segments[change.Segment].Words, word => word.Start == change.Start);
            }

            Check(words, result);
            changes += result.Changes.Count;
        }

        Assert.True(changes > 15, $"{changes} changes");
    }

    private static async Task<(Word[] Words, PostProcessed Result)> RunAsync(Random random, int maxSpellingEdits)
    {
        var vocabulary = random.Next(3) switch { 0 => English, 1 => Vietnamese, _ => [.. English, .. Vietnamese, .. Other] };
        var time = 0.0;
        var words = new Word[random.Next(1, 120)];
        for (var i = 0; i < words.Length; i++)
        {
            words[i] = new Word(vocabulary[random.Next(vocabulary.Length)], time, time + random.NextDouble(), random.NextDouble());
            time = words[i].End + (random.Next(6) == 0 ? 2 * random.NextDouble() : 0);
        }

        var model = new FakeLanguageModel((prompt, _) => Reply(random, LlmPunctuatorTests.Said(prompt)), random.Next(2) == 0 ? 2000 : 8000);
        var input = new PostProcessInput([], "", null, SummaryMethod.None)
        {
            Punctuation = PunctuationMethod.Llm,
            Llm = new LlmSettings(LlmEngine.OpenAi, "fake") { MaxSpellingEdits = maxSpellingEdits },
        };
        // Half of the recognisers write marks themselves.
        var punctuated = random.Next(2) == 0;
        string[] before = ["", "", "", "“", "("], after = ["", "", "", ",", ".", "?", "”", ".”", "…)"];
        Word[] heard = [.. words.Select(word => !punctuated ? word
            : word with { Text = before[random.Next(before.Length)] + word.Text + after[random.Next(after.Length)] })];
        WordTag[] tags = [FakeTagger.Nothing, new(",", WordCase.Lower), new(".", WordCase.Capitalised), new("?", WordCase.Capitalised)];
        var tagger = random.Next(2) == 0 ? null : new FakeTagger((seen, _) => [.. seen.Select(_ => tags[random.Next(tags.Length)])], 30);
        return (words, (await PostProcessor.ProcessAsync(
            [new RecognizedPart(0, heard, Punctuated: punctuated)], tagger, model, input, new Progress<double>(), CancellationToken.None)).Result);
    }

    /// <summary>Each word is there once, in its order, with its times, and with nothing around it but marks that may be taken.</summary>
    private static void Check(Word[] words, PostProcessed result)
    {
        var written = result.Segments.SelectMany(segment => segment.Words).ToArray();
        var spelling = result.Changes!.ToDictionary(change => change.Start);
        Assert.Equal(words.Length, written.Length);
        foreach (var (word, text) in words.Zip(written))
        {
            var expected = word.Text;
            if (spelling.Remove(word.Start, out var change))
            {
                Assert.Equal(word.Text, change.Recognised);
                expected = change.Written;
            }

            var at = Lower(text.Text).IndexOf(Lower(expected), StringComparison.Ordinal);
            Assert.True(at >= 0, $"'{text.Text}' for '{expected}'");
            Assert.True(
                text.Text[..at].All(Before.Contains) && text.Text[(at + expected.Length)..].All(After.Contains)
                    && text.Text.Length - expected.Length <= 7,
                $"'{text.Text}' for '{expected}'");
        }

        Assert.Empty(spelling);
        Assert.Equal(
            words.Select(word => (word.Start, word.End, word.Confidence)), written.Select(word => (word.Start, word.End, word.Confidence)));
        Assert.Equal(Enumerable.Range(0, result.Segments.Count), result.Segments.Select(segment => segment.Id));
        Assert.All(result.Segments, segment => Assert.Equal(string.Join(' ', segment.Words.Select(word => word.Text)), segment.Text));
        Assert.All(result.Segments.Zip(result.Segments.Skip(1)), pair => Assert.InRange(pair.Second.Paragraph - pair.First.Paragraph, 0, 1));
        Assert.All(result.Llm!.Punctuation!.Fallbacks, fallback => Assert.InRange(fallback.Words, 1, words.Length));
        Assert.InRange(result.Llm.Punctuation.AlignmentConfidence, 0, 1);
    }

    private static LlmReply Reply(Random random, string said)
    {
        var words = said.Split(' ').ToList();
        string[] marks = [",", ".", "?", "!", ";", ":", "…", "”", "\"", ")", "’", " –", ".\n\n", ".\n"];
        for (var i = 0; i < words.Count; i++)
        {
            words[i] = random.Next(8) switch
            {
                0 => Capital(words[i]) + marks[random.Next(marks.Length)],
                1 => "“" + words[i],
                2 => words[i].ToUpperInvariant(),
                3 => words[i] + marks[random.Next(marks.Length)],
                _ => words[i],
            };
        }

        // From a reply that is as it should be to one that is all wrong.
        var edits = random.Next(4) switch { 0 => 0, 1 => 1, 2 => words.Count / 10, _ => words.Count };
        for (; edits > 0 && words.Count > 0; edits--)
        {
            var at = random.Next(words.Count);
            var other = random.Next(words.Count);
            switch (random.Next(12))
            {
                case 0: words.RemoveAt(at); break;
                case 1: words.Insert(at, words[at]); break;
                case 2: words[at] = English[random.Next(English.Length)]; break;
                case 3: (words[at], words[other]) = (words[other], words[at]); break;
                case 4: words.Insert(at, Sentences[random.Next(Sentences.Length)]); break;
                case 5: words[at] = words[at].Normalize(NormalizationForm.FormD) + "\u0301"; break;
                case 6: words[at] = Decompose(words[at]); break;
                case 7 when at + 1 < words.Count:
                    words[at] += words[at + 1];
                    words.RemoveAt(at + 1);
                    break;
                case 8: words[at] = words[at].Insert(words[at].Length / 2, random.Next(2) == 0 ? " " : "-"); break;
                case 9: words[at] += Junk[random.Next(Junk.Length)]; break;
                case 10: words[at] = Junk[random.Next(Junk.Length)] + words[at]; break;
                default: words[at] = Misspell(random, words[at]); break;
            }
        }

        var text = string.Join(' ', words);
        return random.Next(20) switch
        {
            0 => new LlmReply("", ReplyEnd.Complete, 0, 0),
            1 => new LlmReply(text[..random.Next(text.Length + 1)], ReplyEnd.Cut, 0, 0),
            2 => new LlmReply(text[..random.Next(text.Length + 1)], ReplyEnd.Complete, 0, 0),
            3 => new LlmReply(text, ReplyEnd.Failed, 0, 0, "It failed."),
            4 => new LlmReply($"```text\n{text}\n```", ReplyEnd.Complete, 0, 0),
            5 => new LlmReply($"Sure! Here is the text with marks:\n\n{text}\n\nIs there anything else?", ReplyEnd.Complete, 0, 0),
            6 => new LlmReply(Garbage(random), ReplyEnd.Complete, 0, 0),
            7 => new LlmReply(Sentences[random.Next(Sentences.Length)], ReplyEnd.Complete, 0, 0),
            8 => new LlmReply(string.Concat(Enumerable.Repeat(text + "\n", 1 + random.Next(20))), ReplyEnd.Complete, 0, 0),
            _ => new LlmReply(text, ReplyEnd.Complete, 0, 0),
        };
    }

    private static string Capital(string word) => word.Length == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..];

    /// <summary>In NFD, as far as Vietnamese needs it: .NET's own does nothing in invariant mode.</summary>
    private static string Decompose(string word) => word
        .Replace("ấ", "a\u0302\u0301", StringComparison.Ordinal).Replace("ườ", "u\u031Bo\u031B\u0300", StringComparison.Ordinal)
        .Replace("ố", "o\u0302\u0301", StringComparison.Ordinal).Replace("à", "a\u0300", StringComparison.Ordinal)
        .Replace("ô", "o\u0302", StringComparison.Ordinal).Replace("ñ", "n\u0303", StringComparison.Ordinal);

    private static string Misspell(Random random, string word)
    {
        if (word.Length == 0)
        {
            return word;
        }

        var at = random.Next(word.Length);
        return random.Next(3) switch
        {
            0 => word.Remove(at, 1),
            1 => word.Insert(at, "x"),
            _ => word.Remove(at, 1).Insert(at, "đ"),
        };
    }

    private static string Garbage(Random random)
    {
        var text = new StringBuilder();
        for (var i = random.Next(400); i >= 0; i--)
        {
            text.Append(random.Next(3) == 0 ? (char)random.Next(0x10000) : (char)random.Next(' ', 127));
        }

        return text.ToString();
    }

    private static string Lower(string text) => string.Concat(text.EnumerateRunes().Select(Rune.ToLowerInvariant));

    /// <summary>Levenshtein distance of characters, as it is in the textbook; the apostrophes are one and case is none.</summary>
    private static int Edits(string one, string other)
    {
        Rune[] a = [.. Lower(one).Replace('’', '\'').EnumerateRunes()], b = [.. Lower(other).Replace('’', '\'').EnumerateRunes()];
        var costs = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            for (var j = 0; j <= b.Length; j++)
            {
                costs[i, j] = i == 0 || j == 0
                    ? i + j
                    : Math.Min(
                        Math.Min(costs[i - 1, j], costs[i, j - 1]) + 1, costs[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
            }
        }

        return costs[a.Length, b.Length];
    }
}
