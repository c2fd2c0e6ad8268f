using System.Text.Json;

namespace Omoai.Isolation;

/// <summary>One activity to run in a fresh process.</summary>
/// <param name="Activity">The handler's name.</param>
/// <param name="Input">Its input; references and small facts, at most 1 MiB as JSON.</param>
/// <param name="ScratchFolder">An existing folder of the caller's: the host's working directory and <c>TMPDIR</c>.</param>
/// <param name="Deadline">How long the host may run, its start included; more than zero, at most
/// <see cref="ActivityHostLauncher.MaxDeadline"/>.</param>
public sealed record HostRequest(string Activity, JsonElement Input, string ScratchFolder, TimeSpan Deadline)
{
    /// <summary>What its host must have.</summary>
    public HostNeed Need { get; init; } = new();
}

/// <summary>What a host for an activity must have.</summary>
public sealed record HostNeed
{
    /// <summary>Whether it works on a GPU where the machine has one; else it gets a share of the processor and sees no GPU.</summary>
    public bool Gpu { get; init; } = true;

    /// <summary>Whether it needs the network, this machine's own included; else, on Linux, the kernel refuses it any.</summary>
    public bool Network { get; init; }

    /// <summary>GPU memory that it needs, as its model declares; MiB.</summary>
    public int MemoryMb { get; init; }

    /// <summary>What a host can be got ready with before the activity is there; null for one that is started for it each time.</summary>
    public WarmUp? WarmUp { get; init; }
}

/// <summary>How a host is got ready for an activity before there is one.</summary>
/// <param name="Input">The input of the host's <see cref="ActivityWarmUp"/> for that activity; at most 1 MiB as JSON.</param>
/// <param name="Stamp">Changes with what the input stands for, as a model's files: a host that was got ready with another isn't used.</param>
public sealed record WarmUp(JsonElement Input, string Stamp);

/// <summary>How far an activity is.</summary>
/// <param name="Fraction">0 to 1.</param>
/// <param name="Message">What it does just now; at most 200 characters.</param>
public sealed record HostProgress(double Fraction, string? Message);

/// <summary>How an activity ended: with exactly one of an output and a failure.</summary>
public sealed record HostResult(JsonElement? Output, ActivityFailure? Failure, HostEvidence Evidence);

/// <summary>What a host wrote to one of its output streams: the first and the last part where it was too much.</summary>
/// <param name="Text">What was kept, a mark where the middle is missing.</param>
/// <param name="DroppedBytes">How much was not kept.</param>
public sealed record CapturedOutput(string Text, long DroppedBytes)
{
    public static CapturedOutput Empty { get; } = new("", 0);
}

/// <summary>What is known of the process that ran an activity; goes into <c>run.json</c>, logs and metrics.</summary>
public sealed record HostEvidence
{
    public required string Activity { get; init; }

    /// <summary>0 where no process was started.</summary>
    public int Pid { get; init; }

    /// <summary><c>spawn</c> for posix_spawn and exec; <c>process</c> for what <see cref="System.Diagnostics.Process"/> does.</summary>
    public required string StartMethod { get; init; }

    public required string Command { get; init; }

    /// <summary>The trace that the run is part of, 32 hexadecimal digits; null where nobody traces.</summary>
    public string? TraceId { get; init; }

    /// <summary>The value of <c>CUDA_VISIBLE_DEVICES</c>.</summary>
    public required string Device { get; init; }

    /// <summary>The names of all variables in the host's environment, without values.</summary>
    public IReadOnlyList<string> Variables { get; init; } = [];

    /// <summary>UTC.</summary>
    public DateTimeOffset StartedAt { get; init; }

    /// <summary>From just before the spawn until the host said hello; null where it never did.</summary>
    public double? SpawnToReadyMs { get; init; }

    /// <summary>From the hello until the host answered, ended or was stopped; null where it never was ready.</summary>
    public double? ReadyToDoneMs { get; init; }

    /// <summary>Peak resident memory of the host; null where it couldn't be told from its parent's.</summary>
    public long? PeakMemoryBytes { get; init; }

    /// <summary>Null where a signal ended it, or nothing did.</summary>
    public int? ExitCode { get; init; }

    /// <summary>The number of the signal that ended it.</summary>
    public int? Signal { get; init; }

    /// <summary>
    /// Whether the host, or something of its group, was killed and still had not ended when the result was given out: it may
    /// hold its memory, the GPU's too.
    /// </summary>
    public bool LeftRunning { get; init; }

    /// <summary>Whether the kernel kept everything that the host started in its process group, so that it ended with it.</summary>
    public bool Contained { get; init; }

    /// <summary>Whether the kernel refused the host, and what it started, any network.</summary>
    public bool NetworkOff { get; init; }

    /// <summary>Whether a CUDA library was mapped into the parent; must be false.</summary>
    public bool ParentHadCuda { get; init; }

    /// <summary>Whether ONNX Runtime was mapped into the parent; must be false.</summary>
    public bool ParentHadOnnxRuntime { get; init; }

    /// <summary>Whether the host had been started ahead of time.</summary>
    public bool Standby { get; init; }

    /// <summary>GPU memory when the request had come; null where there is no GPU, or it isn't told.</summary>
    public long? GpuMemoryBeforeBytes { get; init; }

    /// <summary>GPU memory when the answer was ready, of the same kind; null where there is no GPU, or it isn't told.</summary>
    public long? GpuMemoryAfterBytes { get; init; }

    /// <summary>
    /// Whether that is the host's own memory; false where it is what everybody has on the devices that the host may see, since the driver
    /// knows the host by another pid or by none; null without figures.
    /// </summary>
    public bool? GpuMemoryIsOwn { get; init; }

    public CapturedOutput Stdout { get; init; } = CapturedOutput.Empty;

    public CapturedOutput Stderr { get; init; } = CapturedOutput.Empty;
}
