namespace AiModels.ApiMachinery.Selectors;

/// <summary>Tokens of a label selector.</summary>
internal enum LabelToken
{
    Error,
    End,
    ClosedParenthesis,
    Comma,
    Not,
    DoubleEquals,
    Equals,
    GreaterThan,
    Identifier,
    In,
    LessThan,
    NotEquals,
    NotIn,
    OpenParenthesis,
}

/// <summary>Cuts a label selector into tokens the way apimachinery's labels.Lexer does; its error texts quote these tokens.</summary>
internal ref struct LabelSelectorLexer(ReadOnlySpan<char> text)
{
    private readonly ReadOnlySpan<char> _text = text;
    private int _position;

    /// <summary>The next token with its text; <see cref="LabelToken.End"/> for ever after the last.</summary>
    public (LabelToken Token, string Literal) Next()
    {
        while (_position < _text.Length && IsBlank(_text[_position]))
        {
            _position++;
        }

        return _position == _text.Length ? (LabelToken.End, "") : IsSymbol(_text[_position]) ? NextSymbol() : NextWord();
    }

    private (LabelToken Token, string Literal) NextWord()
    {
        int start = _position;
        while (_position < _text.Length && !IsSymbol(_text[_position]) && !IsBlank(_text[_position]))
        {
            _position++;
        }

        string word = _text[start.._position].ToString();
        return (word switch { "in" => LabelToken.In, "notin" => LabelToken.NotIn, _ => LabelToken.Identifier }, word);
    }

    private (LabelToken Token, string Literal) NextSymbol()
    {
        int start = _position, end = start;
        LabelToken found = LabelToken.Error;

        // The longest run of symbols that is a token: "==" and not "=" twice, but "=" before "(".
        while (_position < _text.Length && IsSymbol(_text[_position]))
        {
            LabelToken token = TokenOf(_text[start..(_position + 1)]);
            if (token == LabelToken.Error && found != LabelToken.Error)
            {
                break;
            }

            _position++;
            if (token != LabelToken.Error)
            {
                (found, end) = (token, _position);
            }
        }

        return found == LabelToken.Error
            ? (LabelToken.Error, $"error expected: keyword found '{_text[start.._position]}'")
            : (found, _text[start..end].ToString());
    }

    private static LabelToken TokenOf(ReadOnlySpan<char> symbols) => symbols switch
    {
        ")" => LabelToken.ClosedParenthesis,
        "," => LabelToken.Comma,
        "!" => LabelToken.Not,
        "==" => LabelToken.DoubleEquals,
        "=" => LabelToken.Equals,
        ">" => LabelToken.GreaterThan,
        "<" => LabelToken.LessThan,
        "!=" => LabelToken.NotEquals,
        "(" => LabelToken.OpenParenthesis,
        _ => LabelToken.Error,
    };

    private static bool IsBlank(char c) => c is ' ' or '\t' or '\r' or '\n';

    private static bool IsSymbol(char c) => c is '=' or '!' or '(' or ')' or ',' or '>' or '<';
}
