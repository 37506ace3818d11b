namespace AiModels.Hosting.Certificates;

/// <summary>Several certificates in one text, as trust bundles are.</summary>
public static class PemBundle
{
    private const string End = "-----END CERTIFICATE-----";

    /// <summary>The first certificate, with a line end; empty when there is none. The newest one, where bundles grow at their beginning.</summary>
    public static string First(string? bundle)
    {
        int end = bundle?.IndexOf(End, StringComparison.Ordinal) ?? -1;
        return end < 0 ? "" : bundle![..(end + End.Length)] + "\n";
    }
}
