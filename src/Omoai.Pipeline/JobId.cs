using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Omoai.Pipeline;

/// <summary>Names a job after its input, so that a duplicate event is the same job.</summary>
public static class JobId
{
    /// <summary>32 hexadecimal digits of SHA-256 over container, blob name, version and run number.</summary>
    /// <param name="container">The input's container.</param>
    /// <param name="name">The blob's name.</param>
    /// <param name="version">Its ETag, with or without quotes.</param>
    /// <param name="run">From 1; the next number runs the same input again.</param>
    public static string Create(string container, string name, string version, int run)
    {
        // The separator can't occur in a blob's name, so no two inputs run into each other.
        var text = string.Join('\n', container, name, version.Trim('"'), run.ToString(CultureInfo.InvariantCulture));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..32];
    }
}
