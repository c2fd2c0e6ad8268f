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
            .AddLogging(logging => logging
                .SetMinimumLevel(verbose ? LogLevel.Debug : LogLevel.Critical)
                .AddJsonConsole(console => (console.UseUtcTimestamp, console.IncludeScopes) = (true, true))
                .Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace));
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

    private static IConfiguration ReadConfiguration()
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
        try
        {
            _ = provider.GetRequiredService<IOptions<PipelineOptions>>().Value;
            _ = provider.GetRequiredService<IOptions<ModelOptions>>().Value;
            _ = provider.GetRequiredService<IOptions<IsolationOptions>>().Value;
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
    private static void AddDefaultFolders(ModelOptions options)
    {
        var data = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        options.Folders.Add(Path.Combine(data, "omoai", "models"));
        options.Folders.Add(Path.Combine(AppContext.BaseDirectory, "models"));
    }
}
