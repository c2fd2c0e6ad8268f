using System.Buffers.Binary;

namespace Omoai.Speech.Tests.Fuzz;

/// <summary>Changes to bytes that find what a reader takes for granted. The same seed gives the same change.</summary>
internal sealed class Mutation(int seed)
{
    private static readonly uint[] Numbers =
        [0, 1, 2, 3, 7, 16, 40, 255, 256, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF];

    public Random Random { get; } = new(seed);

    public T Pick<T>(IReadOnlyList<T> items) => items[Random.Next(items.Count)];

    /// <summary>One to four changes, all in the first bytes.</summary>
    /// <param name="content">What to change; is left as it is.</param>
    /// <param name="first">How many bytes.</param>
    public byte[] Change(byte[] content, int first)
    {
        var changed = content.ToList();
        for (var left = Random.Next(1, 5); left > 0 && changed.Count > 0; left--)
        {
            ChangeOnce(changed, Math.Min(first, changed.Count));
        }

        return [.. changed];
    }

    private void ChangeOnce(List<byte> content, int first)
    {
        var at = Random.Next(first);
        var length = Math.Min(Random.Next(1, 17), content.Count - at);
        switch (Random.Next(8))
        {
            case 0:
                content[at] ^= (byte)(1 << Random.Next(8));
                break;
            case 1:
                content[at] = (byte)Random.Next(256);
                break;
            case 2 or 3:
                Overwrite(content, at & ~1, Random.Next(2) == 0 ? 2 : 4);
                break;
            case 4:
                content.RemoveRange(at, length);
                break;
            case 5:
                content.InsertRange(at, content.GetRange(at, length));
                break;
            case 6:
                content.InsertRange(Random.Next(first), content.GetRange(at, length));
                break;
            default:
                // Most files that are cut off are cut off late.
                var end = Random.Next(3) == 0 ? at : Random.Next(at, content.Count);
                content.RemoveRange(end, content.Count - end);
                break;
        }
    }

    private void Overwrite(List<byte> content, int at, int length)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(number, Random.Next(4) == 0 ? (uint)Random.NextInt64() : Pick(Numbers));
        for (var i = 0; i < length && at + i < content.Count; i++)
        {
            content[at + i] = number[i];
        }
    }
}
