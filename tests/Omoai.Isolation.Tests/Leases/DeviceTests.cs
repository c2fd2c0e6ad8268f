using Omoai.Isolation.Leases;

namespace Omoai.Isolation.Tests.Leases;

public sealed class DeviceTests
{
    [Theory]
    // What is configured counts, whatever the machine shows.
    [InlineData("1, 0,1", "7", "", "1 0")]
    [InlineData("", "7", "0", "")]
    [InlineData("MIG-a/1/0", null, "", "MIG-a/1/0")]
    // What this process may see, of what there is; CUDA takes what comes before the first that is none.
    [InlineData(null, "1,2", "0 1 2", "1 2")]
    [InlineData(null, "1,-1,2", "0 1 2", "1")]
    [InlineData(null, "", "0 1", "")]
    [InlineData(null, "0", "", "")]
    [InlineData(null, null, "0 1", "0 1")]
    [InlineData(null, null, "", "")]
    public void The_GPUs_are_those_configured_or_visible_or_there(string? configured, string? visible, string onMachine, string expected)
    {
        var found = Device.Gpus(configured, visible, onMachine.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal(expected, string.Join(' ', found));
    }

    [Fact]
    public void What_has_a_device_file_is_there()
    {
        var folder = Directory.CreateTempSubdirectory("omoai-isolation-tests-").FullName;
        try
        {
            Assert.Empty(Device.OnMachine(Path.Combine(folder, "nowhere")));
            foreach (var name in (string[])["nvidia3", "nvidia5", "nvidiactl", "nvidia-uvm", "null"])
                File.WriteAllText(Path.Combine(folder, name), "");
            Assert.Equal(["0", "1"], Device.OnMachine(folder));
            File.WriteAllText(Path.Combine(folder, "dxg"), "");
            Assert.Equal(["0"], Device.OnMachine(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Two_devices_have_two_file_names_without_a_way_out_of_their_folder()
    {
        string[] names = ["0", "../0", "..%2F0", "MIG-1/2", "MIG-1_2", "GPU-8f"];

        var files = names.Select(name => new Device(name, 1, IsGpu: true).FileName).ToList();

        Assert.Equal(names.Length, files.Distinct(StringComparer.OrdinalIgnoreCase).Count());
        Assert.All(files, file => Assert.Matches("^gpu-[A-Za-z0-9_-]+$", file));
    }
}
