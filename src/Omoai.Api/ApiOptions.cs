using System.ComponentModel.DataAnnotations;

namespace Omoai.Api;

/// <summary>Section <c>Omoai:Api</c>.</summary>
public sealed class ApiOptions : IValidatableObject
{
    public const string Section = "Omoai:Api";

    private const int MinKeyLength = 16;

    /// <summary>Whether callers must show one of <see cref="Keys"/>. Without, only this machine itself is served.</summary>
    public bool RequireKey { get; set; } = true;

    /// <summary>The keys, each at least 16 characters. Secrets.</summary>
    public IList<string> Keys { get; } = [];

    /// <summary>Origins of web pages that may call the API from a browser; none by default.</summary>
    public IList<string> CorsOrigins { get; } = [];

    /// <summary>Between two signs of life of a stream of events on which nothing happens.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00", ErrorMessage = $"{Section}:{nameof(KeepAlive)} must be between 1 second and 5 minutes.")]
    public TimeSpan KeepAlive { get; set; } = TimeSpan.FromSeconds(15);

    // No message repeats a key.
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        for (var i = 0; i < Keys.Count; i++)
        {
            if (Keys[i].Length < MinKeyLength)
            {
                yield return new($"{Section}:{nameof(Keys)}:{i} must have at least {MinKeyLength} characters.");
            }
        }

        if (CorsOrigins.FirstOrDefault(origin => !Uri.TryCreate(origin, UriKind.Absolute, out var uri) || uri.GetLeftPart(UriPartial.Authority) != origin) is { } wrong)
        {
            yield return new($"{Section}:{nameof(CorsOrigins)} holds '{wrong}', which isn't an origin such as https://example.com.");
        }
    }
}
