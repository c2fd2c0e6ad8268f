using System.Collections.Frozen;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Omoai.Isolation;

/// <summary>The environment of a host, built from nothing: what is not named here never reaches it.</summary>
internal static class HostEnvironment
{
    // Windows writes Path and SYSTEMROOT as it likes.
    private static readonly StringComparer NameComparer =
        OperatingSystem.IsWindows() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;

    private static readonly StringComparison NameComparison =
        OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;

    private static readonly FrozenSet<string> Names = FrozenSet.Create(
        NameComparer,
        "PATH", "HOME", "LANG", "TZ", "LD_LIBRARY_PATH",
        "DOTNET_ROOT", "DOTNET_ROOT_X64", "DOTNET_ROOT_ARM64", "DOTNET_PROCESSOR_COUNT",
        "DOTNET_gcServer", "DOTNET_gcConcurrent", "DOTNET_GCHeapCount", "DOTNET_GCHeapHardLimit",
        "DOTNET_GCHeapHardLimitPercent", "DOTNET_GCConserveMemory", "DOTNET_GCNoAffinitize",
        "DOTNET_ReadyToRun", "DOTNET_TieredCompilation", "DOTNET_TieredPGO", "DOTNET_TC_QuickJitForLoops",
        // It looks secret, and isn't.
        "CUDA_DEVICE_MAX_CONNECTIONS",
        // Windows cannot open a socket without it.
        "SystemRoot");

    private static readonly string[] Prefixes = ["CUDA_", "NVIDIA_", "ORT_", "OMOAI_"];

    private static readonly string[] SecretWords =
        ["KEY", "SECRET", "TOKEN", "PASS", "PWD", "CONNECTION", "CREDENTIAL", "AUTH", "SIGNATURE", "CERT", "PRIVATE"];

    private static readonly string[] SecretValues = ["AccountKey=", "SharedAccess", "sig=", "Password=", "Bearer "];

    // A URL with a name or a password before its host.
    private static readonly Regex UserInUrl = new(@"://[^/\s]*(:\S*)?@", RegexOptions.NonBacktracking);

    /// <summary>The name of the variable that says where temporary files go.</summary>
    public static string TemporaryFolder { get; } = OperatingSystem.IsWindows() ? "TEMP" : "TMPDIR";

    /// <summary>The host's whole environment.</summary>
    /// <param name="parent">The environment to choose from.</param>
    /// <param name="device">The value of <c>CUDA_VISIBLE_DEVICES</c>.</param>
    /// <param name="scratchFolder">Where it may write.</param>
    /// <param name="more">What else it is to have, over the parent's; none of it over what is always set.</param>
    public static SortedDictionary<string, string> Build(
        IEnumerable<KeyValuePair<string, string>> parent, string device, string scratchFolder,
        IEnumerable<KeyValuePair<string, string>>? more = null)
    {
        var environment = new SortedDictionary<string, string>(NameComparer);
        foreach (var (name, value) in parent)
        {
            if (IsAllowed(name, value))
                environment[name] = value;
        }
        foreach (var (name, value) in more ?? [])
            environment[name] = value;
        // The host is an apphost: it must find the runtime that its parent runs on.
        if (!environment.Keys.Any(name => name.StartsWith("DOTNET_ROOT", NameComparison)) && DotnetRoot() is { } root)
            environment["DOTNET_ROOT"] = root;
        environment["DOTNET_EnableDiagnostics"] = "0";
        environment["MULTIPROCESSING_START_METHOD"] = "spawn";
        environment["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn";
        environment["TOKENIZERS_PARALLELISM"] = "false";
        environment["CUDA_VISIBLE_DEVICES"] = device;
        environment[TemporaryFolder] = scratchFolder;
        return environment;
    }

    /// <summary>The variables of this process.</summary>
    public static IEnumerable<KeyValuePair<string, string>> OfThisProcess()
    {
        foreach (System.Collections.DictionaryEntry entry in Environment.GetEnvironmentVariables())
            yield return new((string)entry.Key, (string?)entry.Value ?? "");
    }

    private static bool IsAllowed(string name, string value) =>
        Names.Contains(name)
        || (Prefixes.Any(prefix => name.StartsWith(prefix, NameComparison)) && !LooksSecret(name, value));

    /// <summary>Whether a variable may hold what no other process is to know.</summary>
    public static bool LooksSecret(string name, string value) =>
        SecretWords.Any(word => name.Contains(word, StringComparison.OrdinalIgnoreCase))
        || name.Split('_').Contains("SAS", StringComparer.OrdinalIgnoreCase)
        || SecretValues.Any(mark => value.Contains(mark, StringComparison.OrdinalIgnoreCase))
        || value.AsSpan().TrimStart().StartsWith("sk-", StringComparison.Ordinal)
        || UserInUrl.IsMatch(value);

    private static string? DotnetRoot()
    {
        // <root>/shared/Microsoft.NETCore.App/<version>/; a self-contained program has no such root to offer.
        var root = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        return Directory.Exists(Path.Combine(root, "host", "fxr")) ? root : null;
    }
}
