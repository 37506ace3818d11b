using System.Diagnostics.CodeAnalysis;

namespace AiModels.NodeAgent;

/// <summary>The problem that was met last by something that is done again and again, so that it is said once and not each time. Of one caller at a time.</summary>
internal sealed class LastProblem
{
    private string? _text;

    /// <summary>Whether the problem is another than the last time; null, when there is none, never is.</summary>
    public bool IsNews([NotNullWhen(true)] string? problem)
    {
        bool isNews = problem is not null && problem != _text;
        _text = problem;
        return isNews;
    }

    /// <summary>It went well: the same problem is news again.</summary>
    public void Forget() => _text = null;
}
