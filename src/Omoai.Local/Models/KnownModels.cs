using System.Text.Json;
using System.Text.Json.Nodes;
using Omoai.Transcripts;
using Omoai.Transcripts.Models;

namespace Omoai.Local.Models;

/// <summary>A file of a known model.</summary>
/// <param name="Name">What it is called in the model's folder.</param>
/// <param name="Path">Where it lies from <see cref="KnownModel.Base"/> on; null for its name.</param>
/// <param name="Bytes">Its size; null where nobody has stated it.</param>
/// <param name="Sha256">Its SHA-256; null where nobody has stated it.</param>
internal sealed record KnownFile(string Name, string? Path = null, long? Bytes = null, string? Sha256 = null);

/// <summary>A model of the catalogue.</summary>
/// <param name="Name">Its name, and its folder's.</param>
/// <param name="Template">The template that its manifest begins with.</param>
/// <param name="Licence">SPDX identifier.</param>
/// <param name="LicenceUrl">Where the licence is stated.</param>
/// <param name="Description">One line.</param>
/// <param name="Page">Where people read about it.</param>
/// <param name="Files">Its files; none where no download is known.</param>
/// <param name="Base">What the files' paths are relative to.</param>
/// <param name="Note">What to do where no download is known.</param>
/// <param name="Model">What its manifest has beside the template.</param>
internal sealed record KnownModel(
    string Name, string Template, string Licence, string LicenceUrl, string Description, string Page, IReadOnlyList<KnownFile> Files,
    string? Base = null, string? Note = null, JsonObject? Model = null)
{
    /// <summary>Size and SHA-256 of every file are stated.</summary>
    public bool IsPinned => Files.Count > 0 && Files.All(file => file is { Bytes: not null, Sha256: not null });
}

/// <summary>The catalogue that ships with the program: models that can be fetched, and what the manifests of the families begin with.</summary>
internal sealed class KnownModels
{
    private readonly Catalogue _catalogue;

    private KnownModels(Catalogue catalogue) => _catalogue = catalogue;

    /// <summary>The shipped catalogue.</summary>
    public static KnownModels Shipped { get; } = ReadShipped();

    public IReadOnlyList<KnownModel> All => _catalogue.Models;

    public static KnownModels Read(Stream json) => new(
        JsonSerializer.Deserialize<Catalogue>(json, OmoaiJson.Compact)
        ?? throw new JsonException("The catalogue is empty."));

    public KnownModel? Find(string name) => All.FirstOrDefault(model => model.Name == name);

    /// <summary>A manifest from a template.</summary>
    /// <param name="template">The template's name.</param>
    /// <param name="name">The model's name.</param>
    /// <param name="licence">SPDX identifier.</param>
    /// <param name="files">Its files.</param>
    /// <param name="more">What it has besides, and instead: objects are merged.</param>
    public ModelManifest Manifest(
        string template, string name, string licence, IReadOnlyDictionary<string, ModelFile> files, JsonObject? more = null)
    {
        var json = (JsonObject)_catalogue.Templates[template].DeepClone();
        Merge(json, more ?? []);
        json["schema"] = ModelManifest.CurrentSchema;
        json["name"] = name;
        json["licence"] = licence;
        json["files"] = JsonSerializer.SerializeToNode(files, OmoaiJson.Compact);
        if (!json.ContainsKey("memoryMb"))
        {
            json["memoryMb"] = MemoryMb(files.Values.Sum(file => (decimal)file.Bytes));
        }

        using var stream = new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(json, OmoaiJson.Compact));
        return ModelManifest.Read(stream);
    }

    /// <summary>A manifest as a file's content.</summary>
    public static byte[] Write(ModelManifest manifest) => [.. JsonSerializer.SerializeToUtf8Bytes(manifest, OmoaiJson.Indented), (byte)'\n'];

    /// <summary>An estimate: the weights half as much again, for what is computed with them, and what any host takes.</summary>
    private static int MemoryMb(decimal bytes) => (int)Math.Min(1 << 20, Math.Ceiling(bytes * 1.5m / (1 << 20)) + 128);

    private static void Merge(JsonObject into, JsonObject from)
    {
        foreach (var (name, value) in from)
        {
            if (value is JsonObject object2 && into[name] is JsonObject object1)
            {
                Merge(object1, object2);
            }
            else
            {
                into[name] = value?.DeepClone();
            }
        }
    }

    private static KnownModels ReadShipped()
    {
        using var stream = typeof(KnownModels).Assembly.GetManifestResourceStream("Omoai.Local.Models.catalogue.json")!;
        return Read(stream);
    }

    private sealed record Catalogue(IReadOnlyDictionary<string, JsonObject> Templates, IReadOnlyList<KnownModel> Models);
}
