using System.Text.RegularExpressions;
using OpenAI.Chat;

namespace Omoai.Language.Engines.OpenAi;

/// <summary>What a request says besides the model and the messages. Not every server knows each of them.</summary>
[Flags]
internal enum RequestFields
{
    None = 0,

    /// <summary><c>max_tokens</c>: what older servers and models know.</summary>
    MaxTokens = 1,

    /// <summary><c>max_completion_tokens</c>: what took its place. One of the two is always sent.</summary>
    MaxCompletionTokens = 2,

    /// <summary><c>response_format</c> with a JSON schema.</summary>
    ResponseFormat = 4,

    Temperature = 8,
    TopP = 16,
    Seed = 32,
    Stop = 64,

    /// <summary><c>stream_options</c>, which asks for the number of tokens.</summary>
    StreamOptions = 128,

    /// <summary>A message of the role <c>system</c>; without it what the model is to do stands before the user's text.</summary>
    System = 256,

    All = 511,
}

/// <summary>Requests, and what they can go without.</summary>
internal static partial class RequestField
{
    /// <summary>As many stop strings as OpenAI's API takes.</summary>
    private const int MaxStops = 4;

    /// <summary>
    /// In the order in which they are given up. A server that minds both limits is first left the newer one: OpenAI's names
    /// <c>max_tokens</c> then, and one that knows only that names the newer one next.
    /// </summary>
    private static readonly (RequestFields Field, string Name)[] Names =
    [
        (RequestFields.ResponseFormat, "response_format"),
        (RequestFields.MaxTokens, "max_tokens"),
        (RequestFields.MaxCompletionTokens, "max_completion_tokens"),
        (RequestFields.StreamOptions, "stream_options"),
        (RequestFields.Temperature, "temperature"),
        (RequestFields.TopP, "top_p"),
        (RequestFields.Seed, "seed"),
        (RequestFields.Stop, "stop"),
    ];

    /// <summary>The messages of a request for a prompt.</summary>
    public static IEnumerable<ChatMessage> Messages(LlmPrompt prompt, RequestFields fields) => fields.HasFlag(RequestFields.System)
        ? [new SystemChatMessage(prompt.System), new UserChatMessage(prompt.User)]
        : [new UserChatMessage($"{prompt.System}\n\n{prompt.User}")];

    /// <summary>The options of a request for a prompt.</summary>
    public static ChatCompletionOptions Options(LlmPrompt prompt, RequestFields fields)
    {
        var sent = Sent(prompt, fields);
        var options = new ChatCompletionOptions
        {
            MaxOutputTokenCount = sent.HasFlag(RequestFields.MaxCompletionTokens) ? prompt.MaxReplyTokens : null,
            Temperature = sent.HasFlag(RequestFields.Temperature) ? (float)prompt.Temperature : null,
            TopP = sent.HasFlag(RequestFields.TopP) ? (float)prompt.TopP : null,
            ResponseFormat = sent.HasFlag(RequestFields.ResponseFormat)
                ? ChatResponseFormat.CreateJsonSchemaFormat("reply", BinaryData.FromString(prompt.JsonSchema!), jsonSchemaIsStrict: true)
                : null,
        };
        foreach (var stop in sent.HasFlag(RequestFields.Stop) ? prompt.Stops.Take(MaxStops) : [])
        {
            options.StopSequences.Add(stop);
        }

#pragma warning disable OPENAI001, SCME0001 // The client has no other way for a seed, or for what OpenAI's own models don't know.
        options.Seed = sent.HasFlag(RequestFields.Seed) ? prompt.Seed : null;
        if (sent.HasFlag(RequestFields.MaxTokens))
        {
            // Servers ignore the limit that they don't know, so both are sent until one is refused.
            options.Patch.Set("$.max_tokens"u8, prompt.MaxReplyTokens);
        }

        if (!sent.HasFlag(RequestFields.StreamOptions))
        {
            options.Patch.Remove("$.stream_options"u8);
        }
#pragma warning restore OPENAI001, SCME0001
        return options;
    }

    /// <summary>What to send after a server refused a request; null where it names nothing that can be left out.</summary>
    /// <param name="fields">What it was asked for.</param>
    /// <param name="prompt">The prompt of that request.</param>
    /// <param name="error">What it answered.</param>
    public static RequestFields? Without(RequestFields fields, LlmPrompt prompt, ServerError error)
    {
        // Of "response_format.json_schema" the first word counts; where no field is named the message may do so.
        var words = Word().Matches(error.Field ?? error.Message).Select(match => match.Value);
        var names = (error.Field is null ? words : words.Take(1)).ToHashSet();
        var sent = Sent(prompt, fields);
        foreach (var (candidate, name) in Names)
        {
            if (sent.HasFlag(candidate) && names.Contains(name))
            {
                return candidate switch
                {
                    RequestFields.MaxTokens when !sent.HasFlag(RequestFields.MaxCompletionTokens) => null,
                    RequestFields.MaxCompletionTokens => (fields & ~candidate) | RequestFields.MaxTokens,
                    _ => fields & ~candidate,
                };
            }
        }

        // What the chat templates of models that know no such role say, Gemma 2's for one.
        return sent.HasFlag(RequestFields.System) && error.Message.Contains("system role", StringComparison.OrdinalIgnoreCase)
            ? fields & ~RequestFields.System
            : null;
    }

    private static RequestFields Sent(LlmPrompt prompt, RequestFields fields) => fields
        & (prompt.JsonSchema is null ? ~RequestFields.ResponseFormat : RequestFields.All)
        & (prompt.Stops.Count == 0 ? ~RequestFields.Stop : RequestFields.All);

    [GeneratedRegex("[a-z_]+", RegexOptions.CultureInvariant)]
    private static partial Regex Word();
}
