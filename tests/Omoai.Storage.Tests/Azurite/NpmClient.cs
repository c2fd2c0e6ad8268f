using System.ComponentModel;
using System.Diagnostics;
using Omoai.Tests;

namespace Omoai.Storage.Tests.Azurite;

/// <summary>A client of blob storage that shares no code with ours: <c>@azure/storage-blob</c> from npm, in npm-client.</summary>
internal static class NpmClient
{
    private static readonly string Folder = Path.Combine(TestPaths.Repository, "tests", "Omoai.Storage.Tests", "npm-client");

    /// <summary>Why it isn't to be had on this machine; null where it is, for it is installed then.</summary>
    public static string? Missing { get; } = Install();

    /// <summary>Uploads a file as a blob.</summary>
    /// <returns>The blob's ETag, as the client got it.</returns>
    public static async Task<string> UploadAsync(string connectionString, string container, string name, string file)
    {
        using var node = Start("node", "upload.js", container, name, file);
        await node.StandardInput.WriteAsync(connectionString);
        node.StandardInput.Close();
        var errors = node.StandardError.ReadToEndAsync();
        var etag = await node.StandardOutput.ReadToEndAsync();
        await node.WaitForExitAsync();
        Assert.True(node.ExitCode == 0, await errors);
        return etag.Trim();
    }

    private static string? Install()
    {
        // npm leaves its own lock file there when it is done.
        var installed = new FileInfo(Path.Combine(Folder, "node_modules", ".package-lock.json"));
        if (installed.Exists && installed.LastWriteTimeUtc >= File.GetLastWriteTimeUtc(Path.Combine(Folder, "package-lock.json")))
        {
            return null;
        }

        try
        {
            using var npm = Start("npm", "ci", "--ignore-scripts", "--loglevel=error");
            npm.StandardInput.Close();
            npm.OutputDataReceived += (_, _) => { };
            npm.ErrorDataReceived += (_, _) => { };
            npm.BeginOutputReadLine();
            npm.BeginErrorReadLine();
            if (npm.WaitForExit(TimeSpan.FromMinutes(3)) && npm.ExitCode == 0)
            {
                return null;
            }

            npm.Kill(entireProcessTree: true);
            return "'npm ci --ignore-scripts' failed in tests/Omoai.Storage.Tests/npm-client.";
        }
        catch (Win32Exception)
        {
            return "It needs Node.js 20 or later with npm: https://nodejs.org";
        }
    }

    private static Process Start(string program, params string[] arguments) => Process.Start(new ProcessStartInfo(program, arguments)
    {
        WorkingDirectory = Folder,
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;
}

/// <summary>A test that needs Azurite and <see cref="NpmClient"/>; skipped, saying so, where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NpmClientFactAttribute : FactAttribute
{
    public NpmClientFactAttribute() => Skip = AzuriteServer.Missing ?? NpmClient.Missing;
}
