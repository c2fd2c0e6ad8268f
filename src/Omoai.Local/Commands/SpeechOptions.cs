using System.CommandLine;
using System.CommandLine.Parsing;
using System.ComponentModel.DataAnnotations;
using Omoai.Pipeline;
using Omoai.Transcripts.Activities;

namespace Omoai.Local.Commands;

/// <summary>The options about speech that several commands have.</summary>
internal static class SpeechOptions
{
    public static Option<string?> Language() => Checked(
        new Option<string?>("--language")
        {
            Description = "Language spoken, for example en or en-GB. Default: that of the model, or what a model of several hears.",
        },
        tag => new TranscriptionOptions { Language = tag });

    public static Option<ChannelMode> Channels() => Choice<ChannelMode>(
        "--channels", "mix (the default): all channels together. separate: each by itself, as of telephone calls with a speaker on each.");

    /// <summary>One of the names of an enumeration; its first value is the default.</summary>
    public static Option<T> Choice<T>(string name, string description)
        where T : struct, Enum => new(name)
        {
            Description = description,
            HelpName = string.Join('|', Names<T>().Keys),
            CustomParser = result => Parse<T>(result, name),
        };

    /// <summary>One of the names of an enumeration, or none of them.</summary>
    public static Option<T?> OptionalChoice<T>(string name, string description)
        where T : struct, Enum => new(name)
        {
            Description = description,
            HelpName = string.Join('|', Names<T>().Keys),
            CustomParser = result => Parse<T>(result, name),
        };

    /// <summary>An option whose value is checked as the API's of that name is.</summary>
    public static Option<T> Checked<T>(Option<T> option, Func<T, TranscriptionOptions> asked)
    {
        option.Validators.Add(result =>
        {
            // What can't be read at all is told of already.
            if (!result.Errors.Any() && result.GetValueOrDefault<T>() is { } value && Problem(asked(value)) is { } problem)
            {
                result.AddError(problem);
            }
        });
        return option;
    }

    /// <summary>The values of an enumeration by their names, as in the API.</summary>
    public static Dictionary<string, T> Names<T>()
        where T : struct, Enum => Enum.GetValues<T>().ToDictionary(value => value.ToString().ToLowerInvariant());

    public static string NoSuch(string value, string option, IEnumerable<string> names) =>
        $"There is no '{value}' for {option}; there are {string.Join(", ", names)}.";

    private static T Parse<T>(ArgumentResult result, string option)
        where T : struct, Enum
    {
        var names = Names<T>();
        if (names.TryGetValue(result.Tokens[0].Value, out var value))
        {
            return value;
        }

        result.AddError(NoSuch(result.Tokens[0].Value, option, names.Keys));
        return default;
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

    /// <summary>Why these options can't be used; null where they can.</summary>
    public static string? Problem(TranscriptionOptions options)
    {
        var problems = new List<ValidationResult>();
        return Validator.TryValidateObject(options, new ValidationContext(options), problems, validateAllProperties: true)
            ? null : problems[0].ErrorMessage;
    }
}
