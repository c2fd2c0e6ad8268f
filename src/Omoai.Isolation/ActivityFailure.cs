using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Omoai.Isolation;

/// <summary>The ways an activity can fail. In JSON: snake_case.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<FailureClass>))]
public enum FailureClass
{
    /// <summary>The input can't be used; trying again won't help.</summary>
    [JsonStringEnumMemberName("bad_input")]
    BadInput,

    /// <summary>The machine lacks a model, a library or a program; the reason says what to install.</summary>
    [JsonStringEnumMemberName("model_missing")]
    ModelMissing,

    /// <summary>The host ran out of memory, or the kernel killed it for that.</summary>
    [JsonStringEnumMemberName("out_of_memory")]
    OutOfMemory,

    /// <summary>The host did not start, or did not answer, in time.</summary>
    [JsonStringEnumMemberName("timeout")]
    Timeout,

    /// <summary>The host ended without an answer, or broke the protocol.</summary>
    [JsonStringEnumMemberName("crashed")]
    Crashed,

    /// <summary>The caller asked for it.</summary>
    [JsonStringEnumMemberName("cancelled")]
    Cancelled,

    /// <summary>Nothing was started: no device, or no turn among the hosts of this process, was free in time.</summary>
    [JsonStringEnumMemberName("busy")]
    Busy,

    /// <summary>Somebody else ended the host: a drained machine, an operator.</summary>
    [JsonStringEnumMemberName("lost")]
    Lost,

    /// <summary>A fault of this program or its surroundings.</summary>
    [JsonStringEnumMemberName("internal")]
    Internal,
}

/// <summary>Failure classes as text.</summary>
public static class FailureClassText
{
    /// <summary>The name as in JSON, for spans and metrics.</summary>
    public static string ToText(this FailureClass @class) => JsonNamingPolicy.SnakeCaseLower.ConvertName(@class.ToString());
}

/// <summary>How an activity failed.</summary>
/// <param name="Class">The kind of failure.</param>
/// <param name="Retryable">Whether another attempt on the same input can help.</param>
/// <param name="Reason">One line for people, at most <see cref="MaxReasonLength"/> characters, without a stack trace.</param>
public sealed record ActivityFailure(FailureClass Class, bool Retryable, string Reason)
{
    /// <summary>The longest reason, characters.</summary>
    public const int MaxReasonLength = 2000;

    /// <summary>The text on one line, without control characters, cut at <see cref="MaxReasonLength"/>.</summary>
    public static string OneLine(string text)
    {
        var line = new StringBuilder();
        foreach (var character in text)
        {
            var space = char.IsControl(character) || char.IsWhiteSpace(character);
            if (!space)
                line.Append(character);
            else if (line.Length > 0 && line[^1] != ' ')
                line.Append(' ');
            if (line.Length > MaxReasonLength)
                return line.Remove(MaxReasonLength - 1, line.Length - MaxReasonLength + 1).Append('…').ToString();
        }
        return line.ToString().TrimEnd();
    }

    internal ActivityFailure Bounded() => this with { Reason = OneLine(Reason) };
}
