using System.Globalization;
using System.Text.Json;
using DurableTask.Core.Exceptions;
using Grpc.Core;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Omoai.Isolation;
using Omoai.Pipeline;
using Omoai.Pipeline.Jobs;

namespace Omoai.Functions.Orchestration;

/// <summary>Jobs as instances of Durable Functions.</summary>
internal sealed class DurableJobEngine : IJobEngine
{
    public const string CancelEvent = "cancel";

    private const int PageSize = 1000;

    private static readonly TimeSpan TerminationPatience = TimeSpan.FromSeconds(30);

    private DurableTaskClient? _client;

    /// <summary>The client of the task hub. The Functions host hands it out with each invocation only; all of them lead to the
    /// same hub.</summary>
    public DurableTaskClient Client
    {
        private get => _client ?? throw new InvalidOperationException("No function with a durable client has been invoked yet.");
        set => _client = value;
    }

    public Task<bool> TryCreateAsync(TranscriptionJob job, CancellationToken cancellationToken) => AskAsync(cancellationToken, async () =>
    {
        // What a duplicate does depends on the back end where this is left out.
        var options = new StartOrchestrationOptions(job.Id).WithDedupeStatuses([.. StartOrchestrationOptionsExtensions.ValidDedupeStatuses]);
        try
        {
            await Client.ScheduleNewOrchestrationInstanceAsync(FunctionNames.TranscriptionOrchestrator, job, options, cancellationToken);
            return true;
        }
        catch (OrchestrationAlreadyExistsException)
        {
            return false;
        }
    });

    public Task<JobRecord?> FindAsync(string id, CancellationToken cancellationToken) => AskAsync(cancellationToken, async () =>
        await Client.GetInstanceAsync(id, getInputsAndOutputs: true, cancellationToken) is { } instance ? Record(instance) : null);

    /// <remarks>Durable Functions lists instances in no order of time: each page looks through all of them, and keeps the newest.</remarks>
    public Task<JobPage> ListAsync(JobStatus? status, int limit, string? continuation, CancellationToken cancellationToken)
    {
        var after = continuation is null ? null : Place.Parse(continuation);
        return AskAsync(cancellationToken, async () =>
        {
            // One more than the page, which tells whether there is another.
            var newest = new PriorityQueue<JobState, Place>();
            var query = new OrchestrationQuery(
                CreatedTo: after?.CreatedAt.AddSeconds(1), Statuses: StatusesOf(status), PageSize: PageSize, FetchInputsAndOutputs: true);
            await foreach (var instance in Client.GetAllInstancesAsync(query).WithCancellation(cancellationToken))
            {
                if (TryRecord(instance)?.State is not { } job || (status is not null && job.Status != status) || Place.Of(job).CompareTo(after) >= 0)
                {
                    continue;
                }

                newest.Enqueue(job, Place.Of(job));
                if (newest.Count > limit + 1)
                {
                    newest.Dequeue();
                }
            }

            var more = newest.Count > limit;
            if (more)
            {
                newest.Dequeue();
            }

            var page = new JobState[newest.Count];
            for (var i = page.Length - 1; i >= 0; i--)
            {
                page[i] = newest.Dequeue();
            }

            return new JobPage(page, more ? Place.Of(page[^1]).ToString() : null);
        });
    }

    public Task RaiseCancelAsync(string id, CancellationToken cancellationToken) => AskAsync(cancellationToken, async () =>
    {
        if (await Client.GetInstanceAsync(id, cancellationToken) is { IsCompleted: false })
        {
            await UnlessEndedAsync(() => Client.RaiseEventAsync(id, CancelEvent, cancellation: cancellationToken));
        }

        return true;
    });

    public Task DeleteAsync(string id, CancellationToken cancellationToken) => AskAsync(cancellationToken, async () =>
    {
        if (await Client.GetInstanceAsync(id, getInputsAndOutputs: true, cancellationToken) is not { } instance)
        {
            return true;
        }

        if (!instance.IsCompleted && Record(instance)?.State.EndedAt is not null)
        {
            // It only waits for an activity that nobody waits for any more.
            if (!await UnlessEndedAsync(() => Client.TerminateInstanceAsync(id, cancellation: cancellationToken)))
            {
                instance = await Client.GetInstanceAsync(id, cancellationToken);
                if (instance is null)
                {
                    return true;
                }
            }

            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(TerminationPatience);
            instance = await Client.WaitForInstanceCompletionAsync(id, patience.Token);
        }

        if (instance.IsCompleted)
        {
            await Client.PurgeInstanceAsync(id, cancellation: cancellationToken);
        }

        return true;
    });

    /// <summary>As <see cref="Record"/>; null also for an instance of another version, whose data can't be read: it must not keep the
    /// others from being listed.</summary>
    private static JobRecord? TryRecord(OrchestrationMetadata instance)
    {
        try
        {
            return Record(instance);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static JobRecord? Record(OrchestrationMetadata instance)
    {
        if (instance.Name != FunctionNames.TranscriptionOrchestrator || instance.ReadInputAs<TranscriptionJob>() is not { } job)
        {
            return null;
        }

        var status = instance.SerializedCustomStatus is null ? null : instance.ReadCustomStatusAs<DurableStatus>();
        var end = status?.End ?? instance.RuntimeStatus switch
        {
            OrchestrationRuntimeStatus.Completed when instance.ReadOutputAs<JobResult>() is { } result =>
                new DurableEnd(result.Status, result.Failure, instance.LastUpdatedAt),
            OrchestrationRuntimeStatus.Failed => new DurableEnd(
                JobStatus.Failed, Failure(FailureClass.Internal, $"The orchestration went wrong: {instance.FailureDetails?.ErrorMessage}"),
                instance.LastUpdatedAt),
            OrchestrationRuntimeStatus.Terminated => new DurableEnd(
                JobStatus.Cancelled, Failure(FailureClass.Cancelled, "The job was terminated by an operator."), instance.LastUpdatedAt),
            _ => null,
        };
        var isQueued = instance.RuntimeStatus == OrchestrationRuntimeStatus.Pending;
        return new JobRecord(job, new JobState(
            instance.InstanceId, end?.Status ?? (isQueued ? JobStatus.Queued : JobStatus.Running),
            status?.Progress?.Stage, status?.Progress?.Fraction ?? 0, instance.CreatedAt,
            isQueued ? null : status?.StartedAt ?? instance.CreatedAt, end?.EndedAt, end?.Failure));
    }

    private static ActivityFailure Failure(FailureClass @class, string reason) =>
        new(@class, Retryable: false, ActivityFailure.OneLine(reason));

    private static OrchestrationRuntimeStatus[]? StatusesOf(JobStatus? status) => status switch
    {
        null => null,
        JobStatus.Queued => [OrchestrationRuntimeStatus.Pending],
        JobStatus.Running => [OrchestrationRuntimeStatus.Running, OrchestrationRuntimeStatus.Suspended],
        // What it waits for may keep an instance from completing when its job has ended.
        _ =>
        [
            OrchestrationRuntimeStatus.Completed, OrchestrationRuntimeStatus.Failed, OrchestrationRuntimeStatus.Terminated,
            OrchestrationRuntimeStatus.Running, OrchestrationRuntimeStatus.Suspended,
        ],
    };

    /// <summary>Does something to an instance that may end at any time.</summary>
    /// <returns>False when it has ended, or is gone, since it was looked at.</returns>
    private static async Task<bool> UnlessEndedAsync(Func<Task> act)
    {
        try
        {
            await act();
            return true;
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.FailedPrecondition or StatusCode.NotFound)
        {
            return false;
        }
    }

    /// <summary>Says what the callers of an engine understand when the task hub doesn't answer.</summary>
    private static async Task<T> AskAsync<T>(CancellationToken cancellationToken, Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Cancelled && cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(e.Message, e, cancellationToken);
        }
        catch (Exception e) when (e is RpcException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // A host that stops cancels calls that nobody here gave up.
            throw new IOException($"The task hub doesn't answer: {(e as RpcException)?.Status.Detail ?? e.Message}", e);
        }
    }

    /// <summary>Where a job is in the list, the later the greater.</summary>
    private sealed record Place(DateTimeOffset CreatedAt, string Id) : IComparable<Place>
    {
        // No job is from before or after, and every back end can compare these.
        private static readonly DateTime First = new(2000, 1, 1);
        private static readonly DateTime Last = new(9000, 1, 1);

        public static Place Of(JobState job) => new(job.CreatedAt, job.Id);

        /// <exception cref="FormatException">It is none.</exception>
        public static Place Parse(string text) =>
            text.Split('-') is [var ticks, var id]
            && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var utc) && utc >= First.Ticks && utc <= Last.Ticks
                ? new Place(new DateTimeOffset(utc, TimeSpan.Zero), id)
                : throw new FormatException("This is no continuation.");

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{CreatedAt.UtcTicks}-{Id}");

        // Nothing comes after a page that isn't there.
        public int CompareTo(Place? other) => other is null ? -1
            : CreatedAt != other.CreatedAt ? CreatedAt.CompareTo(other.CreatedAt)
            : string.CompareOrdinal(Id, other.Id);
    }
}
