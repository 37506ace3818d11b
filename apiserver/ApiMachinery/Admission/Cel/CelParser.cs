namespace AiModels.ApiMachinery.Admission.Cel;

/// <summary>Makes a tree of an expression's pieces, by the grammar of the language's definition.</summary>
internal sealed class CelParser(List<CelToken> tokens)
{
    // cel-go's default; deeper is no condition that a person wrote.
    private const int MaximumDepth = 250;
    private static readonly string[][] Levels = [["||"], ["&&"], ["==", "!=", "<", "<=", ">", ">=", "in"], ["+", "-"], ["*", "/", "%"]];
    private static readonly HashSet<string> Macros = ["all", "exists", "exists_one", "map", "filter"];
    private int _at;
    private int _depth;

    public CelNode ParseAll()
    {
        CelNode root = Conditional();
        return tokens[_at].Kind == CelTokenKind.End ? root : throw Unexpected();
    }

    private CelNode Conditional()
    {
        if (++_depth > MaximumDepth)
        {
            throw new CelException($"expression recursion limit exceeded: {MaximumDepth}");
        }

        CelNode condition = Binary(0);
        if (Take("?"))
        {
            CelNode yes = Conditional();
            Expect(":");
            condition = new CelConditional(condition, yes, Conditional());
        }

        _depth--;
        return condition;
    }

    private CelNode Binary(int level)
    {
        if (level == Levels.Length)
        {
            return Unary();
        }

        CelNode left = Binary(level + 1);
        while (tokens[_at] is { Kind: CelTokenKind.Operator, Text: var sign } && Levels[level].Contains(sign))
        {
            _at++;
            CelNode right = Binary(level + 1);
            left = sign switch
            {
                "||" => new CelLogical(left, right, Decides: true),
                "&&" => new CelLogical(left, right, Decides: false),
                _ => new CelBinary(sign, left, right),
            };
        }

        return left;
    }

    private CelNode Unary()
    {
        if (tokens[_at] is { Kind: CelTokenKind.Operator, Text: "!" or "-" } sign)
        {
            if (++_depth > MaximumDepth)
            {
                throw new CelException($"expression recursion limit exceeded: {MaximumDepth}");
            }

            _at++;
            var node = new CelUnary(sign.Text, Unary());
            _depth--;
            return node;
        }

        return Member();
    }

    private CelNode Member()
    {
        CelNode node = Primary();
        while (true)
        {
            if (Take("."))
            {
                string name = Identifier();
                node = Take("(") ? Method(node, name, Arguments(")")) : new CelField(node, name);
            }
            else if (Take("["))
            {
                node = new CelIndex(node, Conditional());
                Expect("]");
            }
            else
            {
                return node;
            }
        }
    }

    private CelNode Primary()
    {
        CelToken token = tokens[_at];
        if (token.Kind == CelTokenKind.Literal)
        {
            _at++;
            return new CelLiteral(token.Value);
        }

        if (token.Kind == CelTokenKind.Identifier)
        {
            _at++;
            return Take("(") ? Function(token.Text, Arguments(")")) : new CelVariable(token.Text);
        }

        if (Take("("))
        {
            CelNode inner = Conditional();
            Expect(")");
            return inner;
        }

        if (Take("["))
        {
            return new CelList(Arguments("]"));
        }

        return Take("{") ? Map() : throw Unexpected();
    }

    private CelMap Map()
    {
        List<(CelNode Key, CelNode Value)> entries = [];
        while (!Take("}"))
        {
            CelNode key = Conditional();
            Expect(":");
            entries.Add((key, Conditional()));
            if (!Take(","))
            {
                Expect("}");
                break;
            }
        }

        return new CelMap(entries);
    }

    private List<CelNode> Arguments(string end)
    {
        List<CelNode> arguments = [];
        while (!Take(end))
        {
            arguments.Add(Conditional());
            if (!Take(","))
            {
                Expect(end);
                break;
            }
        }

        return arguments;
    }

    private static CelNode Function(string name, List<CelNode> arguments)
    {
        if (name == "has")
        {
            return arguments is [CelField field] ? new CelHas(field.Target, field.Name) : throw new CelException("invalid argument to has() macro");
        }

        return CelFunctions.IsGlobal(name, arguments.Count) ? new CelCall(name, arguments) : throw new CelException($"undeclared reference to '{name}'");
    }

    private static CelNode Method(CelNode target, string name, List<CelNode> arguments)
    {
        if (Macros.Contains(name) && arguments.Count >= 2)
        {
            bool isWellFormed = arguments[0] is CelVariable && (arguments.Count == 2 || (name == "map" && arguments.Count == 3));
            return isWellFormed
                ? new CelMacro(name, target, ((CelVariable)arguments[0]).Name, arguments.Count == 3 ? arguments[1] : null, arguments[^1])
                : throw new CelException($"invalid argument to {name}() macro");
        }

        return CelFunctions.IsMethod(name, arguments.Count) ? new CelCall(name, [target, .. arguments]) : throw new CelException($"undeclared reference to '{name}'");
    }

    private string Identifier() => tokens[_at] is { Kind: CelTokenKind.Identifier, Text: var name } ? Next(name) : throw Unexpected();

    private string Next(string name)
    {
        _at++;
        return name;
    }

    private bool Take(string sign)
    {
        if (tokens[_at] is { Kind: CelTokenKind.Operator } token && token.Text == sign)
        {
            _at++;
            return true;
        }

        return false;
    }

    private void Expect(string sign)
    {
        if (!Take(sign))
        {
            throw Unexpected();
        }
    }

    private CelException Unexpected() => new(tokens[_at].Kind == CelTokenKind.End
        ? "Syntax error: mismatched input '<EOF>'"
        : $"Syntax error: mismatched input '{tokens[_at].Text}{tokens[_at].Value}' (position {tokens[_at].Position})");
}
