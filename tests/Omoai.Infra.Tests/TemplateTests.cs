using System.Text.Json;
using Omoai.Infra.Tests.Bicep;

namespace Omoai.Infra.Tests;

public sealed class TemplateTests
{
    [Fact]
    public void Every_module_is_there_and_is_passed_what_it_declares()
    {
        foreach (var template in InfraFiles.Templates)
        {
            foreach (var module in template.Modules)
            {
                string what = $"{InfraFiles.NameOf(template)}, module {module.Name}";
                string path = Path.Combine(template.Folder, module.Path);
                Assert.True(File.Exists(path), $"{what}: there is no {module.Path}.");
                CheckPassed(what, module.Parameters, BicepFile.Read(path));
            }
        }
        Assert.True(InfraFiles.Main.Modules.Count > 10, "The parser found too few modules.");
    }

    [Fact]
    public void No_module_is_left_over()
    {
        var used = InfraFiles.Templates.SelectMany(template => template.Modules.Select(module => Path.GetFullPath(module.Path, template.Folder)));
        var there = Directory.GetFiles(Path.Combine(InfraFiles.Folder, "modules"));
        Assert.Equal([InfraFiles.Roles.Path], there.Except(used));
    }

    [Fact]
    public void Parameters_for_azd_are_declared_and_complete()
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(InfraFiles.Folder, "main.parameters.json")));
        var names = json.RootElement.GetProperty("parameters").EnumerateObject().Select(parameter => parameter.Name).ToArray();
        CheckPassed("main.parameters.json", names, InfraFiles.Main);
    }

    [Fact]
    public void Examples_of_parameters_are_declared_and_complete()
    {
        foreach (var file in InfraFiles.ParameterFiles)
        {
            var template = BicepFile.Read(Path.Combine(file.Folder, file.Using!));
            CheckPassed(InfraFiles.NameOf(file), [.. file.Parameters.Select(parameter => parameter.Name)], template);
        }
        Assert.NotEmpty(InfraFiles.ParameterFiles);
    }

    [Fact]
    public void Secrets_are_passed_as_secrets_and_put_out_nowhere()
    {
        string[] secrets = ["webhookSecret", "llmToken", "blobsExtensionKey", "endpointUrl"];
        foreach (var template in InfraFiles.Templates)
        {
            foreach (var parameter in template.Parameters.Where(parameter => secrets.Contains(parameter.Name)))
            {
                Assert.True(parameter.Secure, $"{InfraFiles.NameOf(template)}: {parameter.Name} isn't @secure().");
            }
            foreach (var (name, value) in template.Outputs)
            {
                Assert.False(
                    value.Any(token => secrets.Contains(token.Text) || token.Text.StartsWith("listKeys", StringComparison.Ordinal)),
                    $"{InfraFiles.NameOf(template)}: the output {name} holds a secret.");
            }
        }
        Assert.Equal(
            secrets.Order(StringComparer.Ordinal),
            InfraFiles.Templates.SelectMany(template => template.Parameters).Where(parameter => parameter.Secure).Select(parameter => parameter.Name)
                .Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_storage_account_takes_no_keys()
    {
        string text = File.ReadAllText(InfraFiles.Storage.Path);
        Assert.Contains("allowSharedKeyAccess: false", text, StringComparison.Ordinal);
        Assert.Contains("allowBlobPublicAccess: false", text, StringComparison.Ordinal);
    }

    private static void CheckPassed(string what, IReadOnlyList<string> passed, BicepFile template)
    {
        string[] declared = [.. template.Parameters.Select(parameter => parameter.Name)];
        string[] required = [.. template.Parameters.Where(parameter => parameter.Required).Select(parameter => parameter.Name)];
        Assert.True(!passed.Except(declared).Any(), $"{what}: not declared: {string.Join(", ", passed.Except(declared))}");
        Assert.True(!required.Except(passed).Any(), $"{what}: not passed: {string.Join(", ", required.Except(passed))}");
        Assert.Equal(passed.Distinct(), passed);
    }
}
