using System.Net;
using System.Net.Sockets;
using Azure.Core.Pipeline;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Options;
using Omoai.Local.Storage;
using Omoai.Tests;

namespace Omoai.Storage.Tests.Azurite;

/// <summary>One Azurite for all tests of a run, on a free port and a folder of its own.</summary>
public sealed class AzuriteServer : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-azurite-").FullName;
    private AzuriteProcess? _process;

    /// <summary>Why there is none on this machine; null where there is.</summary>
    public static string? Missing { get; } = AzuriteProcess.Missing(Folder);

    public static string Folder => Path.Combine(TestPaths.Repository, "eng", "azurite");

    public string ConnectionString { get; private set; } = "";

    public async Task InitializeAsync()
    {
        if (Missing is null)
        {
            (_process, var port) = await StartAsync(_folder);
            ConnectionString = AzuriteProcess.ConnectionString(port);
        }
    }

    public async Task DisposeAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Starts one on a free port; again, when somebody took the port in between.</summary>
    internal static async Task<(AzuriteProcess Process, int Port)> StartAsync(string dataFolder)
    {
        for (var attempt = 1; ; attempt++)
        {
            var port = FreePort();
            try
            {
                return (await AzuriteProcess.StartAsync(Folder, dataFolder, port, default), port);
            }
            catch (IOException e) when (attempt < 5 && e.Message.Contains("EADDRINUSE", StringComparison.Ordinal))
            {
            }
        }
    }

    /// <summary>A store with containers that no other test has.</summary>
    public BlobArtifactStore CreateStore(out BlobServiceClient service, out StorageOptions options, HttpPipelinePolicy? policy = null)
    {
        service = CreateService(ConnectionString, policy);
        var unique = Guid.NewGuid().ToString("n")[..12];
        options = new StorageOptions
        {
            ConnectionString = ConnectionString,
            InputContainer = $"in-{unique}",
            ApiContainer = $"api-{unique}",
            WorkContainer = $"work-{unique}",
            OutputContainer = $"out-{unique}",
        };
        return new BlobArtifactStore(service, Options.Create(options), TimeProvider.System);
    }

    /// <param name="connectionString">The account.</param>
    /// <param name="policy">Sees every attempt of a request; with it the SDK tries twice, without it once.</param>
    public static BlobServiceClient CreateService(string connectionString, HttpPipelinePolicy? policy = null)
    {
        var options = new BlobClientOptions { Retry = { MaxRetries = policy is null ? 0 : 1, Delay = TimeSpan.Zero } };
        if (policy is not null)
        {
            options.AddPolicy(policy, Azure.Core.HttpPipelinePosition.PerRetry);
        }

        return new BlobServiceClient(connectionString, options);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

[CollectionDefinition(Name)]
public sealed class AzuriteTests : ICollectionFixture<AzuriteServer>
{
    public const string Name = "azurite";
}

/// <summary>A test that needs Azurite; skipped, saying so, where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class AzuriteFactAttribute : FactAttribute
{
    public AzuriteFactAttribute() => Skip = AzuriteServer.Missing;
}

/// <summary>As <see cref="AzuriteFactAttribute"/>, for theories.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class AzuriteTheoryAttribute : TheoryAttribute
{
    public AzuriteTheoryAttribute() => Skip = AzuriteServer.Missing;
}
