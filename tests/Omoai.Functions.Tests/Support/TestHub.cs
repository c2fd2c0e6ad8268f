using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Converters;
using Microsoft.DurableTask.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Omoai.Functions.Orchestration;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Jobs;
using Omoai.Pipeline.Models;
using Omoai.Pipeline.Webhooks;
using Omoai.Storage;
using Omoai.Tests;
using Omoai.Transcripts;
using JobsOnAnyEngine = Omoai.Pipeline.Jobs.Jobs;

namespace Omoai.Functions.Tests.Support;

/// <summary>A task hub of the Durable runtime in this process, and a worker with the orchestrator and the activities as they are
/// in the Functions app.</summary>
internal sealed class TestHub : IAsyncDisposable
{
    /// <summary>Only a test that would hang needs it.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private const int PortAttempts = 10;

    private readonly DurableTaskTestHost _host;
    private readonly string _folder;
    private readonly ActivityStop _stop;

    private TestHub(DurableTaskTestHost host, string folder, ActivityStop stop)
    {
        (_host, _folder, _stop) = (host, folder, stop);
        Engine = new DurableJobEngine { Client = host.Client };
        Store = new DirectoryArtifactStore(folder);
        Jobs = new JobsOnAnyEngine(
            Engine, Store, new ModelCatalog(Options.Create(new ModelOptions { Folders = { Path.Combine(TestPaths.Repository, "models") } })),
            Options.Create(new PipelineOptions { RetryDelay = TimeSpan.Zero }), Options.Create(new LlmOptions()),
            Options.Create(new WebhookOptions()), TimeProvider.System);
    }

    /// <summary>As the worker and the client of the app write (FunctionsServices).</summary>
    public static DataConverter Converter { get; } = new JsonDataConverter(OmoaiJson.Compact);

    public DurableTaskClient Client => _host.Client;

    public DurableJobEngine Engine { get; }

    public IJobs Jobs { get; }

    public DirectoryArtifactStore Store { get; }

    /// <summary>Starts a hub whose activities do what a test says.</summary>
    /// <param name="activities">What the activities do.</param>
    /// <param name="instead">Activities that don't even reach the runner, by name.</param>
    /// <param name="more">More tasks of the worker.</param>
    /// <param name="services">More services of the worker.</param>
    public static async Task<TestHub> StartAsync(
        ScriptedActivities activities, IReadOnlyDictionary<string, Func<ActivityCall, Task<object>>>? instead = null,
        Action<DurableTaskRegistry>? more = null, Action<IServiceCollection>? services = null)
    {
        var folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;
        var store = new DirectoryArtifactStore(folder);
        var runner = new ActivityRunner(
            activities.RunAsync, new AttemptLedger(store, TimeProvider.System), store, TimeProvider.System, NullLogger<ActivityRunner>.Instance);
        return await StartAsync(runner, folder, instead, more, services);
    }

    /// <summary>Starts a hub on a runner of activities.</summary>
    /// <param name="runner">Runs them.</param>
    /// <param name="folder">Where the artifacts are; deleted with the hub.</param>
    /// <param name="instead">See above.</param>
    /// <param name="more">See above.</param>
    /// <param name="services">See above.</param>
    public static async Task<TestHub> StartAsync(
        ActivityRunner runner, string folder, IReadOnlyDictionary<string, Func<ActivityCall, Task<object>>>? instead = null,
        Action<DurableTaskRegistry>? more = null, Action<IServiceCollection>? services = null)
    {
        var stop = new ActivityStop();
        for (var attempt = 1; ; attempt++)
        {
            var options = new DurableTaskTestHostOptions
            {
                Port = FreePort(),
                ConfigureServices = worker =>
                {
                    worker.AddSingleton(Converter);
                    services?.Invoke(worker);
                },
            };
            try
            {
                var host = await DurableTaskTestHost.StartAsync(
                    registry =>
                    {
                        registry.AddOrchestratorFunc<TranscriptionJob, JobResult>(
                            FunctionNames.TranscriptionOrchestrator, (context, job) => TranscriptionFunctions.RunAsync(context, job));
                        AddActivities(registry, new TranscriptionFunctions(runner), stop, instead);
                        more?.Invoke(registry);
                    },
                    options);
                return new TestHub(host, folder, stop);
            }
            catch (IOException) when (attempt < PortAttempts)
            {
                // Somebody else took the port meanwhile.
            }
        }
    }

    /// <summary>A client of a hub that isn't there.</summary>
    public static ServiceProvider CreateClientOfNoHub()
    {
        var services = new ServiceCollection().AddLogging().AddSingleton(Converter);
        services.AddDurableTaskClient(client => client.UseGrpc($"http://localhost:{FreePort()}").RegisterDirectly());
        return services.BuildServiceProvider();
    }

    /// <summary>Stops every activity under way, as a worker that is being stopped does; those that start later run.</summary>
    public Task DrainAsync() => _stop.StopRunningAsync();

    /// <summary>From now on no worker takes anything.</summary>
    public async Task StopWorkerAsync()
    {
        foreach (var service in _host.Services.GetServices<IHostedService>())
        {
            await service.StopAsync(default);
        }
    }

    /// <summary>Waits until a job has ended.</summary>
    public async Task<JobState> EndOfAsync(string id)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            var state = await StateOfAsync(id);
            if (state.EndedAt is not null)
            {
                return state;
            }

            Assert.True(Stopwatch.GetElapsedTime(began) < Patience, $"The job has not ended: {state}");
            await Task.Delay(20);
        }
    }

    public async Task<JobState> StateOfAsync(string id) => (await Engine.FindAsync(id, default))!.State;

    public async Task<JobResult> ResultOfAsync(string id) =>
        (await Client.GetInstanceAsync(id, getInputsAndOutputs: true))!.ReadOutputAs<JobResult>()!;

    public async ValueTask DisposeAsync()
    {
        // What never ends, ends now.
        await _stop.StopRunningAsync();
        await _host.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Each activity by the name that its function has, and through that function.</summary>
    private static void AddActivities(
        DurableTaskRegistry registry, TranscriptionFunctions functions, ActivityStop stop,
        IReadOnlyDictionary<string, Func<ActivityCall, Task<object>>>? instead)
    {
        foreach (var method in typeof(TranscriptionFunctions).GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly))
        {
            var name = method.GetCustomAttribute<FunctionAttribute>()!.Name;
            if (instead?.GetValueOrDefault(name) is { } other)
            {
                registry.AddActivityFunc<ActivityCall, object>(name, (_, call) => other(call));
                continue;
            }

            var function = method.CreateDelegate<Func<ActivityCall, CancellationToken, Task<object>>>(functions);
            registry.AddActivityFunc<ActivityCall, object>(name, (_, call) => function(call, stop.Token));
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private sealed class ActivityStop
    {
        private CancellationTokenSource _source = new();

        public CancellationToken Token => Volatile.Read(ref _source).Token;

        public Task StopRunningAsync() => Interlocked.Exchange(ref _source, new CancellationTokenSource()).CancelAsync();
    }
}
