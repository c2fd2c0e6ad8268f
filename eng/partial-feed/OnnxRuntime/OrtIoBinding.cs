using System.Runtime.InteropServices;

namespace Microsoft.ML.OnnxRuntime;

/// <summary>
/// The inputs and outputs of a session's runs, and where they lie; from <see cref="InferenceSession.CreateIoBinding"/>.
/// Not for several threads at once.
/// </summary>
public unsafe class OrtIoBinding : SafeHandle
{
    internal OrtIoBinding(nint binding)
        : base(0, ownsHandle: true) => SetHandle(binding);

    public override bool IsInvalid => handle == 0;

    /// <summary>Binds an input, which is copied now where the session wants it on another device.</summary>
    /// <exception cref="OnnxRuntimeException">The session has no such input.</exception>
    public void BindInput(string name, OrtValue ortValue)
    {
        ArgumentNullException.ThrowIfNull(ortValue);
        using var binding = this.Use();
        using var value = ortValue.Handle.Use();
        fixed (byte* text = Native.Utf8(name))
        {
            Native.Check(Native.Api->BindInput(binding.Pointer, text, value.Pointer));
        }
    }

    /// <summary>Waits for what is copied to the device of an input.</summary>
    public void SynchronizeBoundInputs()
    {
        using var binding = this.Use();
        Native.Check(Native.Api->SynchronizeBoundInputs(binding.Pointer));
    }

    /// <summary>Binds an output, which the run allocates there.</summary>
    /// <exception cref="OnnxRuntimeException">The session has no such output.</exception>
    public void BindOutputToDevice(string name, OrtMemoryInfo memInfo)
    {
        ArgumentNullException.ThrowIfNull(memInfo);
        using var binding = this.Use();
        using var info = memInfo.Use();
        fixed (byte* text = Native.Utf8(name))
        {
            Native.Check(Native.Api->BindOutputToDevice(binding.Pointer, text, info.Pointer));
        }
    }

    /// <summary>Binds no outputs any more.</summary>
    public void ClearBoundOutputs()
    {
        using var binding = this.Use();
        Native.Api->ClearBoundOutputs(binding.Pointer);
    }

    protected override bool ReleaseHandle()
    {
        Native.Api->ReleaseIoBinding(handle);
        return true;
    }
}
