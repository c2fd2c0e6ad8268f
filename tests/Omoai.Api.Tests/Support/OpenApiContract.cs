using System.Text.Json;
using System.Text.Json.Nodes;

namespace Omoai.Api.Tests.Support;

/// <summary>Holds answers against the OpenAPI document that the server gives of itself.</summary>
internal sealed class OpenApiContract(JsonObject document)
{
    private const string ProblemType = "application/problem+json";

    private static readonly HashSet<string> Codes =
        [.. typeof(ProblemCodes).GetFields().Select(field => (string)field.GetValue(null)!)];

    public void Check(Answer answer)
    {
        if (answer.ContentType == ProblemType || (answer.Status >= 400 && !IsHealth(answer)))
        {
            CheckProblem(answer);
        }

        if (OperationsOf(answer.Path) is not { } operations)
        {
            // Without a key even what isn't there is refused.
            Assert.True(answer.Status is 401 or 403 or 404 || answer.Path == "/api/openapi.json", $"{answer.Path} isn't documented.");
            return;
        }

        if (operations[answer.Method.ToLowerInvariant()] is not JsonObject operation)
        {
            Assert.True(answer.Status is 401 or 403 or 405 || answer.Method == "OPTIONS", $"{answer.Method} {answer.Path} isn't documented.");
            return;
        }

        var response = operation["responses"]![$"{answer.Status}"];
        Assert.True(response is not null, $"{answer.Method} {answer.Path} gave {answer.Status}, which isn't documented.");
        var content = response["content"]?.AsObject();
        if (answer.ContentType is null)
        {
            Assert.Null(content);
            Assert.Empty(answer.Body);
            return;
        }

        var body = content?.FirstOrDefault(type => MediaType(type.Key) == MediaType(answer.ContentType)).Value;
        Assert.True(body is not null, $"{answer.Method} {answer.Path} gave {answer.Status} as {answer.ContentType}, which isn't documented.");
        if (MediaType(answer.ContentType).EndsWith("json", StringComparison.Ordinal))
        {
            var errors = new List<string>();
            Check(body["schema"], JsonNode.Parse(answer.Body), "$", errors);
            Assert.True(errors.Count == 0, $"{answer.Method} {answer.Path} gave {answer.Text}, but {string.Join("; ", errors)}.");
        }
    }

    /// <summary>Checks a document that isn't a whole body.</summary>
    public void Check(string schema, JsonNode node)
    {
        var errors = new List<string>();
        Check(document["components"]!["schemas"]![schema], node, "$", errors);
        Assert.Empty(errors);
    }

    private static void CheckProblem(Answer answer)
    {
        Assert.Equal(ProblemType, answer.ContentType);
        var problem = answer.Json;
        Assert.Equal(answer.Status, (int)problem["status"]!);
        Assert.Contains((string)problem["code"]!, Codes);
        Assert.Equal($"urn:omoai:{problem["code"]}", (string?)problem["type"]);
        Assert.All(["title", "detail", "traceId"], name => Assert.NotEqual("", (string)problem[name]!));
    }

    private static bool IsHealth(Answer answer) => answer.Path.StartsWith("/api/health/", StringComparison.Ordinal) && answer.Status == 503;

    private static string MediaType(string contentType) => contentType.Split(';')[0];

    private JsonNode? OperationsOf(string path)
    {
        var asked = path.Split('/');
        return document["paths"]!.AsObject().FirstOrDefault(documented =>
            documented.Key.Split('/') is var segments && segments.Length == asked.Length
            && segments.Zip(asked).All(pair => pair.First.StartsWith('{') || pair.First == pair.Second)).Value;
    }

    private void Check(JsonNode? schema, JsonNode? node, string path, List<string> errors)
    {
        if (schema is not JsonObject rules)
        {
            return;
        }

        if ((string?)rules["$ref"] is { } reference)
        {
            Check(reference.Split('/')[1..].Aggregate((JsonNode)document, (at, step) => at[step]!), node, path, errors);
            return;
        }

        if ((rules["oneOf"] ?? rules["anyOf"]) is JsonArray choices)
        {
            var tries = choices.Select(choice =>
            {
                var found = new List<string>();
                Check(choice, node, path, found);
                return found;
            }).ToList();
            if (!tries.Any(found => found.Count == 0))
            {
                errors.AddRange(tries.MaxBy(found => found.Count)!);
            }

            return;
        }

        if (rules["type"] is { } type && !(type is JsonArray types ? types.Any(one => IsOfType(node, (string)one!)) : IsOfType(node, (string)type!)))
        {
            errors.Add($"{path} isn't of type {type.ToJsonString()}");
        }

        if (rules["enum"] is JsonArray values && !values.Any(value => JsonNode.DeepEquals(value, node)))
        {
            errors.Add($"{path} is none of {values.ToJsonString()}");
        }

        for (var i = 0; node is JsonArray list && i < list.Count; i++)
        {
            Check(rules["items"], list[i], $"{path}[{i}]", errors);
        }

        if (node is JsonObject o && rules["properties"] is JsonObject properties)
        {
            errors.AddRange(properties.Where(property => !o.ContainsKey(property.Key)).Select(property => $"{path}.{property.Key} is missing"));
            errors.AddRange(o.Where(property => !properties.ContainsKey(property.Key)).Select(property => $"{path}.{property.Key} isn't documented"));
            foreach (var (name, value) in o)
            {
                Check(properties[name], value, $"{path}.{name}", errors);
            }
        }
        else if (node is JsonObject map)
        {
            foreach (var (name, value) in map)
            {
                Check(rules["additionalProperties"], value, $"{path}.{name}", errors);
            }
        }
    }

    private static bool IsOfType(JsonNode? node, string type) => (type, node?.GetValueKind()) switch
    {
        ("null", null) => true,
        ("object", JsonValueKind.Object) or ("array", JsonValueKind.Array) => true,
        ("string", JsonValueKind.String) or ("number", JsonValueKind.Number) => true,
        ("integer", JsonValueKind.Number) => double.IsInteger((double)node!),
        ("boolean", JsonValueKind.True or JsonValueKind.False) => true,
        _ => false,
    };
}
