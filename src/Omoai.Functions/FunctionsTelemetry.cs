using Azure.Identity;
using Azure.Monitor.OpenTelemetry.Exporter;
using Microsoft.Azure.Functions.Worker.OpenTelemetry;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Omoai.Isolation;
using Omoai.Pipeline.Telemetry;
using OpenTelemetry;

namespace Omoai.Functions;

internal static class FunctionsTelemetry
{
    /// <summary>Sends traces, metrics and logs of this worker, in the traces that the Functions host begins, to Application Insights,
    /// to an OpenTelemetry collector or to both, as the usual variables say. Where none is set the host takes the logs.</summary>
    public static IServiceCollection AddOmoaiTelemetry(this IServiceCollection services, IConfiguration configuration)
    {
        var toInsights = configuration["APPLICATIONINSIGHTS_CONNECTION_STRING"] is { Length: > 0 };
        var toCollector = configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] is { Length: > 0 };
        if (!toInsights && !toCollector)
        {
            return services;
        }

        var telemetry = services.AddOpenTelemetry()
            .UseFunctionsWorkerDefaults()
            .WithTracing(traces => traces.AddSource(OmoaiTelemetry.Name, IsolationTelemetry.Name))
            .WithMetrics(metrics => metrics.AddMeter(OmoaiTelemetry.Name, IsolationTelemetry.Name))
            .WithLogging(null, logs =>
            {
                // Job and stage are in the scopes.
                logs.IncludeScopes = true;
                logs.IncludeFormattedMessage = true;
            });
        if (toInsights)
        {
            // Where keys are off the host is told so; the worker then shows who it is too.
            telemetry.UseAzureMonitorExporter(exporter => exporter.Credential =
                configuration["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"] is { Length: > 0 } ? new DefaultAzureCredential() : null);
        }

        if (toCollector)
        {
            telemetry.UseOtlpExporter();
        }

        return services;
    }
}
