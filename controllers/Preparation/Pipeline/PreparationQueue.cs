namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>
/// Who is next: of those who wait, the one whose namespace has the fewest at work, the longest waiting first. One namespace with a hundred models does not
/// keep others from their first. Not thread-safe.
/// </summary>
internal sealed class PreparationQueue
{
    private readonly List<(string Uid, string Owner)> _waiting = [];
    private readonly Dictionary<string, int> _atWork = [];

    /// <summary>How many wait.</summary>
    public int Count => _waiting.Count;

    public void Add(string uid, string owner)
    {
        if (_waiting.All(entry => entry.Uid != uid))
        {
            _waiting.Add((uid, owner));
        }
    }

    public void Remove(string uid) => _waiting.RemoveAll(entry => entry.Uid == uid);

    /// <summary>The next one, counted as at work from now on; null when nobody waits.</summary>
    public string? Take()
    {
        if (_waiting.Count == 0)
        {
            return null;
        }

        // MinBy keeps the first of equals, which has waited longest.
        (string Uid, string Owner) next = _waiting.MinBy(entry => _atWork.GetValueOrDefault(entry.Owner));
        _waiting.Remove(next);
        _atWork[next.Owner] = _atWork.GetValueOrDefault(next.Owner) + 1;
        return next.Uid;
    }

    /// <summary>One of the owner's is no longer at work.</summary>
    public void Done(string owner)
    {
        if (--_atWork[owner] == 0)
        {
            _atWork.Remove(owner);
        }
    }
}
