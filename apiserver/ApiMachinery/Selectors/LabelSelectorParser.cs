using AiModels.ApiMachinery.Validation;

namespace AiModels.ApiMachinery.Selectors;

/// <summary>Recursive descent over a label selector. Grammar and error texts: k8s.io/apimachinery/pkg/labels/selector.go (contract L11).</summary>
internal sealed class LabelSelectorParser
{
    private readonly List<(LabelToken Token, string Literal)> _tokens = [];
    private int _position;

    public LabelSelectorParser(string text)
    {
        var lexer = new LabelSelectorLexer(text);
        do
        {
            _tokens.Add(lexer.Next());
        }
        while (_tokens[^1].Token != LabelToken.End);
    }

    public List<SelectorRequirement> Parse()
    {
        var requirements = new List<SelectorRequirement>();
        while (true)
        {
            (LabelToken token, string literal) = PeekValue();
            if (token == LabelToken.End)
            {
                return requirements;
            }

            if (token is not (LabelToken.Identifier or LabelToken.Not))
            {
                throw Expected(literal, "!, identifier, or 'end of string'");
            }

            try
            {
                requirements.Add(ParseRequirement());
            }
            catch (SelectorFormatException e)
            {
                throw new SelectorFormatException("unable to parse requirement: " + e.Message);
            }

            (LabelToken separator, string separatorLiteral) = TakeValue();
            if (separator == LabelToken.End)
            {
                return requirements;
            }

            if (separator != LabelToken.Comma)
            {
                throw Expected(separatorLiteral, "',' or 'end of string'");
            }

            (LabelToken next, string nextLiteral) = PeekValue();
            if (next is not (LabelToken.Identifier or LabelToken.Not))
            {
                throw Expected(nextLiteral, "identifier after ','");
            }
        }
    }

    private SelectorRequirement ParseRequirement()
    {
        (LabelToken token, string key) = TakeValue();
        bool isNegated = token == LabelToken.Not;
        if (isNegated)
        {
            (token, key) = TakeValue();
        }

        if (token != LabelToken.Identifier)
        {
            throw Expected(key, "identifier");
        }

        CheckKey(key);
        if (isNegated)
        {
            return new SelectorRequirement(key, SelectorOperator.DoesNotExist, []);
        }

        if (PeekValue().Token is LabelToken.End or LabelToken.Comma)
        {
            return new SelectorRequirement(key, SelectorOperator.Exists, []);
        }

        SelectorOperator op = ParseOperator(out bool isSet);
        SortedSet<string> values = isSet ? ParseSet() : ParseSingle();
        CheckValues(key, op, values);
        return new SelectorRequirement(key, op, [.. values]);
    }

    private SelectorOperator ParseOperator(out bool isSet)
    {
        (LabelToken token, string literal) = Take();
        isSet = token is LabelToken.In or LabelToken.NotIn;
        return token switch
        {
            LabelToken.In or LabelToken.Equals or LabelToken.DoubleEquals => SelectorOperator.In,
            LabelToken.NotIn or LabelToken.NotEquals => SelectorOperator.NotIn,
            LabelToken.GreaterThan => SelectorOperator.GreaterThan,
            LabelToken.LessThan => SelectorOperator.LessThan,
            _ => throw Expected(literal, "in, notin, =, ==, !=, gt, lt"),
        };
    }

    private SortedSet<string> ParseSet()
    {
        (LabelToken token, string literal) = TakeValue();
        if (token != LabelToken.OpenParenthesis)
        {
            throw new SelectorFormatException($"found '{literal}' expected: '('");
        }

        (token, literal) = PeekValue();
        switch (token)
        {
            case LabelToken.ClosedParenthesis:
                TakeValue();
                return [""];
            case LabelToken.Identifier or LabelToken.Comma:
                SortedSet<string> values = ParseSetItems();
                return TakeValue().Token == LabelToken.ClosedParenthesis ? values : throw Expected(literal, "')'");
            default:
                throw Expected(literal, "',', ')' or identifier");
        }
    }

    private SortedSet<string> ParseSetItems()
    {
        var values = new SortedSet<string>(StringComparer.Ordinal);
        while (true)
        {
            (LabelToken token, string literal) = TakeValue();
            (LabelToken next, string nextLiteral) = token == LabelToken.End ? (token, literal) : PeekValue();
            switch (token)
            {
                case LabelToken.Identifier:
                    values.Add(literal);
                    if (next == LabelToken.ClosedParenthesis)
                    {
                        return values;
                    }

                    if (next != LabelToken.Comma)
                    {
                        throw Expected(nextLiteral, "',' or ')'");
                    }

                    break;
                case LabelToken.Comma:
                    // "(," and ",," and ",)" each hold the empty value.
                    if (values.Count == 0 || next is LabelToken.ClosedParenthesis or LabelToken.Comma)
                    {
                        values.Add("");
                    }

                    if (next == LabelToken.ClosedParenthesis)
                    {
                        return values;
                    }

                    break;
                default:
                    throw Expected(literal, "',', or identifier");
            }
        }
    }

    private SortedSet<string> ParseSingle()
    {
        if (PeekValue().Token is LabelToken.End or LabelToken.Comma)
        {
            return [""];
        }

        (LabelToken token, string literal) = TakeValue();
        return token == LabelToken.Identifier ? [literal] : throw Expected(literal, "identifier");
    }

    private static void CheckKey(string key)
    {
        IReadOnlyList<string> problems = NameRules.QualifiedName(key);
        if (problems.Count > 0)
        {
            // The parser has no field path; upstream prints Go's nil.
            throw new SelectorFormatException(FieldError.Invalid("<nil>", key, string.Join("; ", problems)).ToString());
        }
    }

    private static void CheckValues(string key, SelectorOperator op, IEnumerable<string> values)
    {
        var errors = new List<string>();
        int index = 0;
        foreach (string value in values)
        {
            if (op is SelectorOperator.GreaterThan or SelectorOperator.LessThan && !long.TryParse(value, out _))
            {
                errors.Add(FieldError.Invalid($"values[{index}]", value, "for 'Gt', 'Lt' operators, the value must be an integer").ToString());
            }

            IReadOnlyList<string> problems = NameRules.LabelValue(value);
            if (problems.Count > 0)
            {
                errors.Add(FieldError.Invalid($"values[{index}][{key}]", value, string.Join("; ", problems)).ToString());
            }

            index++;
        }

        if (errors.Count > 0)
        {
            throw new SelectorFormatException(errors.Count == 1 ? errors[0] : $"[{string.Join(", ", errors)}]");
        }
    }

    // "in" and "notin" are operators only where an operator is due; as keys and values they are ordinary words.
    private static (LabelToken, string) AsValue((LabelToken Token, string Literal) item) =>
        item.Token is LabelToken.In or LabelToken.NotIn ? (LabelToken.Identifier, item.Literal) : item;

    private (LabelToken Token, string Literal) PeekValue() => AsValue(_tokens[Math.Min(_position, _tokens.Count - 1)]);

    private (LabelToken Token, string Literal) TakeValue() => AsValue(Take());

    private (LabelToken Token, string Literal) Take() => _tokens[Math.Min(_position++, _tokens.Count - 1)];

    private static SelectorFormatException Expected(string found, string expected) => new($"found '{found}', expected: {expected}");
}
