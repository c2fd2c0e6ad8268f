using Microsoft.Extensions.Options;
using Omoai.Local.Models;
using Omoai.Pipeline.Models;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Local.Tests.Models;

/// <summary>Language models among those that are installed.</summary>
public sealed class LanguageModelCatalogTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("omoai-test-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void A_language_model_is_found_by_its_name_and_kind()
    {
        Install("qwen2.5-0.5b-instruct-q8");
        Install("silero-vad");
        var options = new ModelOptions();
        options.Folders.Add(_root);
        var catalog = new ModelCatalog(Options.Create(options));

        var found = catalog.FindLlm("qwen2.5-0.5b-instruct-q8");

        Assert.Equal((Path.Combine(_root, "qwen2.5-0.5b-instruct-q8"), "chatml"), (found.Folder, found.Manifest!.Causal!.ChatTemplate));
        Assert.Equal(found.Folder, catalog.TryFindLlm("qwen2.5-0.5b-instruct-q8")!.Folder);
        Assert.Null(catalog.TryFindLlm("silero-vad"));
        Assert.Contains("of kind 'vad', not 'llm'", Assert.Throws<MissingRequirementException>(() => catalog.FindLlm("silero-vad")).Message, StringComparison.Ordinal);
        Assert.Contains("Installed: qwen2.5-0.5b-instruct-q8.", Assert.Throws<MissingRequirementException>(() => catalog.FindLlm("qwen")).Message, StringComparison.Ordinal);
    }

    private void Install(string name)
    {
        var known = KnownModels.Shipped.Find(name)!;
        var files = known.Files.ToDictionary(file => file.Name, _ => new ModelFile(1, new string('0', 64)));
        File.WriteAllBytes(
            Path.Combine(Directory.CreateDirectory(Path.Combine(_root, name)).FullName, ModelManifest.FileName),
            KnownModels.Write(KnownModels.Shipped.Manifest(known.Template, name, known.Licence, files, known.Model)));
    }
}
