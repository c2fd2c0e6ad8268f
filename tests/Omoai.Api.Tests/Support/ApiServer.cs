using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Omoai.Pipeline;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Jobs;
using Omoai.Storage;
using Omoai.Tests;

namespace Omoai.Api.Tests.Support;

/// <summary>The API on a real socket, over a store in a folder and an engine that runs nothing. Every answer is checked against
/// the OpenAPI document.</summary>
internal sealed class ApiServer : IAsyncDisposable
{
    public const string Key = "a-key-for-these-tests";
    public const int MaxRecordingBytes = 100_000;
    public const string Jobs = "/api/transcriptions";

    private static JsonObject? s_document;

    private readonly string _folder;
    private readonly WebApplication _app;
    private readonly Channel<int> _ended = Channel.CreateUnbounded<int>();

    private ApiServer(string folder, IEnumerable<(string Key, string? Value)> settings)
    {
        _folder = folder;
        var host = Path.Combine(folder, "host");
        File.WriteAllText(host, "");
        Store = new TestStore(new DirectoryArtifactStore(StoreFolder));
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrel().UseUrls("http://127.0.0.1:0");
        var all = new Dictionary<string, string?>
        {
            ["Omoai:Api:Keys:0"] = Key,
            ["Omoai:Isolation:HostPath"] = host,
            ["Omoai:Models:Folders:0"] = Path.Combine(TestPaths.Repository, "models"),
            ["Omoai:Pipeline:MaxRecordingBytes"] = $"{MaxRecordingBytes}",
        };
        foreach (var (key, value) in settings)
        {
            all[key] = value;
        }

        builder.Configuration.AddInMemoryCollection(all);
        builder.Services.AddRouting().AddOmoaiPipeline().AddOmoaiDirectoryStorage(StoreFolder).AddOmoaiApi()
            .AddSingleton<IArtifactStore>(Store)
            .AddSingleton<IJobEngine>(Engine);
        _app = builder.Build();
        Client = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, UseCookies = false });
    }

    public FakeEngine Engine { get; } = new();

    public TestStore Store { get; }

    /// <summary>Without a key.</summary>
    public HttpClient Client { get; }

    public IServiceProvider Services => _app.Services;

    public Uri Address => new(_app.Urls.Single());

    /// <summary>Every file where recordings that came through the API are, hidden ones too.</summary>
    public string[] Recordings => FilesOf(ArtifactNames.ApiContainer);

    public string[] Files => FilesOf("");

    private string StoreFolder => Path.Combine(_folder, "store");

    public static async Task<ApiServer> StartAsync(params (string Key, string? Value)[] settings)
    {
        var server = new ApiServer(Directory.CreateTempSubdirectory("omoai-test-").FullName, settings);
        try
        {
            server._app.Use(next => http => server.TellEndAsync(next, http));
            server._app.UseOmoaiApi();
            await server._app.StartAsync();
            server.Client.BaseAddress = server.Address;
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    public Task<Answer> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    public Task<Answer> DeleteAsync(string path) => SendAsync(HttpMethod.Delete, path);

    public Task<Answer> PostAsync(string path, HttpContent? content, string? idempotencyKey = null) =>
        SendAsync(HttpMethod.Post, path, content, idempotencyKey is null ? [] : [("Idempotency-Key", idempotencyKey)]);

    /// <summary>Sends a request with the right key.</summary>
    public Task<Answer> SendAsync(HttpMethod method, string path, HttpContent? content = null, params (string Name, string Value)[] headers) =>
        SendWithoutKeyAsync(method, path, content, [("X-Api-Key", Key), .. headers]);

    public async Task<Answer> SendWithoutKeyAsync(
        HttpMethod method, string path, HttpContent? content = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        foreach (var (name, value) in headers)
        {
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        }

        using var response = await Client.SendAsync(request);
        var answer = new Answer(
            method.Method, path.Split('?')[0], (int)response.StatusCode,
            response.Headers.Concat(response.Content.Headers)
                .ToDictionary(header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase),
            await response.Content.ReadAsByteArrayAsync());
        return await CheckedAsync(answer);
    }

    /// <summary>Sends a request by hand, whose body may be anything.</summary>
    public async Task<Answer> SendRawAsync(string path, IEnumerable<string> headers, string body = "")
    {
        using var connection = await RawConnection.OpenAsync(Address);
        await connection.SendAsync($"POST {path}", headers, Encoding.Latin1.GetBytes(body));
        return await CheckedAsync(await connection.ReadAsync("POST", path.Split('?')[0]));
    }

    public async Task<OpenApiContract> ContractAsync() => new(s_document ??= JsonNode.Parse(await GetDocumentAsync())!.AsObject());

    /// <summary>Starts a job on a recording of its own.</summary>
    public async Task<string> StartJobAsync() => (await PostAsync($"{Jobs}?name=talk.wav", Bodies.Audio())).Is(202).Id;

    /// <summary>Puts an artifact into the store.</summary>
    public Task<bool> CommitAsync(string artifact, byte[] content) => Store.CommitAsync(artifact, new MemoryStream(content), default);

    /// <summary>Waits until a request has been worked on to its end.</summary>
    public async Task EndOfRequestAsync() => await _ended.Reader.ReadAsync();

    private async Task<Answer> CheckedAsync(Answer answer)
    {
        (await ContractAsync()).Check(answer);
        return answer;
    }

    private async Task<string> GetDocumentAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/openapi.json");
        request.Headers.Add("X-Api-Key", Key);
        using var response = await Client.SendAsync(request);
        return await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync();
    }

    private string[] FilesOf(string container)
    {
        var folder = Path.Combine(StoreFolder, container);
        return Directory.Exists(folder)
            ? [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(StoreFolder, file)).Order()]
            : [];
    }

    private async Task TellEndAsync(RequestDelegate next, HttpContext http)
    {
        try
        {
            await next(http);
        }
        finally
        {
            _ended.Writer.TryWrite(http.Response.StatusCode);
        }
    }
}
