using System.Text;

namespace Omoai.Isolation.Leases;

/// <summary>What hosts share: a GPU, or the processor.</summary>
/// <param name="Name">The GPU as <c>CUDA_VISIBLE_DEVICES</c> names it; <c>cpu</c> for the processor.</param>
/// <param name="Slots">Hosts on it at the same time.</param>
/// <param name="IsGpu">Whether it is a GPU.</param>
internal sealed record Device(string Name, int Slots, bool IsGpu)
{
    /// <summary>The name as a file's; two devices have two names.</summary>
    public string FileName
    {
        get
        {
            var name = new StringBuilder(IsGpu ? "gpu-" : "");
            foreach (var character in Name)
                name.Append(char.IsAsciiLetterOrDigit(character) || character == '-' ? $"{character}" : $"_{(int)character:x}_");
            return name.ToString();
        }
    }

    /// <summary>The GPUs that hosts may use, by name; none where the machine has none that can be seen without asking its driver.</summary>
    /// <param name="configured"><see cref="IsolationOptions.Devices"/>.</param>
    /// <param name="visible"><c>CUDA_VISIBLE_DEVICES</c> of this process.</param>
    /// <param name="onMachine"><see cref="OnMachine"/>.</param>
    public static IReadOnlyList<string> Gpus(string? configured, string? visible, IReadOnlyList<string> onMachine)
    {
        if (configured is not null)
            return List(configured);
        // A variable that names devices where there are none is no reason to wait for them.
        return visible is null || onMachine.Count == 0 ? onMachine : List(visible);
    }

    /// <summary>The GPUs that have a device file, numbered as the driver does.</summary>
    public static IReadOnlyList<string> OnMachine(string deviceFolder = "/dev")
    {
        // Windows' GPU inside its Linux subsystem.
        if (File.Exists(Path.Combine(deviceFolder, "dxg")))
            return ["0"];
        // nvidia0, nvidia1, …: what a container was given.
        var numbers = Directory.Exists(deviceFolder)
            ? Directory.EnumerateFiles(deviceFolder, "nvidia*").Select(path => Path.GetFileName(path)[6..])
                .Where(number => number.Length > 0 && number.All(char.IsAsciiDigit))
            : [];
        // The driver numbers those it shows from 0 on, whatever their files are called.
        return [.. Enumerable.Range(0, numbers.Count()).Select(index => $"{index}")];
    }

    // CUDA takes what comes before the first that is none.
    private static string[] List(string names) =>
        [.. names.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .TakeWhile(name => name != "-1").Distinct(StringComparer.Ordinal)];
}
