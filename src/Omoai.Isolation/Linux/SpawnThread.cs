using System.Collections.Concurrent;

namespace Omoai.Isolation.Linux;

/// <summary>
/// The one thread that hosts are spawned from. It lives as long as the process does, since Linux takes the end of the
/// <em>thread</em> that spawned a child for the death of its parent.
/// </summary>
internal static class SpawnThread
{
    private static readonly BlockingCollection<Action> Work = Start();

    public static Task<T> RunAsync<T>(Func<T> action)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Work.Add(() =>
        {
            try
            {
                done.SetResult(action());
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        });
        return done.Task;
    }

    private static BlockingCollection<Action> Start()
    {
        var work = new BlockingCollection<Action>();
        new Thread(() =>
        {
            foreach (var action in work.GetConsumingEnumerable())
                action();
        })
        { Name = "omoai-spawn", IsBackground = true }.Start();
        return work;
    }
}
