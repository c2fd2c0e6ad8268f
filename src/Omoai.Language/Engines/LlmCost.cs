namespace Omoai.Language.Engines;

/// <summary>What replies took.</summary>
/// <param name="Requests">Prompts.</param>
/// <param name="PromptTokens">Their tokens, as far as they were told.</param>
/// <param name="ReplyTokens">Those of the replies.</param>
internal readonly record struct LlmCost(int Requests, long PromptTokens, long ReplyTokens)
{
    public static LlmCost Of(IReadOnlyCollection<LlmReply> replies) =>
        new(replies.Count, replies.Sum(reply => (long)reply.PromptTokens), replies.Sum(reply => (long)reply.ReplyTokens));

    public static LlmCost operator +(LlmCost a, LlmCost b) =>
        new(a.Requests + b.Requests, a.PromptTokens + b.PromptTokens, a.ReplyTokens + b.ReplyTokens);
}
