using System.ClientModel;
using System.Globalization;
using System.Text;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Tokenizers;

namespace Omoai.Language.Engines.OpenAi;

/// <summary>
/// A language model behind a server with OpenAI's chat completions: vLLM, llama.cpp's, Azure OpenAI's v1 address. Replies are streamed,
/// so that one without end is cut, and nothing that a server sends is believed.
/// </summary>
internal sealed class OpenAiLanguageModel : ILanguageModel
{
    /// <summary>The context where nobody said how long it is.</summary>
    public const int DefaultContextTokens = 4096;

    /// <summary>Tokens that a chat template may add to the two messages of a prompt.</summary>
    public const int TemplateTokens = 64;

    private readonly LlmSettings _settings;
    private readonly TimeProvider _time;
    private readonly Backoff _backoff;
    private readonly ServerText _text;
    private readonly ChatServer _server;
    private readonly Tokenizer? _tokenizer;

    /// <summary>What the server is asked for; less than all once it has answered without something and not with it.</summary>
    private volatile RequestFields _fields;

    /// <summary>The server failed to the end of the call before: it gets one attempt at each prompt until it answers.</summary>
    private volatile bool _failed;

    private OpenAiLanguageModel(LlmSettings settings, Uri endpoint, string? token, TimeProvider time, Random random)
    {
        (_settings, _time) = (settings, time);
        ContextTokens = settings.ContextTokens ?? DefaultContextTokens;
        _tokenizer = settings.Tokenizer is { } path ? ReadTokenizer(path) : null;
        _fields = settings.JsonSchema ? RequestFields.All : RequestFields.All & ~RequestFields.ResponseFormat;
        _backoff = new Backoff(time, random);
        _text = new ServerText(token);
        _server = new ChatServer(endpoint, settings.Model, token, ContextTokens);
    }

    public string Name => _settings.Model;

    public LlmEngine Engine => LlmEngine.OpenAi;

    public int ContextTokens { get; }

    public (string Name, string Reason)? Provider => null;

    /// <summary>Makes a client; nothing is asked yet.</summary>
    /// <param name="settings">Which server, and how patient to be with it.</param>
    /// <param name="token">Goes into the Authorization header, which is left out without one, and nowhere else.</param>
    /// <exception cref="MissingRequirementException">There is no address that can be used, or the tokenizer can't be read.</exception>
    public static ILanguageModel Create(LlmSettings settings, string? token) =>
        Create(settings, token, TimeProvider.System, Random.Shared);

    /// <summary>The same with a clock for waits and time-outs, and what spreads the waits.</summary>
    internal static OpenAiLanguageModel Create(LlmSettings settings, string? token, TimeProvider time, Random random)
    {
        if (settings.Endpoint is not { IsAbsoluteUri: true, Scheme: "http" or "https", UserInfo: "", Query: "", Fragment: "" } endpoint)
        {
            throw new MissingRequirementException(
                "Omoai:Llm:OpenAi:Endpoint must be an http or https address such as http://127.0.0.1:8000/v1, " +
                "without a user name, '?' or '#'.");
        }

        token = token is "" ? null : token;
        return token?.All(c => c is > ' ' and <= '~') == false
            ? throw new MissingRequirementException("The token of Omoai:Llm:OpenAi holds characters that no token can have.")
            : new OpenAiLanguageModel(settings, endpoint, token, time, random);
    }

    /// <summary>
    /// By the tokenizer; without one each byte of UTF-8 is a token, which is never too few: BPE has a token for each byte, or for more.
    /// </summary>
    public int CountTokens(string text) => _tokenizer?.EncodeText(text).Count ?? Encoding.UTF8.GetByteCount(text);

    public int CountTokens(LlmPrompt prompt) => TemplateTokens + CountTokens(prompt.System) + CountTokens(prompt.User);

    public async Task<IReadOnlyList<LlmReply>> GenerateAsync(
        IReadOnlyList<LlmPrompt> prompts, Action<int>? answered, CancellationToken cancellation)
    {
        foreach (var prompt in prompts)
        {
            if (prompt.MaxReplyTokens < 1 || (long)CountTokens(prompt) + prompt.MaxReplyTokens > ContextTokens)
            {
                throw new ArgumentException(string.Create(
                    CultureInfo.InvariantCulture, $"A prompt and its longest reply are longer than the context of {ContextTokens} tokens."),
                    nameof(prompts));
            }
        }

        var replies = new LlmReply[prompts.Count];
        var call = new Call(_failed ? 0 : _settings.MaxRetries);
        var gate = new Lock();
        var done = 0;
        await Parallel.ForEachAsync(
            Enumerable.Range(0, prompts.Count),
            new ParallelOptions { MaxDegreeOfParallelism = _settings.Concurrency, CancellationToken = cancellation },
            async (i, token) =>
            {
                replies[i] = await AnswerAsync(prompts[i], call, token);
                lock (gate)
                {
                    answered?.Invoke(++done);
                }
            });

        _failed = call.Outage is not null || (_failed && call.Answers == 0);
        return call.Problem is { } problem && call.Answers == 0
            ? throw new LanguageServerException(string.Create(
                CultureInfo.InvariantCulture,
                $"The language server at {_server.Address} answered none of {call.Requests} requests. {problem.TrimEnd('.')}. Ask again when it is back, or without a language model."))
            : replies;
    }

    public void Dispose() => _server.Dispose();

    /// <summary>Asks until there is a reply, or none is to be had.</summary>
    private async Task<LlmReply> AnswerAsync(LlmPrompt prompt, Call call, CancellationToken cancellation)
    {
        var first = _fields;
        var fields = first;
        var answersBefore = call.Answers;
        for (var attempt = 1; ;)
        {
            if (call.Outage is { } outage)
            {
                return Failed($"The language server at {_server.Address} wasn't asked any more. {outage}");
            }

            call.Asked();
            var outcome = await AskAsync(prompt, fields, cancellation);
            if (outcome.Refused is { } error && RequestField.Without(fields, prompt, error) is { } others)
            {
                fields = others;
                continue;
            }

            if (outcome.Reply is { } reply)
            {
                call.Answered();
                // Only what worked is kept: a server that finds fault with a prompt may name a field that it knows well.
                if (fields != first && reply.End != ReplyEnd.Failed)
                {
                    _fields = fields;
                }

                return reply;
            }

            // Who takes too long twice will again, and each time costs the whole of what one may take.
            if (attempt > (outcome.IsLate ? Math.Min(call.Retries, 1) : call.Retries))
            {
                call.Failed(outcome, answersBefore);
                return Failed(string.Create(
                    CultureInfo.InvariantCulture, $"The language server at {_server.Address} failed {attempt} times. {outcome.Problem}"));
            }

            await Task.Delay(_backoff.Delay(attempt++, outcome.RetryAfter), _time, cancellation);
        }
    }

    /// <summary>Asks once.</summary>
    /// <exception cref="MissingRequirementException">The server doesn't know the token, the model or the address.</exception>
    private async Task<Outcome> AskAsync(LlmPrompt prompt, RequestFields fields, CancellationToken cancellation)
    {
        using var timeout = new CancellationTokenSource(_settings.RequestTimeout, _time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        var builder = new ReplyBuilder(prompt);
        try
        {
            await foreach (var update in _server.Ask(prompt, fields, linked.Token))
            {
                if (!builder.Add(update))
                {
                    break;
                }
            }
        }
        // What makes no sense lets the client fail in many ways.
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            cancellation.ThrowIfCancellationRequested();
            return Judge(e, timeout.IsCancellationRequested, builder.HasBegun);
        }

        return builder.Error is { } error ? new Outcome($"It broke off its reply: {_text.Show(error)}")
            : builder.Finish() is not { } reply ? new Outcome("It cut off its reply.")
            : new Outcome(reply with { Problem = reply.Problem is { } problem ? _text.Show(problem) : null });
    }

    /// <summary>What an exception from the client means.</summary>
    private Outcome Judge(Exception exception, bool late, bool hasBegun)
    {
        if (exception is ClientResultException { Status: not 0 } answer && answer.GetRawResponse() is { } response)
        {
            return Judge(new ServerError(response));
        }

        var chain = Chain(exception).ToList();
        var why = _text.Show(chain[^1].Message);
        return chain.Exists(e => e is ReplyTooLongException) ? new Outcome(Failed(why))
            : late ? new Outcome($"It took longer than {_settings.RequestTimeout:g} for a reply.") { IsAway = !hasBegun, IsLate = true }
            : !hasBegun && chain.Exists(e => e is HttpRequestException) ? new Outcome($"It can't be reached: {why}") { IsAway = true }
            : new Outcome($"Its reply can't be read: {why}");
    }

    /// <summary>What an answer that isn't a reply means.</summary>
    private Outcome Judge(ServerError error)
    {
        var said = _text.Show(error.Message) is { Length: > 0 } text ? $" It says: {text}" : "";
        var answer = string.Create(CultureInfo.InvariantCulture, $"It answered {error.Status}.{said}");
        return error.Status switch
        {
            // Not what it says: some servers repeat a part of the token.
            401 or 403 => throw new MissingRequirementException(
                $"The language server at {_server.Address} refuses access ({error.Status}): " +
                "check the token of Omoai:Llm:OpenAi, and what it may use."),
            404 or 405 or 410 => throw new MissingRequirementException(
                $"The language server at {_server.Address} knows no model '{_settings.Model}', or no chat completions at that address: " +
                $"check both in Omoai:Llm:OpenAi. {answer}"),
            >= 300 and < 400 => throw new MissingRequirementException(
                $"The language server at {_server.Address} answers {error.Status}, a redirection, which isn't followed: " +
                "set Omoai:Llm:OpenAi:Endpoint to where the model is."),
            408 or 409 or 429 or (>= 500 and not (501 or 505)) => new Outcome(answer)
            {
                IsAway = error.Status is 502 or 503 or 504,
                RetryAfter = _backoff.RetryAfter(error),
            },
            _ => new Outcome(Failed($"The language server at {_server.Address} refused the prompt. {answer}"))
            {
                Refused = error.Status is 400 or 422 ? error : null,
            },
        };
    }

    private static IEnumerable<Exception> Chain(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            yield return exception;
        }
    }

    private static LlmReply Failed(string problem) => new("", ReplyEnd.Failed, 0, 0, problem);

    private static Tokenizer ReadTokenizer(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return Tokenizer.Read(stream, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MissingRequirementException($"The tokenizer of Omoai:Llm can't be read: {e.Message}", e);
        }
    }
}
