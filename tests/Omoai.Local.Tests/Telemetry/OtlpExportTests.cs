using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Omoai.Local.Telemetry;
using Omoai.Local.Tests.Journal;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Telemetry;
using Omoai.Tests;

namespace Omoai.Local.Tests.Telemetry;

public sealed class OtlpExportTests : IDisposable
{
    private readonly Collector _collector = new();

    public void Dispose() => _collector.Dispose();

    [Fact]
    public Task Spans_and_metrics_arrive_where_the_settings_say() => ExportAsync(new()
    {
        ["Omoai:Telemetry:OtlpEndpoint"] = _collector.Url,
        ["Omoai:Telemetry:OtlpProtocol"] = "http/protobuf",
    });

    [Fact]
    public Task Spans_and_metrics_arrive_where_the_standard_variables_say() => ExportAsync(new()
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = _collector.Url,
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
    });

    [Fact]
    public Task The_settings_go_before_the_standard_variables() => ExportAsync(new()
    {
        ["Omoai:Telemetry:OtlpEndpoint"] = _collector.Url,
        ["Omoai:Telemetry:OtlpProtocol"] = "http/protobuf",
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:1",
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "grpc",
    });

    [Fact]
    public void Nothing_is_built_where_nothing_is_configured()
    {
        using var host = Build([]);

        Assert.Empty(host.Services.GetServices<IHostedService>());
    }

    [Theory]
    [InlineData("OtlpEndpoint", "collector/path")]
    [InlineData("OtlpEndpoint", "ftp://collector")]
    [InlineData("OtlpProtocol", "json")]
    public async Task A_bad_value_stops_the_start_and_is_named(string key, string value)
    {
        using var host = Build(new() { ["Omoai:Telemetry:OtlpEndpoint"] = _collector.Url, [$"Omoai:Telemetry:{key}"] = value });

        var refused = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        Assert.Contains($"Omoai:Telemetry:{key}", refused.Message, StringComparison.Ordinal);
    }

    private async Task ExportAsync(Dictionary<string, string?> settings)
    {
        using var trace = new TestTrace();
        var jobId = Guid.NewGuid().ToString("N");
        using (var host = Build(settings))
        {
            await host.StartAsync();
            var call = new ActivityCall(EngineFixture.Job(jobId) with { TraceParent = trace.TraceParent }, default);
            await OmoaiTelemetry.ObserveAsync(
                PipelineActivities.Publish, call, TimeProvider.System, NullLogger.Instance,
                () => Task.FromResult(new ActivityResult<object>(null, null)));
            await host.StopAsync();
        }

        var spans = Encoding.Latin1.GetString(_collector.Received["/v1/traces"]);
        Assert.Contains(jobId, spans, StringComparison.Ordinal);
        Assert.Contains("service.name", spans, StringComparison.Ordinal);
        Assert.Contains("omoai.activity.duration", Encoding.Latin1.GetString(_collector.Received["/v1/metrics"]), StringComparison.Ordinal);
    }

    private static IHost Build(Dictionary<string, string?> settings)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Services.AddOmoaiTelemetry(builder.Configuration);
        return builder.Build();
    }

    /// <summary>Keeps the last body that was posted to each path.</summary>
    private sealed class Collector : IDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly Task _serving;

        public Collector()
        {
            Url = Listen();
            _serving = ServeAsync();
        }

        public string Url { get; }

        public ConcurrentDictionary<string, byte[]> Received { get; } = new();

        public void Dispose()
        {
            _listener.Close();
            _serving.Wait(TimeSpan.FromSeconds(60));
        }

        /// <summary>HttpListener can't choose a free port itself, so another process may take the one that was found.</summary>
        private string Listen()
        {
            for (; ; )
            {
                using var probe = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
                probe.Start();
                var url = $"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}/";
                probe.Stop();
                _listener.Prefixes.Clear();
                _listener.Prefixes.Add(url);
                try
                {
                    _listener.Start();
                    return url;
                }
                catch (HttpListenerException)
                {
                    // The next one, then.
                }
            }
        }

        private async Task ServeAsync()
        {
            while (true)
            {
                try
                {
                    var context = await _listener.GetContextAsync();
                    using var body = new MemoryStream();
                    await context.Request.InputStream.CopyToAsync(body);
                    if (context.Request.HttpMethod == "POST")
                        Received[context.Request.Url!.AbsolutePath] = body.ToArray();
                    context.Response.ContentType = "application/x-protobuf";
                    context.Response.Close();
                }
                catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or InvalidOperationException)
                {
                    return;
                }
            }
        }
    }
}
