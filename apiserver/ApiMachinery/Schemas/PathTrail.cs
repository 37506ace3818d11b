using System.Text;

namespace AiModels.ApiMachinery.Schemas;

/// <summary>
/// Where a walk through a document is. Steps are pushed and popped, and become text (spec.list[2].name) only when there is something to say,
/// so that a document without errors costs no strings.
/// </summary>
internal sealed class PathTrail
{
    private readonly List<(string? Name, int Index)> _steps = [];

    public int Depth => _steps.Count;

    public void Push(string name) => _steps.Add((name, 0));

    public void Push(int index) => _steps.Add((null, index));

    public void Pop() => _steps.RemoveAt(_steps.Count - 1);

    /// <summary>The path, with one more field when given.</summary>
    public string With(string? field)
    {
        var text = new StringBuilder();
        foreach ((string? name, int index) in _steps)
        {
            Append(text, name, index);
        }

        if (field is not null)
        {
            Append(text, field, 0);
        }

        return text.ToString();
    }

    public override string ToString() => With(null);

    private static void Append(StringBuilder text, string? name, int index)
    {
        if (name is null)
        {
            text.Append('[').Append(index).Append(']');
        }
        else
        {
            text.Append(text.Length > 0 ? "." : "").Append(name);
        }
    }
}
