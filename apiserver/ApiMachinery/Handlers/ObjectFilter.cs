using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Resources;

namespace AiModels.ApiMachinery.Handlers;

/// <summary>Whether a stored object is selected; parses it only when there is something to ask.</summary>
internal sealed class ObjectFilter(ListQuery query)
{
    public bool Matches(ReadOnlyMemory<byte> value, long revision)
    {
        if (query.SelectsAll)
        {
            return true;
        }

        JsonObject obj = ObjectBytes.Decode(value, revision);
        return query.Labels.Matches(obj) && query.Fields.Matches(obj);
    }
}
