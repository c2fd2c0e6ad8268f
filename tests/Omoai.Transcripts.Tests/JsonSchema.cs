using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Omoai.Transcripts.Tests;

/// <summary>
/// Checks documents against the keywords of JSON Schema 2020-12 that our schemas use; throws on any other.
/// </summary>
internal sealed class JsonSchema(JsonObject root)
{
    /// <summary>
    /// What is wrong with the document; with <paramref name="everything"/>, optional properties must be there too.
    /// </summary>
    public List<string> Check(JsonNode? document, bool everything = false)
    {
        var errors = new List<string>();
        Check(root, document, "$", everything, errors);
        return errors;
    }

    private void Check(JsonObject schema, JsonNode? node, string path, bool everything, List<string> errors)
    {
        foreach (var (keyword, value) in schema)
        {
            var fits = keyword switch
            {
                "$schema" or "$defs" or "title" or "description" or "properties" or "items" or "$ref" => true,
                "type" => IsOfType(node, (string)value!),
                "const" => JsonNode.DeepEquals(node, value),
                "pattern" => !IsOfType(node, "string") || Regex.IsMatch((string)node!, (string)value!),
                "minimum" => !IsOfType(node, "number") || (double)node! >= (double)value!,
                "maximum" => !IsOfType(node, "number") || (double)node! <= (double)value!,
                "minItems" => node is not JsonArray array || array.Count >= (int)value!,
                "required" => value!.AsArray().All(name => node is JsonObject o && o.ContainsKey((string)name!)),
                "additionalProperties" => (bool)value! || node is not JsonObject o
                    || o.All(property => schema["properties"]!.AsObject().ContainsKey(property.Key)),
                _ => throw new NotSupportedException($"The checker doesn't know '{keyword}'."),
            };
            if (!fits)
            {
                errors.Add($"{path}: {keyword}");
            }
        }

        if ((string?)schema["$ref"] is { } reference)
        {
            var target = reference.Split('/')[1..].Aggregate((JsonNode)root, (at, step) => at[step]!);
            Check(target.AsObject(), node, path, everything, errors);
        }

        if (schema["items"] is JsonObject items && node is JsonArray list)
        {
            for (var i = 0; i < list.Count; i++)
            {
                Check(items, list[i], $"{path}[{i}]", everything, errors);
            }
        }

        foreach (var (name, property) in schema["properties"]?.AsObject() ?? [])
        {
            if (node is JsonObject o && o.TryGetPropertyValue(name, out var child))
            {
                Check(property!.AsObject(), child, $"{path}.{name}", everything, errors);
            }
            else if (everything)
            {
                errors.Add($"{path}.{name}: absent");
            }
        }
    }

    private static bool IsOfType(JsonNode? node, string type) => (type, node?.GetValueKind()) switch
    {
        ("object", JsonValueKind.Object) or ("array", JsonValueKind.Array) or ("string", JsonValueKind.String) => true,
        ("number", JsonValueKind.Number) => true,
        ("boolean", JsonValueKind.True or JsonValueKind.False) => true,
        ("integer", JsonValueKind.Number) => double.IsInteger((double)node!),
        _ => false,
    };
}
