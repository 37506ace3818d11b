namespace AiModels.ApiMachinery.Admission.Cel;

/// <summary>A part of an expression.</summary>
internal abstract record CelNode
{
    public object? Evaluate(CelScope scope)
    {
        scope.Step();
        return ValueIn(scope);
    }

    protected abstract object? ValueIn(CelScope scope);
}

internal sealed record CelLiteral(object? Value) : CelNode
{
    protected override object? ValueIn(CelScope scope) => Value;
}

internal sealed record CelVariable(string Name) : CelNode
{
    protected override object? ValueIn(CelScope scope) => scope.Get(Name);
}

internal sealed record CelField(CelNode Target, string Name) : CelNode
{
    protected override object? ValueIn(CelScope scope) => CelValues.Index(Target.Evaluate(scope), Name);
}

internal sealed record CelIndex(CelNode Target, CelNode Key) : CelNode
{
    protected override object? ValueIn(CelScope scope) => CelValues.Index(Target.Evaluate(scope), Key.Evaluate(scope));
}

internal sealed record CelHas(CelNode Target, string Name) : CelNode
{
    protected override object? ValueIn(CelScope scope) => CelValues.HasKey(Target.Evaluate(scope), Name);
}

internal sealed record CelList(List<CelNode> Items) : CelNode
{
    protected override object? ValueIn(CelScope scope) => Items.Select(item => item.Evaluate(scope)).ToList();
}

internal sealed record CelMap(List<(CelNode Key, CelNode Value)> Entries) : CelNode
{
    protected override object? ValueIn(CelScope scope)
    {
        Dictionary<object, object?> map = [];
        foreach ((CelNode key, CelNode value) in Entries)
        {
            object name = key.Evaluate(scope) ?? throw new CelException("unsupported key type: null");
            if (!map.TryAdd(name, value.Evaluate(scope)))
            {
                throw new CelException($"Failed with repeated key: {name}");
            }
        }

        return map;
    }
}

/// <summary>&amp;&amp; and ||: one side that decides is enough, also when the other one fails (the language's definition, "Logical Operators").</summary>
/// <param name="Decides">The value of a side that makes the other one irrelevant.</param>
internal sealed record CelLogical(CelNode Left, CelNode Right, bool Decides) : CelNode
{
    protected override object? ValueIn(CelScope scope)
    {
        CelException? failure = null;
        foreach (CelNode side in (CelNode[])[Left, Right])
        {
            try
            {
                if ((side.Evaluate(scope) as bool? ?? throw CelValues.NoOverload(Decides ? "||" : "&&")) == Decides)
                {
                    return Decides;
                }
            }
            catch (CelException error)
            {
                failure ??= error;
            }
        }

        return failure is null ? !Decides : throw failure;
    }
}

internal sealed record CelConditional(CelNode Condition, CelNode Yes, CelNode No) : CelNode
{
    protected override object? ValueIn(CelScope scope) =>
        (Condition.Evaluate(scope) as bool? ?? throw CelValues.NoOverload("?:")) ? Yes.Evaluate(scope) : No.Evaluate(scope);
}

internal sealed record CelUnary(string Operator, CelNode Operand) : CelNode
{
    protected override object? ValueIn(CelScope scope) => (Operator, Operand.Evaluate(scope)) switch
    {
        ("!", bool value) => !value,
        ("-", long value) when value != long.MinValue => -value,
        ("-", double value) => -value,
        _ => throw CelValues.NoOverload(Operator),
    };
}

internal sealed record CelBinary(string Operator, CelNode Left, CelNode Right) : CelNode
{
    protected override object? ValueIn(CelScope scope)
    {
        object? left = Left.Evaluate(scope), right = Right.Evaluate(scope);
        return Operator switch
        {
            "==" => CelValues.AreEqual(left, right),
            "!=" => !CelValues.AreEqual(left, right),
            "in" => CelValues.Contains(right, left),
            "<" => CelValues.Compare(left, right, "<") < 0,
            "<=" => CelValues.Compare(left, right, "<=") <= 0,
            ">" => CelValues.Compare(left, right, ">") > 0,
            ">=" => CelValues.Compare(left, right, ">=") >= 0,
            _ => CelValues.Calculate(Operator, left, right),
        };
    }
}

internal sealed record CelCall(string Name, List<CelNode> Arguments) : CelNode
{
    protected override object? ValueIn(CelScope scope) => CelFunctions.Call(Name, [.. Arguments.Select(argument => argument.Evaluate(scope))]);
}

/// <summary>all, exists, exists_one, filter and map over a list or the keys of a map.</summary>
/// <param name="Filter">Of map with three arguments.</param>
internal sealed record CelMacro(string Name, CelNode Target, string Variable, CelNode? Filter, CelNode Body) : CelNode
{
    protected override object? ValueIn(CelScope scope)
    {
        IEnumerable<object?> items = CelValues.ItemsOf(Target.Evaluate(scope)) ?? throw CelValues.NoOverload(Name);
        return Name switch
        {
            "all" => Decide(scope, items, decides: false),
            "exists" => Decide(scope, items, decides: true),
            "exists_one" => items.Count(item => IsTrue(scope, item, Body)) == 1,
            "filter" => items.Where(item => IsTrue(scope, item, Body)).ToList(),
            _ => items.Where(item => Filter is null || IsTrue(scope, item, Filter)).Select(item => scope.With(Variable, item, Body)).ToList(),
        };
    }

    // As the logical operators: an item that decides counts, also when others fail.
    private bool Decide(CelScope scope, IEnumerable<object?> items, bool decides)
    {
        CelException? failure = null;
        foreach (object? item in items)
        {
            try
            {
                if (IsTrue(scope, item, Body) == decides)
                {
                    return decides;
                }
            }
            catch (CelException error)
            {
                failure ??= error;
            }
        }

        return failure is null ? !decides : throw failure;
    }

    private bool IsTrue(CelScope scope, object? item, CelNode predicate) =>
        scope.With(Variable, item, predicate) as bool? ?? throw CelValues.NoOverload(Name);
}
