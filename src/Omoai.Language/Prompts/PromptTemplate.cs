using System.Text.RegularExpressions;
using Omoai.Language.Engines;
using Omoai.Transcripts.Activities;

namespace Omoai.Language.Prompts;

/// <summary>
/// A prompt as a file has it: what the model is to do, a line <c>=== user ===</c>, and what it is to do that with, both with
/// <c>{{names}}</c> that values are put in for.
/// </summary>
internal sealed partial class PromptTemplate
{
    private const string Separator = "=== user ===";
    private const string Text = "text";
    private const int MaxBytes = 64 << 10;

    private readonly string _system;
    private readonly string _user;

    private PromptTemplate(string system, string user) => (_system, _user) = (system, user);

    /// <summary>
    /// Reads <c>NAME.LANGUAGE.txt</c> from a folder, where it is there, or else of those that are shipped; English where there is none
    /// in the language.
    /// </summary>
    /// <param name="folder">Whose files replace those that are shipped; null for none.</param>
    /// <param name="name">Such as <c>punctuate</c>.</param>
    /// <param name="language">BCP 47; null for English.</param>
    /// <param name="names">What it may name besides <c>{{text}}</c>.</param>
    /// <exception cref="MissingRequirementException">
    /// The folder isn't there. Its file can't be read, has not that one line and <c>{{text}}</c> once, after it, or names something else.
    /// </exception>
    public static PromptTemplate Load(string? folder, string name, string? language, params IReadOnlyList<string> names)
    {
        if (folder is not null && !Directory.Exists(folder))
        {
            throw new MissingRequirementException($"The folder of prompts {folder} isn't there: check Omoai:Llm:Prompts.");
        }

        names = [Text, .. names];
        string[] files = [$"{name}.{language?.Split('-')[0].ToLowerInvariant()}.txt", $"{name}.en.txt"];
        return files.Select(file => Replacement(folder, file, names) ?? Shipped(file, names)).OfType<PromptTemplate>().First();
    }

    /// <summary>
    /// Puts values in. In what isn't trusted a <c>&lt;</c> becomes <c>‹</c>, so that no text ends its own delimiter, or writes a
    /// special token for a server that would take it for one.
    /// </summary>
    /// <param name="maxReplyTokens">As in <see cref="LlmPrompt"/>.</param>
    /// <param name="values">By name, each that it names.</param>
    public LlmPrompt Fill(int maxReplyTokens, IReadOnlyDictionary<string, string> values)
    {
        return new LlmPrompt(Put(_system), Put(_user), maxReplyTokens);

        string Put(string text) => Placeholder().Replace(
            text, match => values[match.Groups[1].Value].Replace('<', '‹'));
    }

    private static PromptTemplate? Replacement(string? folder, string file, IReadOnlyList<string> names)
    {
        if (folder is null || Path.Combine(folder, file) is var path && !File.Exists(path))
        {
            return null;
        }

        try
        {
            return new FileInfo(path).Length <= MaxBytes
                ? Parse(File.ReadAllText(path), path, names)
                : throw new MissingRequirementException($"The prompt {path} is longer than {MaxBytes} bytes.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MissingRequirementException($"The prompt {path} can't be read: {e.Message}", e);
        }
    }

    private static PromptTemplate? Shipped(string file, IReadOnlyList<string> names)
    {
        using var stream = typeof(PromptTemplate).Assembly.GetManifestResourceStream($"Omoai.Language.Prompts.{file}");
        if (stream is null)
        {
            return null;
        }

        using var reader = new StreamReader(stream);
        return Parse(reader.ReadToEnd(), file, names);
    }

    private static PromptTemplate Parse(string text, string path, IReadOnlyList<string> names)
    {
        string[] halves = text.ReplaceLineEndings("\n").Split($"\n{Separator}\n");
        // Once, since the budget counts it once; and not among the instructions, since it isn't trusted.
        if (halves is not [var system, var user] || Named(system).Contains(Text) || Named(user).Count(name => name == Text) != 1)
        {
            throw new MissingRequirementException($"The prompt {path} must have one line '{Separator}', and {{{{{Text}}}}} once, after it.");
        }

        return Named(text).FirstOrDefault(name => !names.Contains(name)) is { } unknown
            ? throw new MissingRequirementException(
                $"The prompt {path} has {{{{{unknown}}}}}, which stands for nothing: {string.Join(", ", names.Select(name => $"{{{{{name}}}}}"))} do.")
            : new PromptTemplate(system.Trim(), user.Trim());
    }

    private static IEnumerable<string> Named(string text) => Placeholder().Matches(text).Select(match => match.Groups[1].Value);

    [GeneratedRegex(@"\{\{([^{}]*)\}\}")]
    private static partial Regex Placeholder();
}
