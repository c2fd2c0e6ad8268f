using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Omoai.Api;

public static class ApiServices
{
    /// <summary>Adds what answers the calls; needs Omoai.Pipeline, a store and an engine of jobs.</summary>
    public static IServiceCollection AddOmoaiApi(this IServiceCollection services)
    {
        services.AddOptions<ApiOptions>().BindConfiguration(ApiOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddCors();
        return services.AddOmoaiOpenApi(ApiKeys.Header).AddSingleton<Readiness>().AddSingleton<TranscriptionsApi>();
    }

    /// <summary>Adds what makes the OpenAPI document.</summary>
    internal static IServiceCollection AddOmoaiOpenApi(this IServiceCollection services, string keyHeader) => services
        // Only for the document: answers themselves are written with OmoaiJson.
        .ConfigureHttpJsonOptions(json =>
            json.SerializerOptions.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower)))
        .AddOpenApi(options => OpenApiDocumentOf.Configure(options, keyHeader));

    /// <summary>Gives every answer the id of its request, whatever host it comes from: the caller's own, where it is a decent
    /// one, or a new one.</summary>
    public static IApplicationBuilder UseOmoaiRequestIds(this IApplicationBuilder app) => app.UseMiddleware<RequestIds>();

    /// <summary>Serves the API on a host of its own: request ids, keys, CORS where it is wanted, and every call.</summary>
    public static IEndpointRouteBuilder UseOmoaiApi(this WebApplication app)
    {
        app.UseOmoaiRequestIds();
        app.UseStatusCodePages(OnBareStatusAsync);
        app.UseRouting();
        if (app.Services.GetRequiredService<IOptions<ApiOptions>>().Value.CorsOrigins is { Count: > 0 } origins)
        {
            app.UseCors(policy => policy.WithOrigins([.. origins]).AllowAnyHeader().AllowAnyMethod()
                .WithExposedHeaders("Location", RequestIds.Header));
        }

        app.UseMiddleware<ApiKeys>();
        app.MapOmoaiApi();
        return app;
    }

    /// <summary>What the framework answers by itself, without a body: no such path, or another method.</summary>
    private static Task OnBareStatusAsync(Microsoft.AspNetCore.Diagnostics.StatusCodeContext context)
    {
        var http = context.HttpContext;
        var (code, detail) = http.Response.StatusCode switch
        {
            StatusCodes.Status404NotFound => (ProblemCodes.NotFound, $"There is nothing at this path; {ApiRoutes.Prefix}/{ApiRoutes.OpenApi} lists what there is."),
            StatusCodes.Status405MethodNotAllowed => (ProblemCodes.MethodNotAllowed, "This path doesn't take that method."),
            StatusCodes.Status413PayloadTooLarge => (ProblemCodes.TooLarge, "The request is too large."),
            StatusCodes.Status415UnsupportedMediaType => (ProblemCodes.UnsupportedMediaType, "This path doesn't take that type of body."),
            < 500 => (ProblemCodes.InvalidRequest, "The request can't be understood."),
            _ => (ProblemCodes.Internal, "Something went wrong here; the log says what."),
        };
        return Problems.Create(http, http.Response.StatusCode, code, detail).ExecuteAsync(http);
    }
}
