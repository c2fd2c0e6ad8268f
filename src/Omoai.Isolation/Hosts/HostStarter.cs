using Microsoft.Extensions.Logging;
using Omoai.Isolation.Leases;
using Omoai.Isolation.Linux;
using Omoai.Isolation.Protocol;

namespace Omoai.Isolation.Hosts;

/// <summary>Starts hosts by the rules: an environment from nothing, a private pipe, the device's slot.</summary>
internal sealed partial class HostStarter(IsolationOptions options, ILogger logger, TimeProvider time, DeviceLeases leases)
{
    /// <summary>How they are started; tests take the portable way on Linux too.</summary>
    public (string Method, HostProcess.Starter Start) Method { get; init; } = HostProcess.ForThisSystem();

    /// <summary>The environment that a host's own is chosen from.</summary>
    public Func<IEnumerable<KeyValuePair<string, string>>> ParentEnvironment { get; init; } = HostEnvironment.OfThisProcess;

    /// <summary>What is known before anything is started.</summary>
    public HostEvidence Describe(string activity, HostNeed need) => new()
    {
        Activity = activity,
        StartMethod = Method.Method,
        Command = options.HostPath,
        Device = leases.VisibleDevices(need, leases.DevicesFor(need)[0]),
        StartedAt = time.GetUtcNow().ToUniversalTime(),
    };

    /// <summary>Starts one.</summary>
    /// <param name="activity">What for; shows in the log only.</param>
    /// <param name="need">What it must have.</param>
    /// <param name="folder">Where it is started.</param>
    /// <param name="lease">The slot that it takes over.</param>
    /// <param name="ahead">Whether nobody waits for it: it then compiles all its code as well as it can at once.</param>
    /// <returns>The host, or why there is none; and what is known of it.</returns>
    public async Task<(StartedHost? Host, HostEvidence Evidence, ActivityFailure? Failure)> StartAsync(
        string activity, HostNeed need, string folder, DeviceLease lease, bool ahead = false)
    {
        folder = Path.GetFullPath(folder);
        var path = Path.GetFullPath(options.HostPath);
        var pipe = new PrivatePipe(folder);
        try
        {
            var device = leases.VisibleDevices(need, lease.Device);
            var environment = HostEnvironment.Build(ParentEnvironment(), device, folder);
            if (ahead)
                environment.TryAdd("DOTNET_TieredCompilation", "0");
            var limits = HostLimits.From(options);
            var settings = new ConfinementSettings(limits.MaxScratchBytes, need.Network);
            string[] arguments = ["--pipe", pipe.Name, "--parent", $"{Environment.ProcessId}", .. settings.ToArguments()];
            var modules = ParentModules.OfThisProcess();
            if (modules != default)
                LogImpureParent(modules.Cuda, modules.OnnxRuntime);
            var kills = OperatingSystem.IsLinux() ? ProcFiles.OutOfMemoryKills() : null;
            var spawned = time.GetTimestamp();
            var evidence = Describe(activity, need) with
            {
                Command = $"{path} {string.Join(' ', arguments)}",
                Device = device,
                Variables = [.. environment.Keys],
                ParentHadCuda = modules.Cuda,
                ParentHadOnnxRuntime = modules.OnnxRuntime,
            };
            var start = new HostStart(
                path, arguments, environment, folder, options.MaxCapturedOutputBytes, limits, lease.Descriptor);
            try
            {
                var process = await Method.Start(start);
                process.ScratchFolder = folder;
                if (process.HoldsLease)
                    lease.LeaveToHost();
                evidence = evidence with { Pid = process.Pid };
                LogStarted(
                    activity, process.Pid, Method.Method, evidence.Command, device, environment.Keys, modules.Cuda,
                    modules.OnnxRuntime);
                var host = new StartedHost(process, pipe, evidence, spawned, kills, time);
                pipe = null;
                return (host, evidence, null);
            }
            catch (HostStartException e)
            {
                return (null, evidence, new ActivityFailure(
                    e.Missing ? FailureClass.ModelMissing : FailureClass.Internal, !e.Missing,
                    $"The activity host {path} can't be started: {e.Message}. " +
                    "Build src/Omoai.ActivityHost, or say where it is with the setting Omoai:Isolation:HostPath."));
            }
            catch (Exception e)
            {
                LogFault(e, activity);
                return (null, evidence, new ActivityFailure(
                    FailureClass.Internal, e is IOException, $"{e.GetType().Name}: {e.Message}"));
            }
        }
        finally
        {
            if (pipe is not null)
                await pipe.DisposeAsync();
        }
    }

    [LoggerMessage(LogLevel.Information, "Activity host for {Activity} started: pid {Pid}, start method {StartMethod}, " +
        "command {Command}, CUDA_VISIBLE_DEVICES {Device}, variables {Variables}; in the parent: CUDA {ParentHadCuda}, " +
        "ONNX Runtime {ParentHadOnnxRuntime}")]
    private partial void LogStarted(
        string activity, int pid, string startMethod, string command, string device, IEnumerable<string> variables,
        bool parentHadCuda, bool parentHadOnnxRuntime);

    [LoggerMessage(LogLevel.Error, "Starting an activity host for {Activity} failed")]
    private partial void LogFault(Exception exception, string activity);

    [LoggerMessage(LogLevel.Error, "This process has what only an activity host may load (CUDA: {Cuda}, ONNX Runtime: " +
        "{OnnxRuntime}); the isolation of models is broken")]
    private partial void LogImpureParent(bool cuda, bool onnxRuntime);
}
