using System.ComponentModel.DataAnnotations;
using AiModels.Hosting.CommandLine;

namespace AiModels.Soak;

/// <summary>What is run against what, and for how long.</summary>
public sealed class SoakOptions : IValidatableObject
{
    [Option("Engine: sqlite (one replica), litedb (likewise) or etcd.", Placeholder = "ENGINE")]
    public string Storage { get; set; } = "sqlite";

    [Option("For how many seconds changes are made.")]
    [Range(1, 86_400)]
    public int Seconds { get; set; } = 120;

    [Option("Who makes changes.")]
    [Range(1, 1000)]
    public int Writers { get; set; } = 20;

    [Option("Who watches them: a quarter undisturbed, a quarter cut, a quarter slow, a quarter starting again from an old revision.")]
    [Range(4, 10_000)]
    public int Watchers { get; set; } = 50;

    [Option("Replicas of the API server on etcd.")]
    [Range(1, 9)]
    public int Replicas { get; set; } = 3;

    [Option("Members of etcd; of three and more the leader is killed now and then, too.")]
    [Range(1, 7)]
    public int Members { get; set; } = 3;

    [Option("Seconds between two kills.")]
    [Range(1, 3600)]
    public int KillEvery { get; set; } = 10;

    [Option("Milliseconds that a writer rests after a change.")]
    [Range(0, 60_000)]
    public int Rest { get; set; } = 50;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Storage is not ("sqlite" or "litedb" or "etcd"))
        {
            yield return new ValidationResult($"--storage: '{Storage}' is no engine; use sqlite, litedb or etcd");
        }
    }
}
