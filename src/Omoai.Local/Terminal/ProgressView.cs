using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Spectre.Console;

namespace Omoai.Local.Terminal;

/// <summary>
/// Shows on standard error how far a job is: a bar on a terminal, a line for each stage otherwise, nothing when quiet.
/// </summary>
internal abstract class ProgressView : IProgress<JobProgress>, IProgress<ActivityProgress>, IDisposable
{
    public static ProgressView Create(string name, bool quiet) =>
        quiet ? new Nothing() : Console.IsErrorRedirected ? new Lines(name) : new Bar(name);

    public abstract void Report(JobProgress value);

    public abstract void Report(ActivityProgress value);

    public virtual void Dispose()
    {
    }

    private static string Describe(JobProgress progress) => progress.Stage switch
    {
        PipelineActivities.Prepare => "finding speech",
        PipelineActivities.Transcribe when progress.Parts > 1 => $"transcribing, {progress.PartsDone} of {progress.Parts} parts",
        PipelineActivities.Transcribe => "transcribing",
        PipelineActivities.PostProcess => "punctuating and summarising",
        _ => "writing",
    };

    private sealed class Nothing : ProgressView
    {
        public override void Report(JobProgress value)
        {
        }

        public override void Report(ActivityProgress value)
        {
        }
    }

    private sealed class Lines(string name) : ProgressView
    {
        private string _last = "";

        public override void Report(JobProgress value)
        {
            var line = Describe(value);
            if (value.Fraction < 1 && line != _last)
            {
                _last = line;
                Console.Error.WriteLine($"{name}: {line}");
            }
        }

        public override void Report(ActivityProgress value)
        {
        }
    }

    /// <summary>One bar over the whole job; what activities report fills the stretch of their stage.</summary>
    private sealed class Bar : ProgressView
    {
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Dictionary<int, double> _parts = [];
        private readonly Lock _lock = new();
        private readonly string _name;
        private readonly Task _drawing;
        private ProgressTask? _task;
        private JobProgress _job = new(PipelineActivities.Prepare, 0, 0, 0);

        public Bar(string name)
        {
            _name = name;
            var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
            _drawing = console.Progress().AutoClear(true)
                .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
                .StartAsync(async context =>
                {
                    lock (_lock)
                    {
                        _task = context.AddTask(Markup.Escape(name), maxValue: 1);
                    }

                    await _ended.Task;
                });
        }

        public override void Report(JobProgress value)
        {
            lock (_lock)
            {
                _job = value;
                Show(value.Fraction);
            }
        }

        public override void Report(ActivityProgress value)
        {
            lock (_lock)
            {
                if (value.Activity == PipelineActivities.Prepare)
                {
                    Show(0.1 * value.Fraction);
                }
                else if (value.Activity == PipelineActivities.Transcribe && _job.Parts > 0)
                {
                    _parts[value.Part] = value.Fraction;
                    Show(0.1 + (0.75 * _parts.Values.Sum() / _job.Parts));
                }
            }
        }

        public override void Dispose()
        {
            _ended.TrySetResult();
            _drawing.Wait();
        }

        private void Show(double fraction)
        {
            if (_task is not null)
            {
                _task.Description = Markup.Escape($"{_name}: {Describe(_job)}");
                _task.Value = Math.Max(_task.Value, fraction);
            }
        }
    }
}
