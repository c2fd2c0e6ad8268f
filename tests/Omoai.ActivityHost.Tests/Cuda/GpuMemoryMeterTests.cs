using Omoai.ActivityHost.Cuda;
using Omoai.Isolation;
using Omoai.Tests.Native;

namespace Omoai.ActivityHost.Tests.Cuda;

public sealed class GpuMemoryMeterTests(FakeDriver driver) : IClassFixture<FakeDriver>
{
    private const long Mib = 1 << 20;

    [Fact]
    public void Where_there_is_no_device_nothing_is_measured() => Assert.Equal(default, Without("CUDA_VISIBLE_DEVICES"));

    [CompilerTheory]
    [InlineData]
    [InlineData("MPS")]
    [InlineData("LARGE")]
    [InlineData("V3_ONLY")]
    public void A_process_is_found_by_its_pid_once_it_has_memory(params string[] defines)
    {
        var nvml = Open(defines);

        Assert.Equal(new GpuMemory(null, 1124 * Mib), GpuMemoryMeter.Measure(nvml, "0", Environment.ProcessId));
        Assert.Equal(new GpuMemory(300 * Mib, 1224 * Mib), GpuMemoryMeter.Measure(nvml, "0", Environment.ProcessId));
        Assert.Equal(new GpuMemory(50 * Mib, 1324 * Mib), GpuMemoryMeter.Measure(nvml, "0", 2000000001));
    }

    [CompilerTheory]
    [InlineData("OTHER_PIDS")]
    [InlineData("PROCESSES=0")]
    // More than there is room for.
    [InlineData("PROCESSES=4000000000u", "OTHER_PIDS")]
    public void A_process_that_is_not_listed_has_the_memory_of_its_device_told(params string[] defines)
    {
        var nvml = Open(defines);

        Assert.Equal(new GpuMemory(null, 1124 * Mib), GpuMemoryMeter.Measure(nvml, "0", Environment.ProcessId));
        Assert.Equal(new GpuMemory(null, 1224 * Mib), GpuMemoryMeter.Measure(nvml, "0", Environment.ProcessId));
    }

    [CompilerTheory]
    [InlineData(null, 1124 + 1224 + 1324)]
    [InlineData("1", 1224)]
    [InlineData("2, 0", 1124 + 1324)]
    [InlineData("GPU-00112233-4455-6677-8899-aabbccddee02", 1324)]
    [InlineData("GPU-00112233", 1124 + 1224 + 1324)]
    [InlineData("7", null)]
    [InlineData("-1", null)]
    [InlineData("MIG-00112233-4455-6677-8899-aabbccddee02", null)]
    public void Only_the_devices_that_the_host_may_see_count(string? visible, int? mib) =>
        Assert.Equal(mib * Mib, GpuMemoryMeter.Measure(Open("DEVICES=3", "OTHER_PIDS"), visible, 1).OfDevices);

    [CompilerFact]
    public void Amounts_that_can_not_be_are_not_told()
    {
        var nvml = Open("ABSURD");

        GpuMemoryMeter.Measure(nvml, "0", Environment.ProcessId);
        Assert.Equal(default, GpuMemoryMeter.Measure(nvml, "0", Environment.ProcessId));
    }

    /// <summary>As on a machine without a GPU, which this may not be.</summary>
    private static GpuMemory Without(string variable)
    {
        var before = Environment.GetEnvironmentVariable(variable);
        Environment.SetEnvironmentVariable(variable, "-1");
        try
        {
            return GpuMemoryMeter.Measure();
        }
        finally
        {
            Environment.SetEnvironmentVariable(variable, before);
        }
    }

    private Nvml Open(params string[] defines) => Nvml.Open(driver.Nvml(defines)).Nvml!;
}
