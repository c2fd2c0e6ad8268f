using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Template;
using Microsoft.Extensions.DependencyInjection;
using Omoai.Api;
using Omoai.Pipeline;
using Omoai.Storage;
using Omoai.Tests.ApiCalls;

namespace Omoai.Functions.Tests.Http;

/// <summary>The HTTP functions give the answers that Omoai.Local gives; there the same list is Omoai.EndToEnd.Tests's.</summary>
public sealed partial class ApiCallsTests
{
    private const string Url = "OMOAI_FUNCTIONS_URL";
    private const string Key = "OMOAI_FUNCTIONS_KEY";
    private const string TestSettings = "OMOAI_FUNCTIONS_TEST_SETTINGS";

    [Fact]
    public async Task The_functions_answer_as_every_host_does()
    {
        var store = Directory.CreateTempSubdirectory("omoai-test-").FullName;
        await using var server = await FunctionsServer.StartAsync(store);
        Directory.CreateDirectory(Path.Combine(store, "audio-api"));
        await File.WriteAllBytesAsync(Path.Combine(store, "audio-api", "stored.wav"), "RIFF\0 stored"u8.ToArray());

        await new ApiTalk(server.Client, HostTraits.TestSettings | HostTraits.Folder).RunAsync(("blob", "audio-api/stored.wav"));
    }

    /// <summary>
    /// Against a Functions host that runs: <c>OMOAI_FUNCTIONS_URL=http://localhost:7071 dotnet test tests/Omoai.Functions.Tests
    /// --filter running_Functions_host</c>, with <c>OMOAI_FUNCTIONS_KEY</c> where it asks for a key. With
    /// <c>OMOAI_FUNCTIONS_TEST_SETTINGS=1</c> the calls are made that need the app to have the settings
    /// <c>Omoai__Isolation__HostPath</c> (the built Omoai.EndToEnd.TestHost) and <c>Omoai__Pipeline__MaxRecordingBytes=100000</c>.
    /// </summary>
    [RunningHostFact]
    public async Task A_running_Functions_host_answers_as_every_host_does()
    {
        using var client = new HttpClient { BaseAddress = new Uri(Environment.GetEnvironmentVariable(Url)!) };
        if (Environment.GetEnvironmentVariable(Key) is { Length: > 0 } key)
        {
            client.DefaultRequestHeaders.Add("x-functions-key", key);
        }

        var traits = Environment.GetEnvironmentVariable(TestSettings) is { Length: > 0 } ? HostTraits.TestSettings : HostTraits.None;
        await new ApiTalk(client, traits | HostTraits.Account).RunAsync();
    }

    [Fact]
    public void Every_function_has_calls_in_the_list()
    {
        foreach (var function in HttpFunction.All)
        {
            foreach (var route in Expand(function.Route))
            {
                var matcher = new TemplateMatcher(TemplateParser.Parse(route), []);
                Assert.True(
                    ApiConversation.Calls.Any(call => function.Methods.Contains(call.Method) && matcher.TryMatch("/" + call.Path.Split('?')[0], [])),
                    $"{function.Name} is never called as {route}.");
            }
        }
    }

    [Fact]
    public async Task The_functions_are_where_the_calls_of_every_host_are()
    {
        await using var app = CreateWebHost();
        app.UseOmoaiApi();

        var mapped = ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .SelectMany(endpoint => endpoint.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods
                .Select(method => $"{method} {endpoint.RoutePattern.RawText!.TrimStart('/')}"))
            .Order(StringComparer.Ordinal);
        var functions = HttpFunction.All.SelectMany(function =>
            from method in function.Methods
            from route in Expand(function.Route)
            select $"{method} api/{route}").Order(StringComparer.Ordinal);

        Assert.Equal(mapped, functions);
    }

    /// <summary>The route for each of the values that its last parameter may have: <c>a/{b:regex(^(c|d)$)}</c> is <c>a/c</c> and <c>a/d</c>.</summary>
    private static IEnumerable<string> Expand(string route) => ChoiceOfValues().Match(route) is { Success: true } choice
        ? choice.Groups["value"].Captures.Select(value => route[..choice.Index] + value.Value) : [route];

    [GeneratedRegex(@"\{\w+:regex\(\^\((?:(?<value>\w+)\|?)+\)\$\)\}$")]
    private static partial Regex ChoiceOfValues();

    private static WebApplication CreateWebHost()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrel();
        builder.Services.AddRouting().AddOmoaiPipeline().AddOmoaiDirectoryStorage(Path.GetTempPath()).AddOmoaiApi();
        return builder.Build();
    }

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class RunningHostFactAttribute : FactAttribute
    {
        public RunningHostFactAttribute() =>
            Skip = Environment.GetEnvironmentVariable(Url) is { Length: > 0 } ? null : $"{Url} isn't set.";
    }
}
