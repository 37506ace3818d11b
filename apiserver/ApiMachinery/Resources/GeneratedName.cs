using System.Security.Cryptography;

namespace AiModels.ApiMachinery.Resources;

/// <summary>Names made from metadata.generateName (k8s.io/apiserver/pkg/storage/names; contract C5).</summary>
internal static class GeneratedName
{
    /// <summary>How often a taken name is replaced by another before the client is told.</summary>
    public const int Attempts = 8;
    private const string Alphabet = "bcdfghjklmnpqrstvwxz2456789";
    private const int BaseLength = 58;

    public static string From(string generateName) =>
        (generateName.Length > BaseLength ? generateName[..BaseLength] : generateName) + RandomNumberGenerator.GetString(Alphabet, 5);
}
