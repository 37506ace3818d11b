using AiModels.Controllers.Preparation.Formats;
using AiModels.Controllers.Preparation.Sources;
using AiModels.ModelPack;
using AiModels.ModelPack.Client;
using AiModels.ModelPack.Format;

namespace AiModels.Controllers.Preparation.Pipeline;

/// <summary>One preparation on its way: what is being prepared, where to, and what the stages have found so far.</summary>
internal sealed class PreparationContext(ModelObject model, RegistryClient registry, TransferProgress progress) : IAsyncDisposable
{
    public ModelObject Model { get; } = model;

    public RegistryClient Registry { get; } = registry;

    public ModelPackWriter Writer { get; } = new(registry, model.Repository);

    public TransferProgress Progress { get; } = progress;

    /// <summary>Asked once the size of the model is known, in bytes: whether it is its turn. Workers with nobody else to think of leave it alone.</summary>
    public Func<long, bool> MayGoOn { get; init; } = _ => true;

    /// <summary>Set by ResolveSource; disposed with the context.</summary>
    public ISourceContent? Content { get; set; }

    /// <summary>Set by Detect.</summary>
    public IModelFormat? Format { get; set; }

    /// <summary>Set by Detect: paths of the files that become the model.</summary>
    public IReadOnlySet<string> Kept { get; set; } = new HashSet<string>();

    /// <summary>Set by Detect: the others, and why.</summary>
    public IReadOnlyDictionary<string, string> LeftOut { get; set; } = new Dictionary<string, string>();

    /// <summary>Set by Verify.</summary>
    public DescribedModel? Description { get; set; }

    /// <summary>Set by Pack.</summary>
    public IReadOnlyList<FileEntry> Stored { get; set; } = [];

    /// <summary>Set by Commit.</summary>
    public PreparationResult? Result { get; set; }

    public ValueTask DisposeAsync() => Content?.DisposeAsync() ?? ValueTask.CompletedTask;
}
