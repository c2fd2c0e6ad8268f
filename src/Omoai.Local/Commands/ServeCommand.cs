using System.CommandLine;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Omoai.Api;
using Omoai.Isolation;
using Omoai.Local.Journal;
using Omoai.Local.Server;
using Omoai.Local.Storage;
using Omoai.Local.Telemetry;
using Omoai.Pipeline;
using Omoai.Storage;

namespace Omoai.Local.Commands;

/// <summary><c>omoai serve</c>: the HTTP API and the watcher of uploads, over the journal engine.</summary>
internal static class ServeCommand
{
    public const string Name = "serve";

    private const string AzuriteStorage = "azurite";

    public static Command Create(Option<bool> verbose)
    {
        var urls = new Option<string>("--urls")
        {
            Description = "Where to listen; several are separated by ';'.",
            DefaultValueFactory = _ => "http://127.0.0.1:7071",
        };
        var storage = new Option<string?>("--storage")
        {
            Description = "Where recordings and transcripts are: 'azurite' (started if none listens), a connection string, the https " +
                "address of a storage account, or a folder. Default: what Omoai:Storage says, or else a folder in the data folder.",
        };
        var data = new Option<string>("--data")
        {
            Description = "Folder for the journal of jobs and whatever else the server keeps.",
            DefaultValueFactory = _ => DataFolder.Default,
        };
        var command = new Command(
            Name, "Serve the HTTP API, and transcribe what is put into audio-in. Ctrl+C drains: what runs has a while to finish.")
        {
            urls, storage, data,
        };
        command.SetInterruptibleAction((parsed, cancellationToken) => RunAsync(
            parsed.GetValue(urls)!, parsed.GetValue(storage), parsed.GetValue(data)!, parsed.GetValue(verbose), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(string urls, string? storage, string data, bool verbose, CancellationToken cancellationToken)
    {
        using var folder = DataFolder.Open(data);
        await using var azurite = storage == AzuriteStorage && !await AzuriteProcess.ListensAsync(AzuriteProcess.DefaultPort, cancellationToken)
            ? await AzuriteSupervisor.StartAsync(folder.Azurite, AzuriteProcess.DefaultPort, cancellationToken)
            : null;
        // Settings of what serves are read when it is built, others when it starts.
        await using var app = LocalServices.Checked(() => Build(urls, storage, folder, verbose));
        azurite?.Watch(app.Services.GetRequiredService<ILogger<AzuriteSupervisor>>());
        var api = LocalServices.Checked(() => app.Services.GetRequiredService<IOptions<ApiOptions>>().Value);
        if (!api.RequireKey && urls.Split(';').FirstOrDefault(url => !IsLoopback(url)) is { } open)
        {
            throw new UsageException($"Without keys (Omoai:Api:RequireKey=false) the server listens on this machine alone, not on {open}.");
        }

        app.UseOmoaiApi();
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (OptionsValidationException e)
        {
            throw new UsageException($"The configuration is wrong: {string.Join(" ", e.Failures)}", e);
        }
        catch (JournalException e)
        {
            throw new UsageException(e.Message, e);
        }
        catch (IOException e) when (e.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            throw new UsageException($"{e.Message} Choose another address with --urls.", e);
        }

        Console.WriteLine($"Omoai listens on {string.Join(' ', app.Urls)}");
        Console.WriteLine(api.RequireKey ? $"API key: {KeyHint(api, folder)}" : "No API key is asked for.");
        Console.WriteLine($"Recordings put into {UploadsHint(app.Services, folder)} are transcribed. Ctrl+C stops.");
        await app.WaitForShutdownAsync(cancellationToken);
        return ExitCodes.Done;
    }

    private static WebApplication Build(string urls, string? storage, DataFolder folder, bool verbose)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddConfiguration(LocalServices.ReadConfiguration());
        AddStorage(builder, storage, folder);
        builder.WebHost.UseUrls(urls).ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        builder.Logging.ClearProviders();
        LocalServices.ConfigureLogging(builder.Logging, verbose ? LogLevel.Debug : LogLevel.Information)
            .AddFilter("Microsoft", LogLevel.Warning);
        builder.Services
            .AddOmoaiTelemetry(builder.Configuration)
            .AddOmoaiPipeline()
            .AddOmoaiJournal()
            .AddOmoaiApi()
            .PostConfigure<Pipeline.Models.ModelOptions>(LocalServices.AddDefaultFolders)
            .PostConfigure<PipelineOptions>(options => options.ScratchFolder ??= folder.Scratch)
            .PostConfigure<IsolationOptions>(options => options.StandbyHosts ??= 1)
            .PostConfigure<JournalOptions>(options => options.File = options.File is { Length: > 0 } file ? file : folder.Journal)
            .PostConfigure<ApiOptions>(options =>
            {
                if (options is { RequireKey: true, Keys.Count: 0 })
                {
                    options.Keys.Add(ApiKeyFile.ReadOrCreate(folder.ApiKey));
                }
            })
            // What runs has its grace, and is then stopped and written down.
            .AddOptions<HostOptions>().Configure<IOptions<JournalOptions>>((host, journal) =>
                host.ShutdownTimeout = journal.Value.DrainGrace + TimeSpan.FromSeconds(20));
        builder.Services.AddOptions<WatcherOptions>().BindConfiguration(WatcherOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddHostedService<UploadWatcher>();
        return builder.Build();
    }

    private static void AddStorage(WebApplicationBuilder builder, string? storage, DataFolder folder)
    {
        var section = builder.Configuration.GetSection(StorageOptions.Section);
        (string Setting, string Value)? account = storage switch
        {
            null => null,
            AzuriteStorage => (nameof(StorageOptions.ConnectionString), AzuriteProcess.ConnectionString(AzuriteProcess.DefaultPort)),
            _ when storage.StartsWith("https://", StringComparison.OrdinalIgnoreCase) => (nameof(StorageOptions.AccountUri), storage),
            _ when storage.Contains("AccountName=", StringComparison.OrdinalIgnoreCase)
                || storage.Contains("UseDevelopmentStorage=", StringComparison.OrdinalIgnoreCase) => (nameof(StorageOptions.ConnectionString), storage),
            _ => null,
        };
        if (account is { } asked)
        {
            section[nameof(StorageOptions.ConnectionString)] = null;
            section[nameof(StorageOptions.AccountUri)] = null;
            section[asked.Setting] = asked.Value;
        }

        if (account is not null || (storage is null && IsConfigured(section)))
        {
            builder.Services.AddOmoaiBlobStorage();
        }
        else
        {
            builder.Services.AddOmoaiDirectoryStorage(storage ?? folder.Store);
        }

        builder.Services.AddOmoaiStorageOpening();
    }

    private static bool IsConfigured(IConfigurationSection section) =>
        section[nameof(StorageOptions.ConnectionString)] is { Length: > 0 } || section[nameof(StorageOptions.AccountUri)] is { Length: > 0 };

    private static bool IsLoopback(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var uri)
        && (uri.Host == "localhost" || (IPAddress.TryParse(uri.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address)));

    private static string KeyHint(ApiOptions api, DataFolder folder) =>
        File.Exists(folder.ApiKey) && api.Keys.Contains(ApiKeyFile.ReadOrCreate(folder.ApiKey)) ? $"in {folder.ApiKey}" : "as configured (Omoai:Api:Keys)";

    private static string UploadsHint(IServiceProvider services, DataFolder folder) =>
        services.GetService<DirectoryArtifactStore>() is { } store
            ? store.UploadFolder
            : $"the container {services.GetRequiredService<IOptions<StorageOptions>>().Value.InputContainer}";
}
