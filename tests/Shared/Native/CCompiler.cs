using System.Diagnostics;

namespace Omoai.Tests.Native;

/// <summary>The C compiler of this machine, with which tests build libraries that stand in for a GPU's driver.</summary>
internal static class CCompiler
{
    public static string? Path { get; } = OperatingSystem.IsLinux() ? Find("gcc") ?? Find("cc") : null;

    public static string? Find(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Select(folder => System.IO.Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    /// <summary>Builds a shared library out of a source in this folder.</summary>
    /// <param name="source">For example <c>fake_cuda.c</c>.</param>
    /// <param name="output">The library.</param>
    /// <param name="defines">What it does differently, as <c>NAME</c> or <c>NAME=VALUE</c>.</param>
    public static string BuildLibrary(string source, string output, params string[] defines)
    {
        Run([SourceOf(source), "-shared", "-fPIC", "-o", output, .. defines.Select(define => $"-D{define}")]);
        return output;
    }

    /// <summary>Builds a program.</summary>
    public static string BuildProgram(string source, string output)
    {
        Run([SourceOf(source), "-o", output, "-ldl"]);
        return output;
    }

    private static string SourceOf(string name) => System.IO.Path.Combine(TestPaths.Repository, "tests", "Shared", "Native", name);

    private static void Run(string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Path!, ["-O1", "-Wall", "-Werror", .. arguments]) { RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors);
    }
}

/// <summary>A test that builds something in C; skipped, saying so, where there is no compiler.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class CompilerFactAttribute : FactAttribute
{
    public CompilerFactAttribute() => Skip = CCompiler.Path is null ? "There is no gcc or cc on PATH, or this isn't Linux." : null;
}

/// <summary>As <see cref="CompilerFactAttribute"/>, for theories.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class CompilerTheoryAttribute : TheoryAttribute
{
    public CompilerTheoryAttribute() => Skip = CCompiler.Path is null ? "There is no gcc or cc on PATH, or this isn't Linux." : null;
}

/// <summary>A test that builds something in C and runs python3; skipped, saying so, where one of them is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class CompilerAndPythonFactAttribute : FactAttribute
{
    public CompilerAndPythonFactAttribute() => Skip =
        CCompiler.Path is null ? "There is no gcc or cc on PATH, or this isn't Linux."
        : CCompiler.Find("python3") is null ? "There is no python3 on PATH." : null;
}
