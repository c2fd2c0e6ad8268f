using System.ComponentModel.DataAnnotations;

namespace Omoai.Isolation;

/// <summary>How activity hosts are started and ended.</summary>
public sealed class IsolationOptions
{
    /// <summary>The <c>Omoai.ActivityHost</c> executable; by default in <c>activity-host/</c> beside the running program.</summary>
    [Required]
    public string HostPath { get; set; } = Path.Combine(
        AppContext.BaseDirectory, "activity-host", OperatingSystem.IsWindows() ? "Omoai.ActivityHost.exe" : "Omoai.ActivityHost");

    /// <summary>
    /// The GPUs that hosts may use, as <c>CUDA_VISIBLE_DEVICES</c> names them, with commas between; empty for none, null for those
    /// that this process may see.
    /// </summary>
    public string? Devices { get; set; }

    /// <summary>Hosts on each GPU at the same time, over all worker processes of the machine; 1 to 64.</summary>
    [Range(1, 64)]
    public int HostsPerDevice { get; set; } = 1;

    /// <summary>
    /// Hosts on the processor at the same time, over all worker processes of the machine; 1 to 256. Null is half as many as there
    /// are cores, two at least where there are two.
    /// </summary>
    [Range(1, 256)]
    public int? CpuHosts { get; set; }

    /// <summary>GPU memory of each device, MiB, that what the models declare is counted against; null doesn't count it.</summary>
    [Range(1, 1 << 24)]
    public int? DeviceMemoryMb { get; set; }

    /// <summary>
    /// Where the workers of a machine share out devices; null is <c>/tmp/omoai-leases-USER</c>, whatever <c>TMPDIR</c> says.
    /// Workers that don't see each other's folder don't know of each other.
    /// </summary>
    public string? LeaseFolder { get; set; }

    /// <summary>
    /// Hosts that are kept ready, for each activity and model in use, before there is anything for them to do; 0 to 16. Null starts one
    /// only where an activity is known to come; 0 none at all.
    /// </summary>
    [Range(0, 16)]
    public int? StandbyHosts { get; set; }

    /// <summary>How long a host that serves nobody is kept, and its kind kept ready after it was last asked for; 1 s to 1 day.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan StandbyLifetime { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a host may take from its start until it can serve; 0.1 s to 10 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a host has between being asked to stop and being killed; 0 to 1 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan KillGrace { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How much of a host's stdout, and of its stderr, is kept; 1 KiB to 16 MiB each. The middle is dropped first.</summary>
    [Range(1 << 10, 1 << 24)]
    public int MaxCapturedOutputBytes { get; set; } = 64 << 10;

    /// <summary>The nice value of hosts and of what they start; 0 to 19. A parent that is nicer itself has hosts like itself.</summary>
    [Range(0, 19)]
    public int Nice { get; set; } = 5;

    /// <summary>
    /// How much memory a host and what it starts may have together, MiB, 64 and up; beyond, it is killed and has run out of
    /// memory. Null: three quarters of what the machine, or the control group that this process is in, has.
    /// </summary>
    [Range(64, int.MaxValue)]
    public int? MaxMemoryMb { get; set; }

    /// <summary>
    /// How large the scratch folder of a request, and any file that its host writes, may become, MiB, 1 and up; a host whose folder
    /// is larger is killed.
    /// </summary>
    [Range(1, int.MaxValue)]
    public int MaxScratchMb { get; set; } = 8192;

    /// <summary>How long an activity waits for a device, before it is <c>busy</c>; 0 to 2 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:02:00", ParseLimitsInInvariantCulture = true)]
    public TimeSpan LeaseWait { get; set; } = TimeSpan.FromSeconds(30);
}
