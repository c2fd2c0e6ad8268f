using System.Runtime.InteropServices;

namespace Microsoft.ML.OnnxRuntime;

/// <summary>What a model's file says of it besides its graph.</summary>
public unsafe class ModelMetadata
{
    internal ModelMetadata(nint metadata)
    {
        nint keys;
        long count;
        using var allocator = OrtAllocator.DefaultInstance.Use();
        Native.Check(Native.Api->ModelMetadataGetCustomMetadataMapKeys(metadata, allocator.Pointer, (nint*)&keys, &count));
        for (var i = 0L; i < count; i++)
        {
            var key = Marshal.ReadIntPtr(keys, checked((int)i * nint.Size));
            nint value;
            Native.Check(Native.Api->ModelMetadataLookupCustomMetadataMap(metadata, allocator.Pointer, key, &value));
            CustomMetadataMap[Native.Utf8(key)] = value == 0 ? "" : Native.Utf8(value);
            if (value != 0)
            {
                Native.Check(Native.Api->AllocatorFree(allocator.Pointer, value));
            }

            Native.Check(Native.Api->AllocatorFree(allocator.Pointer, key));
        }

        if (count > 0)
        {
            Native.Check(Native.Api->AllocatorFree(allocator.Pointer, keys));
        }
    }

    /// <summary>What the exporter wrote: text by name.</summary>
    public Dictionary<string, string> CustomMetadataMap { get; } = [];
}
