using System.Runtime.InteropServices;

namespace Microsoft.ML.OnnxRuntime;

/// <summary>What holds for one or more runs of a session.</summary>
public unsafe class RunOptions : SafeHandle
{
    private bool _terminate;

    public RunOptions()
        : base(0, ownsHandle: true)
    {
        nint options;
        Native.Check(Native.Api->CreateRunOptions(&options));
        SetHandle(options);
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>Set to true, from any thread, it ends the runs with these options by an exception.</summary>
    public bool Terminate
    {
        get => _terminate;
        set
        {
            using var options = this.Use();
            Native.Check(value
                ? Native.Api->RunOptionsSetTerminate(options.Pointer)
                : Native.Api->RunOptionsUnsetTerminate(options.Pointer));
            _terminate = value;
        }
    }

    protected override bool ReleaseHandle()
    {
        Native.Api->ReleaseRunOptions(handle);
        return true;
    }
}
