namespace Omoai.Pipeline.Tests;

public sealed class JobIdTests
{
    [Fact]
    public void It_is_32_hexadecimal_digits()
    {
        Assert.Matches("^[0-9a-f]{32}$", JobId.Create("audio-in", "a.wav", "0x8D", 1));
    }

    [Fact]
    public void The_same_input_is_the_same_job_with_or_without_quotes_around_its_ETag()
    {
        Assert.Equal(JobId.Create("audio-in", "a.wav", "0x8D", 1), JobId.Create("audio-in", "a.wav", "\"0x8D\"", 1));
    }

    [Theory]
    [InlineData("audio-api", "a.wav", "0x8D", 1)]
    [InlineData("audio-in", "b.wav", "0x8D", 1)]
    [InlineData("audio-in", "a.wav", "0x8E", 1)]
    [InlineData("audio-in", "a.wav", "0x8D", 2)]
    [InlineData("audio-in", "a.wav0x8D", "", 1)]
    public void Anything_else_is_another_job(string container, string name, string version, int run)
    {
        Assert.NotEqual(JobId.Create("audio-in", "a.wav", "0x8D", 1), JobId.Create(container, name, version, run));
    }
}
