using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Omoai.Transcripts;

namespace Omoai.Api;

/// <summary>The body of every answer that isn't what was asked for: problem details (RFC 9457).</summary>
/// <param name="Type">A URI reference that names the kind of problem: <c>urn:omoai:CODE</c>.</param>
/// <param name="Title">What the status means.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Detail">What is wrong, and what to do about it.</param>
/// <param name="Code">See <see cref="ProblemCodes"/>.</param>
/// <param name="TraceId">Finds the request in logs and traces.</param>
/// <param name="Job">Id of the job that is in the way; null where none is.</param>
public sealed record Problem(string Type, string Title, int Status, string Detail, string Code, string TraceId, string? Job);

internal static class Problems
{
    public const string ContentType = "application/problem+json";

    public static IResult ToResult(this ApiException e, HttpContext http) => Create(http, e.Status, e.Code, e.Message, e.Job);

    public static IResult Create(HttpContext http, int status, string code, string detail, string? job = null)
    {
        var title = Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status);
        var trace = Activity.Current?.TraceId.ToString() ?? http.TraceIdentifier;
        return Results.Json(
            new Problem($"urn:omoai:{code}", title, status, detail, code, trace, job), OmoaiJson.Compact, ContentType, status);
    }
}
