using System.Text.Json.Nodes;

namespace AiModels.ApiMachinery.Admission.Cel;

/// <summary>
/// An expression of the Common Expression Language (https://github.com/google/cel-spec), as matchConditions of webhooks have them: all operators, the macros
/// has, all, exists, exists_one, map and filter, conversions, and the functions on strings, lists and maps that conditions on documents use. Not there:
/// the libraries for URLs, quantities, times and authorizer checks; an expression with one of them does not parse, and says so.
/// </summary>
public sealed class CelExpression
{
    // Of upstream's order: an expression that needs more is a mistake or an attack.
    internal const int MaximumSteps = 1_000_000;
    private readonly CelNode _root;

    private CelExpression(CelNode root) => _root = root;

    /// <exception cref="CelException">It is none; the message says where.</exception>
    public static CelExpression Parse(string text) => new(new CelParser(CelLexer.Read(text)).ParseAll());

    /// <summary>The value: null, bool, long, double, string, a list or a map.</summary>
    /// <exception cref="CelException">It cannot be evaluated on these values.</exception>
    public object? Evaluate(IReadOnlyDictionary<string, JsonNode?> variables) => _root.Evaluate(new CelScope(variables));

    /// <summary>The value of an expression that must be true or false.</summary>
    /// <exception cref="CelException">It cannot be evaluated, or is neither.</exception>
    public bool EvaluateCondition(IReadOnlyDictionary<string, JsonNode?> variables) =>
        Evaluate(variables) is bool value ? value : throw new CelException("the expression must evaluate to bool");
}

/// <summary>The variables that an expression sees: those of the request, and those of the macros around it.</summary>
internal sealed class CelScope(IReadOnlyDictionary<string, JsonNode?> variables)
{
    private readonly Stack<(string Name, object? Value)> _locals = new();
    private int _steps;

    public object? Get(string name)
    {
        foreach ((string local, object? value) in _locals)
        {
            if (local == name)
            {
                return value;
            }
        }

        return variables.TryGetValue(name, out JsonNode? node)
            ? CelValues.Of(node)
            : throw new CelException($"undeclared reference to '{name}'");
    }

    /// <summary>Evaluates with one more variable.</summary>
    public object? With(string name, object? value, CelNode node)
    {
        _locals.Push((name, value));
        try
        {
            return node.Evaluate(this);
        }
        finally
        {
            _locals.Pop();
        }
    }

    public void Step()
    {
        if (++_steps > CelExpression.MaximumSteps)
        {
            throw new CelException("operation cancelled: actual cost limit exceeded");
        }
    }
}
