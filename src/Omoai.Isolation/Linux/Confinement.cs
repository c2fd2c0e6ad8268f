using System.Runtime.InteropServices;
using Omoai.Isolation.Protocol;

namespace Omoai.Isolation.Linux;

/// <summary>What a host takes from itself at its first instruction, for good and for all that it starts.</summary>
internal static unsafe class Confinement
{
    // rwx for nobody but the owner.
    private const uint OwnerOnly = 0b000_111_111;

    // For every thread at once; and without the mitigation that older kernels couple to a filter, which would slow the host
    // down: this keeps accidents in, not attackers.
    private const nint AllThreads = 1, NoSpeculationMitigation = 4;

    /// <summary>
    /// Makes what is written readable to the owner alone, bounds the size of a file, and makes the kernel keep everything that is
    /// started from here in this process's group, below it in the tree of processes and, unless asked for, off the network.
    /// What can't be had is gone without.
    /// </summary>
    /// <remarks>
    /// The filter is inherited by whatever is started from here and can't be taken off. Under it <c>setsid</c> and <c>setpgid</c> do
    /// nothing and report success, so that a daemon runs and stays in the group that is killed in the end.
    /// </remarks>
    /// <returns>What was had.</returns>
    public static Confined Enter(ConfinementSettings settings)
    {
        _ = Libc.SetFileMask(OwnerOnly);
        if (settings.MaxFileBytes is { } bytes)
        {
            // Ignored, so that a write beyond the limit fails (EFBIG) and is told of; programs started from here inherit that.
            _ = Libc.SetSignalHandler(Libc.SigFileSize, Libc.SigIgnore);
            _ = Libc.SetLimit(Libc.RlimitFileSize, new Libc.ResourceLimit { Soft = (nuint)bytes, Hard = (nuint)bytes });
        }
        _ = Libc.Prctl(Libc.PrSetChildSubreaper, 1);
        return TrySetFilter(settings.Network) ? new Confined(Lifeline.LeadsGroup, !settings.Network) : default;
    }

    private static bool TrySetFilter(bool network)
    {
        if (SystemCallNumbers.OfThisMachine is not { } numbers)
            return false;
        var filter = SystemCallFilter.Create(numbers, Libc.GetPid(), network);
        fixed (SystemCallFilter.Instruction* instructions = filter)
        {
            var program = new FilterProgram { Length = (ushort)filter.Length, Instructions = instructions };
            return Libc.Prctl(Libc.PrSetNoNewPrivileges, 1) == 0
                && Libc.SetSeccompFilter((nint)numbers.Seccomp, AllThreads | NoSpeculationMitigation, &program) == 0;
        }
    }

    /// <summary>A <c>struct sock_fprog</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct FilterProgram
    {
        public ushort Length;
        public SystemCallFilter.Instruction* Instructions;
    }
}

/// <summary>What a host has of its confinement.</summary>
/// <param name="Contained">Whether all that it starts stays in the process group it leads.</param>
/// <param name="NetworkOff">Whether the kernel refuses it and all that it starts any network.</param>
internal readonly record struct Confined(bool Contained, bool NetworkOff);
