using System.ComponentModel.DataAnnotations;
using System.Text;

namespace Omoai.Pipeline.Webhooks;

/// <summary>Section <c>Omoai:Webhook</c>: how the end of a job is told to whoever asked for that.</summary>
public sealed class WebhookOptions : IValidatableObject
{
    public const string Section = "Omoai:Webhook";

    private const string EncodedPrefix = "whsec_";
    private const int MinSecretLength = 16;

    /// <summary>Signs what is sent; jobs can't have a webhook without one. After <c>whsec_</c> it is Base64, else it is
    /// taken as it is. At least 16 characters. A secret.</summary>
    public string? Secret { get; set; }

    /// <summary>Whether receivers may be on this machine or in its network, and without https.</summary>
    public bool AllowPrivateNetworks { get; set; }

    /// <summary>How long a receiver has to answer.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:01:00", ParseLimitsInInvariantCulture = true,
        ErrorMessage = $"{Section}:{nameof(Timeout)} must be between 1 second and 1 minute.")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Attempts to deliver, the first one included.</summary>
    [Range(1, 20, ErrorMessage = $"{Section}:{nameof(MaxAttempts)} must be between 1 and 20.")]
    public int MaxAttempts { get; set; } = 6;

    /// <summary>The bytes of <see cref="Secret"/>; null when there is none.</summary>
    internal byte[]? Key => string.IsNullOrEmpty(Secret) ? null
        : Secret.StartsWith(EncodedPrefix, StringComparison.Ordinal) ? Convert.FromBase64String(Secret[EncodedPrefix.Length..])
        : Encoding.UTF8.GetBytes(Secret);

    // No message repeats the secret.
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (string.IsNullOrEmpty(Secret))
        {
            yield break;
        }

        if (Secret.Length < MinSecretLength)
        {
            yield return new($"{Section}:{nameof(Secret)} must have at least {MinSecretLength} characters.");
        }
        else if (Secret.StartsWith(EncodedPrefix, StringComparison.Ordinal)
            && !IsBase64(Secret[EncodedPrefix.Length..]))
        {
            yield return new($"{Section}:{nameof(Secret)} must be Base64 after {EncodedPrefix}.");
        }
    }

    private static bool IsBase64(string text) => Convert.TryFromBase64String(text, new byte[text.Length], out _);
}
