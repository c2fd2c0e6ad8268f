using System.IO.Pipes;
using Omoai.Isolation;
using Omoai.Isolation.Linux;
using Omoai.Isolation.Protocol;
using Omoai.Speech;

namespace Omoai.Processes.Host;

/// <summary>
/// What Omoai doesn't do: a process that loads the model once and serves for as long as its pipe is open. The pipe, the frames, the
/// handler and the look at its own memory are those of an activity host.
/// </summary>
internal static class Resident
{
    public static async Task<int> RunAsync(string pipeName, string modelFolder, int threads)
    {
        using var model = SpeechModels.Load(modelFolder, threads);
        var transcribe = Activities.Transcribe(model);
        await using var pipe = new NamedPipeClientStream(
            ".", pipeName, PipeDirection.InOut, PipeOptions.Asynchronous | PipeOptions.CurrentUserOnly);
        await pipe.ConnectAsync(10_000);
        await pipe.WriteAsync(Frames.Create(FrameKind.Hello, new Hello(Environment.ProcessId), ProtocolJson.Default.Hello));
        while (await Frames.ReadAsync(pipe, default) is (FrameKind.Request, var body))
        {
            var request = Frames.Parse(FrameKind.Request, body, ProtocolJson.Default.Request);
            var context = new ActivityContext(
                Environment.CurrentDirectory,
                report => pipe.Write(Frames.Create(FrameKind.Progress, report, ProtocolJson.Default.HostProgress)), default);
            var output = await Task.Run(() => transcribe(request.Input, context));
            var peak = OperatingSystem.IsLinux() ? ProcFiles.PeakMemory("self") : null;
            pipe.Write(Frames.Create(FrameKind.Reply, new Reply(output, null, peak), ProtocolJson.Default.Reply));
        }

        return 0;
    }
}
