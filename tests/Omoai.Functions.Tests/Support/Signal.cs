namespace Omoai.Functions.Tests.Support;

/// <summary>Something that happens once.</summary>
internal sealed class Signal
{
    private readonly TaskCompletionSource _source = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool IsGiven => _source.Task.IsCompleted;

    public void Give() => _source.TrySetResult();

    /// <exception cref="TimeoutException">It hasn't happened.</exception>
    public Task WaitAsync() => _source.Task.WaitAsync(TestHub.Patience);
}
