using Microsoft.AspNetCore.Http;

namespace Omoai.Api;

/// <summary>Every answer carries the id of its request: the caller's own, where it is a decent one, or a new one.</summary>
internal sealed class RequestIds(RequestDelegate next)
{
    public const string Header = "X-Request-Id";

    private const int MaxLength = 128;

    public Task InvokeAsync(HttpContext http)
    {
        if (http.Request.Headers[Header].ToString() is { Length: > 0 and <= MaxLength } id
            && id.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.' or ':'))
        {
            http.TraceIdentifier = id;
        }

        http.Response.Headers[Header] = http.TraceIdentifier;
        http.Response.Headers.XContentTypeOptions = "nosniff";
        return next(http);
    }
}
