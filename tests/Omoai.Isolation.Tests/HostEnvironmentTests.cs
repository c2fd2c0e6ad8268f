namespace Omoai.Isolation.Tests;

public sealed class HostEnvironmentTests
{
    [Theory]
    [InlineData("PATH")]
    [InlineData("HOME")]
    [InlineData("LANG")]
    [InlineData("TZ")]
    [InlineData("LD_LIBRARY_PATH")]
    [InlineData("DOTNET_gcServer")]
    [InlineData("DOTNET_GCHeapHardLimit")]
    [InlineData("CUDA_MPS_PIPE_DIRECTORY")]
    [InlineData("CUDA_MPS_LOG_DIRECTORY")]
    [InlineData("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE")]
    [InlineData("CUDA_MPS_PINNED_DEVICE_MEM_LIMIT")]
    [InlineData("CUDA_DEVICE_ORDER")]
    [InlineData("CUDA_DEVICE_MAX_CONNECTIONS")]
    [InlineData("NVIDIA_DRIVER_CAPABILITIES")]
    [InlineData("ORT_TENSORRT_FP16_ENABLE")]
    [InlineData("OMOAI_MODELS")]
    public void What_is_on_the_list_passes(string name) => Assert.Equal("/a/value", Build((name, "/a/value"))[name]);

    [Theory]
    [InlineData("AzureWebJobsStorage", "x")]
    [InlineData("AZURE_CLIENT_SECRET", "x")]
    [InlineData("IDENTITY_ENDPOINT", "x")]
    [InlineData("DOTNET_STARTUP_HOOKS", "x")]
    [InlineData("DOTNET_DiagnosticPorts", "x")]
    [InlineData("LD_PRELOAD", "x")]
    [InlineData("PYTHONPATH", "x")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317")]
    [InlineData("OTEL_EXPORTER_OTLP_HEADERS", "api-key=x")]
    [InlineData("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    [InlineData("OMOAI_API_KEY", "x")]
    [InlineData("OMOAI_UPLOAD_SAS", "x")]
    [InlineData("OMOAI_LLM_TOKEN", "x")]
    [InlineData("OMOAI_DB_PASSWORD", "x")]
    [InlineData("OMOAI_ConnectionString", "x")]
    [InlineData("NVIDIA_API_KEY", "x")]
    [InlineData("OMOAI_STORAGE", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=b")]
    [InlineData("OMOAI_PROXY", "http://user:pw@proxy:8080")]
    [InlineData("OMOAI_PROXY", "http://user:p/w@proxy:8080")]
    [InlineData("OMOAI_PROXY", "https://name@proxy")]
    [InlineData("OMOAI_LLM", "sk-1234")]
    [InlineData("OMOAI_CLIENT_CERT", "x")]
    [InlineData("OMOAI_PRIVATE_PEM", "x")]
    [InlineData("OMOAI_CONTAINER", "https://a.blob.core.windows.net/c?sv=1&sig=b")]
    public void What_is_not_on_it_or_looks_secret_does_not(string name, string value) =>
        Assert.DoesNotContain(name, Build((name, value)).Keys);

    [Theory]
    [InlineData("http://proxy:8080/v1")]
    [InlineData("https://host/models/@scope/name")]
    [InlineData("risk-free")]
    public void What_only_resembles_a_secret_passes(string value) => Assert.Equal(value, Build(("OMOAI_LLM", value))["OMOAI_LLM"]);

    [Fact]
    public void The_four_spawn_variables_are_set_over_what_the_parent_has()
    {
        var environment = Build(
            ("MULTIPROCESSING_START_METHOD", "fork"), ("VLLM_WORKER_MULTIPROC_METHOD", "fork"),
            ("TOKENIZERS_PARALLELISM", "true"), ("CUDA_VISIBLE_DEVICES", "7"), ("TMPDIR", "/elsewhere"));

        Assert.Equal("spawn", environment["MULTIPROCESSING_START_METHOD"]);
        Assert.Equal("spawn", environment["VLLM_WORKER_MULTIPROC_METHOD"]);
        Assert.Equal("false", environment["TOKENIZERS_PARALLELISM"]);
        Assert.Equal("3", environment["CUDA_VISIBLE_DEVICES"]);
        Assert.Equal("/scratch", environment["TMPDIR"]);
        Assert.Equal("0", environment["DOTNET_EnableDiagnostics"]);
    }

    [Fact]
    public void The_host_is_told_the_runtime_of_its_parent_unless_that_has_been_told_itself()
    {
        Assert.True(Directory.Exists(Path.Combine(Build()["DOTNET_ROOT"], "host", "fxr")));
        Assert.Equal("/opt/dotnet", Build(("DOTNET_ROOT", "/opt/dotnet"))["DOTNET_ROOT"]);
    }

    private static SortedDictionary<string, string> Build(params (string Name, string Value)[] parent) =>
        HostEnvironment.Build(parent.Select(pair => KeyValuePair.Create(pair.Name, pair.Value)), "3", "/scratch");
}
