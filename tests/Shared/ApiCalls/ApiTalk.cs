using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Omoai.Tests.ApiCalls;

/// <summary>Has the conversation with a host.</summary>
/// <param name="client">Where the host is, and its key.</param>
/// <param name="traits">What it has.</param>
internal sealed partial class ApiTalk(HttpClient client, HostTraits traits)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly Dictionary<string, string> _kept = new() { ["run"] = Guid.NewGuid().ToString("n", CultureInfo.InvariantCulture) };

    /// <summary>Makes every call that the host is fit for.</summary>
    /// <param name="given">What is as if it had been kept.</param>
    public async Task RunAsync(params (string Name, string Value)[] given)
    {
        foreach (var (name, value) in given)
        {
            _kept[name] = value;
        }

        foreach (var call in ApiConversation.Calls.Where(call => (call.Needs & ~traits) == 0))
        {
            var began = Stopwatch.GetTimestamp();
            while (await TryAsync(call) is { } problem)
            {
                if (!call.Waits || Stopwatch.GetElapsedTime(began) > Patience)
                {
                    Assert.Fail($"{call.Name}: {call.Method} {Fill(call.Path)}: {problem}");
                }

                await Task.Delay(Pause);
            }
        }
    }

    /// <returns>What is wrong with the answer; null when nothing is.</returns>
    private async Task<string?> TryAsync(ApiCall call)
    {
        var isElsewhere = call.Path.StartsWith('{');
        using var elsewhere = new HttpClient();
        using var request = new HttpRequestMessage(
            new HttpMethod(call.Method),
            isElsewhere ? new Uri(Fill(call.Path)) : new Uri("/api/" + Fill(call.Path, Uri.EscapeDataString), UriKind.Relative));
        request.Content = call.Body?.ToContent(text => Fill(text));
        foreach (var (name, value) in call.Headers)
        {
            Assert.True(request.Headers.TryAddWithoutValidation(name, Fill(value)));
        }

        using var patience = new CancellationTokenSource(Patience);
        using var answer = await (isElsewhere ? elsewhere : client).SendAsync(request, patience.Token);
        var text = await answer.Content.ReadAsStringAsync(patience.Token);
        if ((int)answer.StatusCode != call.Status)
        {
            return $"{(int)answer.StatusCode} and not {call.Status}: {text}";
        }

        if (call.IsHostsOwn)
        {
            return null;
        }

        var type = answer.Content.Headers.ContentType?.ToString();
        var wanted = call.ContentType ?? (call.Status >= 400 ? "application/problem+json" : "application/json");
        if (wanted.Length > 0 && !(type == wanted || type?.StartsWith(wanted + ";", StringComparison.Ordinal) == true))
        {
            return $"the type is {type} and not {wanted}.";
        }

        if (isElsewhere)
        {
            return null;
        }

        if (call.Status == 204)
        {
            return text.Length == 0 ? null : $"a body: {text}";
        }

        var json = call.LastEvent is null && call.ContentType is null ? JsonNode.Parse(text) : null;
        var problem = call.Code is { } code
            ? Difference(json, JsonNode.Parse(
                $$"""{"type":"urn:omoai:{{code}}","title":"*","status":{{call.Status}},"detail":"*","code":"{{code}}","traceId":"*"}"""), "")
            : null;
        problem ??= call.Json is null ? null : Difference(json, JsonNode.Parse(Fill(call.Json)), "");
        problem ??= call.LastEvent is null ? null : Difference(LastEventOf(text), JsonNode.Parse(Fill(call.LastEvent)), "");
        problem ??= call.Status == 202 && answer.Headers.Location?.ToString() != (string?)json!["links"]!["self"]
            ? $"Location is {answer.Headers.Location}." : null;
        problem ??= answer.Headers.Contains("X-Request-Id") ? null : "there is no X-Request-Id";
        if (problem is not null)
        {
            return $"{problem}: {text}";
        }

        foreach (var (name, property) in call.Keeps)
        {
            _kept[name] = (string)json![property]!;
        }

        return null;
    }

    private static JsonNode? LastEventOf(string stream)
    {
        var last = stream.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).LastOrDefault(text => text.StartsWith("event: job\n", StringComparison.Ordinal));
        return last is null ? null : JsonNode.Parse(last[(last.IndexOf("\ndata: ", StringComparison.Ordinal) + "\ndata: ".Length)..]);
    }

    private static string? Difference(JsonNode? actual, JsonNode? wanted, string path)
    {
        switch (wanted)
        {
            case JsonObject properties:
                return actual is not JsonObject there
                    ? $"{path} is no object"
                    : properties.Select(property => there.ContainsKey(property.Key)
                        ? Difference(there[property.Key], property.Value, $"{path}/{property.Key}")
                        : $"there is no {path}/{property.Key}").FirstOrDefault(difference => difference is not null);
            case JsonArray elements:
                return actual is not JsonArray { Count: > 0 } some
                    ? $"{path} holds nothing"
                    : some.Select((element, index) => Difference(element, elements.Single(), $"{path}/{index}"))
                        .FirstOrDefault(difference => difference is not null);
            case JsonValue value when value.TryGetValue(out string? text) && text == "*":
                return actual is null ? $"{path} is null" : null;
            case JsonValue value when value.TryGetValue(out string? text) && text.StartsWith('!'):
                return actual is JsonValue other && other.TryGetValue(out string? had) && had != text[1..] ? null : $"{path} is {actual?.ToJsonString()}";
            default:
                return JsonNode.DeepEquals(actual, wanted)
                    ? null : $"{path} is {actual?.ToJsonString() ?? "null"} and not {wanted?.ToJsonString() ?? "null"}";
        }
    }

    /// <summary>Puts in what was kept. What nobody kept stays as it is: a query may hold JSON.</summary>
    private string Fill(string text, Func<string, string>? escape = null) => Placeholder().Replace(
        text, match => _kept.TryGetValue(match.Groups[1].Value, out var value) ? escape?.Invoke(value) ?? value : match.Value);

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex Placeholder();
}
