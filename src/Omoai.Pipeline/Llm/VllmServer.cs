using System.Globalization;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Isolation.Servers;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Models;
using Omoai.Transcripts.Activities;

namespace Omoai.Pipeline.Llm;

/// <summary>
/// The vLLM server of <see cref="VllmOptions"/>, supervised: started when the program has started, or else by the first activity that
/// needs it, and ended with the program, after all that asks it.
/// </summary>
public sealed class VllmServer(
    IOptions<LlmOptions> llm, IOptions<IsolationOptions> isolation, IOptions<PipelineOptions> pipeline,
    ILogger<SupervisedServer> logger, TimeProvider time)
    : IHostedLifecycleService, IAsyncDisposable, IDisposable
{
    /// <summary>Starts in a row that came to nothing until that is no waiting any more but a failure.</summary>
    internal const int MaxStarts = 3;

    private readonly VllmOptions _options = llm.Value.Vllm;
    private readonly Lock _gate = new();
    private SupervisedServer? _server;
    private ScratchFolder? _folder;
    private int _restartsWhenReady;
    private bool _disposed;

    /// <summary>Whether it can never be asked as things are: its program or the folder of its model isn't there. False where none is configured.</summary>
    public bool CannotStart =>
        _options.IsConfigured && (Status?.State == ServerState.Failed || (_options.Folder is { } folder && !Directory.Exists(folder)));

    /// <summary>Where it stands; null where it was never started.</summary>
    internal ServerStatus? Status
    {
        get
        {
            lock (_gate)
            {
                return _server?.Status;
            }
        }
    }

    /// <summary>Waits until it can be asked, for jobs whose language model it has.</summary>
    /// <param name="settings">What a job keeps to; null where it asks for no language model.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>
    /// Null when it can, and at once for a job that doesn't ask it. Otherwise why not: <c>busy</c> where it still starts after as long as
    /// one waits for a device, <c>model_missing</c> where it can't be started, <c>crashed</c> where it has ended too often.
    /// </returns>
    public async Task<ActivityFailure?> WaitUntilReadyAsync(LlmSettings? settings, CancellationToken cancellationToken)
    {
        if (!_options.IsConfigured || settings?.Endpoint?.AbsoluteUri != _options.Endpoint.AbsoluteUri)
        {
            return null;
        }

        if (_options.Folder is { } folder && !Directory.Exists(folder))
        {
            return new ActivityFailure(
                FailureClass.ModelMissing, Retryable: false, $"There is no folder {folder} ({VllmOptions.Section}:{nameof(VllmOptions.Model)}).");
        }

        if (Start() is not { } server)
        {
            return new ActivityFailure(FailureClass.Lost, Retryable: true, "The program ends, and its vLLM server with it.");
        }

        using var late = new CancellationTokenSource(isolation.Value.LeaseWait, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            var failure = await server.WaitUntilReadyAsync(stop.Token);
            if (failure is null)
            {
                Volatile.Write(ref _restartsWhenReady, server.Status.Restarts);
            }

            return failure is { Class: FailureClass.ModelMissing }
                ? failure with { Reason = $"The vLLM server can't be started ({VllmOptions.Section}:{nameof(VllmOptions.Program)}): {failure.Reason}" }
                : failure;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return NotReady(_options, server.Status, server.Status.Restarts - Volatile.Read(ref _restartsWhenReady));
        }
    }

    Task IHostedLifecycleService.StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedService.StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Starts it, where one is configured; comes back at once.</summary>
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        if (_options.IsConfigured)
        {
            Start();
        }

        return Task.CompletedTask;
    }

    Task IHostedLifecycleService.StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedService.StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Ends it: nobody asks it any more.</summary>
    public Task StoppedAsync(CancellationToken cancellationToken) => DisposeAsync().AsTask();

    public async ValueTask DisposeAsync()
    {
        SupervisedServer? server;
        lock (_gate)
        {
            _disposed = true;
            server = _server;
        }

        if (server is not null)
        {
            await server.DisposeAsync();
            _folder!.Dispose();
        }
    }

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>How a server is started that these options describe.</summary>
    /// <param name="options">The options.</param>
    /// <param name="folder">An existing folder for its temporary files.</param>
    internal static SupervisedServerOptions Describe(VllmOptions options, string folder)
    {
        string?[] optional =
        [
            "--max-model-len", options.ContextTokens?.ToString(CultureInfo.InvariantCulture),
            "--quantization", LlmOptions.OrNull(options.Quantization),
            "--dtype", LlmOptions.OrNull(options.DataType),
            "--max-num-seqs", options.MaxSequences?.ToString(CultureInfo.InvariantCulture),
        ];
        var described = new SupervisedServerOptions
        {
            // A path is one from here, and not from the folder that it will run in.
            Program = options.Program.Contains(Path.DirectorySeparatorChar, StringComparison.Ordinal) ? Path.GetFullPath(options.Program) : options.Program,
            Arguments =
            [
                "serve", options.Folder ?? options.Model!,
                // Before ours: of an argument that is there twice, the last one counts, and it is to listen on this machine alone.
                .. options.Arguments,
                "--host", "127.0.0.1",
                "--port", options.Port.ToString(CultureInfo.InvariantCulture),
                "--served-model-name", options.ServedName,
                "--gpu-memory-utilization", options.MemoryShare.ToString(CultureInfo.InvariantCulture),
                .. optional.Chunk(2).Where(pair => pair[1] is not null).SelectMany(pair => pair).Select(argument => argument!),
            ],
            // It tells its makers of its use, otherwise.
            Environment = new Dictionary<string, string> { ["VLLM_NO_USAGE_STATS"] = "1" },
            Need = new HostNeed { Network = true, MemoryMb = options.MemoryMb },
            WorkingFolder = folder,
            HealthUrl = options.Health,
            StartTimeout = options.StartTimeout,
        };
        if (options.Folder is not null)
        {
            described.Environment["HF_HUB_OFFLINE"] = "1";
            described.Environment["TRANSFORMERS_OFFLINE"] = "1";
        }

        return described;
    }

    /// <summary>Why it can't be asked yet.</summary>
    /// <param name="options">What it is.</param>
    /// <param name="status">Where it stands.</param>
    /// <param name="restarts">How often it was started again since it could be asked, if it ever could.</param>
    internal static ActivityFailure NotReady(VllmOptions options, ServerStatus status, int restarts)
    {
        var why = status.Reason is { } reason ? $": {reason}" : "";
        if (status.Reason?.StartsWith(SupervisedServer.PortTaken, StringComparison.Ordinal) == true)
        {
            why += $". Where that is the vLLM server of another Omoai, give this one {OpenAiOptions.Section}:{nameof(OpenAiOptions.Endpoint)} " +
                $"{options.Endpoint} and :{nameof(OpenAiOptions.Model)} in place of {VllmOptions.Section}:{nameof(VllmOptions.Model)}";
        }

        if (restarts < MaxStarts)
        {
            return new ActivityFailure(FailureClass.Busy, Retryable: true, ActivityFailure.OneLine($"The vLLM server is still starting{why}"));
        }

        var said = status.Stderr.Count > 0 ? $" It wrote: {string.Join(" / ", status.Stderr.TakeLast(5))}" : "";
        return new ActivityFailure(
            FailureClass.Crashed, Retryable: true,
            ActivityFailure.OneLine($"The vLLM server was started {restarts + 1} times and doesn't answer{why}.{said}"));
    }

    /// <summary>The server, started if it wasn't; null where it was ended.</summary>
    private SupervisedServer? Start()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return null;
            }

            if (_server is null)
            {
                _folder = ScratchFolder.Create(pipeline.Value.ScratchFolder);
                _server = new SupervisedServer(Describe(_options, _folder.Path), isolation.Value, logger, time);
                _server.Start();
            }

            return _server;
        }
    }
}
