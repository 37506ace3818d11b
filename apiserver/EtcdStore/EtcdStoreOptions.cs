using System.ComponentModel.DataAnnotations;

namespace AiModels.EtcdStore;

/// <summary>Where etcd is, who we are to it, and how much of its history is kept.</summary>
public sealed class EtcdStoreOptions
{
    /// <summary>
    /// Under which every key lies, without a slash at the end. Not upstream's /registry: who names the etcd of a kube-apiserver by mistake or on purpose
    /// must not write among its objects.
    /// </summary>
    public const string DefaultPrefix = "/ai-models";

    /// <summary>Client URLs of the members, http or https. One is used at a time; when it fails, the next.</summary>
    [Required, MinLength(1)]
    public required IReadOnlyList<Uri> Servers { get; init; }

    /// <inheritdoc cref="DefaultPrefix"/>
    [RegularExpression("^(/[^/]+)+$")]
    public string Prefix { get; init; } = DefaultPrefix;

    /// <summary>Authorities of the members' certificates, PEM. Null: the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary>Our client certificate, PEM; read again for every connection, so that a renewed one is used.</summary>
    public string? CertFile { get; init; }

    /// <summary>Its private key, PEM.</summary>
    public string? KeyFile { get; init; }

    /// <summary>Null without etcd's own authentication.</summary>
    public string? UserName { get; init; }

    public string? Password { get; init; }

    /// <summary>
    /// How often history is compacted to where it was one interval before; it therefore reaches back one to two intervals. Five minutes as kube-apiserver's.
    /// Zero leaves it to others.
    /// </summary>
    public TimeSpan CompactionInterval { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How many of the newest events are held in memory for watchers.</summary>
    [Range(1, int.MaxValue)]
    public int WatchEvents { get; init; } = 8192;

    /// <summary>How many bytes of values those events may hold. Half of what SQLite's hub may: what is older is one request away.</summary>
    public long WatchBytes { get; init; } = 32L << 20;

    /// <summary>How long a call is tried, on one member after the other, before it fails. Longer than an election of etcd takes (one to three seconds by default).</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(15);
}
