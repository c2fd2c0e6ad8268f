using System.Diagnostics;
using System.Reflection;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Omoai.Functions.Orchestration;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Jobs;
using Omoai.Pipeline.Models;
using Omoai.Storage;
using Omoai.Transcripts;

namespace Omoai.Functions.Tests;

/// <summary>What the program puts together, up to where it would start.</summary>
public sealed class ProgramTests
{
    private const string Connection = "UseDevelopmentStorage=true";

    [Fact]
    public void Every_service_and_every_function_has_what_it_needs()
    {
        // In Development every registered service is checked when the host is built.
        using var host = BuildHost();

        var functions = typeof(FunctionNames).Assembly.GetTypes()
            .Where(type => type.GetMethods().Any(method => method.GetCustomAttribute<FunctionAttribute>() is not null)).ToList();
        Assert.True(functions.Count >= 3);
        Assert.All(functions, type => Assert.NotNull(ActivatorUtilities.CreateInstance(host.Services, type)));
        Assert.Same(host.Services.GetRequiredService<DurableJobEngine>(), host.Services.GetRequiredService<IJobEngine>());
        Assert.IsType<BlobArtifactStore>(host.Services.GetRequiredService<Pipeline.Artifacts.IArtifactStore>());
    }

    [Fact]
    public void Where_the_settings_say_nothing_one_host_runs_at_once_with_the_models_beside_the_app()
    {
        using var host = BuildHost();

        Assert.Equal(1, Options<IsolationOptions>(host).StandbyHosts);
        Assert.Equal([Path.Combine(AppContext.BaseDirectory, "models")], Options<ModelOptions>(host).Folders);
        Assert.NotNull(Options<PipelineOptions>(host));
    }

    [Fact]
    public void Settings_come_before_what_the_app_takes_by_itself()
    {
        using var host = BuildHost("--Omoai:Isolation:StandbyHosts=3", "--Omoai:Models:Folders:0=/models");

        Assert.Equal(3, Options<IsolationOptions>(host).StandbyHosts);
        Assert.Equal("/models", Options<ModelOptions>(host).Folders[0]);
    }

    [Fact]
    public void Orchestrations_and_activities_are_written_as_everything_else_is()
    {
        using var host = BuildHost();
        var serializer = Options<WorkerOptions>(host).Serializer!;

        var job = Support.TestJobs.Job();
        using var json = new MemoryStream();
        serializer.Serialize(json, job, typeof(TranscriptionJob), default);

        Assert.Equal(System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(job, OmoaiJson.Compact), json.ToArray());
    }

    [Theory]
    [InlineData("Omoai:Storage:InputContainer", "elsewhere")]
    [InlineData("Omoai:Storage:ConnectionString", "nonsense")]
    public void Storage_that_the_triggers_would_not_watch_stops_the_start(string key, string value)
    {
        using var host = BuildHost($"--{key}={value}");

        var error = Assert.Throws<OptionsValidationException>(() => Options<StorageOptions>(host));
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_function_timeout_that_ends_activities_stops_the_start()
    {
        using var host = BuildHost("--AzureFunctionsJobHost:functionTimeout=00:05:00");

        var error = Assert.Throws<OptionsValidationException>(host.Services.GetRequiredService<IStartupValidator>().Validate);
        Assert.Contains("functionTimeout", error.Message, StringComparison.Ordinal);
    }

    private static T Options<T>(IHost host) where T : class => host.Services.GetRequiredService<IOptions<T>>().Value;

    /// <summary>Runs the program until its host is built, as tools do that need to know what is in it.</summary>
    private static IHost BuildHost(params string[] settings)
    {
        var thread = Environment.CurrentManagedThreadId;
        IHost? built = null;
        using var listeners = DiagnosticListener.AllListeners.Subscribe(new Observer<DiagnosticListener>(listener =>
        {
            if (listener.Name == "Microsoft.Extensions.Hosting")
            {
                listener.Subscribe(new Observer<KeyValuePair<string, object?>>(told =>
                {
                    // Other tests build hosts at the same time.
                    if (told is { Key: "HostBuilt", Value: IHost host } && Environment.CurrentManagedThreadId == thread && built is null)
                    {
                        built = host;
                        throw new BuiltException();
                    }
                }));
            }
        }));
        string[] arguments = ["--environment=Development", $"--Omoai:Storage:ConnectionString={Connection}", .. settings];
        var thrown = Assert.Throws<TargetInvocationException>(() => typeof(FunctionNames).Assembly.EntryPoint!.Invoke(null, [arguments]));
        return thrown.InnerException is BuiltException ? built! : throw thrown.InnerException!;
    }

    private sealed class BuiltException : Exception;

    private sealed class Observer<T>(Action<T> next) : IObserver<T>
    {
        public void OnNext(T value) => next(value);

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }
    }
}
