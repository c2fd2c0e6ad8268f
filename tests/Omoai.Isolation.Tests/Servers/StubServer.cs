using System.Threading.Channels;
using Omoai.Isolation.Hosts;

namespace Omoai.Isolation.Tests.Servers;

/// <summary>A server that lives in this process and ends when a test, or a kill, says so.</summary>
internal sealed class StubServer(int pid) : HostProcess
{
    private readonly TaskCompletionSource<HostExit> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override int Pid => pid;

    public override Task<HostExit> Exited => _exited.Task;

    public override void Terminate() => End(null, 15);

    public override void Kill() => End(null, 9);

    public void End(int? exitCode, int? signal) =>
        _exited.TrySetResult(new HostExit(exitCode, signal, null, CapturedOutput.Empty, CapturedOutput.Empty));

    /// <summary>Starts stubs, and gives each to the test.</summary>
    public sealed class Starts
    {
        private readonly Channel<(StubServer Server, HostStart Start)> _all = Channel.CreateUnbounded<(StubServer, HostStart)>();
        private int _count;

        public int Count => _count;

        public Task<HostProcess> StartAsync(HostStart start)
        {
            var server = new StubServer(Interlocked.Increment(ref _count));
            _all.Writer.TryWrite((server, start));
            return Task.FromResult<HostProcess>(server);
        }

        public async Task<StubServer> NextAsync() => (await NextWithStartAsync()).Server;

        public async Task<(StubServer Server, HostStart Start)> NextWithStartAsync() =>
            await _all.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));
    }
}
