using System.Text;

namespace AiModels.Controllers.Preparation.Formats.Pickle;

/// <summary>
/// Reads a pickle (protocols 0 to 5, Python's pickletools) opcode by opcode as a stream, runs nothing, and follows stack and memo so that it knows every
/// import the pickle would make, however its name is put together. Ends at STOP, or with an <see cref="InvalidModelFileException"/> at the first thing that
/// weights have no use for.
/// </summary>
internal sealed class PickleScanner
{
    // Weights lie beside the pickle and not in it; what describes ten thousand tensors has some megabytes.
    private const long LengthLimit = 256L << 20;

    // A number or a name in text form, with its newline.
    private const int LineLimit = 4096;

    private readonly HeaderReader _reader;
    private readonly string _where;
    private readonly PickleStack _stack;
    private readonly byte[] _line = new byte[LineLimit];
    private readonly PickledTensors _tensors = new();
    private long _at;

    /// <param name="where">What the offsets are in, for messages: "" for the file itself, or " of archive/data.pkl".</param>
    public PickleScanner(HeaderReader reader, string where)
    {
        _reader = reader;
        _where = where;
        _stack = new PickleStack(Broken);
    }

    /// <summary>Elements of all tensors in what was scanned; null when the pickle does not say it exactly.</summary>
    public long? Elements => _tensors.Elements;

    /// <summary>Reads one pickle from where the reader stands. Returns the number when it is nothing but a long one (torch's magic), else null.</summary>
    public async Task<UInt128?> ScanAsync(CancellationToken cancellationToken)
    {
        long start = _reader.Position;
        UInt128? number = null;
        int opcodes = 0;
        while (true)
        {
            _at = _reader.Position;
            if (_at - start > LengthLimit)
            {
                throw Broken($"it is longer than {LengthLimit} bytes; weights are kept beside a pickle and not in it.");
            }

            byte opcode = await _reader.ReadByteAsync(cancellationToken);
            switch (opcode)
            {
                case (byte)'.':
                    _stack.Pop();
                    return opcodes == 1 ? number : null;
                case 0x80:
                    byte protocol = await _reader.ReadByteAsync(cancellationToken);
                    _ = protocol <= 5 ? protocol : throw Broken($"it says protocol {protocol}; 0 to 5 exist.");
                    continue;
                case 0x95: // FRAME: a hint for buffering
                    await _reader.SkipAsync(8, cancellationToken);
                    continue;
                case 0x8A: // LONG1
                    byte size = await _reader.ReadByteAsync(cancellationToken);
                    number = Number(await _reader.ReadBytesAsync(size, cancellationToken));
                    _stack.Push(number is { } small && size < 8 ? (long)small : PickleStack.Other);
                    break;
                default:
                    await RunAsync(opcode, cancellationToken);
                    break;
            }

            opcodes++;
        }
    }

    private static UInt128? Number(ReadOnlyMemory<byte> littleEndian)
    {
        if (littleEndian.Length > 16)
        {
            return null;
        }

        UInt128 value = 0;
        for (int i = littleEndian.Length - 1; i >= 0; i--)
        {
            value = (value << 8) | littleEndian.Span[i];
        }

        return value;
    }

    private async ValueTask RunAsync(byte opcode, CancellationToken cancellationToken)
    {
        switch (opcode)
        {
            // Values of fixed length.
            case (byte)'N' or (byte)']' or (byte)'}' or 0x88 or 0x89 or 0x8F:
                _stack.Push(PickleStack.Other);
                break;
            case (byte)')':
                _stack.Push(PickledTensors.Tuple([]));
                break;
            case (byte)'K':
                _stack.Push((long)await _reader.ReadByteAsync(cancellationToken));
                break;
            case (byte)'M':
                _stack.Push((long)await _reader.ReadUInt16Async(cancellationToken));
                break;
            case (byte)'J':
                _stack.Push((long)(int)await _reader.ReadUInt32Async(cancellationToken));
                break;
            case (byte)'G':
                await PushSkippedAsync(8, cancellationToken);
                break;

            // Numbers in text form.
            case (byte)'I' or (byte)'L':
                _stack.Push(long.TryParse((await ReadLineAsync(cancellationToken)).TrimEnd('L'), out long written) ? written : PickleStack.Other);
                break;
            case (byte)'F':
                await ReadLineAsync(cancellationToken);
                _stack.Push(PickleStack.Other);
                break;

            // Bytes and long numbers with a length before them.
            case (byte)'C':
                await PushSkippedAsync(await _reader.ReadByteAsync(cancellationToken), cancellationToken);
                break;
            case (byte)'B' or 0x8B:
                await PushSkippedAsync(await _reader.ReadUInt32Async(cancellationToken), cancellationToken);
                break;
            case 0x8E or 0x96:
                await PushSkippedAsync(await _reader.ReadUInt64Async(cancellationToken), cancellationToken);
                break;

            // Texts.
            case (byte)'U' or 0x8C:
                await PushTextAsync(await _reader.ReadByteAsync(cancellationToken), cancellationToken);
                break;
            case (byte)'T' or (byte)'X':
                await PushTextAsync(await _reader.ReadUInt32Async(cancellationToken), cancellationToken);
                break;
            case 0x8D:
                await PushTextAsync(await _reader.ReadUInt64Async(cancellationToken), cancellationToken);
                break;
            case (byte)'S':
                _stack.Push(Unquoted(await ReadLineAsync(cancellationToken)));
                break;
            case (byte)'V':
                _stack.Push(PlainText(await ReadLineAsync(cancellationToken)));
                break;

            // Memo.
            case (byte)'p':
                _stack.Put(ParseIndex(await ReadLineAsync(cancellationToken)));
                break;
            case (byte)'q':
                _stack.Put(await _reader.ReadByteAsync(cancellationToken));
                break;
            case (byte)'r':
                _stack.Put(await _reader.ReadUInt32Async(cancellationToken));
                break;
            case 0x94:
                _stack.Memoize();
                break;
            case (byte)'g':
                _stack.Get(ParseIndex(await ReadLineAsync(cancellationToken)));
                break;
            case (byte)'h':
                _stack.Get(await _reader.ReadByteAsync(cancellationToken));
                break;
            case (byte)'j':
                _stack.Get(await _reader.ReadUInt32Async(cancellationToken));
                break;

            // Imports.
            case (byte)'c':
                Import(await ReadLineAsync(cancellationToken), await ReadLineAsync(cancellationToken));
                break;
            case (byte)'i':
                (string module, string name) = (await ReadLineAsync(cancellationToken), await ReadLineAsync(cancellationToken));
                Import(module, name);
                _stack.Pop();
                _stack.PopToMark();
                _stack.Push(PickleStack.Other);
                break;
            case 0x93:
                (object second, object first) = (_stack.Pop(), _stack.Pop());
                Import(first, second);
                break;
            case 0x82 or 0x83 or 0x84:
                throw Refused("an extension by number (EXT)");

            // Storages, by torch's own ids.
            case (byte)'P':
                await ReadLineAsync(cancellationToken);
                _stack.Push(PickleStack.Other);
                break;
            case (byte)'Q':
                _stack.Push(PickledTensors.Storage(_stack.Pop()));
                break;
            case 0x97 or 0x98:
                throw Broken("it needs buffers that are not in the file.");

            default:
                RunOnStack(opcode);
                break;
        }
    }

    /// <summary>Opcodes without an argument.</summary>
    private void RunOnStack(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'(':
                _stack.Mark();
                break;
            case (byte)'0':
                _stack.PopValueOrMark();
                break;
            case (byte)'1':
                _stack.PopToMark();
                break;
            case (byte)'2':
                _stack.Push(_stack.Top);
                break;
            case (byte)'d' or (byte)'l' or 0x91:
                _stack.PopToMark();
                _stack.Push(PickleStack.Other);
                break;
            case (byte)'t':
                object tuple = PickledTensors.Tuple(_stack.AboveMark());
                _stack.PopToMark();
                _stack.Push(tuple);
                break;
            case 0x85 or 0x86 or 0x87:
                int count = opcode - 0x84;
                object small = PickledTensors.Tuple(_stack.Last(count));
                _stack.Replace(count, small);
                break;
            case (byte)'a':
                _stack.Pop();
                _ = _stack.Top;
                break;
            case (byte)'s':
                _stack.Pop();
                _stack.Pop();
                _ = _stack.Top;
                break;
            case (byte)'e' or (byte)'u' or 0x90:
                _stack.PopToMark();
                _ = _stack.Top;
                break;
            case (byte)'b': // BUILD would set attributes of what is below
                _stack.Pop();
                _ = !PickleStack.IsImport(_stack.Top) ? 0 : throw Refused("a change of an imported class (BUILD)");
                break;
            case (byte)'R' or 0x81:
                object arguments = _stack.Pop();
                Call(_stack.Pop(), arguments);
                break;
            case 0x92:
                _stack.Pop();
                _stack.Pop();
                Call(_stack.Pop(), PickleStack.Other);
                break;
            case (byte)'o':
                Call(_stack.PopToMark(), PickleStack.Other);
                break;
            default:
                throw Broken($"0x{opcode:x2} is no opcode of a pickle.");
        }
    }

    private void Import(object module, object name)
    {
        if (module is not string moduleText || name is not string nameText)
        {
            throw Refused("something whose name only running it would tell (STACK_GLOBAL)");
        }

        if (!PickleImports.IsAllowed(moduleText, nameText))
        {
            throw Refused($"{Shown(moduleText)}.{Shown(nameText)}");
        }

        _stack.Push(PickleStack.ImportOf(moduleText, nameText));
    }

    /// <summary>Only an import may be called: what a call gave, or a value of the pickle, is nothing that weights call.</summary>
    private void Call(object? callable, object arguments)
    {
        _ = PickleStack.IsImport(callable) ? 0 : throw Refused("a call of something that is no import");
        _tensors.Called(callable!, arguments);
        _stack.Push(PickleStack.Other);
    }

    private async ValueTask PushSkippedAsync(ulong length, CancellationToken cancellationToken)
    {
        await _reader.SkipAsync(length, cancellationToken);
        _stack.Push(PickleStack.Other);
    }

    private async ValueTask PushTextAsync(ulong length, CancellationToken cancellationToken)
    {
        if (length > (ulong)PickleStack.LongestText)
        {
            await PushSkippedAsync(length, cancellationToken);
            return;
        }

        _stack.Push(Encoding.UTF8.GetString((await _reader.ReadBytesAsync((int)length, cancellationToken)).Span));
    }

    private async ValueTask<string> ReadLineAsync(CancellationToken cancellationToken)
    {
        for (int length = 0; length < LineLimit; length++)
        {
            byte next = await _reader.ReadByteAsync(cancellationToken);
            if (next == (byte)'\n')
            {
                return Encoding.UTF8.GetString(_line, 0, length);
            }

            _line[length] = next;
        }

        throw Broken($"it has a line of more than {LineLimit} bytes.");
    }

    /// <summary>A quoted text of protocol 0. With escapes in it, it is none that anything here compares.</summary>
    private object Unquoted(string line)
    {
        string text = line.Trim();
        bool isQuoted = text.Length >= 2 && text[0] is '\'' or '"' && text[^1] == text[0];
        return isQuoted ? PlainText(text[1..^1]) : throw Broken("it has a text without quotes.");
    }

    private static object PlainText(string text) => text.Contains('\\', StringComparison.Ordinal) ? PickleStack.Other : text;

    private ulong ParseIndex(string line) => ulong.TryParse(line, out ulong index) ? index : throw Broken("it numbers a remembered value by something that is no number.");

    private InvalidModelFileException Broken(string problem) => _reader.Invalid($"its pickle is broken at offset {_at}{_where}: {problem}");

    private InvalidModelFileException Refused(string import) => _reader.Invalid(
        $"at offset {_at}{_where} its pickle imports {import}, which loading it would run. Only the parts of a state dict are allowed; convert the weights to Safetensors.");

    private static string Shown(string name) => new([.. name.Take(100).Select(c => char.IsControl(c) ? '?' : c)]);
}
