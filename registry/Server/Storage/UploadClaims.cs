using System.Text.Json;
using AiModels.Registry.Storage.Backends;

namespace AiModels.Registry.Storage;

/// <summary>
/// Orders the parts of uploads where several replicas work on one bucket. A request writes its bytes first and claims the offset they begin at afterwards; of several
/// claims to one offset the first wins, and none ever changes. So a client may go on at any replica, also while another still reads from its dead connection, and all
/// replicas agree on what the upload consists of.
/// </summary>
internal sealed class UploadClaims(IStorageBackend backend)
{
    private const int MaxDocumentLength = 1024;

    /// <summary>Adds a part to a session, in storage and here. False when another request has continued from the same offset; the part is then nobody's.</summary>
    public async Task<bool> TryClaimAsync(UploadSession session, string part, long length, bool isProven, CancellationToken cancellationToken)
    {
        var claim = new UploadClaim { Part = part, Length = length, IsProven = isProven };
        byte[] content = JsonSerializer.SerializeToUtf8Bytes(claim, RegistryJson.Default.UploadClaim);
        if (!await backend.PutAsync(StoragePaths.UploadClaim(session.Id, session.Offset), content, PutMode.IfAbsent, cancellationToken))
        {
            return false;
        }

        session.Add(part, length, isProven);
        return true;
    }

    /// <summary>Learns what other replicas have added. Only within a turn of the session.</summary>
    public async Task RefreshAsync(UploadSession session, CancellationToken cancellationToken)
    {
        // The claim to the current offset is looked for first: mostly there is none, and then there is nothing behind it.
        while (await backend.ReadAllAsync(StoragePaths.UploadClaim(session.Id, session.Offset), MaxDocumentLength, cancellationToken) is { } content)
        {
            UploadClaim claim = JsonSerializer.Deserialize(content, RegistryJson.Default.UploadClaim)!;
            session.DropHash();
            session.Add(claim.Part, claim.Length, claim.IsProven);
        }
    }
}

/// <summary>Which bytes continue an upload at an offset.</summary>
internal sealed record UploadClaim
{
    /// <summary>Path of the part.</summary>
    public required string Part { get; init; }

    public required long Length { get; init; }

    /// <summary>Whether the medium has confirmed the part's bytes.</summary>
    public required bool IsProven { get; init; }
}
