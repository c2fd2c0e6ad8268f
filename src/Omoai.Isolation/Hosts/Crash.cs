using Omoai.Isolation.Linux;

namespace Omoai.Isolation.Hosts;

/// <summary>What it means that a host ended without an answer.</summary>
internal static class Crash
{
    // What `dotnet`'s own start code ends with when there is no runtime, or not the right one.
    private const int HostFxrMissing = 131;
    private const int FrameworkMissing = 150;

    private const int StderrLines = 6;
    private const int SigAbort = 6;

    private static readonly string[] MemoryMarks = ["std::bad_alloc", "Out of memory", "OutOfMemoryException"];

    /// <param name="exit">How it ended; null where it couldn't be ended.</param>
    /// <param name="wasReady">Whether it had said hello.</param>
    /// <param name="killedForMemory">Whether the kernel's out-of-memory killer struck meanwhile.</param>
    public static ActivityFailure Judge(HostExit? exit, bool wasReady, bool killedForMemory)
    {
        if (exit is null)
            return new ActivityFailure(FailureClass.Crashed, true, "The host does not answer and can't be killed.");
        var stderr = LastLines(exit.Stderr.Text);
        return exit switch
        {
            { Overrun: { } overrun } => Judge(overrun),
            { Signal: Libc.SigKill } when killedForMemory =>
                new(FailureClass.OutOfMemory, true, "The kernel killed the host because memory ran out."),
            { Signal: SigAbort } when MemoryMarks.Any(mark => exit.Stderr.Text.Contains(mark, StringComparison.Ordinal)) =>
                new(FailureClass.OutOfMemory, true, $"The host ran out of memory{stderr}"),
            { Signal: Libc.SigTerm } =>
                new(FailureClass.Lost, true, "The host was asked to stop by something outside."),
            { Signal: { } signal } =>
                new(FailureClass.Crashed, true, $"The host was ended by {Name(signal)}{stderr}"),
            { ExitCode: HostFxrMissing or FrameworkMissing } when !wasReady =>
                new(FailureClass.ModelMissing, false, $"The activity host lacks the .NET runtime it was built for{stderr}"),
            { ExitCode: { } code } =>
                new(FailureClass.Crashed, true, $"The host exited with {code} and without an answer{stderr}"),
            _ => new(FailureClass.Crashed, true, $"The host ended without an answer{stderr}"),
        };
    }

    private static ActivityFailure Judge(Overrun overrun)
    {
        var limit = $"the limit of {overrun.Limit >> 20} MiB";
        return overrun switch
        {
            { Kind: OverrunKind.Scratch } => new(
                FailureClass.Internal, false,
                $"The scratch folder held {overrun.Bytes >> 20} MiB, over {limit} (Omoai:Isolation:MaxScratchMb)."),
            { Bytes: { } bytes } => new(
                FailureClass.OutOfMemory, true,
                $"The host and what it had started held {bytes >> 20} MiB of memory, over {limit} (Omoai:Isolation:MaxMemoryMb)."),
            _ => new(
                FailureClass.OutOfMemory, true,
                $"The kernel killed the host because its memory came to {limit} (Omoai:Isolation:MaxMemoryMb)."),
        };
    }

    private static string Name(int signal) => signal switch
    {
        4 => "SIGILL",
        SigAbort => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        Libc.SigKill => "SIGKILL",
        11 => "SIGSEGV",
        Libc.SigFileSize => "SIGXFSZ",
        31 => "SIGSYS",
        _ => $"signal {signal}",
    };

    /// <summary>The last lines that are no part of a stack trace.</summary>
    private static string LastLines(string stderr)
    {
        var lines = stderr.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Where(line => !line.StartsWith("at ", StringComparison.Ordinal) && !line.StartsWith("---", StringComparison.Ordinal))
            .TakeLast(StderrLines);
        var text = string.Join("; ", lines);
        return text.Length == 0 ? "." : $": {text}";
    }
}
