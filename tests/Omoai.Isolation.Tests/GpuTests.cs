using System.Text.Json;

namespace Omoai.Isolation.Tests;

/// <summary>GPU memory in the evidence, and what a host is given for CUDA MPS. No GPU is needed.</summary>
public sealed class GpuTests(TestHosts hosts) : IClassFixture<TestHosts>
{
    [Theory]
    [InlineData(700)]
    [InlineData(0)]
    public async Task The_evidence_has_the_GPU_memory_before_the_handler_and_after_it_also_of_one_that_fails(long bytes)
    {
        var evidence = (await hosts.RunAsync("use-gpu", bytes)).Evidence;

        Assert.Equal((0, bytes, true), (evidence.GpuMemoryBeforeBytes, evidence.GpuMemoryAfterBytes, evidence.GpuMemoryIsOwn));
    }

    [Theory]
    [InlineData("echo")]
    [InlineData("negative-gpu-memory")]
    public async Task There_is_none_where_the_host_tells_none_or_nonsense(string activity)
    {
        var result = await hosts.RunAsync(activity);

        Assert.NotNull(result.Output);
        var evidence = result.Evidence;
        Assert.Equal((null, null, null), (evidence.GpuMemoryBeforeBytes, evidence.GpuMemoryAfterBytes, evidence.GpuMemoryIsOwn));
    }

    [Fact]
    public void Both_figures_are_of_the_same_kind()
    {
        Assert.Equal(new GpuMemoryUse(1, 3, IsOwn: true), GpuMemory.Compare(new(1, 20), new(3, 40)));
        Assert.Equal(new GpuMemoryUse(0, 3, IsOwn: true), GpuMemory.Compare(new(null, 20), new(3, 40)));
        Assert.Equal(new GpuMemoryUse(1, 0, IsOwn: true), GpuMemory.Compare(new(1, 20), new(null, 40)));
        Assert.Equal(new GpuMemoryUse(20, 40, IsOwn: false), GpuMemory.Compare(new(null, 20), new(null, 40)));
        Assert.Null(GpuMemory.Compare(new(null, 20), default));
        Assert.Null(GpuMemory.Compare(default, new(null, 40)));
    }

    [Fact]
    public async Task The_settings_of_CUDA_MPS_reach_a_host()
    {
        KeyValuePair<string, string>[] settings =
        [
            new("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", "50"),
            new("CUDA_MPS_LOG_DIRECTORY", "/var/log/nvidia-mps"),
            new("CUDA_MPS_PINNED_DEVICE_MEM_LIMIT", "0=2G,1=512M"),
            new("CUDA_MPS_PIPE_DIRECTORY", "/run/nvidia-mps"),
        ];

        var result = await hosts.RunAsync("environment", environment: settings);

        var variables = result.Output!.Value.Deserialize<string[]>()!;
        Assert.Equal(
            settings.Select(setting => $"{setting.Key}={setting.Value}"),
            variables.Where(variable => variable.StartsWith("CUDA_MPS_", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }
}
