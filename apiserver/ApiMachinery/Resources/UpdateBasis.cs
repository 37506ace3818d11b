using AiModels.ApiMachinery.Storage;

namespace AiModels.ApiMachinery.Resources;

/// <summary>
/// The state that an update begins with. What the store remembers spares a read: when it is old, the write, which compares revisions, finds out. What is not
/// written (a refusal, a state that does not differ) is decided from the newest state alone.
/// </summary>
internal sealed class UpdateBasis(IObjectStore store, ObjectKey key)
{
    private bool _isRemembered;

    /// <summary>Null when there is no such object.</summary>
    public StoredObject? Current { get; private set; }

    public async ValueTask BeginAsync(bool mayBeOld, CancellationToken cancellationToken)
    {
        Current = mayBeOld ? store.Remember(key) : null;
        _isRemembered = Current is not null;
        Current ??= await store.GetAsync(key, cancellationToken);
    }

    /// <summary>A write told what is there now.</summary>
    public void Replace(StoredObject? newest) => (Current, _isRemembered) = (newest, false);

    /// <summary>Makes sure that this is the newest state. True when it was not.</summary>
    public async ValueTask<bool> RenewAsync(CancellationToken cancellationToken)
    {
        if (!_isRemembered)
        {
            return false;
        }

        long? revision = Current?.Revision;
        Replace(await store.GetAsync(key, cancellationToken));
        return Current?.Revision != revision;
    }
}
