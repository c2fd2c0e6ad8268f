using Microsoft.Extensions.Options;
using Omoai.Pipeline.Models;
using Omoai.Tests;

namespace Omoai.Pipeline.Tests;

internal static class JobSettingsExamples
{
    /// <summary>The models that ship with the repository.</summary>
    public static ModelCatalog ShippedModels { get; } = new(
        Options.Create(new ModelOptions { Folders = { Path.Combine(TestPaths.Repository, "models") } }));

    /// <summary>The defaults, without a delay between attempts.</summary>
    public static JobSettings Some { get; } =
        new PipelineOptions { RetryDelay = TimeSpan.Zero }.ToSettings(new TranscriptionOptions(), ShippedModels, new LlmOptions());
}
