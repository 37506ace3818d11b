using System.Buffers;
using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;
using AiModels.Contracts.V1Alpha1;
using AiModels.Hosting.Kubernetes;
using AiModels.ModelPack;
using AiModels.ModelPack.Chunking;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Compression;
using AiModels.ModelPack.Oci;
using AiModels.NodeAgent.Authorization;
using AiModels.NodeAgent.Cache;
using AiModels.NodeAgent.Materialization;

namespace AiModels.NodeAgent.Registry;

/// <summary>Fetches from the registry under a grant that the API server gives for this node (architecture, decision 8).</summary>
internal sealed class RegistryModelSource(
    IKubernetesClient client, ServeOptions options, X509Certificate2Collection? trustedRoots, TimeProvider time, ILogger<RegistryModelSource> logger) : IModelSource, IDisposable
{
    // One client an address, so that connections are shared; there is practically one address.
    private readonly ConcurrentDictionary<string, RegistryClient> _clients = new();
    private readonly ConcurrentDictionary<string, AuthorizedModel> _models = new();
    private readonly ChunkRemaker _remaker = new(new ChunkEncoder(ZstdCompressor.Shared));

    public async Task<IReadOnlyList<CachedFile>> FetchAsync(
        AuthorizedModel model, string target, ILocalFiles local, MaterializationProgress progress, CancellationToken cancellationToken)
    {
        (RegistryClient registry, string repository) = await OpenAsync(model, cancellationToken);
        var materializer = new Materializer(registry, options.Parallelism, logger);
        return [.. (await materializer.RunAsync(repository, Digest.Parse(model.Digest), target, local, progress, cancellationToken)).Select(CachedFile.Of)];
    }

    public async Task<string?> VerifyAsync(AuthorizedModel model, string folder, long bytesPerSecond, CancellationToken cancellationToken)
    {
        (RegistryClient registry, string repository) = await OpenAsync(model, cancellationToken);
        ModelPackReader reader = await ModelPackReader.OpenAsync(registry, repository, model.Digest, cancellationToken);
        return await new FolderCheck(bytesPerSecond, time).FindDamageAsync(folder, reader.Files, cancellationToken);
    }

    public async Task<long> CountLostAsync(AuthorizedModel model, CancellationToken cancellationToken)
    {
        (RegistryClient registry, string repository) = await OpenAsync(model, cancellationToken);
        return await registry.Integrity.CountMissingAsync(repository, cancellationToken) ?? 0;
    }

    public async Task<ReturnedContent> GiveBackAsync(AuthorizedModel model, string folder, CancellationToken cancellationToken)
    {
        (RegistryClient registry, string repository) = await OpenAsync(model, cancellationToken);
        IReadOnlyList<LostContent> lost = await registry.Integrity.LostAsync(repository, cancellationToken);
        if (lost.Count == 0 || !await IsToldAsync(model, cancellationToken))
        {
            return new ReturnedContent(0);
        }

        ModelPackReader reader = await ModelPackReader.OpenAsync(registry, repository, model.Digest, cancellationToken);
        var sink = new LostBlobSink(registry, repository);
        string? problem = null;
        foreach ((string path, ChunkEntry chunk) in ChunkRemaker.Find(reader, lost.Select(content => content.Digest).ToHashSet()))
        {
            try
            {
                await using FileStream file = File.OpenRead(Path.Combine(folder, path));
                file.Position = chunk.Offset;
                await _remaker.RemakeAsync(path, chunk, file, sink, cancellationToken);
            }
            catch (Exception e) when (e is ChunkDiffersException or EndOfStreamException or FileNotFoundException)
            {
                problem = e.Message; // of this file here; others may be sound
            }
        }

        return new ReturnedContent(sink.Taken, problem);
    }

    public void Dispose()
    {
        foreach (RegistryClient registry in _clients.Values)
        {
            registry.Dispose();
        }
    }

    private async Task<(RegistryClient Registry, string Repository)> OpenAsync(AuthorizedModel model, CancellationToken cancellationToken)
    {
        RegistryGrantStatus grant = await AskAsync(model, cancellationToken);
        _models[grant.Repository] = model;
        RegistryClient registry = _clients.GetOrAdd(options.Registry ?? grant.Registry, address => new RegistryClient(new RegistryClientOptions
        {
            Address = address,
            TrustedRoots = trustedRoots,
            Grants = new CachingGrantSource(new GrantsOfApi(this), time),
            Time = time,
        }));
        return (registry, grant.Repository);
    }

    private async Task<RegistryGrantStatus> AskAsync(AuthorizedModel model, CancellationToken cancellationToken)
    {
        var ask = new RegistryGrant { Spec = new RegistryGrantSpec { Actions = ["pull"], Consumer = $"node/{options.NodeName}" } };
        JsonObject answer = await client.SubresourceAsync(
            HttpMethod.Post,
            TypeOf(model),
            model.Namespace,
            model.Name,
            "grant",
            JsonSerializer.SerializeToNode(ask, ContractsJson.Options)!.AsObject(),
            cancellationToken);
        return answer.Deserialize<RegistryGrant>(ContractsJson.Options)?.Status
            ?? throw new IOException($"the API answered a grant for {model} without a status");
    }

    /// <summary>Whether the model's conditions say that something is lost. Of what is brought back before they do, nobody would ever learn.</summary>
    private async Task<bool> IsToldAsync(AuthorizedModel model, CancellationToken cancellationToken)
    {
        JsonObject? document = await client.GetAsync(TypeOf(model), model.Namespace, model.Name, cancellationToken);
        return (document?["status"]?["conditions"] as JsonArray ?? [])
            .Any(condition => (string?)condition?["type"] == ConditionTypes.Intact && (string?)condition["status"] == ConditionStatus.False);
    }

    private static ResourceType TypeOf(AuthorizedModel model) => model.Kind == GroupVersion.ClusterModelKind ? ResourceTypes.ClusterModels : ResourceTypes.Models;

    /// <summary>Where chunks go that the registry has lost; it takes no others.</summary>
    private sealed class LostBlobSink(RegistryClient registry, string repository) : IBlobSink
    {
        public int Taken { get; private set; }

        public async Task PutAsync(Digest digest, ReadOnlySequence<byte> content, CancellationToken cancellationToken) =>
            Taken += await registry.Integrity.GiveBackAsync(repository, digest, content, cancellationToken) ? 1 : 0;
    }

    /// <summary>Grants by repository: each repository is one model's.</summary>
    private sealed class GrantsOfApi(RegistryModelSource owner) : IGrantSource
    {
        public async ValueTask<AccessToken> GetTokenAsync(string repository, IReadOnlyCollection<string> actions, CancellationToken cancellationToken)
        {
            RegistryGrantStatus grant = await owner.AskAsync(owner._models[repository], cancellationToken);
            return new AccessToken(grant.Token, grant.ExpiresAt);
        }
    }
}
