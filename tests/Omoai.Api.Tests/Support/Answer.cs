using System.Text;
using System.Text.Json.Nodes;

namespace Omoai.Api.Tests.Support;

/// <summary>An answer, read to its end.</summary>
internal sealed record Answer(string Method, string Path, int Status, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public string? ContentType => Headers.GetValueOrDefault("Content-Type");

    public string Text => Encoding.UTF8.GetString(Body);

    public JsonObject Json => JsonNode.Parse(Body)!.AsObject();

    public string Id => (string)Json["id"]!;

    /// <summary>Checks the status, and gives the answer on.</summary>
    public Answer Is(int status)
    {
        Assert.True(status == Status, $"{Method} {Path} gave {Status}, not {status}: {Text}");
        return this;
    }

    /// <summary>Checks that it is problem details with this status and code, and gives their text for people.</summary>
    public string IsProblem(int status, string code)
    {
        Is(status);
        Assert.Equal(code, (string?)Json["code"]);
        return (string)Json["detail"]!;
    }
}
