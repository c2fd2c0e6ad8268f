using Omoai.Speech.Features;

namespace Omoai.Speech.Tests.Features;

public sealed class TranspositionTests
{
    [Theory]
    [InlineData(8, 8)]
    [InlineData(8, 403)]
    [InlineData(80, 8)]
    [InlineData(23, 8)]
    [InlineData(4, 80)]
    [InlineData(17, 26)]
    [InlineData(1, 1)]
    public void Rows_become_columns(int rows, int columns)
    {
        var from = Enumerable.Range(0, rows * columns).Select(i => (float)i).ToArray();
        var to = new float[rows * columns];

        Transposition.Transpose(from, columns, to);

        Assert.Equal(
            from c in Enumerable.Range(0, columns) from r in Enumerable.Range(0, rows) select (float)((r * columns) + c), to);
    }
}
