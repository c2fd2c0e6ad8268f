using System.Text;
using OpenAI.Chat;

namespace Omoai.Language.Engines.OpenAi;

/// <summary>Puts a reply together from what a server streams.</summary>
/// <param name="prompt">What it is the reply to.</param>
internal sealed class ReplyBuilder(LlmPrompt prompt)
{
    /// <summary>Characters: no token is so long on average, so a server that goes on doesn't keep to the limit that it was given.</summary>
    private readonly int _maxCharacters = (int)Math.Min(LlmReply.MaxCharacters, Math.Max(4096, 64L * prompt.MaxReplyTokens));

    private readonly StringBuilder _text = new();
    private readonly StringBuilder _refusal = new();
    private ChatFinishReason? _finish;
    private bool _isOver;
    private int _promptTokens;
    private int _replyTokens;

    /// <summary>Whether anything has come.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>What the server says in the stream instead of going on; never to be shown as it is.</summary>
    public string? Error { get; private set; }

    /// <summary>Takes the next part.</summary>
    /// <returns>Whether more is wanted.</returns>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public bool Add(StreamingChatCompletionUpdate? update)
    {
        HasBegun = true;
        if (update is null)
        {
            throw new InvalidDataException("A part of it is null.");
        }

#pragma warning disable SCME0001 // Where the client keeps what isn't part of a reply.
        if (update.Patch.TryGetJson("$.error"u8, out var error) && !error.Span.SequenceEqual("null"u8))
        {
            Error = ServerError.MessageOf(error);
            return false;
        }
#pragma warning restore SCME0001

        foreach (var part in update.ContentUpdate)
        {
            Append(_text, part.Text);
        }

        Append(_refusal, update.RefusalUpdate);
        _finish = update.FinishReason ?? _finish;
        if (update.Usage is { } usage)
        {
            (_promptTokens, _replyTokens) = (Math.Max(0, usage.InputTokenCount), Math.Max(0, usage.OutputTokenCount));
        }

        return !_isOver;
    }

    /// <summary>The reply; null where it never came to its end.</summary>
    public LlmReply? Finish()
    {
        if (!_isOver && _finish is null)
        {
            return null;
        }

        var text = Thoughts.Without(_text.ToString());
        var stop = prompt.Stops.Select(stop => text.IndexOf(stop, StringComparison.Ordinal)).Where(at => at >= 0).DefaultIfEmpty(-1).Min();
        var (end, problem) = _finish switch
        {
            _ when _refusal.Length > 0 => (ReplyEnd.Failed, $"The model refused: {_refusal}"),
            ChatFinishReason.ContentFilter => (ReplyEnd.Failed, "The server's content filter kept the reply back."),
            _ when stop >= 0 => (ReplyEnd.Complete, null),
            _ when _isOver => (ReplyEnd.Cut, null),
            ChatFinishReason.Stop => (ReplyEnd.Complete, null),
            ChatFinishReason.Length => (ReplyEnd.Cut, null),
            var other => (ReplyEnd.Failed, (string?)$"The reply ended with {other}."),
        };
        return new LlmReply(stop >= 0 ? text[..stop] : text, end, _promptTokens, _replyTokens, problem);
    }

    private void Append(StringBuilder to, string? part)
    {
        if (part is null)
        {
            return;
        }

        var room = _maxCharacters - to.Length;
        if (part.Length > room)
        {
            _isOver = true;
            // Not in the middle of a pair.
            part = part[..(room > 0 && char.IsHighSurrogate(part[room - 1]) ? room - 1 : room)];
        }

        to.Append(part);
    }
}
