using Omoai.Transcripts.Activities;

namespace Omoai.Language.Engines;

/// <summary>
/// A language model in one job: once it has answered a prompt, an outage fails the prompts that it meets, and no longer the job, which
/// would throw the answers away.
/// </summary>
/// <param name="model">The model; whoever made it disposes of it.</param>
internal sealed class AnsweringModel(ILanguageModel model) : ILanguageModel
{
    private bool _hasAnswered;

    public string Name => model.Name;

    public LlmEngine Engine => model.Engine;

    public int ContextTokens => model.ContextTokens;

    public (string Name, string Reason)? Provider => model.Provider;

    public int CountTokens(string text) => model.CountTokens(text);

    public int CountTokens(LlmPrompt prompt) => model.CountTokens(prompt);

    public async Task<IReadOnlyList<LlmReply>> GenerateAsync(
        IReadOnlyList<LlmPrompt> prompts, Action<int>? answered, CancellationToken cancellation)
    {
        try
        {
            var replies = await model.GenerateAsync(prompts, answered, cancellation);
            _hasAnswered |= replies.Count > 0;
            return replies;
        }
        catch (LanguageServerException e) when (_hasAnswered)
        {
            return [.. prompts.Select(_ => new LlmReply("", ReplyEnd.Failed, 0, 0, e.Message))];
        }
    }

    public void Dispose()
    {
    }
}
