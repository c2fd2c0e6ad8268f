using System.IO.Pipes;
using System.Text.Json;
using Omoai.Isolation.Hosts;
using Omoai.Isolation.Protocol;

namespace Omoai.Isolation.Tests;

/// <summary>A host that lives in this process: it reports progress, answers 7, and ends as a test wants it to.</summary>
internal sealed class StubHost : HostProcess
{
    private readonly TaskCompletionSource<HostExit> _exited = new();

    private StubHost(string pipe, HostExit? exit)
    {
        _ = Task.Run(async () =>
        {
            await AnswerAsync(pipe);
            if (exit is not null)
                _exited.SetResult(exit);
        });
    }

    public override int Pid => Environment.ProcessId;

    public override Task<HostExit> Exited => _exited.Task;

    /// <param name="exit">How it ends once it has answered; null for one that nothing can end.</param>
    public static (string Method, Starter Start) Ending(HostExit? exit) =>
        ("stub", start => Task.FromResult<HostProcess>(new StubHost(start.Arguments[1], exit)));

    public override void Terminate()
    {
    }

    public override void Kill()
    {
    }

    private static async Task AnswerAsync(string name)
    {
        await using var pipe = new NamedPipeClientStream(".", name, PipeDirection.InOut, PipeOptions.Asynchronous);
        await pipe.ConnectAsync();
        var hello = new Hello(Environment.ProcessId);
        await pipe.WriteAsync(Frames.Create(FrameKind.Hello, hello, ProtocolJson.Default.Hello));
        await Frames.ReadAsync(pipe, CancellationToken.None);
        var half = new HostProgress(0.5, null);
        await pipe.WriteAsync(Frames.Create(FrameKind.Progress, half, ProtocolJson.Default.HostProgress));
        var reply = new Reply(JsonSerializer.SerializeToElement(7), null, null);
        await pipe.WriteAsync(Frames.Create(FrameKind.Reply, reply, ProtocolJson.Default.Reply));
    }
}
