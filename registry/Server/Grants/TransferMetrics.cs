namespace AiModels.Registry.Grants;

/// <summary>How finely /metrics tells bytes moved.</summary>
public enum TransferMetrics
{
    /// <summary>By kind of consumer: a handful of series.</summary>
    Class,

    /// <summary>Also for each repository in which something moved within a day: three series a model.</summary>
    Repository,

    /// <summary>Also for each grant in each repository, with its subject: many series, for clusters that are looked at closely.</summary>
    Grant,
}
