using System.ComponentModel.DataAnnotations;
using System.IO.Pipes;
using System.Text;
using System.Text.Json;
using Omoai.Isolation.Hosts;
using Omoai.Isolation.Protocol;

namespace Omoai.Isolation.Tests;

public sealed class PartsTests
{
    [Theory]
    [InlineData("7f00-7f01 r-xp 00000000 08:01 1   /usr/lib/x86_64-linux-gnu/libcuda.so.550.54", true, false)]
    [InlineData("7f00-7f01 r-xp 00000000 08:01 1   /usr/local/cuda/lib64/libcudart.so.12", true, false)]
    [InlineData("7f00-7f01 r-xp 00000000 08:01 1   /app/libonnxruntime.so.1.31.1", false, true)]
    [InlineData("7f00-7f01 r--p 00000000 08:01 1   /app/Microsoft.ML.OnnxRuntime.dll", false, true)]
    [InlineData("7f00-7f01 r-xp 00000000 08:01 1   /onnxruntime/cuda/libcudaless.so", false, false)]
    [InlineData("7f00-7f01 rw-p 00000000 00:00 0", false, false)]
    public void Libraries_of_the_parent_are_told_by_the_name_of_the_file(string line, bool cuda, bool onnxRuntime) =>
        Assert.Equal(new ParentModules(cuda, onnxRuntime), ParentModules.Parse(["7f00-7f01 r-xp 0 08:01 1 /bin/sh", line]));

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(1000)]
    public void A_capture_keeps_both_ends_whatever_the_pieces(int piece)
    {
        var text = string.Concat(Enumerable.Range(0, 100).Select(i => (char)('a' + (i % 26))));
        var bytes = Encoding.ASCII.GetBytes(text);
        var capture = new BoundedCapture(20);
        for (var i = 0; i < bytes.Length; i += piece)
            capture.Append(bytes.AsSpan(i, Math.Min(piece, bytes.Length - i)));

        Assert.Equal(new CapturedOutput($"{text[..10]}\n[80 bytes left out]\n{text[^10..]}", 80), capture.ToOutput());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(9)]
    [InlineData(15)]
    [InlineData(20)]
    public void A_capture_that_is_not_full_keeps_everything(int length)
    {
        var capture = new BoundedCapture(20);
        capture.Append(Encoding.ASCII.GetBytes(new string('x', length)));

        Assert.Equal(new CapturedOutput(new string('x', length), 0), capture.ToOutput());
    }

    [Fact]
    public async Task A_frame_is_read_as_it_was_written()
    {
        var frame = Frames.Create(FrameKind.Progress, new HostProgress(0.5, "half"), ProtocolJson.Default.HostProgress);

        var read = await Frames.ReadAsync(new MemoryStream(frame), CancellationToken.None);

        Assert.Equal(FrameKind.Progress, read!.Value.Kind);
        Assert.Equal(
            new HostProgress(0.5, "half"), Frames.Parse(FrameKind.Progress, read.Value.Body, ProtocolJson.Default.HostProgress));
    }

    [Theory]
    [InlineData(new byte[] { 1, 0, 0x10, 0, 4 })]
    [InlineData(new byte[] { 0xff, 0xff, 0xff, 0xff, 4 })]
    [InlineData(new byte[] { 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 0, 0, 0, 0, 7 })]
    public async Task What_is_too_long_or_of_no_kind_is_no_frame(byte[] bytes) =>
        await Assert.ThrowsAsync<InvalidDataException>(() => Frames.ReadAsync(new MemoryStream(bytes), CancellationToken.None));

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(8)]
    public async Task A_stream_that_ends_within_a_frame_has_ended(int length)
    {
        byte[] bytes = [.. new byte[] { 10, 0, 0, 0, 4, 1, 2, 3 }.Take(length)];

        Assert.Null(await Frames.ReadAsync(new MemoryStream(bytes), CancellationToken.None));
    }

    [Fact]
    public async Task Only_the_host_itself_may_connect()
    {
        await using var pipe = new PrivatePipe(Path.GetTempPath());
        await using var client = new NamedPipeClientStream(".", pipe.Name, PipeDirection.InOut, PipeOptions.Asynchronous);
        var accepted = pipe.AcceptAsync(hostPid: Environment.ProcessId + 1, CancellationToken.None);
        await client.ConnectAsync();

        await Assert.ThrowsAsync<InvalidDataException>(() => accepted);
        Assert.False(File.Exists(pipe.Name));
    }

    [Theory]
    [InlineData(10, true)]
    [InlineData(100, false)]
    public async Task The_pipe_is_in_the_folder_it_is_given_unless_its_path_would_be_too_long(int length, bool inFolder)
    {
        var folder = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():n}"[..8] + new string('x', length))).FullName;
        try
        {
            await using var pipe = new PrivatePipe(folder);

            Assert.Equal(inFolder, Path.GetDirectoryName(pipe.Name) == folder);
            Assert.True(File.Exists(pipe.Name));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_reason_is_one_short_line()
    {
        Assert.Equal("a b c", ActivityFailure.OneLine(" a\r\n\tb\0 c\u001b "));
        var cut = ActivityFailure.OneLine(new string('x', 10_000));
        Assert.Equal(ActivityFailure.MaxReasonLength, cut.Length);
        Assert.EndsWith("x…", cut, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_in_JSON_names_its_class_in_snake_case() =>
        Assert.Equal(
            """{"class":"out_of_memory","retryable":true,"reason":"r"}""",
            JsonSerializer.Serialize(new ActivityFailure(FailureClass.OutOfMemory, true, "r"), JsonSerializerOptions.Web));

    [Theory]
    [InlineData(9, true, FailureClass.OutOfMemory)]
    [InlineData(9, false, FailureClass.Crashed)]
    [InlineData(11, true, FailureClass.Crashed)]
    [InlineData(15, false, FailureClass.Lost)]
    public void A_kill_is_one_for_memory_only_if_the_kernel_killed_somebody_for_that(int signal, bool killed, FailureClass expected)
    {
        var exit = new HostExit(null, signal, null, CapturedOutput.Empty, CapturedOutput.Empty);

        Assert.Equal(expected, Crash.Judge(exit, wasReady: true, killed).Class);
    }

    [Fact]
    public void A_signal_for_a_file_that_became_too_large_is_named()
    {
        var exit = new HostExit(null, 25, null, CapturedOutput.Empty, CapturedOutput.Empty);

        Assert.Contains("SIGXFSZ", Crash.Judge(exit, wasReady: true, killedForMemory: false).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_have_ranges()
    {
        Validate(new IsolationOptions());
        Validate(new IsolationOptions { CpuHosts = 256, HostsPerDevice = 64, StandbyHosts = 16, LeaseWait = TimeSpan.Zero });
        Validate(new IsolationOptions { Nice = 19, MaxMemoryMb = 64, MaxScratchMb = 1 });
        Assert.Throws<ValidationException>(() => Validate(new IsolationOptions { Nice = -1 }));
        Assert.Throws<ValidationException>(() => Validate(new IsolationOptions { Nice = 20 }));
        Assert.Throws<ValidationException>(() => Validate(new IsolationOptions { MaxMemoryMb = 63 }));
        Assert.Throws<ValidationException>(() => Validate(new IsolationOptions { MaxScratchMb = 0 }));
        Assert.Throws<ValidationException>(() => Validate(new IsolationOptions { HostPath = "" }));
        Assert.Throws<ValidationException>(() => Validate(new IsolationOptions { StartTimeout = TimeSpan.Zero }));
        Assert.Throws<ValidationException>(() => Validate(new IsolationOptions { KillGrace = TimeSpan.FromHours(1) }));
        Assert.Throws<ValidationException>(() => Validate(new IsolationOptions { MaxCapturedOutputBytes = 0 }));
        Assert.Throws<ValidationException>(() => Validate(new IsolationOptions { CpuHosts = 0 }));
        Assert.Throws<ValidationException>(() => Validate(new IsolationOptions { HostsPerDevice = 65 }));
        Assert.Throws<ValidationException>(() => Validate(new IsolationOptions { LeaseWait = TimeSpan.FromMinutes(11) }));

        static void Validate(IsolationOptions options) =>
            Validator.ValidateObject(options, new ValidationContext(options), validateAllProperties: true);
    }
}
