using System.CommandLine;
using Omoai.Pipeline;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Formats;

namespace Omoai.Local.Commands;

/// <summary>The options about punctuation and summary, and about what is shown of them.</summary>
internal sealed class LanguageOptions
{
    private readonly Option<PunctuationMethod> _punctuation = SpeechOptions.Choice<PunctuationMethod>(
        "--punctuation", "model (the default): by the small punctuation model. llm: by a language model. none: words as recognised.");

    private readonly Option<SummaryMethod> _summary = SpeechOptions.Choice<SummaryMethod>(
        "--summary", "extractive (the default): of sentences as they were said. llm: by a language model. none: no summary.");

    private readonly Option<string?> _llm = SpeechOptions.Checked(
        new Option<string?>("--llm")
        {
            Description = "Language model, by name: an installed one (`omoai models list`), or the configured server's. Default: as configured (`omoai doctor` shows it).",
        },
        name => new TranscriptionOptions { Llm = name, Summary = SummaryMethod.Llm });

    private readonly Option<string?> _summaryLanguage = SpeechOptions.Checked(
        new Option<string?>("--summary-language") { Description = "Language of a summary by a language model, for example vi. Default: the language spoken." },
        tag => new TranscriptionOptions { SummaryLanguage = tag, Summary = SummaryMethod.Llm });

    private readonly Option<int?> _spellingEdits = SpeechOptions.Checked(
        new Option<int?>("--spelling-edits")
        {
            Description = "A language model may spell a word anew with at most so many edits, 0 to 4. Default: as configured, or else 0: every word stays as recognised.",
            HelpName = "N",
        },
        edits => new TranscriptionOptions { SpellingEdits = edits, Punctuation = PunctuationMethod.Llm });

    private readonly Option<bool> _quality = new("--quality") { Description = "Say how far the written text is from the recognised one." };

    private readonly Option<bool> _diffs = new("--diffs") { Description = "Show the differences between the two." };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_punctuation, _summary, _llm, _summaryLanguage, _spellingEdits, _quality, _diffs])
        {
            command.Add(option);
        }
    }

    /// <summary>What was asked for, and else what <paramref name="others"/> say.</summary>
    /// <exception cref="UsageException">The options don't go together.</exception>
    public TranscriptionOptions Read(ParseResult parsed, TranscriptionOptions others)
    {
        var asked = others with
        {
            Punctuation = parsed.GetValue(_punctuation),
            Summary = parsed.GetValue(_summary),
            Llm = parsed.GetValue(_llm),
            SummaryLanguage = parsed.GetValue(_summaryLanguage),
            SpellingEdits = parsed.GetValue(_spellingEdits),
            QualityMetrics = parsed.GetValue(_quality),
            Diffs = parsed.GetValue(_diffs),
        };
        return SpeechOptions.Problem(asked) is { } problem ? throw new UsageException(problem) : asked;
    }

    public static Option<TimestampStyle?> Timestamps() => SpeechOptions.OptionalChoice<TimestampStyle>(
        "--timestamps", "How times are written: not at all, in seconds, in milliseconds, or as a clock shows them. Default: each format's own way.");

    /// <summary>Names with commas between.</summary>
    public static Option<TranscriptPart[]> Include() => new("--include")
    {
        Description = "What there is besides the text, with commas between: raw (the text as recognised), segments, words. Default: segments,words.",
        HelpName = string.Join(',', SpeechOptions.Names<TranscriptPart>().Keys),
        CustomParser = result =>
        {
            var names = SpeechOptions.Names<TranscriptPart>();
            var parts = new List<TranscriptPart>();
            foreach (var name in result.Tokens.SelectMany(token => token.Value.Split(',')))
            {
                if (names.TryGetValue(name, out var part))
                {
                    parts.Add(part);
                }
                else
                {
                    result.AddError(SpeechOptions.NoSuch(name, "--include", names.Keys));
                }
            }

            return [.. parts];
        },
    };
}
