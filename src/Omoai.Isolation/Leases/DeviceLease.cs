using System.Text.Json;

namespace Omoai.Isolation.Leases;

/// <summary>A slot of a device. It is free again when this is disposed of and whatever inherited its lock has ended.</summary>
internal sealed class DeviceLease(Device device, LockFile file, Action freed) : IDisposable
{
    private Action? _freed = freed;

    public Device Device { get; } = device;

    /// <summary>What the host is to inherit; -1 where hosts don't.</summary>
    public int Descriptor => file.Descriptor;

    /// <summary>Says in the slot's file, for those who read it, who has it and for what.</summary>
    public void Describe(SlotHolder holder) => file.Write(JsonSerializer.SerializeToUtf8Bytes(holder, SlotJson.Default.SlotHolder));

    /// <summary>The host has the lock now: this process keeps nothing of it.</summary>
    public void LeaveToHost() => file.LeaveToChild();

    public void Dispose()
    {
        file.Dispose();
        Interlocked.Exchange(ref _freed, null)?.Invoke();
    }
}
