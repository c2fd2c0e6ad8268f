using System.Diagnostics;
using Omoai.Infra.Tests.Bicep;

namespace Omoai.Infra.Tests;

/// <summary>The Bicep compiler of this machine: the variable BICEP, or <c>bicep</c> on PATH.</summary>
internal static class BicepCompiler
{
    public static string? Path { get; } = Find();

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("BICEP") is { Length: > 0 } named)
        {
            return named;
        }
        string name = OperatingSystem.IsWindows() ? "bicep.exe" : "bicep";
        return (Environment.GetEnvironmentVariable("PATH") ?? "").Split(System.IO.Path.PathSeparator)
            .Select(folder => System.IO.Path.Combine(folder, name)).FirstOrDefault(File.Exists);
    }
}

/// <summary>A test that needs the Bicep compiler; skipped, saying so, where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class BicepFactAttribute : FactAttribute
{
    public BicepFactAttribute() =>
        Skip = BicepCompiler.Path is null ? "There is no bicep on PATH, and the variable BICEP names none." : null;
}

public sealed class CompilerTests
{
    [BicepFact]
    public void The_compiler_and_its_linter_have_nothing_to_say()
    {
        // Slow, so each once: what is wrong with a template or a module is reported for what uses it.
        string[] used =
        [
            .. InfraFiles.Templates.SelectMany(template => template.Modules.Select(module => Path.GetFullPath(module.Path, template.Folder))),
            .. InfraFiles.ParameterFiles.Select(file => Path.GetFullPath(file.Using!, file.Folder)),
            InfraFiles.Roles.Path,
        ];
        foreach (var template in InfraFiles.Templates.Where(template => !used.Contains(template.Path)))
        {
            Check("build", template.Path, "--stdout");
        }
        foreach (var file in InfraFiles.ParameterFiles)
        {
            Check("build-params", file.Path, "--stdout");
        }
    }

    private static void Check(params string[] arguments)
    {
        var start = new ProcessStartInfo(BicepCompiler.Path!) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }
        using var process = Process.Start(start)!;
        // Read at the same time: either pipe may fill up.
        var output = process.StandardOutput.ReadToEndAsync();
        string errors = process.StandardError.ReadToEnd();
        _ = output.Result;
        process.WaitForExit();
        Assert.True(process.ExitCode == 0 && errors.Trim().Length == 0, $"bicep {string.Join(' ', arguments)}: {errors}");
    }
}
