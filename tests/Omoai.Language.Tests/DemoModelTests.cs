using Omoai.Language.Punctuation;
using Omoai.Language.Tests.Support;
using Omoai.Tests;
using Omoai.Transcripts.Activities;

namespace Omoai.Language.Tests;

/// <summary>The punctuation model that ships with the repository, on the text of the sample.</summary>
public sealed class DemoModelTests
{
    private static readonly string Folder = Path.Combine(TestPaths.Repository, "models", "demo-en", "punctuation");
    private static readonly string Sample = File.ReadAllText(Path.Combine(TestPaths.Repository, "samples", "standup.txt"));

    [Fact]
    public void It_restores_most_of_the_samples_marks_and_capitals()
    {
        using var tagger = OnnxWordTagger.Load(Folder);
        var result = PostProcessing.Process(
            [new RecognizedPart(0, Speech.Read(Sample))], tagger, new PostProcessInput([], "")).Result;

        var expected = Sample.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        var actual = result.Segments.SelectMany(segment => segment.Words).Select(word => word.Text).ToArray();
        Assert.Equal(expected.Length, actual.Length);
        var same = expected.Zip(actual).Count(pair => pair.First == pair.Second);
        Assert.True(same >= 0.95 * expected.Length, $"{same} of {expected.Length}: {string.Join(' ', actual)}");
        Assert.Contains(result.Segments, segment => segment.Text == "Can somebody review my changes this afternoon?");
    }

    [Fact]
    public void Its_summary_leaves_out_the_courtesies()
    {
        using var tagger = OnnxWordTagger.Load(Folder);
        var summary = PostProcessing.Process(
            [new RecognizedPart(0, Speech.Read(Sample))], tagger, new PostProcessInput([], "")).Result.Summary!;
        Assert.InRange(summary.KeyPoints.Count, 4, 7);
        Assert.DoesNotContain(summary.KeyPoints, point => point.Text.Contains("hank you", StringComparison.Ordinal));
        Assert.DoesNotContain(summary.KeyPoints, point => point.Text.Contains("ood morning", StringComparison.Ordinal));
        Assert.Contains(summary.KeyPoints, point => point.Text.Contains("disk space", StringComparison.Ordinal));
    }

    [Fact]
    public void A_greeting_that_was_misheard_does_not_choose_the_title()
    {
        using var tagger = OnnxWordTagger.Load(Folder);
        var heard = Sample.Replace("Good morning", "Did morning", StringComparison.Ordinal);
        var summary = PostProcessing.Process(
            [new RecognizedPart(0, Speech.Read(heard))], tagger, new PostProcessInput([], "")).Result.Summary!;
        Assert.Equal("Tuesday standup for the transcription team", summary.Title);
    }

    [Fact]
    public void A_long_text_in_windows_gets_the_tags_of_the_whole_in_one_call()
    {
        using var tagger = OnnxWordTagger.Load(Folder);
        var words = Speech.Read(string.Join("\n\n", Enumerable.Repeat(Sample.Trim(), 10)));
        string[] text = [.. words.Select(word => word.Text)];
        var pauses = WordPauses.Of(words);
        var windowed = TaggingWindows.Tag(tagger, text, pauses, _ => { }, CancellationToken.None);
        Assert.Equal(tagger.Tag(text, pauses), windowed);
    }
}
