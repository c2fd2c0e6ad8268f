using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net;
using OpenAI;
using OpenAI.Chat;

namespace Omoai.Language.Engines.OpenAi;

/// <summary>
/// OpenAI's client, made to keep to itself: it retries, logs and traces nothing, follows no redirect, asks no proxy, keeps no cookie,
/// and reads no more than it must.
/// </summary>
internal sealed class ChatServer : IDisposable
{
    private readonly HttpClient _http;
    private readonly ChatClient _client;

    /// <param name="endpoint">The base address, to which <c>/chat/completions</c> is added.</param>
    /// <param name="model">What the server calls the model.</param>
    /// <param name="token">Null sends no Authorization header.</param>
    /// <param name="contextTokens">No reply has more tokens.</param>
    public ChatServer(Uri endpoint, string model, string? token, int contextTokens)
    {
        Address = $"{endpoint.Scheme}://{endpoint.Authority}{endpoint.AbsolutePath}";
        _http = new HttpClient(new BoundedReplies(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            UseProxy = false,
            ConnectTimeout = TimeSpan.FromSeconds(15),
            MaxResponseHeadersLength = 32,
            // The end of a reply that was read is so near; one that was left unread isn't waited for.
            MaxResponseDrainSize = 4 << 10,
            ResponseDrainTimeout = TimeSpan.FromSeconds(1),
        }, contextTokens))
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        var options = new OpenAIClientOptions
        {
            Endpoint = endpoint,
            Transport = new HttpClientPipelineTransport(_http, enableLogging: false, loggerFactory: null),
            UserAgentApplicationId = "omoai",
            RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
            NetworkTimeout = Timeout.InfiniteTimeSpan,
            EnableDistributedTracing = false,
            ClientLoggingOptions = new ClientLoggingOptions
            {
                EnableLogging = false,
                EnableMessageLogging = false,
                EnableMessageContentLogging = false,
            },
        };
#pragma warning disable OPENAI001 // The client has no other way to go without a token.
        _client = new ChatClient(
            model,
            token is null ? new NoAuthentication() : ApiKeyAuthenticationPolicy.CreateHeaderApiKeyPolicy(
                new ApiKeyCredential(token), "Authorization", "Bearer"),
            options);
#pragma warning restore OPENAI001
    }

    /// <summary>The address for people.</summary>
    public string Address { get; }

    /// <summary>Sends a prompt. Errors are the client's.</summary>
    public IAsyncEnumerable<StreamingChatCompletionUpdate> Ask(LlmPrompt prompt, RequestFields fields, CancellationToken cancellation) =>
        _client.CompleteChatStreamingAsync(
            RequestField.Messages(prompt, fields), RequestField.Options(prompt, fields), cancellation);

    public void Dispose() => _http.Dispose();

    private sealed class NoAuthentication : AuthenticationPolicy
    {
        public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex) =>
            ProcessNext(message, pipeline, currentIndex);

        public override ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex) =>
            ProcessNextAsync(message, pipeline, currentIndex);
    }
}
