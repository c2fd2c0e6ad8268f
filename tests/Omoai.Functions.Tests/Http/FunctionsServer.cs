using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Omoai.Api;
using Omoai.Functions.Http;
using Omoai.Functions.Orchestration;
using Omoai.Functions.Tests.Support;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Models;
using Omoai.Storage;
using Omoai.Tests;
using Omoai.Tests.ApiCalls;

namespace Omoai.Functions.Tests.Http;

/// <summary>The HTTP functions behind a web server, where a Functions host would be, on a task hub in this process.</summary>
internal sealed class FunctionsServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly TestHub _hub;
    private readonly IConfiguration _timeLimit;

    private FunctionsServer(WebApplication app, TestHub hub, IConfiguration timeLimit)
    {
        (_app, _hub, _timeLimit) = (app, hub, timeLimit);
        Client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        Client.DefaultRequestHeaders.Add("x-functions-key", "none-is-asked-for");
    }

    public HttpClient Client { get; }

    /// <summary>How long a function may run from the next call on; by default what host.json says. The app itself doesn't hear of it: it
    /// wouldn't start where its activities have a few seconds.</summary>
    public string TimeLimit
    {
        set => _timeLimit[FunctionTimeout.Variable] = value;
    }

    public static async Task<FunctionsServer> StartAsync(string store)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrel().UseUrls("http://127.0.0.1:0");
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Omoai:Isolation:HostPath"] = Path.Combine(AppContext.BaseDirectory, "Omoai.EndToEnd.TestHost"),
            ["Omoai:Models:Folders:0"] = Path.Combine(TestPaths.Repository, "models"),
            ["Omoai:Pipeline:MaxRecordingBytes"] = $"{ApiConversation.MaxRecordingBytes}",
            ["Omoai:Pipeline:RetryDelay"] = "00:00:00.1",
        });
        builder.Services.AddRouting().AddOmoaiPipeline().AddOmoaiDirectoryStorage(store).AddOmoaiApi().AddOmoaiFunctions();
        var app = builder.Build();
        var hub = await TestHub.StartAsync(app.Services.GetRequiredService<ActivityRunner>(), store);
        var timeLimit = new ConfigurationBuilder().AddInMemoryCollection().Build();
        var functions = new ApiFunctions(
            app.Services.GetRequiredService<TranscriptionsApi>(), app.Services.GetRequiredService<DurableJobEngine>(),
            new FunctionTimeout(timeLimit, app.Services.GetRequiredService<IOptions<IsolationOptions>>(), Options.Create(new LlmOptions())));
        app.UseRouting();
        foreach (var function in HttpFunction.All)
        {
            app.MapMethods($"{ApiRoutes.Prefix}/{function.Route}", function.Methods, http => function.ServeAsync(functions, hub.Client, http));
        }

        await app.StartAsync();
        return new FunctionsServer(app, hub, timeLimit);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
        await _hub.DisposeAsync();
    }
}
