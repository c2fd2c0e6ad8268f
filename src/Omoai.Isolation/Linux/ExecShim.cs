using System.Runtime.InteropServices;
using Omoai.Isolation.Protocol;

namespace Omoai.Isolation.Linux;

/// <summary>
/// Becomes a program that knows nothing of lifelines: sets up for it what a host sets up for itself, and calls exec.
/// </summary>
internal static unsafe class ExecShim
{
    /// <summary>Exit code where there is no such program or it can't be run, as of a shell.</summary>
    public const int NoProgramExitCode = 127;

    private const int ENoMem = 12;
    private const int EAgain = 11;
    private const int ETxtBusy = 26;

    /// <param name="parentPid">The process whose end is to be this one's.</param>
    /// <param name="command">The program, looked for in <c>PATH</c> where its name has no slash, and its arguments.</param>
    /// <returns>An exit code, where there is no program to become.</returns>
    public static int Run(int parentPid, IReadOnlyList<string> command)
    {
        // All of this outlives exec, as the slot of its device does, descriptor 3. Servers are there for the network, and may write
        // what they like.
        _ = Confinement.Enter(new ConfinementSettings(MaxFileBytes: null, Network: true));
        if (!Lifeline.Hold(parentPid, acrossExec: true))
            return ActivityHostProcess.ProtocolExitCode;
        // The runtime ignores it, and what is ignored stays so; what is handled becomes the default by itself.
        _ = Libc.SetSignalAction(Libc.SigPipe, 0);
        using var arguments = new NativeStrings(command);
        _ = Libc.Execute(arguments.Pointer[0], arguments.Pointer);
        var error = Marshal.GetLastPInvokeError();
        Console.Error.WriteLine($"{command[0]} can't be run: {Marshal.GetPInvokeErrorMessage(error)}");
        return error is ENoMem or EAgain or ETxtBusy ? ActivityHostProcess.ProtocolExitCode : NoProgramExitCode;
    }
}
