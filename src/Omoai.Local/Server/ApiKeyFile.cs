using System.Security.Cryptography;

namespace Omoai.Local.Server;

/// <summary>The key of an API for which none is configured: made once, and kept where only its owner can read it.</summary>
internal static class ApiKeyFile
{
    /// <summary>Reads the key, or makes one.</summary>
    public static string ReadOrCreate(string file)
    {
        if (File.Exists(file) && File.ReadAllText(file).Trim() is { Length: > 0 } there)
        {
            return there;
        }

        var key = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using var writer = new StreamWriter(file, options);
        writer.WriteLine(key);
        return key;
    }
}
