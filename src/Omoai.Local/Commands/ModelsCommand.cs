using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Omoai.Local.Models;
using Omoai.Local.Terminal;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Models;
using Omoai.Transcripts.Activities;

namespace Omoai.Local.Commands;

/// <summary><c>omoai models</c>: what is installed, whether it is whole, and getting more. Nothing is loaded in this process.</summary>
internal static class ModelsCommand
{
    public static Command Create(Option<bool> verbose)
    {
        var list = new Command("list", "List the models on this machine.");
        list.SetAction((parsed, _) => WithCatalogAsync(parsed.GetValue(verbose), catalog =>
        {
            foreach (var model in catalog.List())
            {
                Console.WriteLine(Line(model));
            }

            return ExitCodes.Done;
        }));

        var name = new Argument<string?>("NAME") { Description = "A model. Default: all.", Arity = ArgumentArity.ZeroOrOne };
        var verify = new Command("verify", "Check every file's size and SHA-256 against model.json.") { name };
        verify.SetAction((parsed, _) => WithCatalogAsync(parsed.GetValue(verbose), catalog => Verify(catalog, parsed.GetValue(name))));

        return new Command("models", "The models on this machine.") { list, verify, CreateGet(verbose), CreateAdd(verbose) };
    }

    /// <summary>A model in the list. Whoever wrote its model.json doesn't get to write to the terminal.</summary>
    internal static string Line(InstalledModel model)
    {
        string?[] columns = model.Manifest is { } manifest
            ? [manifest.Name, manifest.Kind, manifest.Language, manifest.Licence, model.Folder]
            : ["(unreadable)", model.Folder, model.Problem];
        return string.Join('\t', columns.Select(column => string.Concat((column ?? "").Select(letter => char.IsControl(letter) ? '?' : letter))));
    }

    private static Command CreateGet(Option<bool> verbose)
    {
        var name = new Argument<string?>("NAME|URL")
        {
            Description = "A model of the catalogue, or the https URL of a model.json with its files beside it. Default: list the catalogue.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var licence = new Option<string?>("--accept-licence") { Description = "The model's licence (SPDX), which you accept." };
        var trust = new Option<bool>("--trust-first-use")
        {
            Description = "Take files of which the catalogue states no size and hash; what comes is recorded.",
        };
        var get = new Command("get", "Download a model. An interrupted download is gone on with.") { name, licence, trust };
        get.SetInterruptibleAction(async (parsed, cancellationToken) =>
        {
            if (parsed.GetValue(name) is not { } asked)
            {
                ListKnown(KnownModels.Shipped);
                return ExitCodes.Done;
            }

            using var work = new WorkFolder();
            await using var services = LocalServices.Create(work.Path, parsed.GetValue(verbose));
            using var view = DownloadView.Create();
            using var downloader = CreateDownloader();
            var getter = new ModelGetter(KnownModels.Shipped, downloader, Root(services), view);
            var folder = await OnDiskAsync(() => getter.GetAsync(asked, parsed.GetValue(licence), parsed.GetValue(trust), cancellationToken));
            view.Dispose();
            Console.WriteLine(folder);
            return ExitCodes.Done;
        });
        return get;
    }

    private static Command CreateAdd(Option<bool> verbose)
    {
        var path = new Argument<string>("PATH") { Description = "A folder with ONNX graphs, and a model.json or the files that came with them." };
        var name = new Option<string?>("--name") { Description = "The model's name. Default: the folder's." };
        var language = new Option<string?>("--language") { Description = "The language it knows, such as vi." };
        var licence = new Option<string?>("--licence") { Description = "Its licence (SPDX)." };
        var yes = new Option<bool>("--yes") { Description = "Take the proposed model.json without asking." };
        var inPlace = new Option<bool>("--in-place") { Description = "Write model.json into the folder itself and copy nothing." };
        var add = new Command("add", "Add a folder as a model: propose its model.json, copy it, load it once.") { path, name, language, licence, yes, inPlace };
        add.SetInterruptibleAction(async (parsed, cancellationToken) =>
        {
            using var work = new WorkFolder();
            await using var services = LocalServices.Create(work.Path, parsed.GetValue(verbose));
            var pipeline = services.GetRequiredService<IOptions<PipelineOptions>>().Value;
            var hosts = services.GetRequiredService<HostedActivities>();
            using var downloader = CreateDownloader();
            var adder = new ModelAdder(
                KnownModels.Shipped, hosts, () => Root(services), downloader.CheckRoom, work.Path, pipeline.TranscribeDeadline, hosts.Threads(pipeline.ModelThreads));
            var request = new AddRequest(
                parsed.GetValue(path)!, parsed.GetValue(name), parsed.GetValue(language), parsed.GetValue(licence), parsed.GetValue(inPlace));
            var added = await OnDiskAsync(() => adder.AddAsync(request, (manifest, notes) =>
            {
                Console.WriteLine(ModelAdder.Show(manifest));
                foreach (var note in notes)
                {
                    Console.Error.WriteLine($"omoai: note: {note}");
                }

                return parsed.GetValue(yes) || Asked();
            }, cancellationToken));
            if (added is not { } model)
            {
                return OmoaiCommandLine.Fail(ExitCodes.Usage, "Nothing was written. Give --yes to take that model.json, or write your own beside the files.");
            }

            var ran = model.Tried.ExecutionProvider is { } provider ? $"loaded and run on {provider}" : "loaded and run";
            Console.WriteLine($"{model.Manifest.Name}: {model.Manifest.Files.Count} files, {ran}. In {model.Folder}");
            if (request.InPlace && services.GetRequiredService<ModelCatalog>().List().All(found => found.Folder != model.Folder))
            {
                Console.WriteLine($"It is in none of the models folders: set Omoai__Models__Folders__0={Path.GetDirectoryName(model.Folder)} to have it found.");
            }

            return ExitCodes.Done;
        });
        return add;
    }

    private static bool Asked()
    {
        if (Console.IsInputRedirected || Console.IsErrorRedirected)
        {
            return false;
        }

        Console.Error.Write("Add the model with this model.json? [y/N] ");
        return Console.ReadLine()?.Trim().ToUpperInvariant() is "Y" or "YES";
    }

    private static void ListKnown(KnownModels known)
    {
        foreach (var model in known.All)
        {
            var size = model.IsPinned ? Bytes.Show(model.Files.Sum(file => file.Bytes!.Value)) : model.Files.Count > 0 ? "size not stated" : "no download";
            Console.WriteLine($"{model.Name}\t{model.Licence}\t{size}\t{model.Description}");
        }
    }

    private static string Root(IServiceProvider services) =>
        ModelFolders.FirstWritable(services.GetRequiredService<IOptions<ModelOptions>>().Value.Folders);

    private static Downloader CreateDownloader() => new(new DownloadSettings(), TimeProvider.System, folder => new DriveInfo(folder).AvailableFreeSpace);

    /// <summary>A disk that is full or can't be written is something that the machine lacks.</summary>
    private static async Task<T> OnDiskAsync<T>(Func<Task<T>> action)
    {
        try
        {
            return await action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MissingRequirementException(e.Message, e);
        }
    }

    private static int Verify(ModelCatalog catalog, string? name)
    {
        var models = catalog.List().Where(model => name is null || model.Manifest?.Name == name).ToList();
        if (models.Count == 0)
        {
            throw new MissingRequirementException($"There is no model '{name}'. See `omoai models list`.");
        }

        var exitCode = ExitCodes.Done;
        foreach (var model in models)
        {
            if (ModelCheck.Problem(model) is { } problem)
            {
                exitCode = OmoaiCommandLine.Fail(ExitCodes.MachineLacks, problem);
            }
            else
            {
                Console.WriteLine($"{model.Manifest!.Name}: {model.Manifest.Files.Count} files are as model.json says.");
            }
        }

        return exitCode;
    }

    private static async Task<int> WithCatalogAsync(bool verbose, Func<ModelCatalog, int> run)
    {
        using var work = new WorkFolder();
        await using var services = LocalServices.Create(work.Path, verbose);
        return run(services.GetRequiredService<ModelCatalog>());
    }
}

/// <summary>Whether a model's files are what its manifest says.</summary>
internal static class ModelCheck
{
    /// <returns>Null when they are.</returns>
    public static string? Problem(InstalledModel model)
    {
        if (model.Manifest is null)
        {
            return $"{model.Folder}: {model.Problem}";
        }

        try
        {
            model.Manifest.Verify(file => File.OpenRead(Path.Combine(model.Folder, file)));
            return null;
        }
        catch (MissingRequirementException e)
        {
            return e.Message;
        }
    }
}
