using System.Diagnostics;

namespace Omoai.Speech.Tests.Audio;

/// <summary>The ffmpeg of this machine, with which tests make recordings.</summary>
internal static class Ffmpeg
{
    public static string? Path { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Select(folder => System.IO.Path.Combine(folder, "ffmpeg")).FirstOrDefault(File.Exists);

    /// <summary>Converts a file; the output's name says to what.</summary>
    public static void Convert(string from, string to, params string[] options)
    {
        var start = new ProcessStartInfo(Path!) { RedirectStandardError = true };
        foreach (string argument in (string[])["-nostdin", "-v", "error", "-y", "-i", from, .. options, to])
        {
            start.ArgumentList.Add(argument);
        }
        using var process = Process.Start(start)!;
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors);
    }
}

/// <summary>A test that needs ffmpeg; skipped, saying so, where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FfmpegFactAttribute : FactAttribute
{
    public FfmpegFactAttribute() => Skip = Ffmpeg.Path is null ? "There is no ffmpeg on PATH." : null;
}

/// <summary>A test that runs shell scripts; skipped on Windows.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class UnixTheoryAttribute : TheoryAttribute
{
    public UnixTheoryAttribute() => Skip = OperatingSystem.IsWindows() ? "Windows has no /bin/sh." : null;
}

/// <summary>As <see cref="FfmpegFactAttribute"/>, for theories.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FfmpegTheoryAttribute : TheoryAttribute
{
    public FfmpegTheoryAttribute() => Skip = Ffmpeg.Path is null ? "There is no ffmpeg on PATH." : null;
}
