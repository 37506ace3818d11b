using AiModels.ApiMachinery.Validation;

namespace AiModels.ApiMachinery.Schemas;

/// <summary>
/// Says what is wrong with a text that is no JSON, in the words of Go's encoding/json, which users of Kubernetes know and look up. Asked only after a
/// document was refused; the states are those of its scanner (src/encoding/json/scanner.go).
/// </summary>
internal ref struct JsonSyntax
{
    // Whether each open bracket, from the outermost, is an object's.
    private readonly Stack<bool> _open = new();
    private readonly ReadOnlySpan<byte> _text;
    private int _at;
    private string? _problem;

    private JsonSyntax(ReadOnlySpan<byte> text) => _text = text;

    /// <summary>The first problem; null when the text is JSON.</summary>
    public static string? Problem(ReadOnlySpan<byte> text)
    {
        var scan = new JsonSyntax(text);
        scan.Document();
        return scan._problem;
    }

    private void Document()
    {
        bool isValueNext = true;
        while (_problem is null)
        {
            Blanks();
            if (isValueNext)
            {
                isValueNext = Value();
                continue;
            }

            if (_open.Count == 0)
            {
                if (_at < _text.Length)
                {
                    Wrong("after top-level value");
                }

                return;
            }

            isValueNext = AfterValue();
        }
    }

    // Whether a value follows: an opened list or object has its first.
    private bool Value()
    {
        switch (Peek())
        {
            case (byte)'{':
                _at++;
                _open.Push(true);
                Blanks();
                return Closes((byte)'}') ? false : Key();
            case (byte)'[':
                _at++;
                _open.Push(false);
                Blanks();
                return !Closes((byte)']');
            case (byte)'"':
                Text();
                return false;
            case (byte)'-' or (>= (byte)'0' and <= (byte)'9'):
                Number();
                return false;
            case (byte)'t':
                Word("true");
                return false;
            case (byte)'f':
                Word("false");
                return false;
            case (byte)'n':
                Word("null");
                return false;
            default:
                Wrong("looking for beginning of value");
                return false;
        }
    }

    private bool AfterValue()
    {
        bool isObject = _open.Peek();
        if (Closes(isObject ? (byte)'}' : (byte)']'))
        {
            return false;
        }

        if (!Skip((byte)','))
        {
            Wrong(isObject ? "after object key:value pair" : "after array element");
            return false;
        }

        Blanks();
        return !isObject || Key();
    }

    private bool Key()
    {
        if (Peek() != '"')
        {
            Wrong("looking for beginning of object key string");
            return false;
        }

        Text();
        Blanks();
        if (_problem is null && !Skip((byte)':'))
        {
            Wrong("after object key");
        }

        return true;
    }

    private void Text()
    {
        _at++;
        while (_problem is null)
        {
            int next = Peek();
            _at++;
            switch (next)
            {
                case '"':
                    return;
                case '\\':
                    Escape();
                    break;
                case < 0x20:
                    _at--;
                    Wrong("in string literal");
                    break;
            }
        }
    }

    private void Escape()
    {
        if (Peek() == 'u')
        {
            _at++;
            for (int i = 0; i < 4 && _problem is null; i++)
            {
                Digit(char.IsAsciiHexDigit, @"in \u hexadecimal character escape");
            }
        }
        else
        {
            Digit(static letter => "bfnrt\\/\"".Contains(letter, StringComparison.Ordinal), "in string escape code");
        }
    }

    private void Number()
    {
        Skip((byte)'-');
        if (!Skip((byte)'0'))
        {
            Digits("in numeric literal");
        }

        if (_problem is null && Skip((byte)'.'))
        {
            Digits("after decimal point in numeric literal");
        }

        if (_problem is null && (Skip((byte)'e') || Skip((byte)'E')))
        {
            _ = Skip((byte)'+') || Skip((byte)'-');
            Digits("in exponent of numeric literal");
        }
    }

    private void Digits(string where)
    {
        Digit(char.IsAsciiDigit, where);
        while (_problem is null && Peek() is >= '0' and <= '9')
        {
            _at++;
        }
    }

    private void Digit(Func<char, bool> isRight, string where)
    {
        if (Peek() is >= 0 and int next && isRight((char)next))
        {
            _at++;
        }
        else
        {
            Wrong(where);
        }
    }

    private void Word(string word)
    {
        foreach (char letter in word)
        {
            if (!Skip((byte)letter))
            {
                Wrong($"in literal {word} (expecting '{letter}')");
                return;
            }
        }
    }

    private bool Closes(byte bracket)
    {
        bool closes = Skip(bracket);
        if (closes)
        {
            _open.Pop();
        }

        return closes;
    }

    private bool Skip(byte expected)
    {
        bool isThere = Peek() == expected;
        _at += isThere ? 1 : 0;
        return isThere;
    }

    private void Blanks()
    {
        while (Peek() is ' ' or '\t' or '\r' or '\n')
        {
            _at++;
        }
    }

    private readonly int Peek() => _at < _text.Length ? _text[_at] : -1;

    private void Wrong(string where) => _problem ??= Peek() switch
    {
        < 0 => "unexpected end of JSON input",
        '\'' => @"invalid character '\'' " + where,
        '"' => "invalid character '\"' " + where,
        int other => $"invalid character '{FieldError.Quote(((char)other).ToString())[1..^1]}' {where}",
    };
}
