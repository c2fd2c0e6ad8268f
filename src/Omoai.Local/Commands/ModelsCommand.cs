using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using Omoai.Pipeline.Models;
using Omoai.Transcripts.Activities;

namespace Omoai.Local.Commands;

/// <summary><c>omoai models</c>: what is installed, and whether it is whole. Nothing is loaded.</summary>
internal static class ModelsCommand
{
    public static Command Create(Option<bool> verbose)
    {
        var list = new Command("list", "List the models on this machine.");
        list.SetAction((parsed, _) => WithCatalogAsync(parsed.GetValue(verbose), catalog =>
        {
            foreach (var model in catalog.List())
            {
                Console.WriteLine(model.Manifest is { } manifest
                    ? $"{manifest.Name}\t{manifest.Kind}\t{manifest.Language}\t{manifest.Licence}\t{model.Folder}"
                    : $"(unreadable)\t{model.Folder}\t{model.Problem}");
            }

            return ExitCodes.Done;
        }));

        var name = new Argument<string?>("NAME") { Description = "A model. Default: all.", Arity = ArgumentArity.ZeroOrOne };
        var verify = new Command("verify", "Check every file's size and SHA-256 against model.json.") { name };
        verify.SetAction((parsed, _) => WithCatalogAsync(parsed.GetValue(verbose), catalog => Verify(catalog, parsed.GetValue(name))));

        return new Command("models", "The models on this machine.") { list, verify };
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
