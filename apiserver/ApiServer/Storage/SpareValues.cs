using AiModels.ApiMachinery.Storage;
using AiModels.Hosting;

namespace AiModels.ApiServer.Storage;

/// <summary>Who has nothing to do lists nothing: what was kept for lists is given back.</summary>
internal sealed class SpareValues(ValueCache values) : ISpareMemory
{
    public void Release() => values.Clear();
}
