using System.Text;
using Omoai.Speech.Features;
using Omoai.Transcripts.Activities;
using Omoai.Transcripts.Models;

namespace Omoai.Speech.Tests.Features;

/// <summary>The files of features: what is read right is told by <see cref="FeatureReferenceTests"/>.</summary>
public sealed class GlobalCmvnTests
{
    private static readonly FeatureSettings TwoBins = new()
    {
        Type = "log-mel",
        WindowLength = 16,
        HopLength = 8,
        FftLength = 16,
        Bins = 2,
        Cmvn = "file",
    };

    [Theory]
    [InlineData("")]
    [InlineData("nothing of the sort")]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("""{"mean_stat": [1, 2], "var_stat": [3, 4]}""")]
    [InlineData("""{"mean_stat": [1, 2], "var_stat": [3, 4], "frame_num": 0}""")]
    [InlineData("""{"mean_stat": [1, 2], "var_stat": [3, 4], "frame_num": "ten"}""")]
    [InlineData("""{"mean_stat": [1, 2, 3], "var_stat": [3, 4, 5], "frame_num": 1}""")]
    [InlineData("""{"mean_stat": [1, 2], "var_stat": [3], "frame_num": 1}""")]
    [InlineData("""{"mean_stat": [1, 1e300], "var_stat": [3, 4], "frame_num": 1}""")]
    [InlineData("""{"mean_stat": {"a": 1}, "var_stat": [3, 4], "frame_num": 1}""")]
    [InlineData("<AddShift> 2 2 <LearnRateCoef> 0 [ 1 2 ]")]
    [InlineData("<AddShift> 2 2 <LearnRateCoef> 0 [ 1 2 <Rescale> 2 2 <LearnRateCoef> 0 [ 1 2")]
    [InlineData("<AddShift> [ 1 2 ] <Rescale> [ 1 x ]")]
    [InlineData("<AddShift> [ 1 2 ] <Rescale> [ 1 NaN ]")]
    [InlineData("<AddShift> [ ] <Rescale> [ ]")]
    public void What_isnt_such_a_file_is_refused(string text)
    {
        var e = Assert.Throws<MissingRequirementException>(() => Create(text));

        Assert.StartsWith("The model's file ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_never_ends_is_not_read_to_its_end()
    {
        var stream = new Endless();

        Assert.Throws<MissingRequirementException>(() => FeatureExtractors.Create(TwoBins, 16000, _ => stream));

        Assert.InRange(stream.BytesRead, 0, 4 << 20);
    }

    [Fact]
    public void A_file_that_cant_be_opened_is_named()
    {
        var e = Assert.Throws<MissingRequirementException>(
            () => FeatureExtractors.Create(TwoBins, 16000, name => throw new FileNotFoundException($"no {name}")));

        Assert.Contains("no file", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_value_for_each_bin_serves_all_stacked_frames()
    {
        var sound = Enumerable.Range(0, 100).Select(i => (float)Math.Sin(i)).ToArray();
        var plain = Create("<AddShift> [ 1 2 ] <Rescale> [ 3 4 ]").Compute(sound);

        var stacked = Create("<AddShift> [ 1 2 ] <Rescale> [ 3 4 ]", TwoBins with { StackFrames = 3, StackStep = 2 }).Compute(sound);

        // Row 1 begins one frame before frame 2.
        Assert.Equal(plain.AsSpan(2, 6).ToArray(), stacked.AsSpan(6, 6).ToArray());
    }

    [Fact]
    public void A_bin_that_never_varied_gives_a_finite_value() =>
        Assert.All(
            Create("""{"mean_stat": [10, 20], "var_stat": [10, 40], "frame_num": 10}""").Compute(new float[64]),
            value => Assert.True(float.IsFinite(value)));

    private static IFeatureExtractor Create(string text, FeatureSettings? settings = null) =>
        FeatureExtractors.Create(settings ?? TwoBins, 16000, _ => new MemoryStream(Encoding.UTF8.GetBytes(text)));

    private sealed class Endless : Stream
    {
        public long BytesRead { get; private set; }
        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => BytesRead; set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            BytesRead += count;
            buffer.AsSpan(offset, count).Fill((byte)' ');
            return BytesRead < 1L << 30 ? count : throw new InvalidOperationException("Far too much was read.");
        }

        public override void Flush() => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
