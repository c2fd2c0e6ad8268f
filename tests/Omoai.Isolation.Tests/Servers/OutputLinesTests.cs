using System.Text;
using Omoai.Isolation.Servers;

namespace Omoai.Isolation.Tests.Servers;

public sealed class OutputLinesTests
{
    private readonly List<(bool IsError, string Text)> _written = [];
    private readonly OutputLines _lines;

    public OutputLinesTests() => _lines = new OutputLines((isError, line) => _written.Add((isError, line)));

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1000)]
    public void Lines_are_put_together_whatever_the_pieces(int piece)
    {
        var bytes = Encoding.UTF8.GetBytes("xin chào\n\n second\r\nthird");
        for (var i = 0; i < bytes.Length; i += piece)
        {
            _lines.Append(isError: true, bytes.AsSpan(i, Math.Min(piece, bytes.Length - i)));
            _lines.Append(isError: false, "."u8);
        }
        Assert.Equal([(true, "xin chào"), (true, "second")], _written);
        Assert.Equal(["xin chào", "second"], _lines.Last);

        _lines.Finish();
        Assert.Equal(["xin chào", "second", "third"], _lines.Last);
        Assert.Equal((false, new string('.', (bytes.Length + piece - 1) / piece)), _written[2]);
    }

    [Fact]
    public void A_line_without_end_is_cut_and_only_the_last_lines_are_kept()
    {
        for (var i = 0; i < 100_000; i++)
            _lines.Append(isError: true, "0123456789"u8);
        for (var i = 0; i < 2 * OutputLines.Kept; i++)
            _lines.Append(isError: true, Encoding.UTF8.GetBytes($"\nline {i}"));
        _lines.Finish();

        Assert.Equal(OutputLines.MaxLine, _written[0].Text.Length);
        Assert.Equal(Enumerable.Range(OutputLines.Kept, OutputLines.Kept).Select(i => $"line {i}"), _lines.Last);
    }
}
