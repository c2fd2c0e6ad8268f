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

    /// <summary>The voice-activity model; null finds speech by its energy.</summary>
    public string? Vad { get; set; }
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
    /// <summary>What the folder of a model ends with while its files are still being gathered: it is none yet.</summary>
    public const string PartialSuffix = ".partial";

    /// <summary>Every model folder, in the order of the configured folders, then by path.</summary>
    public IReadOnlyList<InstalledModel> List()
    {
        var models = new List<InstalledModel>();
        foreach (var root in options.Value.Folders.Where(Directory.Exists))
        {
            var depth = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 2 };
            models.AddRange(Directory.EnumerateFiles(root, ModelManifest.FileName, depth).Order(StringComparer.Ordinal)
                .Where(file => !Path.GetRelativePath(root, file).Contains(PartialSuffix + Path.DirectorySeparatorChar, StringComparison.Ordinal))
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

    /// <summary>The speech model with this name; or the configured one, or where that doesn't know the language one that does.</summary>
    /// <param name="name">Null for the configured one.</param>
    /// <param name="language">The language it has to know, as BCP 47; null for any.</param>
    /// <exception cref="MissingRequirementException">There is none.</exception>
    public InstalledModel FindSpeech(string? name, string? language = null)
    {
        var model = Find(name ?? options.Value.Speech, ModelKinds.Speech);
        if (language is null || Knows(model.Manifest!, language))
        {
            return model;
        }

        var other = name is null ? List().FirstOrDefault(Speaks) : null;
        return other ?? throw new MissingRequirementException(
            $"The speech model '{model.Manifest!.Name}' knows {string.Join(", ", Languages(model.Manifest).Select(known => $"'{known}'"))}, not '{language}'. Name another one; `omoai models list` shows those that are here, `omoai models get` more.");

        bool Speaks(InstalledModel model) =>
            model.Manifest is { } manifest && ModelKinds.Speech.Contains(manifest.Kind) && Knows(manifest, language);
    }

    /// <summary>The speech model with this name; null where there is none.</summary>
    public InstalledModel? TryFindSpeech(string name) => TryFind(name, ModelKinds.Speech);

    /// <summary>The model with this name, of one of these kinds; null where there is none.</summary>
    public InstalledModel? TryFind(string name, params IReadOnlyList<string> kinds) =>
        List().FirstOrDefault(model => model.Manifest is { } manifest && kinds.Contains(manifest.Kind) && manifest.Name == name);

    /// <summary>The voice-activity model with this name.</summary>
    /// <exception cref="MissingRequirementException">There is none.</exception>
    public InstalledModel FindVad(string name) => Find(name, ModelKinds.Vad);

    /// <summary>The configured voice-activity model; null where speech is found by its energy.</summary>
    /// <exception cref="MissingRequirementException">It isn't there.</exception>
    public InstalledModel? FindConfiguredVad() => options.Value.Vad is { Length: > 0 } name ? FindVad(name) : null;

    private static IReadOnlyList<string> Languages(ModelManifest manifest) => manifest.Languages ?? [manifest.Language];

    private static bool Knows(ModelManifest manifest, string language) => Languages(manifest).Any(
        known => Primary(known) == Primary(language));

    /// <summary>The language of a tag; of those that are written in two ways, the one that Whisper's lists have.</summary>
    private static string Primary(string tag) => tag.Split('-')[0].ToLowerInvariant() switch
    {
        "jw" => "jv",
        "nb" => "no",
        "fil" => "tl",
        "cmn" => "zh",
        var language => language,
    };

    /// <summary>The punctuation model with this name, or the configured one.</summary>
    /// <exception cref="MissingRequirementException">There is none.</exception>
    public InstalledModel FindPunctuation(string? name = null) => Find(name ?? options.Value.Punctuation, ModelKinds.Punctuation);

    /// <summary>The configured punctuation model, if it is there and knows a language.</summary>
    /// <param name="language">BCP 47; null for any.</param>
    public InstalledModel? TryFindPunctuation(string? language) =>
        TryFind(options.Value.Punctuation, ModelKinds.Punctuation) is { } model && (language is null || Knows(model.Manifest!, language))
            ? model : null;

    /// <summary>The language model with this name.</summary>
    /// <exception cref="MissingRequirementException">There is none.</exception>
    public InstalledModel FindLlm(string name) => Find(name, ModelKinds.Llm);

    /// <summary>The language model with this name; null where there is none.</summary>
    public InstalledModel? TryFindLlm(string name) => TryFind(name, ModelKinds.Llm);

    private InstalledModel Find(string name, params IReadOnlyList<string> kinds)
    {
        var models = List();
        var named = models.Where(model => model.Manifest?.Name == name).ToList();
        if (named.FirstOrDefault(model => kinds.Contains(model.Manifest!.Kind)) is { } found)
        {
            return found;
        }

        if (named.Count > 0)
        {
            throw new MissingRequirementException($"The model '{name}' is of kind '{named[0].Manifest!.Kind}', not '{kinds[0]}'.");
        }

        var known = models.Where(model => model.Manifest is { } manifest && kinds.Contains(manifest.Kind)).Select(model => model.Manifest!.Name).ToList();
        var hint = known.Count > 0 ? $"Installed: {string.Join(", ", known)}." : "None of that kind is installed.";
        if (models.FirstOrDefault(model => model.Problem is not null) is { } broken)
        {
            hint += $" {broken.Folder} can't be read: {broken.Problem}";
        }

        throw new MissingRequirementException($"There is no model '{name}' of kind '{kinds[0]}'. {hint} See `omoai models list`.");
    }
}
