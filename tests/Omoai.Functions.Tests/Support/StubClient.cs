using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace Omoai.Functions.Tests.Support;

/// <summary>A client of a task hub with one instance, or none, that answers as a test says.</summary>
/// <param name="instance">What it finds.</param>
internal sealed class StubClient(OrchestrationMetadata? instance = null) : DurableTaskClient("stub")
{
    /// <summary>What every call gets instead of an answer.</summary>
    public Exception? Outage { get; init; }

    /// <summary>What a call that changes a running instance gets.</summary>
    public Exception? Refusal { get; init; }

    /// <summary>The calls that change something, in that order.</summary>
    public List<string> Changes { get; } = [];

    public override Task<string> ScheduleNewOrchestrationInstanceAsync(
        TaskName orchestratorName, object? input = null, StartOrchestrationOptions? options = null, CancellationToken cancellation = default) =>
        Outage is null ? throw new NotSupportedException() : Task.FromException<string>(Outage);

    public override Task<OrchestrationMetadata?> GetInstancesAsync(
        string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default) =>
        Outage is null ? Task.FromResult(instance) : Task.FromException<OrchestrationMetadata?>(Outage);

    public override AsyncPageable<OrchestrationMetadata> GetAllInstancesAsync(OrchestrationQuery? filter = null) =>
        throw Outage ?? new NotSupportedException();

    public override Task RaiseEventAsync(string instanceId, string eventName, object? eventPayload = null, CancellationToken cancellation = default) =>
        Change($"raise {eventName}");

    public override Task TerminateInstanceAsync(
        string instanceId, TerminateInstanceOptions? options = null, CancellationToken cancellation = default) => Change("terminate");

    public override Task<OrchestrationMetadata> WaitForInstanceCompletionAsync(
        string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default) =>
        Task.FromResult(new OrchestrationMetadata(instance!.Name, instanceId) { RuntimeStatus = OrchestrationRuntimeStatus.Completed });

    public override Task<PurgeResult> PurgeInstanceAsync(
        string instanceId, PurgeInstanceOptions? options = null, CancellationToken cancellation = default)
    {
        Changes.Add("purge");
        return Task.FromResult(new PurgeResult(1));
    }

    public override Task<OrchestrationMetadata> WaitForInstanceStartAsync(
        string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default) => throw new NotSupportedException();

    public override Task SuspendInstanceAsync(string instanceId, string? reason = null, CancellationToken cancellation = default) =>
        throw new NotSupportedException();

    public override Task ResumeInstanceAsync(string instanceId, string? reason = null, CancellationToken cancellation = default) =>
        throw new NotSupportedException();

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private Task Change(string what)
    {
        Changes.Add(what);
        return Refusal is null ? Task.CompletedTask : Task.FromException(Refusal);
    }
}
