namespace Microsoft.ML.OnnxRuntime;

/// <summary>A number in IEEE 754 half precision.</summary>
public readonly struct Float16
{
    /// <summary>The sixteen bits.</summary>
    public readonly ushort value;

    public Float16(ushort v) => value = v;

    public static explicit operator Float16(float value) => new(BitConverter.HalfToUInt16Bits((Half)value));

    public static explicit operator float(Float16 value) => value.ToFloat();

    public float ToFloat() => (float)BitConverter.UInt16BitsToHalf(value);
}

/// <summary>The upper half of a number in IEEE 754 single precision.</summary>
public readonly struct BFloat16
{
    /// <summary>The sixteen bits.</summary>
    public readonly ushort value;

    public BFloat16(ushort v) => value = v;

    public static explicit operator BFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return new((ushort)(float.IsNaN(value) ? (bits >> 16) | 0x40 : (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16));
    }

    public static explicit operator float(BFloat16 value) => value.ToFloat();

    public float ToFloat() => BitConverter.UInt32BitsToSingle((uint)value << 16);
}
