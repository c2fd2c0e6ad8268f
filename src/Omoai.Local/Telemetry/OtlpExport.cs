using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Pipeline.Telemetry;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Omoai.Local.Telemetry;

/// <summary>Sends spans and metrics by OTLP from the start of the host until it is disposed, and then what is left.</summary>
internal sealed class OtlpExport(IOptions<TelemetryOptions> options, IConfiguration configuration) : IHostedService, IDisposable
{
    private TracerProvider? _traces;
    private MeterProvider? _metrics;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _traces = Sdk.CreateTracerProviderBuilder()
            // The OTEL_* settings then come from where all others come from.
            .ConfigureServices(services => services.AddSingleton(configuration))
            .SetResourceBuilder(Resource())
            .AddSource(OmoaiTelemetry.Name, IsolationTelemetry.Name, "Microsoft.AspNetCore")
            .AddOtlpExporter(exporter => Configure(exporter, "v1/traces"))
            .Build();
        _metrics = Sdk.CreateMeterProviderBuilder()
            .ConfigureServices(services => services.AddSingleton(configuration))
            .SetResourceBuilder(Resource())
            .AddMeter(
                OmoaiTelemetry.Name, IsolationTelemetry.Name, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel")
            .AddOtlpExporter(exporter => Configure(exporter, "v1/metrics"))
            .Build();
        return Task.CompletedTask;
    }

    // Not here: what the services that stop after this one still tell belongs to the trace too.
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _traces?.Dispose();
        _metrics?.Dispose();
    }

    private static ResourceBuilder Resource() => ResourceBuilder.CreateEmpty()
        .AddService("omoai", serviceVersion: typeof(OtlpExport).Assembly.GetName().Version?.ToString(3))
        .AddTelemetrySdk()
        // Last, so that OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
        .AddEnvironmentVariableDetector();

    private void Configure(OtlpExporterOptions exporter, string path)
    {
        if (options.Value.OtlpProtocol is { } protocol)
        {
            exporter.Protocol = protocol == TelemetryOptions.HttpProtobuf ? OtlpExportProtocol.HttpProtobuf : OtlpExportProtocol.Grpc;
        }

        if (options.Value.OtlpEndpoint is { } endpoint)
        {
            // The exporter appends the path only to an endpoint that it has read from the environment itself.
            exporter.Endpoint = exporter.Protocol == OtlpExportProtocol.HttpProtobuf
                ? new Uri($"{endpoint.AbsoluteUri.TrimEnd('/')}/{path}")
                : endpoint;
        }
    }
}
