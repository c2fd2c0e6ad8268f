using System.CommandLine;
using Omoai.Local.Commands;
using Omoai.Pipeline;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Formats;

namespace Omoai.EndToEnd.Tests;

/// <summary>What the options of commands about language come to.</summary>
public sealed class LanguageOptionsTests
{
    private static readonly TranscriptionOptions s_others = new() { Language = "en", MaxKeyPoints = 3 };

    [Fact]
    public void Whoever_asks_for_nothing_gets_what_a_job_without_options_gets() => Assert.Equal(s_others, Read());

    [Fact]
    public void Each_option_is_the_one_of_that_name_of_a_job()
    {
        var read = Read(
            "--punctuation", "llm", "--summary", "llm", "--llm", "qwen", "--summary-language", "vi-VN", "--spelling-edits", "2", "--quality", "--diffs");

        Assert.Equal(
            s_others with
            {
                Punctuation = PunctuationMethod.Llm,
                Summary = SummaryMethod.Llm,
                Llm = "qwen",
                SummaryLanguage = "vi-VN",
                SpellingEdits = 2,
                QualityMetrics = true,
                Diffs = true,
            },
            read);
    }

    [Theory]
    [InlineData("--llm", "qwen")]
    [InlineData("--llm", "qwen", "--punctuation", "none", "--summary", "none")]
    [InlineData("--summary-language", "vi", "--punctuation", "llm")]
    [InlineData("--spelling-edits", "1", "--summary", "llm")]
    public void What_only_a_language_model_does_is_refused_where_none_is_asked_to(params string[] arguments) =>
        Assert.Contains("(llm)", Assert.Throws<UsageException>(() => Read(arguments)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("--llm", "qwen", "--punctuation", "llm")]
    [InlineData("--llm", "qwen", "--summary", "llm", "--summary-language", "vi")]
    [InlineData("--spelling-edits", "1", "--punctuation", "llm")]
    [InlineData("--spelling-edits", "0")]
    public void What_goes_together_is_taken(params string[] arguments) => Assert.NotNull(Read(arguments));

    [Theory]
    [InlineData("raw", TranscriptPart.Raw)]
    [InlineData("segments,words", TranscriptPart.Segments, TranscriptPart.Words)]
    public void Parts_have_commas_between(string value, params TranscriptPart[] expected)
    {
        var include = LanguageOptions.Include();

        Assert.Equal(expected, new RootCommand { include }.Parse(["--include", value]).GetValue(include)!);
    }

    [Fact]
    public void Times_are_left_to_the_formats_or_written_as_asked_for()
    {
        var timestamps = LanguageOptions.Timestamps();
        var command = new RootCommand { timestamps };

        Assert.Null(command.Parse([]).GetValue(timestamps));
        Assert.Equal(TimestampStyle.Ms, command.Parse(["--timestamps", "ms"]).GetValue(timestamps));
    }

    private static TranscriptionOptions Read(params string[] arguments)
    {
        var options = new LanguageOptions();
        var command = new RootCommand();
        options.AddTo(command);
        var parsed = command.Parse(arguments);
        Assert.Empty(parsed.Errors);
        return options.Read(parsed, s_others);
    }
}
