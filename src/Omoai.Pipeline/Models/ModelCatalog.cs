using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Microsoft.Extensions.Options;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Pipeline.Models;

/// <summary>Section <c>Omoai:Models</c>.</summary>
public sealed class ModelOptions
{
    public const string Section = "Omoai:Models";

    /// <summary>Folders that are searched for models, two levels deep, the first one that has a name wins.</summary>
    [MinLength(1)]
    public IList<string> Folders { get; } = [];

    /// <summary>The speech model of jobs that name none.</summary>
    [Required]
    public string Speech { get; set; } = "demo-en";

    /// <summary>The punctuation model.</summary>
    [Required]
    public string Punctuation { get; set; } = "demo-en-punctuation";
}

/// <summary>A model folder that was found.</summary>
/// <param name="Folder">Its full path.</param>
/// <param name="Manifest">Null when it can't be read.</param>
/// <param name="Problem">Why it can't be read.</param>
public sealed record InstalledModel(string Folder, ModelManifest? Manifest, string? Problem)
{
    /// <summary>Changes when a file of the model is replaced: lengths and times, for what is loaded is verified anyhow.</summary>
    public string Stamp() => string.Join('/', Manifest!.Files.Keys.Append(ModelManifest.FileName).Select(name =>
    {
        var file = new FileInfo(Path.Combine(Folder, name));
        return file.Exists ? string.Create(CultureInfo.InvariantCulture, $"{file.Length}@{file.LastWriteTimeUtc.Ticks}") : "";
    }));
}

/// <summary>The models on this machine. Reads manifests only: a model is loaded in an activity host and nowhere else.</summary>
public sealed class ModelCatalog(IOptions<ModelOptions> options)
{
    /// <summary>Every model folder, in the order of the configured folders, then by path.</summary>
    public IReadOnlyList<InstalledModel> List()
    {
        var models = new List<InstalledModel>();
        foreach (var root in options.Value.Folders.Where(Directory.Exists))
        {
            var depth = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 2 };
            models.AddRange(Directory.EnumerateFiles(root, ModelManifest.FileName, depth).Order(StringComparer.Ordinal)
                .Select(file => Open(Path.GetDirectoryName(Path.GetFullPath(file))!)));
        }

        return models;
    }

    /// <summary>Reads the manifest of a model folder.</summary>
    public static InstalledModel Open(string folder)
    {
        try
        {
            using var stream = File.OpenRead(Path.Combine(folder, ModelManifest.FileName));
            return new InstalledModel(folder, ModelManifest.Read(stream), null);
        }
        catch (Exception e) when (e is MissingRequirementException or IOException or UnauthorizedAccessException)
        {
            return new InstalledModel(folder, null, e.Message);
        }
    }

    /// <summary>The speech model with this name, or the configured one.</summary>
    /// <param name="name">Null for the configured one.</param>
    /// <param name="language">The language it has to know, as BCP 47; null for any.</param>
    /// <exception cref="MissingRequirementException">There is none.</exception>
    public InstalledModel FindSpeech(string? name, string? language = null)
    {
        var model = Find(name ?? options.Value.Speech, ModelKinds.SpeechCtc);
        var known = model.Manifest!.Language;
        return language is null || Primary(known).Equals(Primary(language), StringComparison.OrdinalIgnoreCase)
            ? model
            : throw new MissingRequirementException(
                $"The speech model '{model.Manifest.Name}' knows '{known}', not '{language}'. See `omoai models list`.");

        static string Primary(string tag) => tag.Split('-')[0];
    }

    /// <summary>The model of this kind with this name; null where there is none.</summary>
    public InstalledModel? TryFind(string name, string kind) =>
        List().FirstOrDefault(model => model.Manifest is { } manifest && manifest.Kind == kind && manifest.Name == name);

    /// <summary>The punctuation model with this name, or the configured one.</summary>
    /// <exception cref="MissingRequirementException">There is none.</exception>
    public InstalledModel FindPunctuation(string? name = null) => Find(name ?? options.Value.Punctuation, ModelKinds.Punctuation);

    private InstalledModel Find(string name, string kind)
    {
        var models = List();
        var named = models.Where(model => model.Manifest?.Name == name).ToList();
        if (named.FirstOrDefault(model => model.Manifest!.Kind == kind) is { } found)
        {
            return found;
        }

        if (named.Count > 0)
        {
            throw new MissingRequirementException($"The model '{name}' is of kind '{named[0].Manifest!.Kind}', not '{kind}'.");
        }

        var known = models.Where(model => model.Manifest?.Kind == kind).Select(model => model.Manifest!.Name).ToList();
        var hint = known.Count > 0 ? $"Installed: {string.Join(", ", known)}." : "None of that kind is installed.";
        if (models.FirstOrDefault(model => model.Problem is not null) is { } broken)
        {
            hint += $" {broken.Folder} can't be read: {broken.Problem}";
        }

        throw new MissingRequirementException($"There is no model '{name}' of kind '{kind}'. {hint} See `omoai models list`.");
    }
}
