using LiteDB;

namespace AiModels.LiteDbStore;

/// <summary>
/// Forgets old versions, a bounded step at a time, so that writes wait for one step at most. A version goes when a newer version of its key is not newer
/// than the target; a deletion goes when it is older than the target. The floor moves first: whoever asks for history that is half gone is refused.
/// </summary>
internal sealed class LiteDbCompactor(LiteDbDatabase database)
{
    // Revisions per transaction: some ten milliseconds of work.
    private const int StepSize = 500;

    /// <summary>Up to a committed revision; afterwards the log is in the data file.</summary>
    public void Compact(long target)
    {
        database.Write(() => database.WriteState("compacted", Math.Max(target, database.ReadState("compacted"))));
        bool isDone = false;
        while (!isDone)
        {
            database.Write(() => isDone = Step(target));
        }

        database.Checkpoint();
    }

    private bool Step(long target)
    {
        long from = database.ReadState("swept"), to = Math.Min(Math.Max(target, from), from + StepSize);
        foreach (BsonDocument row in database.Versions.Query().Where(Query.Between("_id", from, to)).ToList())
        {
            if (row["_id"].AsInt64 > from && !row["previous"].IsNull)
            {
                database.Versions.Delete(row["previous"]);
            }

            if (row["_id"].AsInt64 < to && row["value"].IsNull)
            {
                database.Versions.Delete(row["_id"]);
            }
        }

        database.WriteState("swept", to);
        return to >= target;
    }
}
