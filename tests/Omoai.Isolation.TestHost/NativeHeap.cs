using System.Runtime.InteropServices;

namespace Omoai.Isolation.TestHost;

/// <summary>Uses the C heap as a native library does: frees nearly all of it, and keeps a little here and there.</summary>
internal static unsafe class NativeHeap
{
    private const int BlockLength = 32 << 10;
    private const int KeptEvery = 64;

    /// <summary>Allocates and touches so many MiB, then frees all but a 64th of them.</summary>
    public static int Use(int mib)
    {
        var blocks = new nint[mib * ((1 << 20) / BlockLength)];
        for (var i = 0; i < blocks.Length; i++)
        {
            blocks[i] = (nint)NativeMemory.Alloc(BlockLength);
            new Span<byte>((void*)blocks[i], BlockLength).Fill(1);
        }
        for (var i = 0; i < blocks.Length; i++)
        {
            if (i % KeptEvery != 0)
                NativeMemory.Free((void*)blocks[i]);
        }
        return blocks.Length;
    }
}
