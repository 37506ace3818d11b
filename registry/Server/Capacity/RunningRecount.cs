namespace AiModels.Registry.Capacity;

/// <summary>
/// Counts what is stored while it changes. A path that changes before the listing has come by is left to its changes, one that changes afterwards is corrected
/// by the difference: either way it counts exactly once. Guarded by the ledger's lock.
/// </summary>
internal sealed class RunningRecount
{
    private readonly Dictionary<string, StoredBytes> _changing = new(StringComparer.Ordinal);
    private StoredBytes _counted;
    private string _passed = "";

    /// <summary>The listing came by.</summary>
    public void List(string path, long length)
    {
        _passed = path;
        if (!_changing.ContainsKey(path))
        {
            _counted += StoredBytes.Of(path, length);
        }
    }

    /// <summary>Before a change.</summary>
    public void Begin(string path, long length)
    {
        if (string.CompareOrdinal(path, _passed) > 0)
        {
            _changing.TryAdd(path, StoredBytes.Of(path, length));
        }
    }

    /// <summary>After it.</summary>
    public void End(string path, StoredBytes before, StoredBytes after)
    {
        if (_changing.ContainsKey(path))
        {
            _changing[path] = after;
        }
        else
        {
            _counted += after - before;
        }
    }

    /// <summary>What is stored, once the listing has come to its end.</summary>
    public StoredBytes Sum() => _changing.Values.Aggregate(_counted, (sum, bytes) => sum + bytes);
}
