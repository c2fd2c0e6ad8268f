using System.Text;
using Omoai.Transcripts.Tokenizers;

namespace Omoai.Language.Engines.Onnx;

/// <summary>A reply while its tokens come: knows when it is at its end.</summary>
internal sealed class ReplyWriter(Tokenizer tokenizer, IReadOnlyList<int> endTokens, LlmPrompt prompt, int promptTokens)
{
    // Tokens before a stop string that may be parts of characters, or be stripped where a text begins.
    private const int Slack = 8;

    // A token's text is at most as long as the file writes it, and a character may be written as up to four.
    private const int MaxWritten = 4 * LlmReply.MaxCharacters;

    // Of the tokens that stand for text the last so many hold any stop string that ends with the last: each has a byte of it at least.
    private readonly int _window = prompt.Stops.Count == 0 ? 0 : prompt.Stops.Max(Encoding.UTF8.GetByteCount) + Slack;
    private readonly TokenSampler _sampler = new(prompt.Temperature, prompt.TopP, prompt.Seed);
    private readonly List<int> _text = [];
    private int _tokens;
    private int _written;
    private ReplyEnd? _end;
    private string? _problem;

    public bool IsEnded => _end is not null;

    /// <summary>Takes the next token.</summary>
    /// <param name="scores">Its logits, for the ids that the tokenizer has.</param>
    /// <returns>The token.</returns>
    public int Add(ReadOnlySpan<float> scores)
    {
        if (_sampler.Next(scores) is not { } token)
        {
            (_end, _problem) = (ReplyEnd.Failed, "the model's scores aren't numbers");
            return 0;
        }

        _tokens++;
        if (endTokens.Contains(token))
        {
            _end = ReplyEnd.Complete;
            return token;
        }

        if (!tokenizer.IsSpecial(token) && tokenizer.TokenOf(token) is { Length: > 0 } written)
        {
            _text.Add(token);
            _written += written.Length;
        }

        if (_window > 0 && FirstStop(tokenizer.Decode(_text[^Math.Min(_window, _text.Count)..])) >= 0)
        {
            _end = ReplyEnd.Complete;
        }
        else if (_tokens >= prompt.MaxReplyTokens || _written > MaxWritten)
        {
            _end = ReplyEnd.Cut;
        }

        return token;
    }

    public LlmReply ToReply()
    {
        // At once, since a character may be written by several tokens.
        var text = Thoughts.Without(tokenizer.Decode(_text));
        var end = _end ?? ReplyEnd.Cut;
        if (FirstStop(text) is >= 0 and var stop)
        {
            (text, end) = (text[..stop], end == ReplyEnd.Failed ? end : ReplyEnd.Complete);
        }

        if (text.Length > LlmReply.MaxCharacters)
        {
            var length = LlmReply.MaxCharacters - (char.IsHighSurrogate(text[LlmReply.MaxCharacters - 1]) ? 1 : 0);
            (text, end) = (text[..length], end == ReplyEnd.Failed ? end : ReplyEnd.Cut);
        }

        return new LlmReply(text, end, promptTokens, _tokens, _problem);
    }

    /// <summary>Where the first of the stop strings is, or -1.</summary>
    private int FirstStop(string text)
    {
        var first = -1;
        foreach (var stop in prompt.Stops)
        {
            if (text.IndexOf(stop, StringComparison.Ordinal) is >= 0 and var at && (first < 0 || at < first))
            {
                first = at;
            }
        }

        return first;
    }
}
