using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Omoai.Isolation;
using Omoai.Isolation.Servers;
using Omoai.Pipeline.Activities;
using Omoai.Pipeline.Artifacts;
using Omoai.Pipeline.Llm;
using Omoai.Pipeline.Models;
using Omoai.Storage;
using Omoai.Tests;
using Omoai.Transcripts;
using Omoai.Transcripts.Activities;

namespace Omoai.Pipeline.Tests.Llm;

/// <summary>A script in vLLM's place, that becomes a small server of the tests'.</summary>
[SupportedOSPlatform("linux")]
public sealed class VllmServerTests : IDisposable
{
    private static readonly string s_host = Path.Combine(AppContext.BaseDirectory, "Omoai.Isolation.TestHost");
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("omoai-test-").FullName;
    private readonly int _port = FreePort();
    private readonly HttpClient _client;

    public VllmServerTests()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "qwen"));
        _client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_port}/"), Timeout = s_limit };
    }

    public void Dispose()
    {
        _client.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task It_runs_as_it_is_configured_from_the_start_of_the_program_to_its_end_and_is_replaced_when_it_dies()
    {
        Environment.SetEnvironmentVariable("HF_TOKEN", "t0p-s3cret");
        using var host = Build(
            Script("grandchild"), ("Omoai:Isolation:LeaseWait", "00:01:00"), ("Omoai:Llm:Vllm:MemoryShare", "0.5"),
            ("Omoai:Llm:Vllm:ContextTokens", "4096"), ("Omoai:Llm:Vllm:Quantization", "awq"), ("Omoai:Llm:Vllm:DataType", "half"),
            ("Omoai:Llm:Vllm:MaxSequences", "8"), ("Omoai:Llm:Vllm:Arguments:0", "--enforce-eager"));
        var server = host.Services.GetRequiredService<VllmServer>();
        Assert.Null(server.Status);
        await host.StartAsync();
        Assert.NotNull(server.Status);

        Assert.Null(await server.WaitUntilReadyAsync(SettingsOf(host), default));

        var facts = JsonSerializer.Deserialize<Dictionary<string, string>>(await _client.GetStringAsync("facts"))!;
        Assert.Equal(
            $"serve|{_folder}/qwen|--enforce-eager|--host|127.0.0.1|--port|{_port}|--served-model-name|qwen|--gpu-memory-utilization|0.5|" +
            "--max-model-len|4096|--quantization|awq|--dtype|half|--max-num-seqs|8",
            facts["arguments"]);
        var variables = facts["environment"].Split('\0');
        Assert.Contains("VLLM_WORKER_MULTIPROC_METHOD=spawn", variables);
        Assert.Contains("HF_HUB_OFFLINE=1", variables);
        Assert.Contains("TRANSFORMERS_OFFLINE=1", variables);
        Assert.Contains("VLLM_NO_USAGE_STATS=1", variables);
        Assert.DoesNotContain("t0p-s3cret", facts["environment"], StringComparison.Ordinal);
        Assert.StartsWith(Path.Combine(_folder, "scratch"), facts["folder"], StringComparison.Ordinal);

        var first = server.Status!.Pid!.Value;
        Process.GetProcessById(first).Kill();
        await UntilAsync(() => server.Status is { State: ServerState.Ready, Restarts: 1 });
        Assert.Null(await server.WaitUntilReadyAsync(SettingsOf(host), default));
        int[] pids = [server.Status!.Pid!.Value, int.Parse(await _client.GetStringAsync("child"), System.Globalization.CultureInfo.InvariantCulture)];
        Assert.All(pids, pid => Assert.True(IsAlive(pid)));

        await host.StopAsync();

        Assert.All(pids.Append(first), pid => Assert.False(IsAlive(pid)));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(_folder, "scratch")));
        Assert.Equal(FailureClass.Lost, (await server.WaitUntilReadyAsync(SettingsOf(host), default))!.Class);
    }

    [Fact]
    public async Task An_activity_is_busy_as_long_as_the_server_starts_and_has_fetched_nothing()
    {
        var go = Path.Combine(_folder, "go");
        using var host = Build(Script("good", $"while [ ! -e '{go}' ]; do sleep 0.02; done"), ("Omoai:Isolation:LeaseWait", "00:00:00"));
        var store = new FlakyStore(host.Services.GetRequiredService<DirectoryArtifactStore>());
        var activities = ActivatorUtilities.CreateInstance<TranscriptionActivities>(host.Services, store);
        Assert.True(await store.CommitTextAsync(
            ArtifactNames.PartWords("job", 0), JsonSerializer.Serialize(new RecognizedPart(0, []), OmoaiJson.Compact), default));
        var server = host.Services.GetRequiredService<VllmServer>();

        // The program hasn't started, as in a command that serves nobody: whoever needs the server starts it.
        var early = await activities.PostProcessAsync(Call(host, SummaryMethod.Llm), default);
        Assert.Equal((FailureClass.Busy, true), (early.Failure!.Class, early.Failure.Retryable));
        Assert.Contains("still starting", early.Failure.Reason, StringComparison.Ordinal);
        Assert.Empty(store.Fetched);

        File.WriteAllText(go, "");
        await UntilAsync(() => server.Status!.State == ServerState.Ready);
        var late = await activities.PostProcessAsync(Call(host, SummaryMethod.Llm), default);
        Assert.Single(store.Fetched);
        Assert.NotEqual(FailureClass.Busy, late.Failure!.Class);
        Assert.False(await HasEvidenceOfNoNetworkAsync(store));
    }

    [Fact]
    public async Task Jobs_that_do_not_ask_it_do_not_wait_and_do_not_start_it()
    {
        using var host = Build("/nowhere/vllm", ("Omoai:Isolation:LeaseWait", "00:00:00"));
        var server = host.Services.GetRequiredService<VllmServer>();
        var settings = SettingsOf(host);

        Assert.Null(await server.WaitUntilReadyAsync(null, default));
        Assert.Null(await server.WaitUntilReadyAsync(settings with { Engine = LlmEngine.Onnx, Endpoint = null }, default));
        Assert.Null(await server.WaitUntilReadyAsync(settings with { Endpoint = new Uri("http://127.0.0.1:1/v1") }, default));
        Assert.Null(server.Status);
    }

    [Fact]
    public async Task A_program_or_a_model_that_is_not_there_is_missing()
    {
        using var host = Build("/nowhere/vllm", ("Omoai:Isolation:LeaseWait", "00:01:00"));
        var server = host.Services.GetRequiredService<VllmServer>();
        Assert.False(server.CannotStart);
        var noProgram = await server.WaitUntilReadyAsync(SettingsOf(host), default);
        Assert.True(server.CannotStart);
        Directory.Delete(Path.Combine(_folder, "qwen"));
        var noModel = await server.WaitUntilReadyAsync(SettingsOf(host), default);

        Assert.Equal((FailureClass.ModelMissing, false), (noProgram!.Class, noProgram.Retryable));
        Assert.Contains("/nowhere/vllm", noProgram.Reason, StringComparison.Ordinal);
        Assert.Contains("Omoai:Llm:Vllm:Program", noProgram.Reason, StringComparison.Ordinal);
        Assert.Equal((FailureClass.ModelMissing, false), (noModel!.Class, noModel.Retryable));
        Assert.Contains("Omoai:Llm:Vllm:Model", noModel.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_is_cancelled_waits_no_longer()
    {
        using var host = Build(Script("good", "sleep 600"), ("Omoai:Isolation:LeaseWait", "00:01:00"));
        using var cancelled = new CancellationTokenSource();
        var waiting = host.Services.GetRequiredService<VllmServer>().WaitUntilReadyAsync(SettingsOf(host), cancelled.Token);
        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(s_limit));
    }

    [Fact]
    public void A_server_that_ends_again_and_again_costs_attempts_in_the_end()
    {
        var status = new ServerStatus(ServerState.BackingOff, null, 5, 1, null, "exited with 1", ["one", "out of memory"]);

        Assert.All([0, 1, VllmServer.MaxStarts - 1], restarts => Assert.Equal(FailureClass.Busy, VllmServer.NotReady(new VllmOptions(), status, restarts).Class));
        var given = VllmServer.NotReady(new VllmOptions(), status, VllmServer.MaxStarts);
        Assert.Equal((FailureClass.Crashed, true), (given.Class, given.Retryable));
        Assert.Contains("exited with 1", given.Reason, StringComparison.Ordinal);
        Assert.Contains("out of memory", given.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain("OpenAi", given.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(VllmServer.MaxStarts)]
    public async Task Of_two_programs_with_one_configuration_the_second_is_told_to_ask_the_others_server(int restarts)
    {
        using var other = new TcpListener(IPAddress.Loopback, _port);
        other.Start();
        using var host = Build(Script("good"), ("Omoai:Isolation:LeaseWait", "00:00:00"));
        var server = host.Services.GetRequiredService<VllmServer>();
        await server.WaitUntilReadyAsync(SettingsOf(host), default);
        await UntilAsync(() => server.Status!.Reason is not null);

        var told = VllmServer.NotReady(host.Services.GetRequiredService<IOptions<LlmOptions>>().Value.Vllm, server.Status!, restarts).Reason;

        Assert.Contains("something else listens", told, StringComparison.Ordinal);
        Assert.Contains($"Omoai:Llm:OpenAi:Endpoint http://127.0.0.1:{_port}/v1", told, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_of_the_hub_may_be_looked_for_there_and_the_lease_counts_its_memory()
    {
        var described = VllmServer.Describe(
            new VllmOptions { Model = "some/model", MemoryMb = 7000, Program = "./bin/vllm", Arguments = { "--host", "0.0.0.0" } }, _folder);

        Assert.Equal(
            ["serve", "some/model", "--host", "0.0.0.0", "--host", "127.0.0.1", "--port", "8000", "--served-model-name", "some/model", "--gpu-memory-utilization", "0.9"],
            described.Arguments);
        Assert.Equal(["VLLM_NO_USAGE_STATS"], described.Environment.Keys);
        Assert.Equal((true, 7000), (described.Need!.Gpu, described.Need.MemoryMb));
        Assert.Equal(Path.GetFullPath("bin/vllm"), described.Program);
        Assert.Equal(new Uri("http://127.0.0.1:8000/health"), described.HealthUrl);
    }

    private IHost Build(string program, params (string Key, string Value)[] others)
    {
        var settings = new Dictionary<string, string?>
        {
            ["Omoai:Isolation:HostPath"] = s_host,
            ["Omoai:Isolation:Devices"] = "",
            ["Omoai:Isolation:CpuHosts"] = "2",
            ["Omoai:Isolation:LeaseFolder"] = Path.Combine(_folder, "leases"),
            ["Omoai:Isolation:StandbyHosts"] = "0",
            ["Omoai:Pipeline:ScratchFolder"] = Directory.CreateDirectory(Path.Combine(_folder, "scratch")).FullName,
            ["Omoai:Models:Folders:0"] = Path.Combine(TestPaths.Repository, "models"),
            ["Omoai:Llm:Vllm:Model"] = Path.Combine(_folder, "qwen"),
            ["Omoai:Llm:Vllm:Program"] = program,
            ["Omoai:Llm:Vllm:Port"] = $"{_port}",
        };
        foreach (var (key, value) in others)
        {
            settings[key] = value;
        }

        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Services.AddOmoaiPipeline().AddOmoaiDirectoryStorage(Path.Combine(_folder, "store"));
        return builder.Build();
    }

    private string Script(string mode, string before = ":")
    {
        var path = Path.Combine(_folder, "vllm");
        File.WriteAllText(path, $"#!/bin/sh\n{before}\nexec '{s_host}' serve-http {_port} {mode} \"$@\"\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    private static ActivityCall Call(IHost host, SummaryMethod summary)
    {
        var asked = new TranscriptionOptions { Summary = summary };
        var settings = new PipelineOptions().ToSettings(
            asked, host.Services.GetRequiredService<ModelCatalog>(), host.Services.GetRequiredService<IOptions<LlmOptions>>().Value);
        return new ActivityCall(
            new TranscriptionJob("job", "audio-api/job", "a.wav", asked, settings), new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), Parts: 1);
    }

    private static LlmSettings SettingsOf(IHost host) => Call(host, SummaryMethod.Llm).Job.Settings.Llm!;

    private static async Task<bool> HasEvidenceOfNoNetworkAsync(FlakyStore store)
    {
        var attempts = new List<AttemptRecord>();
        await foreach (var artifact in store.ListAsync(ArtifactNames.EvidencePrefix("job"), default))
        {
            await using var stream = await store.OpenReadAsync(artifact.Name, default);
            attempts.Add((await JsonSerializer.DeserializeAsync<AttemptRecord>(stream!, OmoaiJson.Compact))!);
        }

        return Assert.Single(attempts).Host.NetworkOff;
    }

    private static async Task UntilAsync(Func<bool> isIt)
    {
        for (var waiting = Stopwatch.StartNew(); !isIt(); await Task.Delay(10))
        {
            Assert.True(waiting.Elapsed < s_limit, "it took too long");
        }
    }

    private static bool IsAlive(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[stat.LastIndexOf(')') + 2] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
