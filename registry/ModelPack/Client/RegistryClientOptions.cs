using System.Security.Cryptography.X509Certificates;

namespace AiModels.ModelPack.Client;

/// <summary>How to reach a registry.</summary>
public sealed class RegistryClientOptions
{
    /// <summary><c>https://host[:port]</c>, <c>http://host[:port]</c>, or <c>unix:///path/to.sock</c> (plain HTTP on a socket of this machine).</summary>
    public required string Address { get; init; }

    /// <summary>Certificates that the registry's must chain to, instead of the system's. Null: the system's.</summary>
    public X509Certificate2Collection? TrustedRoots { get; init; }

    /// <summary>Tokens for repositories; null for a registry that asks for none.</summary>
    public IGrantSource? Grants { get; init; }

    /// <summary>How long a connection may take. 10 s: longer means that nobody is there.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a registry may stay silent, before the answer or between two reads of a body. 30 s: two orders above what a healthy one takes.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often a safe request is tried again. 5, with pauses from 200 ms doubling: about 6 s, a restart of the registry.</summary>
    public int MaxRetries { get; init; } = 5;

    public TimeSpan FirstRetryDelay { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Time for retries, stalls and token expiry.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Tests put a handler here instead of a socket.</summary>
    public HttpMessageHandler? Handler { get; init; }
}
