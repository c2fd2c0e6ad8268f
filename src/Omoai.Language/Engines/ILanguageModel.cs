using Omoai.Transcripts.Activities;

namespace Omoai.Language.Engines;

/// <summary>A language model that answers prompts. Not for several threads at once.</summary>
internal interface ILanguageModel : IDisposable
{
    /// <summary>Its name.</summary>
    string Name { get; }

    LlmEngine Engine { get; }

    /// <summary>Tokens that a prompt and its reply may have together.</summary>
    int ContextTokens { get; }

    /// <summary>What runs it, <c>cuda</c> or <c>cpu</c>, and why; null where a server does.</summary>
    (string Name, string Reason)? Provider { get; }

    /// <summary>
    /// Tokens of a text by itself, at least: never fewer than it has in a prompt, give or take one at either end where it joins others.
    /// </summary>
    int CountTokens(string text);

    /// <summary>Tokens of a whole prompt, at least: what the chat template adds included, the reply not.</summary>
    int CountTokens(LlmPrompt prompt);

    /// <summary>Answers prompts, in their order.</summary>
    /// <param name="prompts">Any number of them; each must leave room for its reply in the context.</param>
    /// <param name="answered">Told after each prompt, on any thread, how many are answered.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>One for each prompt. What went wrong with one prompt is in its reply, and others go on.</returns>
    /// <exception cref="ArgumentException">A prompt and its longest reply are longer than the context.</exception>
    /// <exception cref="MissingRequirementException">
    /// The model's graph can't be run, or the server doesn't know the model or the token: another attempt won't help.
    /// </exception>
    /// <exception cref="LanguageServerException">The server answered none of the prompts: another attempt may help.</exception>
    /// <exception cref="OutOfMemoryException">The processor's memory or the GPU's is not enough, now.</exception>
    Task<IReadOnlyList<LlmReply>> GenerateAsync(
        IReadOnlyList<LlmPrompt> prompts, Action<int>? answered, CancellationToken cancellation);
}

/// <summary>A chat of one turn.</summary>
/// <param name="System">What the model is to do; ours.</param>
/// <param name="User">What it is to do that with; holds text that isn't trusted.</param>
/// <param name="MaxReplyTokens">The reply is cut after so many.</param>
internal sealed record LlmPrompt(string System, string User, int MaxReplyTokens)
{
    /// <summary>0 takes the likeliest token each time; to 2.</summary>
    public double Temperature { get; init; }

    /// <summary>Sampling takes the likeliest tokens that have this probability together; more than 0, to 1.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Seed of sampling; the same prompt with the same seed gets the same reply, as far as the engine can.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>The reply ends before the first of these.</summary>
    public IReadOnlyList<string> Stops { get; init; } = [];

    /// <summary>A JSON schema (an object's) that the reply is to keep to, where the engine can have it so; null for free text.</summary>
    public string? JsonSchema { get; init; }
}

/// <summary>The answer to a prompt. Nothing in it is to be trusted.</summary>
/// <param name="Text">Without <see cref="Thoughts"/>; at most <see cref="MaxCharacters"/> long.</param>
/// <param name="End">How it ended.</param>
/// <param name="PromptTokens">0 where nobody told.</param>
/// <param name="ReplyTokens">0 where nobody told.</param>
/// <param name="Problem">What went wrong, for people; only where it failed.</param>
internal sealed record LlmReply(string Text, ReplyEnd End, int PromptTokens, int ReplyTokens, string? Problem = null)
{
    /// <summary>Longer replies are cut.</summary>
    public const int MaxCharacters = 1 << 20;
}

internal enum ReplyEnd
{
    /// <summary>The model came to its end, or to a stop string.</summary>
    Complete,

    /// <summary>It was cut: by its limit of tokens, or of characters.</summary>
    Cut,

    /// <summary>There is none, or a part only.</summary>
    Failed,
}

/// <summary>A language server can't be reached, or answers nothing; another attempt may help. The message is for people and holds no secret.</summary>
internal sealed class LanguageServerException(string message, Exception? inner = null) : Exception(message, inner);
