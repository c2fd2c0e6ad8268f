using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Omoai.Local.Telemetry;

internal static class TelemetryServices
{
    /// <summary>Sends traces and metrics to an OpenTelemetry collector as long as the host runs, where one is configured; nothing is
    /// built where none is. Comes first, so that it starts before everything it is to hear of.</summary>
    public static IServiceCollection AddOmoaiTelemetry(this IServiceCollection services, IConfiguration configuration)
    {
        var section = configuration.GetSection(TelemetryOptions.Section);
        services.AddOptions<TelemetryOptions>().Bind(section).ValidateDataAnnotations().ValidateOnStart();
        var endpoints = new[] { section[nameof(TelemetryOptions.OtlpEndpoint)], configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] };
        if (!endpoints.All(string.IsNullOrWhiteSpace))
        {
            services.AddHostedService<OtlpExport>();
        }

        return services;
    }
}
