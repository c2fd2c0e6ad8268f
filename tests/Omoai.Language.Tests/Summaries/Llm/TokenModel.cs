using System.Text;
using Omoai.Language.Engines;
using Omoai.Transcripts.Activities;

namespace Omoai.Language.Tests.Summaries.Llm;

/// <summary>Like <see cref="Support.FakeLanguageModel"/>, with four bytes to a token as real tokenizers have, and nothing kept but what a test looks at.</summary>
internal sealed class TokenModel(int contextTokens, Func<LlmPrompt, string> answer) : ILanguageModel
{
    public string Name => "tokens";
    public LlmEngine Engine => LlmEngine.OpenAi;
    public int ContextTokens => contextTokens;
    public (string Name, string Reason)? Provider => null;

    public int Prompts { get; private set; }

    public int CountTokens(string text) => (Encoding.UTF8.GetByteCount(text) + 3) / 4;

    public int CountTokens(LlmPrompt prompt) => 8 + CountTokens(prompt.System) + CountTokens(prompt.User);

    public Task<IReadOnlyList<LlmReply>> GenerateAsync(IReadOnlyList<LlmPrompt> prompts, Action<int>? answered, CancellationToken cancellation)
    {
        Prompts += prompts.Count;
        return Task.FromResult<IReadOnlyList<LlmReply>>([.. prompts.Select(prompt =>
        {
            Assert.True(prompt.MaxReplyTokens >= 1);
            Assert.InRange(CountTokens(prompt) + prompt.MaxReplyTokens, 1, ContextTokens);
            return new LlmReply(answer(prompt), ReplyEnd.Complete, CountTokens(prompt), 10);
        })]);
    }

    public void Dispose()
    {
    }
}
