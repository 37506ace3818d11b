namespace AiModels.LocalCluster;

/// <summary>
/// Where everything of one local cluster is. The only file that builds these paths.
/// <code>
/// DATA/
///   pki/             certificate authorities, serving and client certificates, the components' own kubeconfigs
///   kubeconfig       administrator, for kubectl
///   host/            database of the stand-in host cluster
///   apiserver/       database and keys of the AI Models API server
///   registry/        blobs and manifests
///   cache/           the node agent's cache
///   volumes/PV/      content of persistent volumes
///   pods/UID/        a Pod's own volumes (emptyDir, secrets, …) and its containers' logs
///   node/NS/POD/CONTAINER/PATH    what each container sees: bind mounts
///   run/             unix sockets, pid, state; DATA may be too long a path for a socket, then run/ is under /tmp
///   audit.log        who did what to our kinds (audit.k8s.io/v1, JSON lines)
///   cluster.log      output of the background process
/// </code>
/// </summary>
internal sealed class ClusterPaths
{
    // sockaddr_un.sun_path holds 108 bytes with the final zero; our longest socket name has 20.
    private const int LongestRunDirectory = 85;

    public ClusterPaths(string data)
    {
        Data = Path.GetFullPath(data);
        string run = Path.Combine(Data, "run");
        Run = run.Length <= LongestRunDirectory
            ? run
            : Path.Combine("/tmp", "ai-models-" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(Data)).AsSpan(0, 8)));
    }

    public string Data { get; }
    public string Run { get; }
    public string Pki => Path.Combine(Data, "pki");
    public string Kubeconfig => Path.Combine(Data, "kubeconfig");

    /// <summary>The kubeconfig that a component uses: that of its service account.</summary>
    public string KubeconfigOf(string serviceAccount) => Path.Combine(Pki, serviceAccount + ".kubeconfig");

    public string Host => Path.Combine(Data, "host");
    public string ApiServer => Path.Combine(Data, "apiserver");
    public string AuditLog => Path.Combine(Data, "audit.log");
    public string Registry => Path.Combine(Data, "registry");
    public string Cache => Path.Combine(Data, "cache");
    public string Node => Path.Combine(Data, "node");
    public string RegistrySocket => Path.Combine(Run, "registry.sock");
    public string AgentSocket => Path.Combine(Run, "agent.sock");
    public string ControllersSocket => Path.Combine(Run, "controllers.sock");
    public string CsiSocket => Path.Combine(Run, "csi.sock");

    /// <summary>Written last: the cluster is ready. Holds what `env` prints.</summary>
    public string Ready => Path.Combine(Data, "run.env");

    public string Volume(string name) => Path.Combine(Data, "volumes", name);

    public string Pods => Path.Combine(Data, "pods");

    public string Pod(string uid) => Path.Combine(Pods, uid);

    public string PodVolume(string uid, string volume) => Path.Combine(Pods, uid, "volumes", volume);

    public string ContainerLog(string uid, string container) => Path.Combine(Pods, uid, container + ".log");

    /// <summary>Folder of what a Pod's containers see.</summary>
    public string PodView(string ns, string pod) => Path.Combine(Node, ns, pod);

    /// <summary>What a container sees at a path.</summary>
    public string ContainerPath(string ns, string pod, string container, string mountPath) =>
        Path.Combine(Node, ns, pod, container, mountPath.TrimStart('/'));
}
