namespace Omoai.ActivityHost;

/// <summary>The one loaded model of a process: what a warm-up loaded is there for the request. Not for several threads at once.</summary>
/// <param name="load">Loads the model of a key.</param>
internal sealed class KeptModel<TKey, TModel>(Func<TKey, TModel> load) : IDisposable
    where TKey : class
    where TModel : class, IDisposable
{
    private TKey? _key;
    private TModel? _model;

    /// <summary>The kept model if it is this one; otherwise it is loaded, and kept in the other's place.</summary>
    public TModel Get(TKey key)
    {
        if (_model is null || !key.Equals(_key))
        {
            // First the one: there may not be memory for both.
            Dispose();
            (_model, _key) = (load(key), key);
        }

        return _model;
    }

    /// <summary>Frees the model.</summary>
    public void Dispose()
    {
        _model?.Dispose();
        (_model, _key) = (null, null);
    }
}
