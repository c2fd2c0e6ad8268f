using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;

namespace Omoai.Api;

/// <summary>The OpenAPI document for a host whose calls aren't mapped by <see cref="ApiEndpoints"/>, such as Azure Functions.</summary>
public static class OpenApiDocument
{
    private const string Name = "v1";

    /// <summary>Writes the document that <c>GET /api/openapi.json</c> gives on a host of its own, but for the header of keys.</summary>
    /// <param name="keyHeader">The header that the host takes its keys from.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>JSON.</returns>
    public static async Task<string> CreateAsync(string keyHeader, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRouting().AddOmoaiOpenApi(keyHeader)
            // So that the framework knows it for a service and no body; nobody calls.
            .AddSingleton<TranscriptionsApi>(_ => throw new NotSupportedException())
            .AddSingleton<IServer, NoServer>();
        // Never started, so that nothing listens and no signal is waited for: what is mapped is there all the same.
        await using var app = builder.Build();
        app.UseRouting();
        app.MapOmoaiApi();
        app.UseEndpoints(_ => { });

        var document = await app.Services.GetRequiredKeyedService<IOpenApiDocumentProvider>(Name).GetOpenApiDocumentAsync(cancellationToken);
        var version = app.Services.GetRequiredService<IOptionsMonitor<OpenApiOptions>>().Get(Name).OpenApiVersion;
        await using var text = new StringWriter(CultureInfo.InvariantCulture);
        await document.SerializeAsync(new OpenApiJsonWriter(text), version, cancellationToken);
        return text.ToString();
    }

    /// <summary>What an application can't be built without.</summary>
    private sealed class NoServer : IServer
    {
        public IFeatureCollection Features { get; } = new FeatureCollection();

        public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
            where TContext : notnull => throw new NotSupportedException();

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose()
        {
        }
    }
}
