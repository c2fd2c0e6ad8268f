using System.Reflection;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Omoai.Functions.Http;

namespace Omoai.Functions.Tests.Http;

/// <summary>A function that an HTTP request triggers, as its attributes say.</summary>
internal sealed record HttpFunction(string Name, string Route, IReadOnlyList<string> Methods, MethodInfo Method)
{
    public static IReadOnlyList<HttpFunction> All { get; } = [.. Find()];

    /// <summary>Does what the Functions worker does: gives the function its arguments, and carries out the result.</summary>
    public async Task ServeAsync(ApiFunctions functions, DurableTaskClient client, HttpContext http)
    {
        var arguments = Method.GetParameters().Select(parameter =>
            parameter.ParameterType == typeof(HttpRequest) ? http.Request
            : parameter.ParameterType == typeof(DurableTaskClient) ? client
            : parameter.ParameterType == typeof(CancellationToken) ? http.RequestAborted
            : http.Request.RouteValues[parameter.Name!]);
        var result = await (Task<IResult>)Method.Invoke(functions, [.. arguments])!;
        await result.ExecuteAsync(http);
    }

    private static IEnumerable<HttpFunction> Find() =>
        from method in typeof(ApiFunctions).GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)
        let trigger = method.GetParameters().Select(parameter => parameter.GetCustomAttribute<HttpTriggerAttribute>()).Single(found => found is not null)
        select new HttpFunction(
            method.GetCustomAttribute<FunctionAttribute>()!.Name, trigger.Route!, [.. trigger.Methods!.Select(verb => verb.ToUpperInvariant())], method);
}
