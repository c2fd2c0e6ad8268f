using System.ComponentModel.DataAnnotations;
using Azure.Storage.Blobs;
using Omoai.Pipeline.Artifacts;

namespace Omoai.Storage;

/// <summary>Section <c>Omoai:Storage</c>: which account, and what its containers are called.</summary>
public sealed class StorageOptions : IValidatableObject
{
    public const string Section = "Omoai:Storage";

    private const string ContainerPattern = "^(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$";
    private const string ContainerRule = "must be 3 to 63 small letters, digits and single hyphens.";

    /// <summary>A connection string of the account; or <see cref="AccountUri"/>. A secret.</summary>
    public string? ConnectionString { get; set; }

    /// <summary>The account's blob endpoint, https; who we are is found out by DefaultAzureCredential.</summary>
    public Uri? AccountUri { get; set; }

    [RegularExpression(ContainerPattern, ErrorMessage = $"{Section}:{nameof(InputContainer)} {ContainerRule}")]
    public string InputContainer { get; set; } = ArtifactNames.InputContainer;

    [RegularExpression(ContainerPattern, ErrorMessage = $"{Section}:{nameof(ApiContainer)} {ContainerRule}")]
    public string ApiContainer { get; set; } = ArtifactNames.ApiContainer;

    [RegularExpression(ContainerPattern, ErrorMessage = $"{Section}:{nameof(WorkContainer)} {ContainerRule}")]
    public string WorkContainer { get; set; } = ArtifactNames.WorkContainer;

    [RegularExpression(ContainerPattern, ErrorMessage = $"{Section}:{nameof(OutputContainer)} {ContainerRule}")]
    public string OutputContainer { get; set; } = ArtifactNames.OutputContainer;

    /// <summary>How long a URL for uploads can be used.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "1.00:00:00",
        ErrorMessage = $"{Section}:{nameof(UploadUrlLifetime)} must be between 1 minute and 1 day.")]
    public TimeSpan UploadUrlLifetime { get; set; } = TimeSpan.FromHours(1);

    internal string[] Containers => [InputContainer, ApiContainer, WorkContainer, OutputContainer];

    // No message repeats a value: a connection string is a secret, and so may be what was put in the wrong place.
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (string.IsNullOrEmpty(ConnectionString) == AccountUri is null)
        {
            yield return new($"Exactly one of {Section}:{nameof(ConnectionString)} and {Section}:{nameof(AccountUri)} must be set.");
        }
        else if (AccountUri is not null && !(AccountUri.IsAbsoluteUri && AccountUri.Scheme == Uri.UriSchemeHttps))
        {
            yield return new($"{Section}:{nameof(AccountUri)} must be an https URL, such as https://ACCOUNT.blob.core.windows.net.");
        }
        else if (AccountUri is null && !IsConnectionString(ConnectionString!))
        {
            yield return new($"{Section}:{nameof(ConnectionString)} isn't the connection string of a storage account.");
        }

        if (Containers.Distinct(StringComparer.Ordinal).Count() < Containers.Length)
        {
            yield return new($"The containers of {Section} must differ from each other.");
        }
    }

    private static bool IsConnectionString(string text)
    {
        try
        {
            _ = new BlobServiceClient(text);
            return true;
        }
        catch (Exception e) when (e is FormatException or ArgumentException or InvalidOperationException)
        {
            return false;
        }
    }
}
