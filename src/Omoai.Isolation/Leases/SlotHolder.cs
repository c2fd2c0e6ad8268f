using System.Text.Json;
using System.Text.Json.Serialization;

namespace Omoai.Isolation.Leases;

/// <summary>What a slot's file says. It counts only as long as the file is locked.</summary>
/// <param name="Worker">The process that took it.</param>
/// <param name="Activity">For what.</param>
/// <param name="MemoryMb">GPU memory that it needs, as its model declares.</param>
internal sealed record SlotHolder(int Worker, string Activity, int MemoryMb)
{
    /// <summary>What a slot's file says; null where it is none.</summary>
    public static SlotHolder? Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(LockFile.Read(path), SlotJson.Default.SlotHolder);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(SlotHolder))]
internal sealed partial class SlotJson : JsonSerializerContext;
