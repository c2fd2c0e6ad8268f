using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Omoai.Pipeline;

namespace Omoai.Api;

/// <summary>What the OpenAPI document says beyond what the table of calls does.</summary>
internal static class OpenApiDocumentOf
{
    private const string KeyScheme = "key";

    /// <param name="options">Of the document.</param>
    /// <param name="keyHeader">The header that the host takes its keys from.</param>
    public static void Configure(OpenApiOptions options, string keyHeader)
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "Omoai",
                Version = "1",
                Description = "Recorded speech in, readable text and a summary out.",
            };
            document.Servers = [];
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                [KeyScheme] = new OpenApiSecurityScheme { Type = SecuritySchemeType.ApiKey, In = ParameterLocation.Header, Name = keyHeader },
            };
            return Task.CompletedTask;
        });
        options.AddSchemaTransformer((schema, context, _) =>
        {
            // That the values of a dictionary may be null isn't seen by the framework.
            if (context.JsonTypeInfo.Type == typeof(HealthResponse)
                && schema.Properties?["checks"] is OpenApiSchema { AdditionalProperties: OpenApiSchema problem })
            {
                problem.Type = JsonSchemaType.String | JsonSchemaType.Null;
            }

            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            if (context.Description.RelativePath?.Contains("/health/", StringComparison.Ordinal) != true)
            {
                operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(KeyScheme, context.Document)] = [] }];
            }

            return Task.CompletedTask;
        });
    }

    /// <summary>The three bodies that start a transcription.</summary>
    public static async Task DescribeStart(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var options = await context.GetOrCreateSchemaAsync(typeof(TranscriptionOptions), null, cancellationToken);
        var blob = await context.GetOrCreateSchemaAsync(typeof(BlobRequest), null, cancellationToken);
        var binary = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" };
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["multipart/form-data"] = new()
                {
                    Schema = new OpenApiSchema
                    {
                        Type = JsonSchemaType.Object,
                        Required = new HashSet<string> { "audio" },
                        Properties = new Dictionary<string, IOpenApiSchema> { ["audio"] = binary, ["options"] = options },
                    },
                },
                ["audio/*"] = new() { Schema = binary },
                ["application/octet-stream"] = new() { Schema = binary },
                ["application/json"] = new() { Schema = blob },
            },
        };
        operation.Parameters =
        [
            Parameter("name", ParameterLocation.Query, "What to call the recording in an audio/* body."),
            Parameter("options", ParameterLocation.Query, "What is asked for, as JSON, where the body is the recording."),
            Parameter("Idempotency-Key", ParameterLocation.Header, "The same key gives the same job; the recording is not read again."),
        ];
    }

    public static IOpenApiParameter Parameter(string name, ParameterLocation place, string description) => new OpenApiParameter
    {
        Name = name,
        In = place,
        Description = description,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
    };
}
