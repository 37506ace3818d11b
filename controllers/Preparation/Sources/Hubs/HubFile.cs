namespace AiModels.Controllers.Preparation.Sources.Hubs;

/// <summary>A file of a repository and what the hub promises about its bytes.</summary>
/// <param name="GitOid">SHA-1 of the git blob: of the file itself, or of the pointer when the file is in LFS. Empty where there is no git.</param>
/// <param name="Sha256">SHA-256 of the file; null where the hub promises only the git blob.</param>
internal sealed record HubFile(string Path, long Size, string GitOid, string? Sha256);
