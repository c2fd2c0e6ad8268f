using System.CommandLine;
using System.ComponentModel.DataAnnotations;
using Omoai.Pipeline;
using Omoai.Transcripts.Activities;

namespace Omoai.Local.Commands;

/// <summary>The options about speech that several commands have.</summary>
internal static class SpeechOptions
{
    public static Option<string?> Language()
    {
        var option = new Option<string?>("--language")
        {
            Description = "Language spoken, for example en or en-GB. Default: that of the model, or what a model of several hears.",
        };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } tag && Problem(new TranscriptionOptions { Language = tag }) is { } problem)
            {
                result.AddError(problem);
            }
        });
        return option;
    }

    public static Option<ChannelMode> Channels()
    {
        var names = Enum.GetValues<ChannelMode>().ToDictionary(mode => mode.ToString().ToLowerInvariant());
        var option = new Option<ChannelMode>("--channels")
        {
            Description = "mix (the default): all channels together. separate: each by itself, as of telephone calls with a speaker on each.",
            HelpName = string.Join('|', names.Keys),
        };
        option.CustomParser = result =>
        {
            if (names.TryGetValue(result.Tokens[0].Value, out var mode))
            {
                return mode;
            }

            result.AddError($"There is no '{result.Tokens[0].Value}' for --channels; there are {string.Join(" and ", names.Keys)}.");
            return default;
        };
        return option;
    }

    /// <summary>Words with commas between, or those of a file.</summary>
    public static Option<string[]> HotWords() => new("--hot-words")
    {
        Description = "Words and phrases that are likelier than the model thinks, with commas between; or @FILE, one a line.",
        CustomParser = result =>
        {
            try
            {
                string[] phrases =
                    [.. result.Tokens.SelectMany(token => Read(token.Value)).Select(phrase => phrase.Trim()).Where(phrase => phrase.Length > 0)];
                if (Problem(new TranscriptionOptions { HotWords = phrases }) is { } problem)
                {
                    result.AddError(problem);
                }

                return phrases;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
            {
                result.AddError($"The file of hot words can't be read: {e.Message}");
                return [];
            }
        },
    };

    private static IEnumerable<string> Read(string value) => value.StartsWith('@') ? File.ReadAllLines(value[1..]) : value.Split(',');

    private static string? Problem(TranscriptionOptions options)
    {
        var problems = new List<ValidationResult>();
        return Validator.TryValidateObject(options, new ValidationContext(options), problems, validateAllProperties: true)
            ? null : problems[0].ErrorMessage;
    }
}
