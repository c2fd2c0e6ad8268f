using System.Text.RegularExpressions;
using Omoai.Pipeline.Models;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Local.Models;

/// <summary>Where models are put.</summary>
internal static partial class ModelFolders
{
    /// <summary>What a folder of a model that is under way ends with.</summary>
    public const string Partial = ModelCatalog.PartialSuffix;

    /// <summary>Whether a name can be a folder's on any system, and no other folder than a model's own.</summary>
    public static bool IsName(string name) => Name().IsMatch(name) && !name.EndsWith(Partial, StringComparison.OrdinalIgnoreCase);

    /// <summary>The first of the configured folders that can be written to; one that isn't there is made. The one that ships with the
    /// program isn't one: it is replaced with it.</summary>
    /// <exception cref="MissingRequirementException">None can.</exception>
    public static string FirstWritable(IEnumerable<string> folders)
    {
        var shipped = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "models"));
        var problems = new List<string>();
        foreach (var folder in folders.Select(Path.GetFullPath).Where(folder => folder != shipped))
        {
            try
            {
                Directory.CreateDirectory(folder);
                using var probe = new FileStream(
                    Path.Combine(folder, $".omoai-{Guid.NewGuid():n}"), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1,
                    FileOptions.DeleteOnClose);
                return folder;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                problems.Add(e.Message);
            }
        }

        throw new MissingRequirementException(
            $"No models folder can be written to: {string.Join(" ", problems)} Name one that can in Omoai:Models:Folders.");
    }

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}[A-Za-z0-9]$", RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}

/// <summary>
/// A model on its way into a models folder, by one process at a time: its files gather in <c>NAME.partial</c>, and become
/// <c>NAME</c> at once when they are whole. What was interrupted stays, to be gone on with.
/// </summary>
internal sealed class IncomingModel : IDisposable
{
    private readonly string _partial;
    private readonly FileStream _lock;

    private IncomingModel(string folder, string partial, FileStream @lock) => (Folder, _partial, _lock) = (folder, partial, @lock);

    /// <summary>Where the model will be.</summary>
    public string Folder { get; }

    /// <summary>Where its finished files are. A folder of their own: no name of a file can be that of anything else here.</summary>
    public string Files => Path.Combine(_partial, "files");

    /// <summary>Where files are that aren't finished.</summary>
    public string Unfinished => Path.Combine(_partial, "unfinished");

    /// <summary>Where it is remembered what unfinished files are of.</summary>
    public string Validators => Path.Combine(_partial, "validators");

    /// <exception cref="MissingRequirementException">Another process is at the same model.</exception>
    public static IncomingModel Begin(string root, string name)
    {
        var partial = Path.Combine(root, name + ModelFolders.Partial);
        Directory.CreateDirectory(partial);
        FileStream @lock;
        try
        {
            @lock = new FileStream(
                Path.Combine(partial, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (IOException e)
        {
            throw new MissingRequirementException($"The model '{name}' is being added by another process ({partial} is locked). Wait for that.", e);
        }

        var incoming = new IncomingModel(Path.Combine(root, name), partial, @lock);
        Directory.CreateDirectory(incoming.Files);
        Directory.CreateDirectory(incoming.Unfinished);
        Directory.CreateDirectory(incoming.Validators);
        return incoming;
    }

    /// <summary>The model that is there already, if it is whole.</summary>
    public ModelManifest? WholeAlready()
    {
        var there = ModelCatalog.Open(Folder);
        return there.Manifest is { } manifest && Commands.ModelCheck.Problem(there) is null ? manifest : null;
    }

    /// <summary>Writes the manifest beside the files.</summary>
    /// <param name="manifest">The bytes of model.json.</param>
    /// <param name="files">The files it names: what else has gathered is deleted.</param>
    public void Complete(byte[] manifest, IEnumerable<string> files)
    {
        var wanted = files.ToHashSet(StringComparer.Ordinal);
        foreach (var stray in Directory.EnumerateFiles(Files).Where(file => !wanted.Contains(Path.GetFileName(file))).ToList())
        {
            File.Delete(stray);
        }

        File.WriteAllBytes(Path.Combine(Files, ModelManifest.FileName), manifest);
    }

    /// <summary>Makes the finished folder the model's, in place of one that is there.</summary>
    public void Commit()
    {
        if (Directory.Exists(Folder))
        {
            var replaced = Path.Combine(_partial, "replaced");
            if (Directory.Exists(replaced))
            {
                Directory.Delete(replaced, recursive: true);
            }

            Directory.Move(Folder, replaced);
        }

        Directory.Move(Files, Folder);
        Discard();
    }

    /// <summary>Deletes all that is under way.</summary>
    public void Discard()
    {
        // While it is locked, for what comes after that may be another process's; then the lock, which goes as it is closed.
        foreach (var folder in Directory.GetDirectories(_partial))
        {
            Directory.Delete(folder, recursive: true);
        }

        _lock.Dispose();
        try
        {
            Directory.Delete(_partial);
        }
        catch (IOException)
        {
            // Another process has just come to the same model: the folder is its now.
        }
    }

    /// <summary>Gives the model up to others; what there is of it stays.</summary>
    public void Dispose() => _lock.Dispose();
}
