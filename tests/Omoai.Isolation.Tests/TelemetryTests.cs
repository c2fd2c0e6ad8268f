using System.Diagnostics;
using System.Text.Json;
using Omoai.Tests;

namespace Omoai.Isolation.Tests;

/// <summary>What the launcher tells of a host, and what the host knows of the trace.</summary>
public sealed class TelemetryTests(TestHosts hosts) : IClassFixture<TestHosts>
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_handler_runs_in_the_trace_and_below_the_span_of_its_host(bool portable)
    {
        using var trace = new TestTrace();

        var result = await hosts.RunAsync("trace", portable: portable);

        var span = Assert.Single(trace.Spans);
        Assert.Equal([trace.Id, span.SpanId.ToHexString()], result.Output!.Value.Deserialize<string[]>()!);
        Assert.Equal(trace.Id, result.Evidence.TraceId);
        Assert.Equal("host trace", span.DisplayName);
        Assert.Equal(ActivityKind.Client, span.Kind);
        Assert.Equal(trace.RootSpan, span.ParentSpanId);
        Assert.Equal(ActivityStatusCode.Unset, span.Status);
        Assert.Equal("trace", span.GetTagItem("omoai.activity"));
        Assert.Equal(result.Evidence.Pid, span.GetTagItem("process.pid"));
        Assert.Equal(0, span.GetTagItem("process.exit.code"));
        Assert.Equal(result.Evidence.SpawnToReadyMs / 1000, span.GetTagItem("omoai.host.spawn_to_ready"));
        Assert.Null(span.GetTagItem("error.type"));
    }

    [Fact]
    public async Task Where_nobody_traces_a_handler_has_no_trace()
    {
        TestTrace.Leave();

        var result = await hosts.RunAsync("trace");

        Assert.Equal("[null,null]", result.Output!.Value.GetRawText());
        Assert.Null(result.Evidence.TraceId);
    }

    [Fact]
    public async Task The_trace_of_a_caller_that_records_nothing_reaches_the_handler_too()
    {
        using var caller = new Activity("caller").SetIdFormat(ActivityIdFormat.W3C).Start();

        var result = await hosts.RunAsync("trace");

        Assert.Equal([caller.TraceId.ToHexString(), caller.SpanId.ToHexString()], result.Output!.Value.Deserialize<string[]>()!);
    }

    [Fact]
    public async Task The_trace_is_not_in_the_environment()
    {
        using var trace = new TestTrace();

        var result = await hosts.RunAsync("environment");

        Assert.DoesNotContain(trace.Id, result.Output!.Value.GetRawText(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331")]
    [InlineData("00-00000000000000000000000000000000-b7ad6b7169203331-01")]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01")]
    [InlineData("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01")]
    [InlineData("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    [InlineData("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n")]
    [InlineData("|0af7651916cd43dd.1.")]
    public void A_parent_that_is_none_is_ignored(string traceParent)
    {
        TestTrace.Leave();

        Assert.Null(ActivityHostProcess.StartSpan("a", traceParent));
        Assert.Null(Activity.Current);
    }

    [Fact]
    public async Task A_failure_is_an_error_with_its_class_and_is_counted()
    {
        using var trace = new TestTrace();

        await hosts.RunAsync("signal", 9);

        var span = Assert.Single(trace.Spans);
        Assert.Equal(ActivityStatusCode.Error, span.Status);
        Assert.Equal("crashed", span.GetTagItem("error.type"));
        Assert.Equal(9, span.GetTagItem("omoai.host.signal"));
        Assert.Null(span.GetTagItem("process.exit.code"));
        Assert.Contains(("omoai.host.failures{class=crashed}", 1), trace.Measurements);
    }

    [Fact]
    public async Task What_was_asked_for_is_no_error()
    {
        using var trace = new TestTrace();

        await hosts.RunAsync("echo", cancellationToken: new CancellationToken(canceled: true));

        var span = Assert.Single(trace.Spans);
        Assert.Equal(ActivityStatusCode.Unset, span.Status);
        Assert.Equal("cancelled", span.GetTagItem("error.type"));
        Assert.Null(span.GetTagItem("process.pid"));
    }

    [Fact]
    public async Task The_time_to_start_is_measured_in_seconds()
    {
        using var trace = new TestTrace();

        var result = await hosts.RunAsync("echo");

        Assert.Equal([("omoai.host.spawn.duration{}", result.Evidence.SpawnToReadyMs!.Value / 1000)], trace.Measurements);
    }
}
