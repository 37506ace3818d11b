namespace AiModels.ApiMachinery.Storage;

/// <summary>
/// Objects that were read. An engine that has it need only find keys and revisions, which are little, and takes the values from here: one is used only
/// when it is of the very revision that the engine found, so what is read is as new, and as consistent, as without it.
/// <para>
/// What is here stays until it is changed, deleted or cleared. When there is no room, nothing more is taken in: were the oldest dropped instead, a list
/// longer than the cache would drop each object just before it is wanted again.
/// </para>
/// </summary>
/// <param name="maximumBytes">How much it may hold, in bytes; 0 for nothing.</param>
public sealed class ValueCache(long maximumBytes = ValueCache.DefaultBytes)
{
    /// <summary>64 MiB: about 20,000 objects of 3 KiB.</summary>
    public const long DefaultBytes = 64L << 20;

    // Beside the value: the key as text and in parts, the object and the entry.
    private const int Overhead = 512;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, StoredObject> _objects = new(StringComparer.Ordinal);
    private long _bytes;

    /// <summary>Whether there is nothing to be found.</summary>
    public bool IsEmpty
    {
        get
        {
            lock (_lock)
            {
                return _objects.Count == 0;
            }
        }
    }

    /// <summary>The object of this key (<see cref="ObjectKey.ToString"/>) as this revision wrote it, if it is here.</summary>
    public StoredObject? Find(string path, long revision)
    {
        lock (_lock)
        {
            return _objects.TryGetValue(path, out StoredObject? known) && known.Revision == revision ? known : null;
        }
    }

    /// <summary>Takes in what was read, unless something newer is here.</summary>
    public void Keep(string path, StoredObject stored)
    {
        lock (_lock)
        {
            if (!_objects.TryGetValue(path, out StoredObject? known))
            {
                Add(path, stored);
            }
            else if (known.Revision < stored.Revision)
            {
                Replace(path, known, stored);
            }
        }
    }

    /// <summary>What is here is replaced by what it was changed to. What nobody has read is not taken in.</summary>
    public void Follow(IReadOnlyList<HubEvent> events)
    {
        lock (_lock)
        {
            foreach ((string path, StoreEvent change) in events)
            {
                if (!_objects.TryGetValue(path, out StoredObject? known) || known.Revision >= change.Object.Revision)
                {
                    continue;
                }

                if (change.Type == StoreEventType.Deleted)
                {
                    Remove(path, known);
                }
                else
                {
                    Replace(path, known, change.Object);
                }
            }
        }
    }

    /// <summary>Lets go of everything.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _objects.Clear();
            _objects.TrimExcess();
            _bytes = 0;
        }
    }

    private void Replace(string path, StoredObject known, StoredObject stored)
    {
        Remove(path, known);
        Add(path, stored);
    }

    private void Add(string path, StoredObject stored)
    {
        if (_bytes + SizeOf(stored) <= maximumBytes)
        {
            _objects.Add(path, stored);
            _bytes += SizeOf(stored);
        }
    }

    private void Remove(string path, StoredObject known)
    {
        _objects.Remove(path);
        _bytes -= SizeOf(known);
    }

    private static long SizeOf(StoredObject stored) => stored.Value.Length + Overhead;
}
