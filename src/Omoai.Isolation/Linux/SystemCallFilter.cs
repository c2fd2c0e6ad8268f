using System.Runtime.InteropServices;

namespace Omoai.Isolation.Linux;

/// <summary>
/// The numbers of the system calls that a host's filter knows, on one architecture: the kernel's <c>AUDIT_ARCH_*</c>. From
/// <c>OthersFrom</c> on they belong to another calling convention.
/// </summary>
internal sealed record SystemCallNumbers(
    uint Architecture, uint? OthersFrom, uint Seccomp, uint SetSession, uint SetGroup, uint Kill, uint Socket)
{
    // The same everywhere.
    public const uint UringSetup = 425;

    // x32 programs have the 64-bit architecture and numbers of their own.
    public static SystemCallNumbers X64 { get; } = new(0xC000003E, 0x40000000, 317, 112, 109, 62, 41);

    public static SystemCallNumbers Arm64 { get; } = new(0xC00000B7, null, 277, 157, 154, 129, 198);

    /// <summary>Null for an architecture that isn't known here.</summary>
    public static SystemCallNumbers? OfThisMachine { get; } = RuntimeInformation.ProcessArchitecture switch
    {
        System.Runtime.InteropServices.Architecture.X64 => X64,
        System.Runtime.InteropServices.Architecture.Arm64 => Arm64,
        _ => null,
    };
}

/// <summary>A host's seccomp filter, as the kernel's little machine (classic BPF) runs it before each system call.</summary>
internal static class SystemCallFilter
{
    public const uint Allow = 0x7fff0000;

    /// <summary>Does nothing and gives back this error; with 0 it succeeds.</summary>
    public const uint Error = 0x00050000;

    public const int EPerm = 1;
    public const int ENoSys = 38;
    public const int EAfNoSupport = 97;

    // Where the kernel shows the call: its number, the architecture, and the lower halves of the arguments.
    private const uint Number = 0, Architecture = 4, First = 16, Second = 24;

    private const ushort Load = 0x20, IfEqual = 0x15, IfAtLeast = 0x35, IfAnyBit = 0x45, Return = 0x06;

    private const uint Negative = 0x80000000;
    private const uint AfUnix = 1;

    /// <summary>A <c>struct sock_filter</c>: jumps are counted from the next instruction on.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public readonly record struct Instruction(ushort Code, byte IfTrue, byte IfFalse, uint Operand);

    /// <param name="numbers">The machine's.</param>
    /// <param name="group">The host, which leads its process group.</param>
    /// <param name="network">Whether it may use the network.</param>
    public static Instruction[] Create(SystemCallNumbers numbers, int group, bool network) =>
    [
        // 32-bit programs have other numbers for the same calls: they don't run.
        new(Load, 0, 0, Architecture),
        new(IfEqual, 1, 0, numbers.Architecture),
        new(Return, 0, 0, Error | ENoSys),
        new(Load, 0, 0, Number),
        .. numbers.OthersFrom is { } others ? [new(IfAtLeast, 0, 1, others), new(Return, 0, 0, Error | ENoSys)] : None,
        new(IfEqual, 1, 0, numbers.SetSession),
        new(IfEqual, 0, 1, numbers.SetGroup),
        new(Return, 0, 0, Error | 0),
        .. KillOfGroup(numbers, group),
        .. network ? None : NoNetwork(numbers),
        new(Return, 0, 0, Allow),
    ];

    private static Instruction[] None => [];

    /// <summary>
    /// A program that believes it has a group of its own and signals that (<c>timeout</c> does) would signal the host, and all of its
    /// group, instead. Only SIGKILL to this group by its number is left, which <see cref="Lifeline.Cut"/> needs.
    /// </summary>
    private static Instruction[] KillOfGroup(SystemCallNumbers numbers, int group) =>
    [
        new(IfEqual, 0, 8, numbers.Kill),
        new(Load, 0, 0, First),
        new(IfEqual, 4, 0, 0),
        new(IfAnyBit, 0, 4, Negative),
        new(IfEqual, 0, 2, unchecked((uint)-group)),
        new(Load, 0, 0, Second),
        new(IfEqual, 1, 0, Libc.SigKill),
        new(Return, 0, 0, Error | EPerm),
        new(Return, 0, 0, Allow),
    ];

    /// <summary>
    /// No socket but a Unix one, which the pipe to the parent is; the error is the one of a kernel without networking, which libraries
    /// know. io_uring makes sockets without the call.
    /// </summary>
    private static Instruction[] NoNetwork(SystemCallNumbers numbers) =>
    [
        new(IfEqual, 0, 1, SystemCallNumbers.UringSetup),
        new(Return, 0, 0, Error | ENoSys),
        new(IfEqual, 0, 3, numbers.Socket),
        new(Load, 0, 0, First),
        new(IfEqual, 1, 0, AfUnix),
        new(Return, 0, 0, Error | EAfNoSupport),
    ];
}
