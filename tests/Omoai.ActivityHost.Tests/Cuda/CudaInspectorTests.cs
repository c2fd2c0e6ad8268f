using Omoai.ActivityHost.Cuda;
using Omoai.Tests.Native;
using Omoai.Transcripts.Activities;

namespace Omoai.ActivityHost.Tests.Cuda;

/// <summary>What the driver's libraries say, and what is made of it when they say nonsense.</summary>
public sealed class CudaInspectorTests(FakeDriver driver) : IClassFixture<FakeDriver>
{
    private const string Uuid = "GPU-00112233-4455-6677-8899-aabbccddee00";
    private const string SecondUuid = "GPU-00112233-4455-6677-8899-aabbccddee01";

    [Fact]
    public void Without_a_driver_it_says_so()
    {
        var facts = CudaInspector.Inspect("/no/such/libcuda.so.1", "/no/such/libnvidia-ml.so.1", driver.Folder);

        Assert.Empty(facts.Devices);
        Assert.Equal((null, null, false), (facts.DriverVersion, facts.CudaVersion, facts.MpsDaemon));
        Assert.Equal("/no/such/libcuda.so.1 can't be loaded: there is no NVIDIA driver here.", facts.Problem);
        Assert.Equal("/no/such/libnvidia-ml.so.1 can't be loaded.", facts.NvmlProblem);
    }

    [CompilerFact]
    public void With_one_it_tells_of_the_driver_and_of_all_devices_and_which_the_host_may_use()
    {
        var facts = CudaInspector.Inspect(driver.Cuda(), driver.Nvml("DEVICES=2"), null);

        Assert.Equal(("550.54.15", "12.4", null, null), (facts.DriverVersion, facts.CudaVersion, facts.Problem, facts.NvmlProblem));
        Assert.Equal(
            [
                new CudaDevice(0, "Fake GPU", Uuid, 8L << 30, 1124L << 20, true),
                new CudaDevice(1, "Fake GPU", SecondUuid, 8L << 30, 1224L << 20, false),
            ],
            facts.Devices);
    }

    [CompilerTheory]
    [InlineData(null)]
    [InlineData("OLD")]
    public void Without_NVML_it_tells_of_the_devices_that_CUDA_shows(string? define)
    {
        var facts = CudaInspector.Inspect(driver.Cuda(define is null ? ["DEVICES=2"] : ["DEVICES=2", define]), "/no/such/library", null);

        Assert.Equal(
            [
                new CudaDevice(0, "Fake GPU 0", Uuid, 8L << 30, null, true),
                new CudaDevice(1, "Fake GPU 1", SecondUuid, 8L << 30, null, true),
            ],
            facts.Devices);
        Assert.Null(facts.Problem);
        Assert.NotNull(facts.NvmlProblem);
    }

    [CompilerTheory]
    [InlineData("INIT_RESULT=3", "cuInit: not initialized, or initialized in another process before a fork (3).")]
    [InlineData("INIT_RESULT=100", "cuInit: no CUDA-capable device is visible (100).")]
    [InlineData("INIT_RESULT=803", "cuInit: the library's version isn't the kernel driver's (803).")]
    [InlineData("INIT_RESULT=-5", "cuInit: error (-5).")]
    [InlineData("DEVICES=0", "CUDA finds no device.")]
    [InlineData("DEVICES=-1", "{0} says that there are -1 devices.")]
    [InlineData("DEVICES=2000000000", "{0} says that there are 2000000000 devices.")]
    public void What_CUDA_says_instead_of_devices_is_told_in_words(string define, string problem)
    {
        var library = driver.Cuda(define);

        var facts = CudaInspector.Inspect(library, "/no/such/library", null);

        Assert.Equal(problem.Replace("{0}", library, StringComparison.Ordinal), facts.Problem);
        Assert.Empty(facts.Devices);
        Assert.Equal("12.4", facts.CudaVersion);
    }

    [CompilerTheory]
    [InlineData("INIT_RESULT=9", "nvmlInit: the driver isn't loaded (9).")]
    [InlineData("INIT_RESULT=18", "nvmlInit: the library's version isn't the kernel driver's (18).")]
    [InlineData("COUNT_RESULT=15", "nvmlDeviceGetCount: the GPU is lost (15).")]
    [InlineData("DEVICES=4294967295u", "{0} says that there are 4294967295 devices.")]
    public void What_NVML_says_instead_of_devices_is_told_in_words_and_CUDA_is_asked(string define, string problem)
    {
        var library = driver.Nvml(define);

        var facts = CudaInspector.Inspect(driver.Cuda(), library, null);

        Assert.Equal(problem.Replace("{0}", library, StringComparison.Ordinal), facts.NvmlProblem);
        Assert.Equal("Fake GPU 0", Assert.Single(facts.Devices).Name);
    }

    [CompilerFact]
    public void Texts_without_an_end_are_cut_and_made_fit_for_a_terminal()
    {
        var cuda = Assert.Single(CudaInspector.Inspect(driver.Cuda("ENDLESS"), "/no/such/library", null).Devices);
        var nvml = CudaInspector.Inspect("/no/such/library", driver.Nvml("ENDLESS"), null);

        Assert.Equal('?' + new string('x', DriverLibrary.MaxText - 1), cuda.Name);
        var endless = new string('y', DriverLibrary.MaxText);
        Assert.Equal(endless, nvml.DriverVersion);
        Assert.Equal((endless, endless), (nvml.Devices[0].Name, nvml.Devices[0].Uuid));
    }

    [CompilerFact]
    public void Versions_and_amounts_that_can_not_be_are_not_told()
    {
        var cuda = CudaInspector.Inspect(driver.Cuda("ABSURD"), "/no/such/library", null);
        var nvml = CudaInspector.Inspect("/no/such/library", driver.Nvml("ABSURD"), null);

        Assert.Null(cuda.CudaVersion);
        Assert.Null(Assert.Single(cuda.Devices).TotalBytes);
        Assert.Equal((null, null), (Assert.Single(nvml.Devices).TotalBytes, nvml.Devices[0].UsedBytes));
    }

    [CompilerFact]
    public void Functions_that_a_library_lacks_leave_their_facts_out()
    {
        var facts = CudaInspector.Inspect(driver.Cuda("BARE"), driver.Nvml("BARE"), null);

        Assert.Equal([new CudaDevice(0, null, null, null, null, null)], facts.Devices);
        Assert.Equal((null, null, null, null), (facts.DriverVersion, facts.CudaVersion, facts.Problem, facts.NvmlProblem));
        // A library of quite another kind.
        Assert.EndsWith("lacks cuInit or cuDeviceGetCount.", CudaInspector.Inspect(driver.Nvml(), driver.Nvml(), null).Problem, StringComparison.Ordinal);
        Assert.EndsWith("lacks nvmlInit_v2.", CudaInspector.Inspect(driver.Cuda(), driver.Cuda(), null).NvmlProblem, StringComparison.Ordinal);
    }

    [Fact]
    public void An_MPS_daemon_is_known_by_what_it_is_spoken_to_by()
    {
        var folder = Directory.CreateDirectory(Path.Combine(driver.Folder, "mps")).FullName;
        Assert.False(Inspect().MpsDaemon);

        File.WriteAllText(Path.Combine(folder, "control"), "");
        Assert.True(Inspect().MpsDaemon);

        CudaFacts Inspect() => CudaInspector.Inspect("/no/such/library", "/no/such/library", folder);
    }
}
