using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Models;

namespace Omoai.Functions;

/// <summary>
/// Checks at the start that the Functions host lets an activity finish: when its <c>functionTimeout</c> strikes, it ends the whole
/// worker with everything that runs in it.
/// </summary>
internal sealed class FunctionTimeout(IConfiguration configuration, IOptions<IsolationOptions> isolation, IOptions<LlmOptions> llm)
    : IValidateOptions<PipelineOptions>
{
    /// <summary>Overrides what host.json says.</summary>
    public const string Variable = "AzureFunctionsJobHost:functionTimeout";

    /// <summary>What fetching the input and storing the result may take besides.</summary>
    public static readonly TimeSpan Commit = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan HostDefault = TimeSpan.FromMinutes(30);

    /// <summary>Where host.json lies.</summary>
    public string Folder { get; init; } = AppContext.BaseDirectory;

    /// <summary>How long the host lets a function run; null when there is no limit.</summary>
    public TimeSpan? Limit => Read();

    public ValidateOptionsResult Validate(string? name, PipelineOptions options)
    {
        var deadlines = new[] { options.PrepareDeadline, options.TranscribeDeadline, options.PostProcessDeadline };
        // First for the server, then for a turn.
        var waits = llm.Value.Vllm.IsConfigured ? 2 : 1;
        var needed = (waits * isolation.Value.LeaseWait) + deadlines.Max() + Commit;
        return Limit is { } timeout && timeout < needed
            ? ValidateOptionsResult.Fail(string.Create(
                CultureInfo.InvariantCulture,
                $"functionTimeout is {timeout:c}, and an activity may take {needed:c}: Omoai:Isolation:LeaseWait (twice with Omoai:Llm:Vllm:Model), the longest deadline of Omoai:Pipeline and {Commit:c} to store the result. Raise functionTimeout in host.json (or the setting AzureFunctionsJobHost__functionTimeout; -1 is without end), or lower the deadlines."))
            : ValidateOptionsResult.Success;
    }

    private TimeSpan? Read()
    {
        var text = configuration[Variable] ?? ReadHostJson(Path.Combine(Folder, "host.json"));
        return text is null ? HostDefault
            : text == "-1" ? null
            : TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var timeout) ? timeout
            : HostDefault;
    }

    private static string? ReadHostJson(string file)
    {
        if (!File.Exists(file))
        {
            return null;
        }

        using var json = JsonDocument.Parse(
            File.ReadAllBytes(file), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        return json.RootElement.TryGetProperty("functionTimeout", out var timeout) ? timeout.ToString() : null;
    }
}
