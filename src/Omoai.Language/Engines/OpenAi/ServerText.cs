using System.ClientModel.Primitives;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Omoai.Language.Engines.OpenAi;

/// <summary>An answer that says what went wrong. Nothing of it is to be shown as it is.</summary>
internal sealed class ServerError
{
    private readonly PipelineResponse _response;

    public ServerError(PipelineResponse response)
    {
        _response = response;
        (Message, Field) = Read(response.Content.ToMemory());
    }

    /// <summary>The status of HTTP.</summary>
    public int Status => _response.Status;

    /// <summary>What the server says, or the whole body where it isn't in any of the usual forms.</summary>
    public string Message { get; }

    /// <summary>The field of the request that it finds fault with, where it says so.</summary>
    public string? Field { get; }

    /// <summary>A header, or null.</summary>
    public string? Header(string name) => _response.Headers.TryGetValue(name, out var value) ? value : null;

    /// <summary>The message in an <c>error</c>, an object or a string.</summary>
    public static string MessageOf(ReadOnlyMemory<byte> error) => Read(error).Message;

    /// <summary>Of <c>{"error": {"message", "param"}}</c>, <c>{"error": "…"}</c>, <c>{"message", "param"}</c>, or anything.</summary>
    private static (string Message, string? Field) Read(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var error = document.RootElement;
            error = error.ValueKind == JsonValueKind.Object && error.TryGetProperty("error", out var inner) ? inner : error;
            return error.ValueKind switch
            {
                JsonValueKind.String => (error.GetString()!, null),
                JsonValueKind.Object when Text(error, "message") is { } message => (message, Text(error, "param")),
                _ => (error.GetRawText(), null),
            };
        }
        // The latter for halves of surrogate pairs.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return (Encoding.UTF8.GetString(body.Span), null);
        }
    }

    private static string? Text(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}

/// <summary>Makes of what a server says something that can be shown: short, one line, and without the token.</summary>
/// <param name="token">What is never shown, should the server repeat it.</param>
internal sealed class ServerText(string? token)
{
    /// <summary>What is longer is cut, characters.</summary>
    public const int MaxCharacters = 200;

    /// <summary>The text as it may be shown; empty where nothing is left.</summary>
    public string Show(string text)
    {
        var line = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (!IsHidden(Rune.GetUnicodeCategory(rune)))
            {
                line.Append(rune);
            }
            else if (line is [.., not ' '])
            {
                line.Append(' ');
            }
        }

        // Only now: a token with something between its letters would have been missed before.
        var clean = (token is null ? line : line.Replace(token, "(token)")).ToString().Trim();
        if (clean.Length <= MaxCharacters)
        {
            return clean;
        }

        var end = char.IsHighSurrogate(clean[MaxCharacters - 2]) ? MaxCharacters - 2 : MaxCharacters - 1;
        return $"{clean.AsSpan(0, end)}…";
    }

    /// <summary>Whether characters like that move the cursor, turn the text about, or show nothing.</summary>
    private static bool IsHidden(UnicodeCategory category) => category is
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
