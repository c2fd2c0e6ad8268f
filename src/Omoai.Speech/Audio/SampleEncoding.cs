using System.Buffers.Binary;

namespace Omoai.Speech.Audio;

/// <summary>How a WAV file stores one sample. All are little-endian.</summary>
internal enum SampleEncoding
{
    Unsigned8,
    Signed16,
    Signed24,
    Signed32,
    Float32,
    Float64,
    ALaw,
    MuLaw,
}

/// <summary>Turns stored samples into floats.</summary>
internal static class SampleDecoding
{
    private static readonly float[] ALaw = Table(ALawSample);
    private static readonly float[] MuLaw = Table(MuLawSample);

    public static int Bytes(this SampleEncoding encoding) => encoding switch
    {
        SampleEncoding.Unsigned8 or SampleEncoding.ALaw or SampleEncoding.MuLaw => 1,
        SampleEncoding.Signed16 => 2,
        SampleEncoding.Signed24 => 3,
        SampleEncoding.Signed32 or SampleEncoding.Float32 => 4,
        _ => 8,
    };

    /// <summary>ffmpeg's name of the encoding.</summary>
    public static string CodecName(this SampleEncoding encoding) => encoding switch
    {
        SampleEncoding.Unsigned8 => "pcm_u8",
        SampleEncoding.Signed16 => "pcm_s16le",
        SampleEncoding.Signed24 => "pcm_s24le",
        SampleEncoding.Signed32 => "pcm_s32le",
        SampleEncoding.Float32 => "pcm_f32le",
        SampleEncoding.Float64 => "pcm_f64le",
        SampleEncoding.ALaw => "pcm_alaw",
        _ => "pcm_mulaw",
    };

    /// <summary>What a sample at full scale decodes to at least, whatever its sign.</summary>
    public static float FullScale(this SampleEncoding encoding) => encoding switch
    {
        SampleEncoding.Unsigned8 => 127 / 128f,
        SampleEncoding.ALaw => ALaw.Max(),
        SampleEncoding.MuLaw => MuLaw.Max(),
        _ => 0.9999f,
    };

    /// <summary>
    /// Decodes as many samples as <paramref name="samples"/> holds, to −1..1. Floats beyond that range are clamped to
    /// it;
    /// those that aren't numbers become 0.
    /// </summary>
    public static void Decode(this SampleEncoding encoding, ReadOnlySpan<byte> bytes, Span<float> samples)
    {
        switch (encoding)
        {
            case SampleEncoding.Unsigned8:
                for (int i = 0; i < samples.Length; i++)
                {
                    samples[i] = (bytes[i] - 128) / 128f;
                }
                break;
            case SampleEncoding.Signed16:
                for (int i = 0; i < samples.Length; i++)
                {
                    samples[i] = BinaryPrimitives.ReadInt16LittleEndian(bytes[(2 * i)..]) / 32768f;
                }
                break;
            case SampleEncoding.Signed24:
                for (int i = 0; i < samples.Length; i++)
                {
                    // In the upper three bytes of an Int32, so that the sign comes right by itself.
                    int value = (bytes[3 * i] << 8) | (bytes[3 * i + 1] << 16) | (bytes[3 * i + 2] << 24);
                    samples[i] = value / 2147483648f;
                }
                break;
            case SampleEncoding.Signed32:
                for (int i = 0; i < samples.Length; i++)
                {
                    samples[i] = BinaryPrimitives.ReadInt32LittleEndian(bytes[(4 * i)..]) / 2147483648f;
                }
                break;
            case SampleEncoding.Float32:
                for (int i = 0; i < samples.Length; i++)
                {
                    samples[i] = Clean(BinaryPrimitives.ReadSingleLittleEndian(bytes[(4 * i)..]));
                }
                break;
            case SampleEncoding.Float64:
                for (int i = 0; i < samples.Length; i++)
                {
                    samples[i] = Clean(BinaryPrimitives.ReadDoubleLittleEndian(bytes[(8 * i)..]));
                }
                break;
            default:
                float[] table = encoding == SampleEncoding.ALaw ? ALaw : MuLaw;
                for (int i = 0; i < samples.Length; i++)
                {
                    samples[i] = table[bytes[i]];
                }
                break;
        }
    }

    private static float Clean(double value) => double.IsFinite(value) ? (float)Math.Clamp(value, -1, 1) : 0;

    private static float[] Table(Func<int, int> decode) => [.. Enumerable.Range(0, 256).Select(code => decode(code) / 32768f)];

    // ITU-T G.711: even bits inverted, sign (1 is positive), 3 bits of exponent, 4 of mantissa.
    private static int ALawSample(int code)
    {
        code ^= 0x55;
        int exponent = (code >> 4) & 7;
        int magnitude = ((code & 15) << 4) + 8;
        magnitude = exponent == 0 ? magnitude : (magnitude + 256) << (exponent - 1);
        return (code & 0x80) != 0 ? magnitude : -magnitude;
    }

    // ITU-T G.711: all bits inverted, sign (1 is negative), 3 bits of exponent, 4 of mantissa, bias 132.
    private static int MuLawSample(int code)
    {
        code = ~code;
        int magnitude = ((((code & 15) << 3) + 132) << ((code >> 4) & 7)) - 132;
        return (code & 0x80) != 0 ? -magnitude : magnitude;
    }
}
