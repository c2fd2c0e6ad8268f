using System.Text;
using Omoai.Language.Engines;
using Omoai.Transcripts.Activities;

namespace Omoai.Language.Tests.Support;

/// <summary>
/// A language model that answers as a test says, and keeps to the contract: it counts a token for every byte, and refuses what is longer
/// than its context.
/// </summary>
/// <param name="answer">From the prompt and its number, from 0.</param>
/// <param name="contextTokens">Bytes that a prompt and its reply may have together.</param>
internal sealed class FakeLanguageModel(Func<LlmPrompt, int, LlmReply> answer, int contextTokens = 4096) : ILanguageModel
{
    private const int TemplateTokens = 16;

    public FakeLanguageModel(Func<LlmPrompt, string> answer, int contextTokens = 4096)
        : this((prompt, _) => new LlmReply(answer(prompt), ReplyEnd.Complete, 0, 0), contextTokens)
    {
    }

    public string Name => "fake";
    public LlmEngine Engine => LlmEngine.OpenAi;
    public int ContextTokens => contextTokens;
    public (string Name, string Reason)? Provider => null;

    /// <summary>What it was asked, in order.</summary>
    public List<LlmPrompt> Prompts { get; } = [];

    /// <summary>How many prompts it was given at once, in order.</summary>
    public List<int> Calls { get; } = [];

    public int CountTokens(string text) => Encoding.UTF8.GetByteCount(text);

    public int CountTokens(LlmPrompt prompt) => TemplateTokens + CountTokens(prompt.System) + CountTokens(prompt.User);

    public Task<IReadOnlyList<LlmReply>> GenerateAsync(
        IReadOnlyList<LlmPrompt> prompts, Action<int>? answered, CancellationToken cancellation)
    {
        Calls.Add(prompts.Count);
        var replies = new List<LlmReply>();
        foreach (var prompt in prompts)
        {
            cancellation.ThrowIfCancellationRequested();
            if (prompt.MaxReplyTokens < 1 || CountTokens(prompt) + prompt.MaxReplyTokens > ContextTokens)
            {
                throw new ArgumentException("The prompt and its reply are longer than the context.");
            }

            replies.Add(answer(prompt, Prompts.Count));
            Prompts.Add(prompt);
            answered?.Invoke(replies.Count);
        }

        return Task.FromResult<IReadOnlyList<LlmReply>>(replies);
    }

    public void Dispose()
    {
    }
}
