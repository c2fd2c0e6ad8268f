using System.Security.Cryptography;
using Omoai.Local.Commands;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Local.Models;

/// <summary>What a person is told and asked while a model is fetched.</summary>
internal interface IGetterView
{
    void Say(string line);

    /// <summary>Whether the licence is accepted; null where nobody can be asked.</summary>
    bool? Accepts(string model, string licence, string? licenceUrl);

    /// <param name="file">The file that is being fetched.</param>
    /// <param name="done">Bytes of the model that are there.</param>
    /// <param name="total">Bytes of the model; null where they aren't known.</param>
    void Report(string file, long done, long? total);
}

/// <summary>Fetches models: of the catalogue by name, others by the URL of their model.json.</summary>
/// <param name="known">The catalogue.</param>
/// <param name="downloader">What fetches.</param>
/// <param name="root">The folder that models go into.</param>
/// <param name="view">Who is told of it.</param>
internal sealed class ModelGetter(KnownModels known, Downloader downloader, string root, IGetterView view)
{
    private const int MaxManifestBytes = 1 << 20;
    private const int MaxFiles = 1000;

    /// <summary>Fetches a model; one that is there and whole is left alone.</summary>
    /// <param name="nameOrUrl">A name of the catalogue, or the https URL of a model.json whose files lie beside it.</param>
    /// <param name="acceptedLicence">The licence that was accepted beforehand.</param>
    /// <param name="trustFirstUse">Takes files of which nobody has stated size and hash.</param>
    /// <param name="cancellationToken">Ends it; what came is gone on with next time.</param>
    /// <returns>The model's folder.</returns>
    /// <exception cref="UsageException">There is no such model, or its licence wasn't accepted.</exception>
    /// <exception cref="MissingRequirementException">It isn't to be had, or there is no room for it.</exception>
    public async Task<string> GetAsync(string nameOrUrl, string? acceptedLicence, bool trustFirstUse, CancellationToken cancellationToken)
    {
        var offer = nameOrUrl.Contains("://", StringComparison.Ordinal)
            ? await OfferAsync(Url(nameOrUrl), cancellationToken) : Offer(nameOrUrl);
        var stated = offer.Files.All(file => file.Bytes is not null && file.Sha256 is not null);
        var total = stated ? offer.Files.Sum(file => file.Bytes!.Value) : (long?)null;
        view.Say($"{offer.Name}: {offer.Files.Count} files{(total is { } bytes ? $", {Bytes.Show(bytes)}" : "")} from {Downloader.Show(offer.From)}; "
            + $"licence {offer.Licence}{(offer.LicenceUrl is { } at ? $" ({at})" : "")}; to {Path.Combine(root, offer.Name)}");
        if (!stated && !trustFirstUse)
        {
            throw new UsageException(
                $"The catalogue doesn't state sizes and hashes of '{offer.Name}', so what comes can't be checked. Give --trust-first-use to take it all the same: "
                + "its hashes go into model.json, and later changes are noticed.");
        }

        Accept(offer, acceptedLicence);
        using var incoming = IncomingModel.Begin(root, offer.Name);
        if (incoming.WholeAlready() is not null)
        {
            incoming.Discard();
            view.Say($"{offer.Name} is there already, and whole: {incoming.Folder}. Delete that folder to get it again.");
            return incoming.Folder;
        }

        var files = await FetchAsync(offer, total, incoming, cancellationToken);
        incoming.Complete(offer.Manifest(files), files.Keys);
        incoming.Commit();
        if (!stated)
        {
            view.Say($"warning: nobody stated the sizes and hashes of {offer.Name}: what came was trusted, and its hashes were written to its model.json.");
        }

        return incoming.Folder;
    }

    private async Task<Dictionary<string, ModelFile>> FetchAsync(
        Offer offer, long? total, IncomingModel incoming, CancellationToken cancellationToken)
    {
        var files = new Dictionary<string, ModelFile>();
        foreach (var file in offer.Files.Where(file => File.Exists(Path.Combine(incoming.Files, file.Name))))
        {
            var there = await HashAsync(Path.Combine(incoming.Files, file.Name), cancellationToken);
            if (file.Sha256 is null || file.Sha256.Equals(there.Sha256, StringComparison.OrdinalIgnoreCase))
            {
                files[file.Name] = there;
            }
        }

        var missing = offer.Files.Where(file => !files.ContainsKey(file.Name)).ToList();
        downloader.CheckRoom(incoming.Files, missing.Sum(file => (file.Bytes ?? 0) - Length(Path.Combine(incoming.Unfinished, file.Name))));
        foreach (var file in missing)
        {
            var done = files.Values.Sum(whole => whole.Bytes);
            var part = Path.Combine(incoming.Unfinished, file.Name);
            files[file.Name] = await downloader.GetAsync(
                new Download(file.Url, part, Path.Combine(incoming.Validators, file.Name), file.Bytes, file.Sha256),
                bytes => view.Report(file.Name, done + bytes, total), cancellationToken);
            File.Move(part, Path.Combine(incoming.Files, file.Name), overwrite: true);
        }

        return files;
    }

    private Offer Offer(string name)
    {
        var model = known.Find(name) ?? throw new UsageException(
            $"The catalogue has no model '{name}'. It has: {string.Join(", ", known.All.Select(model => model.Name))}.");
        if (model.Files.Count == 0 || model.Base is null)
        {
            throw new MissingRequirementException($"{model.Name} ({model.Licence}, {model.Page}): {model.Note}");
        }

        var from = new Uri(model.Base);
        return new Offer(
            model.Name, model.Licence, model.LicenceUrl, from,
            [.. model.Files.Select(file => new OfferedFile(file.Name, new Uri(from, file.Path ?? file.Name), file.Bytes, file.Sha256))],
            files => KnownModels.Write(known.Manifest(model.Template, model.Name, model.Licence, files, model.Model) with { Description = model.Description }));
    }

    /// <summary>What a model.json somewhere offers. It is as untrusted as the files that it names.</summary>
    private async Task<Offer> OfferAsync(Uri url, CancellationToken cancellationToken)
    {
        using var work = new WorkFolder();
        var path = Path.Combine(work.Path, ModelManifest.FileName);
        await downloader.GetAsync(
            new Download(url, path, path + ".validator") { MaxBytes = MaxManifestBytes }, _ => { }, cancellationToken);
        var json = await File.ReadAllBytesAsync(path, cancellationToken);
        using var stream = new MemoryStream(json);
        var manifest = ModelManifest.Read(stream);
        if (!ModelFolders.IsName(manifest.Name))
        {
            throw new MissingRequirementException(
                $"{Downloader.Show(url)}: the model's name must be letters, digits, '.', '_' and '-', at most 64; it isn't taken.");
        }

        if (manifest.Licence.Length > 100 || manifest.Licence.Any(letter => !char.IsAsciiLetterOrDigit(letter) && !" .+-()".Contains(letter)))
        {
            throw new MissingRequirementException($"{Downloader.Show(url)}: the licence isn't an SPDX expression; the model isn't taken.");
        }

        if (Refused(manifest) is { } why)
        {
            throw new MissingRequirementException($"{Downloader.Show(url)}: {why}; the model isn't taken.");
        }

        return new Offer(
            manifest.Name, manifest.Licence, null, new Uri(url, "."),
            // What follows the path may be the key to all of them.
            [.. manifest.Files.Select(file => new OfferedFile(
                file.Key, new UriBuilder(new Uri(url, "./" + Uri.EscapeDataString(file.Key))) { Query = url.Query }.Uri, file.Value.Bytes, file.Value.Sha256))],
            _ => json);
    }

    private static string? Refused(ModelManifest manifest) =>
        manifest.Files.Count is 0 or > MaxFiles ? $"it has {manifest.Files.Count} files"
        : !IsPlain(manifest.Kind) || !IsPlain(manifest.Language) ? "its kind and language must be letters, digits and '-', at most 64"
        : manifest.Files.Keys.Any(name => name.Any(char.IsControl)) ? "a file's name has control characters"
        : manifest.Files.Keys.Append(ModelManifest.FileName).Distinct(StringComparer.OrdinalIgnoreCase).Count() <= manifest.Files.Count ? "two of its files have the same name"
        : manifest.Files.Values.Sum(file => (decimal)file.Bytes) > long.MaxValue / 2 ? "its files are longer than any disk"
        : null;

    private static bool IsPlain(string text) => text.Length is > 0 and <= 64 && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter == '-');

    private static Uri Url(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || !Downloader.IsAllowed(url))
        {
            throw new UsageException("A model's URL must be https, without a user name or password.");
        }

        return url.AbsolutePath.EndsWith("/" + ModelManifest.FileName, StringComparison.Ordinal) ? url
            : throw new UsageException($"A model's URL must be that of its {ModelManifest.FileName}.");
    }

    private void Accept(Offer offer, string? accepted)
    {
        if (accepted is not null && !accepted.Equals(offer.Licence, StringComparison.OrdinalIgnoreCase))
        {
            throw new UsageException($"The licence of {offer.Name} is {offer.Licence}, not {accepted}.");
        }

        if (accepted is null && view.Accepts(offer.Name, offer.Licence, offer.LicenceUrl) != true)
        {
            throw new UsageException($"Give --accept-licence \"{offer.Licence}\" to accept the licence of {offer.Name}.");
        }
    }

    private static long Length(string path) => File.Exists(path) ? new FileInfo(path).Length : 0;

    private static async Task<ModelFile> HashAsync(string path, CancellationToken cancellationToken)
    {
        await using var stream = File.OpenRead(path);
        return new ModelFile(stream.Length, Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellationToken)));
    }
}

/// <summary>A model that can be fetched.</summary>
/// <param name="Name">Its name, and its folder's.</param>
/// <param name="Licence">SPDX.</param>
/// <param name="LicenceUrl">Where that is stated.</param>
/// <param name="From">Where its files are.</param>
/// <param name="Files">Those.</param>
/// <param name="Manifest">The bytes of its model.json, from what came.</param>
internal sealed record Offer(
    string Name, string Licence, string? LicenceUrl, Uri From, IReadOnlyList<OfferedFile> Files,
    Func<IReadOnlyDictionary<string, ModelFile>, byte[]> Manifest);

/// <summary>A file that can be fetched.</summary>
internal sealed record OfferedFile(string Name, Uri Url, long? Bytes, string? Sha256);
