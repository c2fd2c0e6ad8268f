using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Omoai.Api.Tests.Support;
using Omoai.Pipeline;
using Omoai.Tests;

namespace Omoai.Api.Tests;

public sealed class OpenApiDocumentTests
{
    private const string Served = "\"X-Api-Key\"";

    [Fact]
    public async Task It_is_made_without_a_server_as_a_server_gives_it_but_for_the_header_of_keys()
    {
        await using var server = await ApiServer.StartAsync();
        var served = (await server.GetAsync("/api/openapi.json")).Is(200).Text;

        Assert.Equal(2, served.Split(Served).Length);
        Assert.Equal(served, await OpenApiDocument.CreateAsync("X-Api-Key", default));
        Assert.Equal(
            served.Replace(Served, "\"x-functions-key\"", StringComparison.Ordinal), await OpenApiDocument.CreateAsync("x-functions-key", default));
    }

    [Fact]
    public async Task Every_option_is_in_the_document_and_in_the_table_of_docs()
    {
        var schemas = JsonNode.Parse(await OpenApiDocument.CreateAsync("key", default))!["components"]!["schemas"]!;
        var options = schemas["TranscriptionOptions"]!["properties"]!.AsObject().Select(property => property.Key).ToList();
        var table = File.ReadAllText(Path.Combine(TestPaths.Repository, "docs", "http-api.md"));

        Assert.Equal(
            typeof(TranscriptionOptions).GetProperties().Select(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name)).Order(StringComparer.Ordinal),
            options.Order(StringComparer.Ordinal));
        Assert.Equal(options.Order(StringComparer.Ordinal), Regex.Matches(table, @"^\| `([a-z]\w*)` \| .* \| .* \|$", RegexOptions.Multiline)
            .Select(row => row.Groups[1].Value).Where(name => name != "models").Order(StringComparer.Ordinal));
        Assert.Equal(["none", "s", "ms", "clock"], ValuesOf("TimestampStyle"));
        Assert.Equal(["raw", "segments", "words"], ValuesOf("TranscriptPart"));
        Assert.Equal(["model", "llm", "none"], ValuesOf("PunctuationMethod"));

        IEnumerable<string> ValuesOf(string name) => schemas[name]!["enum"]!.AsArray().Where(value => value is not null).Select(value => (string)value!);
    }

    [Fact]
    public async Task The_route_of_any_output_takes_those_that_there_are()
    {
        var paths = JsonNode.Parse(await OpenApiDocument.CreateAsync("key", default))!["paths"]!.AsObject();
        var route = Regex.Match(ApiRoutes.Output, @"^(.*)\{output:regex\(\^\((.*)\)\$\)\}$");
        var outputs = paths.Where(path => path.Value!["get"]?["operationId"]?.ToString() is ['g', 'e', 't', .. var name] && name != "Transcription")
            .Select(path => path.Key);

        Assert.Equal(outputs.Order(), route.Groups[2].Value.Split('|').Select(output => $"{ApiRoutes.Prefix}/{route.Groups[1].Value}{output}").Order());
    }
}
