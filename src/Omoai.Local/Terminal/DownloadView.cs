using Omoai.Local.Models;
using Spectre.Console;

namespace Omoai.Local.Terminal;

/// <summary>Shows on standard error how far a download is: a bar on a terminal, else a line for each file and each tenth of all.</summary>
internal abstract class DownloadView : IGetterView, IDisposable
{
    public static DownloadView Create() => Console.IsErrorRedirected ? new Lines() : new Bar();

    public virtual void Say(string line) => Console.Error.WriteLine(line);

    public bool? Accepts(string model, string licence, string? licenceUrl)
    {
        if (Console.IsInputRedirected || Console.IsErrorRedirected)
        {
            return null;
        }

        Console.Error.Write($"Accept the licence {licence} of {model}? [y/N] ");
        return Console.ReadLine()?.Trim().ToUpperInvariant() is "Y" or "YES";
    }

    public abstract void Report(string file, long done, long? total);

    public virtual void Dispose()
    {
    }

    private sealed class Lines : DownloadView
    {
        private string? _file;
        private long _tenths;

        public override void Report(string file, long done, long? total)
        {
            var tenths = total > 0 ? 10 * done / total.Value : 0;
            if (file != _file || tenths > _tenths)
            {
                (_file, _tenths) = (file, tenths);
                Console.Error.WriteLine($"{file}: {Bytes.Show(done)}{(total is { } all ? $" of {Bytes.Show(all)}" : "")}");
            }
        }
    }

    private sealed class Bar : DownloadView
    {
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Lock _lock = new();
        private Task? _drawing;
        private ProgressTask? _task;

        public override void Say(string line)
        {
            End();
            base.Say(line);
        }

        public override void Report(string file, long done, long? total)
        {
            lock (_lock)
            {
                // Not before the first report: what is asked and said before it would be drawn over.
                _drawing ??= Draw();
                if (_task is not null)
                {
                    _task.Description = Markup.Escape(file);
                    _task.IsIndeterminate = total is null;
                    _task.MaxValue = Math.Max(1, total ?? done);
                    _task.Value = done;
                }
            }
        }

        public override void Dispose() => End();

        private Task Draw()
        {
            var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
            return console.Progress().AutoClear(true)
                .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new DownloadedColumn(), new TransferSpeedColumn(), new RemainingTimeColumn())
                .StartAsync(async context =>
                {
                    lock (_lock)
                    {
                        _task = context.AddTask("download");
                    }

                    await _ended.Task;
                });
        }

        private void End()
        {
            _ended.TrySetResult();
            _drawing?.Wait();
        }
    }
}
