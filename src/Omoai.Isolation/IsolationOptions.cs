using System.ComponentModel.DataAnnotations;

namespace Omoai.Isolation;

/// <summary>How activity hosts are started and ended.</summary>
public sealed class IsolationOptions
{
    /// <summary>The <c>Omoai.ActivityHost</c> executable; by default in <c>activity-host/</c> beside the running program.</summary>
    [Required]
    public string HostPath { get; set; } = Path.Combine(
        AppContext.BaseDirectory, "activity-host", OperatingSystem.IsWindows() ? "Omoai.ActivityHost.exe" : "Omoai.ActivityHost");

    /// <summary>The GPU that hosts may see (<c>CUDA_VISIBLE_DEVICES</c>); null hides every GPU.</summary>
    public string? Device { get; set; } = "0";

    /// <summary>How long a host may take from its start until it can serve; 0.1 s to 10 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a host has between being asked to stop and being killed; 0 to 1 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan KillGrace { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How much of a host's stdout, and of its stderr, is kept; 1 KiB to 16 MiB each. The middle is dropped first.</summary>
    [Range(1 << 10, 1 << 24)]
    public int MaxCapturedOutputBytes { get; set; } = 64 << 10;

    /// <summary>Activity hosts of this process at the same time, 1 to 256; null sets no bound here.</summary>
    [Range(1, 256)]
    public int? MaxHosts { get; set; }

    /// <summary>How long an activity waits for its turn where <see cref="MaxHosts"/> hosts run, before it is <c>busy</c>; 0 to 2 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:02:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan LeaseWait { get; set; } = TimeSpan.FromSeconds(30);
}
