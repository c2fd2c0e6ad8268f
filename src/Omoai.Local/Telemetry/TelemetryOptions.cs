using System.ComponentModel.DataAnnotations;

namespace Omoai.Local.Telemetry;

/// <summary>Section <c>Omoai:Telemetry</c>. Whatever isn't here is set by the OTEL_* variables that OpenTelemetry names.</summary>
internal sealed class TelemetryOptions : IValidatableObject
{
    public const string Section = "Omoai:Telemetry";

    public const string HttpProtobuf = "http/protobuf";

    /// <summary>Where traces and metrics are sent; goes before OTEL_EXPORTER_OTLP_ENDPOINT. Null sends nothing when that isn't set
    /// either.</summary>
    public Uri? OtlpEndpoint { get; set; }

    /// <summary><c>grpc</c> or <c>http/protobuf</c>; null leaves it to OTEL_EXPORTER_OTLP_PROTOCOL, and then it is grpc.</summary>
    [AllowedValues(null, "grpc", HttpProtobuf, ErrorMessage = $"{Section}:{nameof(OtlpProtocol)} must be grpc or {HttpProtobuf}.")]
    public string? OtlpProtocol { get; set; }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (OtlpEndpoint is { } endpoint
            && !(endpoint.IsAbsoluteUri && (endpoint.Scheme == Uri.UriSchemeHttp || endpoint.Scheme == Uri.UriSchemeHttps)))
        {
            yield return new($"{Section}:{nameof(OtlpEndpoint)} must be an http or https URL, such as http://localhost:4317.");
        }
    }
}
