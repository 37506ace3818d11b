using AiModels.ModelPack.Oci;
using AiModels.Registry.Capacity;
using AiModels.Registry.GarbageCollection;
using AiModels.Registry.Storage;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Inspection;

/// <summary>Explains what is stored: by the same mark that garbage collection uses, so that what it says is what will happen. Changes nothing.</summary>
internal sealed class ContentInspector(
    IStorageBackend backend, Marker marker, CondemnedDigests condemned, RepositoryOwners owners, CapacityLedger ledger, RegistryOptions options, TimeProvider clock)
{
    // Enough to see what is going on; sums count everything.
    private const int MaxListed = 10_000;

    /// <summary>Which repository keeps how many bytes.</summary>
    public async Task<UsageReport> UsageAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = await NowAsync(cancellationToken);
        var holders = new DigestTable();
        await foreach (RepositoryMark mark in marker.MarkAsync(now, cancellationToken))
        {
            foreach (Digest digest in mark.Held)
            {
                holders.Add(digest);
            }
        }

        var repositories = new List<RepositoryUsage>();
        await foreach (RepositoryMark mark in marker.MarkAsync(now, cancellationToken))
        {
            repositories.Add(await UsageOfAsync(mark, holders, cancellationToken));
        }

        long stored = 0, unheld = 0;
        await foreach (StorageEntry blob in backend.ListAsync(StoragePaths.Blobs, null, cancellationToken))
        {
            stored += blob.Length;
            unheld += StoragePaths.TryReadBlob(blob.Path, out Digest digest) && holders[digest] == 0 ? blob.Length : 0;
        }

        return new UsageReport
        {
            Repositories = [.. repositories.OrderByDescending(usage => usage.StoredBytes).ThenBy(usage => usage.Repository, StringComparer.Ordinal)],
            LogicalBytes = repositories.Sum(usage => usage.LogicalBytes),
            StoredBytes = stored,
            UnheldBytes = unheld,
            Capacity = ledger.Describe((await backend.GetSpaceAsync(cancellationToken))?.FreeBytes),
        };
    }

    /// <summary>What keeps a digest, and where it lies.</summary>
    public async Task<DigestReport> ExplainAsync(Digest digest, CancellationToken cancellationToken)
    {
        StorageEntry? blob = await backend.StatAsync(StoragePaths.Blob(digest), cancellationToken);
        StorageEntry? note = await backend.StatAsync(StoragePaths.CondemnedNote(digest), cancellationToken);
        StorageEntry? rotten = await backend.StatAsync(StoragePaths.Quarantined(digest), cancellationToken);
        var holders = new List<DigestHolder>();
        await foreach (RepositoryMark mark in marker.MarkAsync(await NowAsync(cancellationToken), cancellationToken))
        {
            if (mark.Manifests.TryGetValue(digest, out MarkedManifest? manifest))
            {
                holders.Add(new DigestHolder { Repository = mark.Repository, Owner = await owners.FindAsync(mark.Repository, cancellationToken), As = "manifest", Reason = manifest.Reason, Tags = manifest.Tags });
            }

            bool isHeld = mark.Blobs.TryGetValue(digest, out HoldReason reason);
            if (isHeld || mark.StaleBlobs.Contains(digest) || mark.StaleManifests.Any(stale => stale.Blobs.Contains(digest)))
            {
                holders.Add(new DigestHolder
                {
                    Repository = mark.Repository,
                    Owner = await owners.FindAsync(mark.Repository, cancellationToken),
                    As = "blob",
                    Reason = reason,
                    NamedBy = [.. mark.Manifests.SelectMany(pair => pair.Value.Blobs.Where(part => part.Digest == digest).Select(part => $"{pair.Key} {part.Path}"))],
                });
            }
        }

        return new DigestReport
        {
            Digest = digest.ToString(),
            Path = blob?.Path,
            Bytes = blob?.Length,
            Modified = blob?.Modified,
            CondemnedSince = note?.Modified,
            QuarantinedSince = rotten?.Modified,
            Holders = holders,
            Summary = Summarize(blob, rotten, holders),
        };
    }

    /// <summary>What a collection would do now, and why the rest stays.</summary>
    public async Task<CollectionPlan> PlanAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset now = await NowAsync(cancellationToken);
        var plan = new PlanBuilder();
        var holders = new DigestTable();
        await foreach (RepositoryMark mark in marker.MarkAsync(now, cancellationToken))
        {
            foreach (Digest digest in mark.Held)
            {
                holders.Add(digest);
            }

            foreach ((Digest manifest, IReadOnlyList<Digest> blobs) in mark.StaleManifests)
            {
                plan.Goes("manifest", mark.Repository, manifest.ToString(), 0, $"neither tag nor index nor subject holds it, and it is older than {options.UntaggedExpiry}");
                foreach (Digest blob in blobs)
                {
                    plan.Goes("link", mark.Repository, blob.ToString(), 0, $"only manifest {manifest} named it");
                }
            }

            foreach (Digest blob in mark.StaleBlobs)
            {
                plan.Goes("link", mark.Repository, blob.ToString(), 0, $"no manifest names it, and the repository has rested for longer than {options.UnsealedExpiry}");
            }

            foreach ((Digest blob, HoldReason reason) in mark.Blobs.Where(pair => pair.Value != HoldReason.InManifest))
            {
                plan.Stays(reason == HoldReason.Unsealed ? "waits for its manifest in a repository where something happened lately" : "a manifest of its repository cannot be read", 0);
            }

            foreach (MarkedManifest manifest in mark.Manifests.Values.Where(manifest => manifest.Reason != HoldReason.None))
            {
                plan.Stays($"manifest: {Words(manifest.Reason)}", 0);
            }
        }

        await foreach (StorageEntry blob in backend.ListAsync(StoragePaths.Blobs, null, cancellationToken))
        {
            if (!StoragePaths.TryReadBlob(blob.Path, out Digest digest))
            {
                plan.Stays("blob: its path is none of this layout", blob.Length);
            }
            else if (holders[digest] > 0)
            {
                plan.Stays("blob: a repository holds it", blob.Length);
            }
            else if (now - blob.Modified < options.GcGrace)
            {
                plan.Stays($"blob: nobody holds it, but it is younger than {options.GcGrace}", blob.Length);
            }
            else if (backend.IsShared && (!condemned.Known.TryGetValue(digest, out DateTimeOffset since) || now - since < options.GcCondemnedGrace))
            {
                plan.Stays($"blob: nobody holds it; it is marked, or will be by the next collection, and goes {options.GcCondemnedGrace} later", blob.Length);
            }
            else
            {
                plan.Goes("blob", null, digest.ToString(), blob.Length, "no repository holds it");
            }
        }

        await PlanUploadsAsync(plan, now, cancellationToken);
        return plan.Build();
    }

    private async Task PlanUploadsAsync(PlanBuilder plan, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var uploads = new Dictionary<string, (long Bytes, DateTimeOffset Last)>(StringComparer.Ordinal);
        await foreach (StorageEntry entry in backend.ListAsync(StoragePaths.Uploads, null, cancellationToken))
        {
            string id = StoragePaths.UploadIdOf(entry.Path);
            (long bytes, DateTimeOffset last) = uploads.GetValueOrDefault(id);
            uploads[id] = (bytes + entry.Length, entry.Modified > last ? entry.Modified : last);
        }

        foreach ((string id, (long bytes, DateTimeOffset last)) in uploads)
        {
            if (now - last > options.UploadExpiry)
            {
                plan.Goes("upload", null, id, bytes, $"nothing came for longer than {options.UploadExpiry}");
            }
            else
            {
                plan.Stays($"upload: bytes came within {options.UploadExpiry}", bytes);
            }
        }
    }

    private async Task<RepositoryUsage> UsageOfAsync(RepositoryMark mark, DigestTable holders, CancellationToken cancellationToken)
    {
        var sizes = new Dictionary<Digest, long>();
        MarkedManifest[] live = [.. mark.Manifests.Values.Where(manifest => manifest.Reason != HoldReason.None)];
        foreach (ContentReference reference in live.SelectMany(manifest => manifest.Blobs.Concat(manifest.Children)))
        {
            sizes[reference.Digest] = reference.Size;
        }

        long stored = 0, shared = 0, unsealed = 0;
        foreach (Digest digest in mark.Held)
        {
            long size = sizes.TryGetValue(digest, out long known) ? known : (await backend.StatAsync(StoragePaths.Blob(digest), cancellationToken))?.Length ?? 0;
            stored += size;
            shared += holders[digest] > 1 ? size : 0;
            unsealed += mark.Blobs.TryGetValue(digest, out HoldReason reason) && reason != HoldReason.InManifest ? size : 0;
        }

        return new RepositoryUsage
        {
            Repository = mark.Repository,
            Owner = await owners.FindAsync(mark.Repository, cancellationToken),
            LogicalBytes = live.SelectMany(manifest => manifest.Blobs).Where(part => part.Path != "config").Sum(part => part.LogicalSize),
            StoredBytes = stored,
            SharedBytes = shared,
            ExclusiveBytes = stored - shared,
            UnsealedBytes = unsealed,
            ReservedBytes = ledger.Find(mark.Repository)?.Outstanding ?? 0,
            Manifests = live.Length,
            Blobs = mark.Blobs.Count,
        };
    }

    private async ValueTask<DateTimeOffset> NowAsync(CancellationToken cancellationToken) => backend.IsShared ? await backend.GetTimeAsync(cancellationToken) : clock.GetUtcNow();

    private static string Summarize(StorageEntry? blob, StorageEntry? rotten, List<DigestHolder> holders)
    {
        DigestHolder[] keeping = [.. holders.Where(holder => holder.Reason != HoldReason.None)];
        string keeps = keeping.Length == 0
            ? "no repository holds it: the next collections free it"
            : $"kept by {string.Join(", ", keeping.Take(10).Select(holder => $"{holder.Owner?.ToString() ?? holder.Repository} ({Words(holder.Reason)})"))}{(keeping.Length > 10 ? $" and {keeping.Length - 10} more" : "")}";
        return (blob, rotten, holders.Count) switch
        {
            (null, null, 0) => "It is not stored here, and nothing refers to it.",
            (null, null, _) => $"Its bytes are missing; {keeps}.",
            (null, _, _) => $"Its bytes have rotted and lie in quarantine; {keeps}.",
            _ => $"{ByteText.Of(blob.Value.Length)}; {keeps}.",
        };
    }

    private static string Words(HoldReason reason) => reason switch
    {
        HoldReason.Tagged => "a tag names it",
        HoldReason.Young => "it is young and may still get a tag",
        HoldReason.InIndex => "an index names it",
        HoldReason.RefersToSubject => "its subject stays",
        HoldReason.InManifest => "a manifest names it",
        HoldReason.Unsealed => "it waits for its manifest",
        HoldReason.Unreadable => "a manifest of the repository cannot be read",
        _ => "nothing holds it",
    };

    /// <summary>Collects what goes and what stays.</summary>
    private sealed class PlanBuilder
    {
        private readonly List<PlannedItem> _goes = [];
        private readonly SortedDictionary<string, (long Count, long Bytes)> _stays = new(StringComparer.Ordinal);
        private long _freed;
        private bool _isShortened;

        public void Goes(string what, string? repository, string name, long bytes, string why)
        {
            _freed += bytes;
            if (_goes.Count < MaxListed)
            {
                _goes.Add(new PlannedItem(what, repository, name, bytes, why));
            }
            else
            {
                _isShortened = true;
            }
        }

        public void Stays(string why, long bytes)
        {
            (long count, long sum) = _stays.GetValueOrDefault(why);
            _stays[why] = (count + 1, sum + bytes);
        }

        public CollectionPlan Build() => new()
        {
            Goes = _goes,
            FreedBytes = _freed,
            Stays = [.. _stays.Select(pair => new KeptSummary(pair.Key, pair.Value.Count, pair.Value.Bytes))],
            IsShortened = _isShortened,
        };
    }
}
