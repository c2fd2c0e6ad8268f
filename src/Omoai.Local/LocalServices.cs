using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Local.Commands;
using Omoai.Pipeline;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Models;
using Omoai.Storage;

namespace Omoai.Local;

/// <summary>The composition root of the command line.</summary>
internal static class LocalServices
{
    /// <param name="storage">Folder of the artifact store.</param>
    /// <param name="verbose">Whether the log is written to standard error.</param>
    /// <param name="progress">Told how far activities are; null when nobody looks.</param>
    public static ServiceProvider Create(string storage, bool verbose, IProgress<ActivityProgress>? progress = null)
    {
        var configuration = ReadConfiguration();
        var services = new ServiceCollection()
            .AddSingleton<IConfiguration>(configuration)
            .AddLogging(logging => ConfigureLogging(logging, verbose ? LogLevel.Debug : LogLevel.Critical));
        if (progress is not null)
        {
            services.AddSingleton(progress);
        }

        var provider = services
            .AddOmoaiPipeline()
            .AddOmoaiDirectoryStorage(storage)
            .PostConfigure<ModelOptions>(AddDefaultFolders)
            .BuildServiceProvider(validateScopes: true);
        Check(provider);
        return provider;
    }

    /// <summary>Structured, one line of JSON for each entry, on standard error.</summary>
    public static ILoggingBuilder ConfigureLogging(ILoggingBuilder logging, LogLevel level)
    {
        logging.SetMinimumLevel(level).AddJsonConsole(console =>
        {
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
            console.IncludeScopes = true;
        });
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        return logging;
    }

    /// <summary>Where settings come from: <c>omoai.json</c> in the current folder, and before it the environment.</summary>
    /// <exception cref="UsageException">The file can't be read.</exception>
    public static IConfigurationRoot ReadConfiguration()
    {
        try
        {
            return new ConfigurationBuilder()
                .AddJsonFile(Path.Combine(Directory.GetCurrentDirectory(), "omoai.json"), optional: true)
                .AddEnvironmentVariables()
                .Build();
        }
        catch (InvalidDataException e)
        {
            throw new UsageException($"{e.Message} {e.InnerException?.Message}", e);
        }
    }

    /// <summary>Binds the options now, so that a bad value stops the command before it does anything.</summary>
    private static void Check(IServiceProvider provider)
    {
        Checked(() => provider.GetRequiredService<IOptions<PipelineOptions>>().Value);
        Checked(() => provider.GetRequiredService<IOptions<ModelOptions>>().Value);
        Checked(() => provider.GetRequiredService<IOptions<LlmOptions>>().Value);
        Checked(() => provider.GetRequiredService<IOptions<IsolationOptions>>().Value);
    }

    /// <summary>Reads options, or says which setting is wrong.</summary>
    /// <exception cref="UsageException">One is.</exception>
    public static T Checked<T>(Func<T> options)
    {
        try
        {
            return options();
        }
        catch (OptionsValidationException e)
        {
            throw new UsageException($"The configuration is wrong: {string.Join(" ", e.Failures)}", e);
        }
        catch (InvalidOperationException e)
        {
            throw new UsageException($"The configuration is wrong: {e.Message}", e);
        }
    }

    /// <summary>After the configured ones: those added by the user, then those that ship with the program.</summary>
    public static void AddDefaultFolders(ModelOptions options)
    {
        var data = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        options.Folders.Add(Path.Combine(data, "omoai", "models"));
        options.Folders.Add(Path.Combine(AppContext.BaseDirectory, "models"));
    }
}
