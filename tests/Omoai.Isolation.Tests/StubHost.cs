using System.IO.Pipes;
using System.Text.Json;
using Omoai.Isolation.Hosts;
using Omoai.Isolation.Protocol;

namespace Omoai.Isolation.Tests;

/// <summary>A host that lives in this process: it reports progress, answers 7, and ends as a test wants it to.</summary>
internal sealed class StubHost : HostProcess
{
    private readonly TaskCompletionSource _killed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private StubHost(string pipe, Task mayAnswer, Task<HostExit> exit)
    {
        Answered = Task.Run(() => AnswerAsync(pipe, mayAnswer));
        Exited = EndAsync(exit);
    }

    public override int Pid => Environment.ProcessId;

    public override Task<HostExit> Exited { get; }

    /// <summary>Ends when it was killed, which it doesn't mind.</summary>
    public Task Killed => _killed.Task;

    /// <summary>Ends when it has written its answer.</summary>
    public Task Answered { get; }

    /// <param name="exit">How it ends once it has answered; null for one that nothing can end.</param>
    public static (string Method, Starter Start) Ending(HostExit? exit) =>
        ("stub", start => Task.FromResult<HostProcess>(Start(
            start, Task.CompletedTask, exit is null ? new TaskCompletionSource<HostExit>().Task : Task.FromResult(exit))));

    /// <summary>One that answers, and ends after that, when it is told to.</summary>
    public static StubHost Start(HostStart start, Task mayAnswer, Task<HostExit> exit) => new(start.Arguments[1], mayAnswer, exit);

    public override void Terminate()
    {
    }

    public override void Kill() => _killed.TrySetResult();

    private async Task<HostExit> EndAsync(Task<HostExit> exit)
    {
        await Answered;
        return await exit;
    }

    private static async Task AnswerAsync(string name, Task mayAnswer)
    {
        await using var pipe = new NamedPipeClientStream(".", name, PipeDirection.InOut, PipeOptions.Asynchronous);
        await pipe.ConnectAsync();
        var hello = new Hello(Environment.ProcessId);
        await pipe.WriteAsync(Frames.Create(FrameKind.Hello, hello, ProtocolJson.Default.Hello));
        await Frames.ReadAsync(pipe, CancellationToken.None);
        await mayAnswer;
        var half = new HostProgress(0.5, null);
        await pipe.WriteAsync(Frames.Create(FrameKind.Progress, half, ProtocolJson.Default.HostProgress));
        var reply = new Reply(JsonSerializer.SerializeToElement(7), null, null);
        await pipe.WriteAsync(Frames.Create(FrameKind.Reply, reply, ProtocolJson.Default.Reply));
    }
}
