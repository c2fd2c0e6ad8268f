namespace Omoai.Isolation.Tests;

/// <summary>The ways a host can end badly, and what they are taken for.</summary>
public sealed class FailingTests(TestHosts hosts) : IClassFixture<TestHosts>
{
    [Theory]
    [InlineData("exit", 3, "exited with 3")]
    [InlineData("exit", 0, "without an answer")]
    [InlineData("half-frame", 0, "without an answer")]
    [InlineData("fault", 0, "SIGSEGV")]
    [InlineData("fail-fast", 0, "the runtime gave up")]
    [InlineData("signal", 31, "SIGSYS")]
    public async Task A_host_that_ends_without_an_answer_has_crashed(string activity, int input, string reason)
    {
        var failure = await hosts.FailureAsync(activity, input);

        Assert.Equal((FailureClass.Crashed, true), (failure.Class, failure.Retryable));
        Assert.Contains(reason, failure.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Reason);
        Assert.DoesNotContain(" at ", failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_reason_of_a_crash_ends_with_what_the_host_said_last()
    {
        var failure = await hosts.FailureAsync("exit-after-stderr");

        Assert.Equal("The host exited with 3 and without an answer: the device caught fire; second line", failure.Reason);
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("huge-frame")]
    [InlineData("bad-reply")]
    [InlineData("bad-json")]
    [InlineData("request-frame")]
    [InlineData("no-reason")]
    [InlineData("no-such-class")]
    public async Task A_host_that_breaks_the_protocol_is_killed(string activity)
    {
        var result = await hosts.RunAsync(activity);

        Assert.Equal((FailureClass.Crashed, true), (result.Failure!.Class, result.Failure.Retryable));
        Assert.Contains("broke the protocol", result.Failure.Reason, StringComparison.Ordinal);
        Assert.Equal(9, result.Evidence.Signal);
    }

    [Theory]
    [InlineData("refuse", FailureClass.BadInput, false, "no speech in it")]
    [InlineData("throw", FailureClass.Internal, false, "InvalidOperationException: one line only")]
    [InlineData("out-of-memory", FailureClass.OutOfMemory, true, "The activity ran out of memory.")]
    [InlineData("cancel-itself", FailureClass.Internal, false, "OperationCanceledException: gave up")]
    [InlineData("nothing", FailureClass.Internal, false, "The activity gave no output.")]
    [InlineData("no-such", FailureClass.Internal, false, "The host knows no activity \"no-such\".")]
    public async Task An_exception_of_a_handler_is_told_in_one_line(
        string activity, FailureClass @class, bool retryable, string reason)
    {
        var result = await hosts.RunAsync(activity);

        Assert.Equal(new ActivityFailure(@class, retryable, reason), result.Failure);
        Assert.Equal(0, result.Evidence.ExitCode);
    }

    [Fact]
    public async Task The_stack_trace_of_an_internal_error_is_in_the_captured_output()
    {
        var result = await hosts.RunAsync("throw");

        Assert.Contains("   at Omoai.Isolation.TestHost", result.Evidence.Stderr.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("refuse")]
    [InlineData("out-of-memory")]
    public async Task A_failure_with_a_class_of_its_own_writes_no_stack_trace(string activity)
    {
        var result = await hosts.RunAsync(activity);

        Assert.NotNull(result.Failure);
        Assert.Equal("", result.Evidence.Stderr.Text);
    }

    [Fact]
    public async Task Native_code_that_finds_no_memory_ran_out_of_it()
    {
        var failure = await hosts.FailureAsync("bad-alloc");

        Assert.Equal((FailureClass.OutOfMemory, true), (failure.Class, failure.Retryable));
    }

    [Fact]
    public async Task A_host_that_ends_before_it_connects_is_not_waited_for()
    {
        var script = hosts.Script("ends", "echo 'no such library' >&2; exit 9");

        var failure = await hosts.FailureAsync("echo", configure: options => options.HostPath = script);

        Assert.Equal(FailureClass.Crashed, failure.Class);
        Assert.Contains("exited with 9", failure.Reason, StringComparison.Ordinal);
        Assert.Contains("no such library", failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_that_finds_no_runtime_lacks_something()
    {
        // As `dotnet`'s own start code ends when its runtime is missing.
        var script = hosts.Script("no-runtime", "echo 'You must install .NET' >&2; exit 131");

        var failure = await hosts.FailureAsync("echo", configure: options => options.HostPath = script);

        Assert.Equal((FailureClass.ModelMissing, false), (failure.Class, failure.Retryable));
        Assert.Contains("You must install .NET", failure.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/no/such/host")]
    [InlineData("/etc/passwd")]
    public async Task A_host_that_cannot_be_started_says_what_to_do(string path)
    {
        var failure = await hosts.FailureAsync("echo", configure: options => options.HostPath = path);

        Assert.Equal((FailureClass.ModelMissing, false), (failure.Class, failure.Retryable));
        Assert.Contains(path, failure.Reason, StringComparison.Ordinal);
        Assert.Contains("Omoai:Isolation:HostPath", failure.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_there_are_too_few_descriptors_for_the_pipes_none_is_lost()
    {
        using var parent = hosts.StartParent("few-descriptors");

        var lines = (await parent.StandardOutput.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal(2, lines.Length);
        Assert.StartsWith("3 no pipe", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("5 no pipe", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_that_is_too_large_starts_nothing()
    {
        var result = await hosts.RunAsync("echo", new string('x', 1 << 21));

        Assert.Equal((FailureClass.BadInput, false), (result.Failure!.Class, result.Failure.Retryable));
        Assert.Equal(0, result.Evidence.Pid);
    }

    [Fact]
    public async Task A_scratch_folder_that_is_not_there_is_named()
    {
        var launcher = new ActivityHostLauncher(hosts.Options(), new TestHosts.Logs(), TimeProvider.System);
        var request = new HostRequest("echo", default, "/no/such/folder", TimeSpan.FromSeconds(5));

        var result = await launcher.RunAsync(request);

        Assert.Equal(FailureClass.Internal, result.Failure!.Class);
        Assert.Contains("/no/such/folder", result.Failure.Reason, StringComparison.Ordinal);
    }
}
