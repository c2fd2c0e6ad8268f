using Omoai.Isolation;

namespace Omoai.Local.Tests;

public sealed class ExitCodeTests
{
    [Theory]
    [InlineData(FailureClass.BadInput, 3)]
    [InlineData(FailureClass.Crashed, 4)]
    [InlineData(FailureClass.Timeout, 4)]
    [InlineData(FailureClass.OutOfMemory, 4)]
    [InlineData(FailureClass.Lost, 4)]
    [InlineData(FailureClass.Internal, 4)]
    [InlineData(FailureClass.Busy, 4)]
    [InlineData(FailureClass.ModelMissing, 5)]
    [InlineData(FailureClass.Cancelled, 130)]
    public void Every_class_of_failure_has_its_documented_exit_code(FailureClass failure, int exitCode)
    {
        Assert.Equal(exitCode, ExitCodes.Of(new ActivityFailure(failure, Retryable: true, "")));
    }

    [Fact]
    public void No_failure_is_done() => Assert.Equal(0, ExitCodes.Of(null));
}
