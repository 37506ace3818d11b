namespace AiModels.ApiMachinery.Http;

/// <summary>Who makes a request.</summary>
public sealed record UserInfo
{
    public required string Name { get; init; }
    public string Uid { get; init; } = "";
    public IReadOnlyList<string> Groups { get; init; } = [];

    /// <summary>Extra attributes, keys in lower case.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Extra { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    public const string MastersGroup = "system:masters";
    public const string AuthenticatedGroup = "system:authenticated";
    public const string UnauthenticatedGroup = "system:unauthenticated";

    /// <summary>Who nobody is (contract A14).</summary>
    public static UserInfo Anonymous { get; } = new() { Name = "system:anonymous", Groups = [UnauthenticatedGroup] };

    /// <summary>The server itself, where it writes on its own account; upstream's servers call themselves so on their loopback connection.</summary>
    public static UserInfo Server { get; } = new() { Name = "system:apiserver", Groups = [MastersGroup, AuthenticatedGroup] };

    public bool IsInGroup(string group) => Groups.Contains(group, StringComparer.Ordinal);

    /// <summary>The same user as a member of system:authenticated, which everybody with a name is (contract A14).</summary>
    public UserInfo Authenticated() =>
        IsInGroup(AuthenticatedGroup) || IsInGroup(UnauthenticatedGroup) ? this : this with { Groups = [.. Groups, AuthenticatedGroup] };
}
