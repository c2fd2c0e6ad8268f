using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Omoai.Isolation;
using Omoai.Local.Commands;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Models;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Local.Models;

/// <summary>How a folder is added.</summary>
/// <param name="Path">The folder.</param>
/// <param name="Name">The model's name; null for the folder's.</param>
/// <param name="Language">The language; null to read it off.</param>
/// <param name="Licence">SPDX identifier; null where it isn't known.</param>
/// <param name="InPlace">Only model.json is written, into the folder itself.</param>
internal sealed record AddRequest(string Path, string? Name, string? Language, string? Licence, bool InPlace);

/// <summary>
/// Adds folders of ONNX graphs as models: looks at them in a child process, proposes a manifest, copies what is of use and has
/// a child load the result once. This process loads nothing.
/// </summary>
/// <param name="known">The catalogue, for its templates.</param>
/// <param name="hosts">What starts child processes.</param>
/// <param name="root">The folder that models go into.</param>
/// <param name="checkRoom">Throws where a folder has no room for so many bytes.</param>
/// <param name="scratch">An existing folder.</param>
/// <param name="deadline">How long a child may take.</param>
/// <param name="threads">Threads for trying a model.</param>
internal sealed class ModelAdder(
    KnownModels known, HostedActivities hosts, Func<string> root, Action<string, long> checkRoom, string scratch, TimeSpan deadline, int threads)
{
    private const int MaxSettingsBytes = 32 << 20;
    private const int MaxFiles = 10_000;

    /// <summary>Adds a folder.</summary>
    /// <param name="request">Which, and how.</param>
    /// <param name="confirm">Shown the manifest, without the files' hashes, and the notes; says whether to go on.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The model's folder, and what it could do there; null where it wasn't confirmed.</returns>
    /// <exception cref="UsageException">The folder isn't there, or something must be said that it doesn't tell.</exception>
    /// <exception cref="MissingRequirementException">It is no model that this version can run.</exception>
    public async Task<(string Folder, ModelManifest Manifest, TryModelOutput Tried)?> AddAsync(
        AddRequest request, Func<ModelManifest, IReadOnlyList<string>, bool> confirm, CancellationToken cancellationToken)
    {
        var folder = Path.GetFullPath(request.Path);
        if (!Directory.Exists(folder))
        {
            throw new UsageException($"{request.Path} isn't a folder.");
        }

        var files = FilesOf(folder);
        var written = new Dictionary<string, string>();
        ModelManifest manifest;
        if (files.ContainsKey(ModelManifest.FileName))
        {
            if (request is { Name: not null } or { Language: not null } or { Licence: not null })
            {
                throw new UsageException($"The folder has a {ModelManifest.FileName}, which says its name, language and licence: change them there.");
            }

            var there = ModelCatalog.Open(folder);
            if (ModelCheck.Problem(there) is { } problem)
            {
                throw new MissingRequirementException(problem);
            }

            manifest = there.Manifest!;
        }
        else
        {
            (manifest, written, var notes) = await ProposeAsync(request, folder, files, cancellationToken);
            if (!confirm(manifest, notes))
            {
                return null;
            }
        }

        if (!ModelFolders.IsName(manifest.Name))
        {
            throw new UsageException(
                $"'{manifest.Name}' can't be a model's name: letters, digits, '.', '_' and '-', at most 64. Give another with --name.");
        }

        return request.InPlace
            ? await InPlaceAsync(folder, files, manifest, written, cancellationToken)
            : await CopyAsync(files, manifest, written, cancellationToken);
    }

    private async Task<(ModelManifest Manifest, Dictionary<string, string> Written, IReadOnlyList<string> Notes)> ProposeAsync(
        AddRequest request, string folder, Dictionary<string, string> files, CancellationToken cancellationToken)
    {
        var graphs = files.Where(file => file.Key.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase))
            .OrderBy(file => file.Key, StringComparer.Ordinal).Select(file => file.Value).ToList();
        IReadOnlyList<GraphFacts> facts = graphs.Count == 0 ? [] : Result(await hosts.InspectModelAsync(
            new InspectModelInput(graphs), scratch, deadline, cancellationToken), "The graphs can't be looked at").Graphs;
        var proposal = ModelProposal.Make(
            new FolderFacts([.. files.Keys.Order(StringComparer.Ordinal)], facts, name => ReadSettings(files[name]))
            {
                Length = name => Length(files[name]),
                Mentions = (name, text) => Mentions(files[name], text),
            },
            request.Language);
        var notes = proposal.Notes.ToList();
        if (request.Licence is null)
        {
            notes.Add("The licence isn't known: NOASSERTION was written. Say it with --licence SPDX, and keep to it.");
        }

        var sizes = proposal.Files.ToDictionary(name => name, name => new ModelFile(Length(files[name]), Unhashed));
        foreach (var (name, text) in proposal.Written)
        {
            sizes[name] = new ModelFile(Encoding.UTF8.GetByteCount(text), Unhashed);
        }

        var manifest = known.Manifest(
            proposal.Template, request.Name ?? new DirectoryInfo(folder).Name, request.Licence ?? "NOASSERTION", sizes, proposal.Settings);
        return (manifest, proposal.Written.ToDictionary(), notes);
    }

    private static string Unhashed { get; } = new('0', 64);

    private async Task<(string, ModelManifest, TryModelOutput)?> CopyAsync(
        Dictionary<string, string> files, ModelManifest manifest, Dictionary<string, string> written, CancellationToken cancellationToken)
    {
        var models = root();
        var target = Path.Combine(models, manifest.Name);
        if (Directory.Exists(target))
        {
            throw new UsageException(files.Values.Any(file => Path.GetDirectoryName(file) == target)
                ? $"{target} is in the models folder already: use --in-place."
                : $"There is a model '{manifest.Name}' in {target} already. Give another --name, or delete that folder.");
        }

        using var incoming = IncomingModel.Begin(models, manifest.Name);
        try
        {
            checkRoom(incoming.Files, (long)Math.Min(long.MaxValue / 2, manifest.Files.Values.Sum(file => (decimal)file.Bytes)));
            var hashed = new Dictionary<string, ModelFile>();
            foreach (var name in manifest.Files.Keys)
            {
                var to = Path.Combine(incoming.Files, name);
                hashed[name] = written.TryGetValue(name, out var text)
                    ? await WriteAsync(to, text, cancellationToken) : await HashAsync(files[name], to, cancellationToken);
            }

            var whole = manifest with { Files = hashed };
            // One that came with the folder stays as it is, so that what its hash is known of stays so.
            incoming.Complete(
                files.TryGetValue(ModelManifest.FileName, out var own) ? await File.ReadAllBytesAsync(own, cancellationToken) : KnownModels.Write(whole),
                hashed.Keys);
            var tried = await TryAsync(incoming.Files, whole, cancellationToken);
            incoming.Commit();
            return (incoming.Folder, whole, tried);
        }
        catch
        {
            // A copy is made again soon enough.
            incoming.Discard();
            throw;
        }
    }

    private async Task<(string, ModelManifest, TryModelOutput)?> InPlaceAsync(
        string folder, Dictionary<string, string> files, ModelManifest manifest, Dictionary<string, string> written, CancellationToken cancellationToken)
    {
        if (manifest.Files.Keys.FirstOrDefault(name => !written.ContainsKey(name) && files[name] != Path.Combine(folder, name)) is { } elsewhere)
        {
            throw new UsageException($"{files[elsewhere]} isn't in the folder itself: without --in-place the files are copied together.");
        }

        var made = new List<string>();
        try
        {
            var whole = manifest;
            if (!files.ContainsKey(ModelManifest.FileName))
            {
                var hashed = new Dictionary<string, ModelFile>();
                foreach (var name in manifest.Files.Keys)
                {
                    if (written.TryGetValue(name, out var text))
                    {
                        made.Add(Path.Combine(folder, name));
                        hashed[name] = await WriteAsync(made[^1], text, cancellationToken);
                    }
                    else
                    {
                        hashed[name] = await HashAsync(files[name], null, cancellationToken);
                    }
                }

                whole = manifest with { Files = hashed };
                made.Add(Path.Combine(folder, ModelManifest.FileName));
                await File.WriteAllBytesAsync(made[^1], KnownModels.Write(whole), cancellationToken);
            }

            return (folder, whole, await TryAsync(folder, whole, cancellationToken));
        }
        catch
        {
            made.ForEach(File.Delete);
            throw;
        }
    }

    private async Task<TryModelOutput> TryAsync(string folder, ModelManifest manifest, CancellationToken cancellationToken) =>
        Result(await hosts.TryModelAsync(new TryModelInput(folder, scratch, threads), manifest.MemoryMb, scratch, deadline, cancellationToken),
            $"The model '{manifest.Name}' was written, tried and taken back, because it doesn't run");

    private static T Result<T>(HostedResult<T> result, string what) => result switch
    {
        { Failure: null, Output: { } output } => output,
        { Failure.Class: FailureClass.Cancelled } => throw new OperationCanceledException(),
        _ => throw new MissingRequirementException($"{what}: {result.Failure?.Reason}"),
    };

    /// <summary>The files of a folder by name, with those of its folder <c>onnx</c>, where hubs keep graphs.</summary>
    private static Dictionary<string, string> FilesOf(string folder)
    {
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var path in new[] { folder, Path.Combine(folder, "onnx") }.Where(Directory.Exists).SelectMany(Directory.EnumerateFiles).Take(MaxFiles))
        {
            files.TryAdd(Path.GetFileName(path), path);
        }

        return files;
    }

    private static string? ReadSettings(string path) => Length(path) <= MaxSettingsBytes ? File.ReadAllText(path) : null;

    /// <summary>A file's length; of what a link leads to, for hubs keep their files as links.</summary>
    private static long Length(string path)
    {
        using var file = File.OpenHandle(path);
        return RandomAccess.GetLength(file);
    }

    /// <summary>Whether a file has an ASCII text anywhere in its bytes.</summary>
    internal static bool Mentions(string path, string text)
    {
        var wanted = Encoding.ASCII.GetBytes(text);
        var buffer = new byte[1 << 20];
        using var file = File.OpenRead(path);
        // What is kept of a block may be the beginning of what is looked for.
        for (int kept = 0, read; (read = file.Read(buffer, kept, buffer.Length - kept)) > 0;)
        {
            var block = buffer.AsSpan(0, kept + read);
            if (block.IndexOf(wanted) >= 0)
            {
                return true;
            }

            kept = Math.Min(block.Length, wanted.Length - 1);
            block[^kept..].CopyTo(buffer);
        }

        return false;
    }

    private static async Task<ModelFile> WriteAsync(string path, string text, CancellationToken cancellationToken)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        await File.WriteAllBytesAsync(path, bytes, cancellationToken);
        return new ModelFile(bytes.Length, Convert.ToHexStringLower(SHA256.HashData(bytes)));
    }

    /// <summary>Hashes a file, and copies just what it hashes.</summary>
    private static async Task<ModelFile> HashAsync(string from, string? to, CancellationToken cancellationToken)
    {
        await using var source = File.OpenRead(from);
        await using var target = to is null ? Stream.Null : File.Create(to);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        long bytes = 0;
        for (int read; (read = await source.ReadAsync(buffer, cancellationToken)) > 0; bytes += read)
        {
            hash.AppendData(buffer.AsSpan(0, read));
            await target.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
        }

        return new ModelFile(bytes, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    /// <summary>A manifest for people to look at: without the sizes and hashes of its files.</summary>
    public static string Show(ModelManifest manifest)
    {
        var json = JsonSerializer.SerializeToNode(manifest, OmoaiJson.Indented)!.AsObject();
        json["files"] = new System.Text.Json.Nodes.JsonArray([.. manifest.Files.Keys.Select(name => System.Text.Json.Nodes.JsonValue.Create(name))]);
        return json.ToJsonString(OmoaiJson.Indented);
    }
}
