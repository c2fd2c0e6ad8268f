using System.Text.Json;
using Omoai.Transcripts;
using Omoai.Transcripts.Models;

namespace Omoai.Pipeline.Tests;

/// <summary>A folder of models that have a manifest and nothing else.</summary>
internal sealed class ModelFolders : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("omoai-models-").FullName;

    public void Add(
        string name, string kind, string language, IReadOnlyList<string>? languages = null, bool punctuated = false, int memoryMb = 0)
    {
        var manifest = new ModelManifest
        {
            Schema = ModelManifest.CurrentSchema,
            Name = name,
            Kind = kind,
            Language = language,
            Languages = languages,
            Punctuated = punctuated,
            MemoryMb = memoryMb,
            Licence = "MIT",
            Files = new Dictionary<string, ModelFile>(),
        };
        var folder = Directory.CreateDirectory(System.IO.Path.Combine(Path, name)).FullName;
        File.WriteAllText(
            System.IO.Path.Combine(folder, ModelManifest.FileName), JsonSerializer.Serialize(manifest, OmoaiJson.Compact));
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
