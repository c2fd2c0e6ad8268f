using System.Runtime.InteropServices;

namespace Omoai.Isolation.Linux;

/// <summary>The host's side of what ends it with its parent.</summary>
internal static class Lifeline
{
    // Above the numbers that shell scripts take for files of their own.
    private const int LowestDescriptor = 60;

    /// <summary>
    /// Makes the kernel kill this whole process group, which this process must lead, once the parent is gone; then does
    /// what <see cref="Hide"/> does.
    /// </summary>
    /// <remarks>
    /// Descriptor 0 is a pipe that only the parent holds open. With O_ASYNC, F_SETOWN and F_SETSIG the kernel itself sends
    /// SIGKILL to the group when the other end closes: nothing here has to run for that, so native code that blocks or a
    /// stopped runtime can't stand in its way. The parent-death signal is the second line, for a kernel without the first or
    /// a descriptor that leaked; it is SIGTERM, because SIGKILL would end this process alone and the pipe with it.
    /// What is started from here inherits the descriptor: so the kernel still does this where the host has ended before its
    /// parent, and the parent couldn't kill what the host had started.
    /// </remarks>
    /// <param name="parentPid">The parent.</param>
    /// <param name="acrossExec">
    /// Whether it is for the program that this process becomes: the descriptor stays open then, and with it what the kernel was asked
    /// for. There is no second line: a program without our handler would die of that signal just before the parent's end of the pipe
    /// closes, take its own end along, and leave its children.
    /// </param>
    /// <returns>False when the parent is gone already.</returns>
    public static bool Hold(int parentPid, bool acrossExec = false)
    {
        var lifeline = Libc.Fcntl(0, Libc.FDupfd, LowestDescriptor);
        var nothing = Libc.Open("/dev/null", Libc.OCloexec);
        if (lifeline < 0 || nothing < 0 || Libc.Dup2(nothing, 0) < 0)
            throw new InvalidOperationException($"no lifeline: {Marshal.GetLastPInvokeErrorMessage()}");
        _ = Libc.Close(nothing);
        _ = Libc.Fcntl(lifeline, Libc.FSetOwn, -Libc.GetPid());
        _ = Libc.Fcntl(lifeline, Libc.FSetSig, Libc.SigKill);
        _ = Libc.Fcntl(lifeline, Libc.FSetFl, Libc.Fcntl(lifeline, Libc.FGetFl, 0) | Libc.OAsync);
        if (!acrossExec)
            _ = Libc.Prctl(Libc.PrSetPdeathsig, Libc.SigTerm);

        Hide();
        // Only what happens from here on is signalled.
        return IsHeld(lifeline, parentPid);
    }

    /// <summary>
    /// Whether this process leads its group, as one from posix_spawn does. One that does not has no group to be killed with
    /// it, and whoever started it promised nothing about the thread that the parent-death signal depends on.
    /// </summary>
    public static bool LeadsGroup => Libc.GetProcessGroup() == Libc.GetPid();

    /// <summary>
    /// No core dump holds somebody's speech, and when memory runs out this process goes before its parent.
    /// </summary>
    public static void Hide()
    {
        _ = Libc.SetLimit(Libc.RlimitCore, default);
        TryWrite("/proc/self/oom_score_adj", "1000");
        _ = Libc.Prctl(Libc.PrSetDumpable, 0);
    }

    /// <summary>Ends this process and everything in the group it leads.</summary>
    public static void Cut()
    {
        _ = Libc.Kill(-Libc.GetPid(), Libc.SigKill);
        _ = Libc.Kill(Libc.GetPid(), Libc.SigKill);
    }

    private static unsafe bool IsHeld(int lifeline, int parentPid)
    {
        var polled = new Libc.PollFd { Fd = lifeline, Events = Libc.PollIn };
        return Libc.Poll(&polled, 1, 0) == 0 && Libc.GetParentPid() == parentPid;
    }

    private static void TryWrite(string file, string text)
    {
        try
        {
            File.WriteAllText(file, text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A wish, not a need.
        }
    }
}
