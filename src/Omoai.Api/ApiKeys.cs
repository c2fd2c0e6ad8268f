using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Omoai.Api;

/// <summary>
/// Lets only callers through who show a key, in <c>X-Api-Key</c> or as a bearer token; health is for everybody. Where no key
/// is asked for, only this machine itself is served, and no web page that happens to run in a browser on it.
/// </summary>
internal sealed class ApiKeys(RequestDelegate next, IOptions<ApiOptions> options)
{
    public const string Header = "X-Api-Key";

    private readonly byte[][] _keys = [.. options.Value.Keys.Select(Hash)];

    public async Task InvokeAsync(HttpContext http)
    {
        var path = http.Request.Path;
        if (!path.StartsWithSegments(ApiRoutes.Prefix, StringComparison.OrdinalIgnoreCase)
            || path.StartsWithSegments($"{ApiRoutes.Prefix}/health", StringComparison.OrdinalIgnoreCase))
        {
            await next(http);
        }
        else if (!options.Value.RequireKey)
        {
            await (IsLocal(http) ? next(http) : Problems.Create(
                http, StatusCodes.Status403Forbidden, ProblemCodes.Forbidden,
                "Without keys (Omoai:Api:RequireKey=false) only programs on this machine are served.").ExecuteAsync(http));
        }
        else if (KeyOf(http.Request) is { } key && IsKnown(key))
        {
            await next(http);
        }
        else
        {
            http.Response.Headers.WWWAuthenticate = "Bearer";
            await Problems.Create(
                http, StatusCodes.Status401Unauthorized, ProblemCodes.Unauthorized,
                "Send a key of this server in the header " + Header + ", or as a bearer token.").ExecuteAsync(http);
        }
    }

    private static string? KeyOf(HttpRequest request)
    {
        const string Bearer = "Bearer ";
        var authorization = request.Headers.Authorization.ToString();
        return request.Headers[Header].ToString() is { Length: > 0 } key ? key
            : authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? authorization[Bearer.Length..].Trim()
            : null;
    }

    /// <summary>Compares all keys in full, by hashes of one length: how long it takes tells nothing.</summary>
    private bool IsKnown(string key)
    {
        var hash = Hash(key);
        var known = false;
        foreach (var candidate in _keys)
        {
            known |= CryptographicOperations.FixedTimeEquals(candidate, hash);
        }

        return known;
    }

    private static bool IsLocal(HttpContext http)
    {
        var connection = http.Connection;
        var host = http.Request.Host.Host;
        return connection.LocalIpAddress is { } here && IPAddress.IsLoopback(here)
            && connection.RemoteIpAddress is { } there && IPAddress.IsLoopback(there)
            // A name of somebody else's that leads here, and a page that posts here.
            && (host is "localhost" || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address)))
            && http.Request.Headers.Origin.Count == 0;
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
