using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Omoai.Pipeline;
using Omoai.Transcripts;
using Omoai.Transcripts.Formats;

namespace Omoai.Api;

/// <summary>Reads what a caller sent: small, of the right shape, and with no name that isn't known.</summary>
internal static partial class StrictJson
{
    /// <summary>The longest body of JSON, bytes.</summary>
    public const int MaxBytes = 64 << 10;

    private static readonly JsonSerializerOptions Strict = CreateStrict();

    /// <summary>Reads a document.</summary>
    /// <param name="body">Where from.</param>
    /// <param name="code">What to call it when it is wrong.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>Null where there is nothing at all.</returns>
    /// <exception cref="ApiException">It is too long, or no such document.</exception>
    public static async Task<T?> ReadAsync<T>(Stream body, string code, CancellationToken cancellationToken) where T : class
    {
        var buffer = new byte[MaxBytes + 1];
        var length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        return length > MaxBytes
            ? throw new ApiException(StatusCodes.Status413PayloadTooLarge, ProblemCodes.TooLarge, $"The JSON is longer than {MaxBytes} bytes.")
            : Parse<T>(buffer.AsSpan(0, length), code);
    }

    /// <inheritdoc cref="ReadAsync"/>
    public static T? Parse<T>(ReadOnlySpan<byte> json, string code) where T : class
    {
        if (json.Trim(" \t\r\n"u8).IsEmpty)
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize<T>(json, Strict);
        }
        catch (JsonException e)
        {
            // The message names our types, which are nobody's business.
            var message = TypeName().Replace(FirstSentence(e.Message), "");
            var reason = e.InnerException is null && e.Path is { } path ? $"at {path}: {message}" : message;
            throw new ApiException(StatusCodes.Status400BadRequest, code, $"The JSON can't be used, {reason}");
        }
    }

    /// <summary>Checks what the shape alone doesn't say.</summary>
    /// <exception cref="ApiException">An option has a value that can't be used.</exception>
    public static TranscriptionOptions Checked(TranscriptionOptions? options)
    {
        options ??= new TranscriptionOptions();
        var problems = new List<ValidationResult>();
        if (!Validator.TryValidateObject(options, new ValidationContext(options), problems, validateAllProperties: true))
        {
            throw Invalid(problems[0].ErrorMessage!);
        }

        // A list may hold null, whatever its type says.
        foreach (var name in options.Formats ?? [])
        {
            if (!TranscriptFormats.Names.Contains(name))
            {
                throw Invalid($"There is no format '{name}'; there are {string.Join(", ", TranscriptFormats.Names)}.");
            }
        }

        return options;

        static ApiException Invalid(string detail) => new(StatusCodes.Status400BadRequest, ProblemCodes.InvalidOptions, detail);
    }

    private static JsonSerializerOptions CreateStrict()
    {
        var strict = new JsonSerializerOptions(OmoaiJson.Compact)
        {
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            AllowDuplicateProperties = false,
            MaxDepth = 16,
        };
        // The first that fits is taken: choices by their names only, for their numbers are our own business.
        strict.Converters.Insert(0, new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false));
        return strict;
    }

    private static string FirstSentence(string message)
    {
        var end = message.IndexOf(". ", StringComparison.Ordinal);
        return end < 0 ? message : message[..(end + 1)];
    }

    [GeneratedRegex(@" (contained in|on|for|of) type '[^']*'| to (Omoai|System)\.[\w.`+]*\w(\[.*\])?")]
    private static partial Regex TypeName();
}
