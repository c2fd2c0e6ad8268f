using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Omoai.Isolation.Servers;

namespace Omoai.Isolation.Tests.Servers;

internal sealed class ServerLogs : ILogger<SupervisedServer>
{
    public ConcurrentQueue<(LogLevel Level, string Text)> Lines { get; } = new();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Lines.Enqueue((logLevel, formatter(state, exception)));
}
