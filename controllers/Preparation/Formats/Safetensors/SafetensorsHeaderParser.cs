using System.Text.Json;

namespace AiModels.Controllers.Preparation.Formats.Safetensors;

/// <summary>
/// The grammar of the header as a machine over JSON tokens:
/// <c>{ NAME: {"dtype": TYPE, "shape": [n…], "data_offsets": [begin, end]} …, "__metadata__": {KEY: TEXT …} }</c>.
/// </summary>
internal sealed class SafetensorsHeaderParser(string path, SafetensorsTensors tensors)
{
    // Training notes in __metadata__ are some kilobytes.
    private const int MetadataLimit = 10_000;
    private const long MetadataTextLimit = 4 << 20;

    private enum State
    {
        Start,
        Names,
        Tensor,
        TensorStart,
        Type,
        ShapeStart,
        Shape,
        OffsetsStart,
        Offsets,
        MetadataStart,
        Metadata,
        MetadataValue,
        End,
    }

    private readonly HashSet<string> _metadataKeys = [];
    private long _metadataText;
    private readonly List<ulong> _shape = [];
    private readonly List<ulong> _offsets = [];
    private State _state = State.Start;
    private string _name = "";
    private string? _type;
    private bool _hasShape;
    private bool _hasOffsets;
    private bool _hasMetadata;

    /// <summary>Takes the token that the reader stands on.</summary>
    public void Accept(ref Utf8JsonReader reader)
    {
        switch (_state, reader.TokenType)
        {
            case (State.Start, JsonTokenType.StartObject):
                _state = State.Names;
                break;
            case (State.Names, JsonTokenType.PropertyName):
                BeginEntry(reader.GetString()!);
                break;
            case (State.Names, JsonTokenType.EndObject):
                _state = State.End;
                break;
            case (State.TensorStart, JsonTokenType.StartObject):
                _state = State.Tensor;
                break;
            case (State.Tensor, JsonTokenType.PropertyName):
                BeginField(reader.GetString()!);
                break;
            case (State.Tensor, JsonTokenType.EndObject):
                EndTensor();
                break;
            case (State.Type, JsonTokenType.String):
                _type = reader.GetString()!;
                _state = State.Tensor;
                break;
            case (State.ShapeStart, JsonTokenType.StartArray):
                _state = State.Shape;
                break;
            case (State.Shape, JsonTokenType.Number):
                Number(ref reader, _shape, 64, "dimensions");
                break;
            case (State.OffsetsStart, JsonTokenType.StartArray):
                _state = State.Offsets;
                break;
            case (State.Offsets, JsonTokenType.Number):
                Number(ref reader, _offsets, 2, "data offsets");
                break;
            case (State.Shape or State.Offsets, JsonTokenType.EndArray):
                _state = State.Tensor;
                break;
            case (State.MetadataStart, JsonTokenType.StartObject):
                _state = State.Metadata;
                break;
            case (State.Metadata, JsonTokenType.PropertyName):
                string key = reader.GetString()!;
                _metadataText += key.Length;
                _ = _metadataKeys.Count < MetadataLimit && _metadataText <= MetadataTextLimit
                    ? 0
                    : throw Invalid($"__metadata__ has more than {MetadataLimit} entries, or names of more than {MetadataTextLimit} characters.");
                _state = _metadataKeys.Add(key) ? State.MetadataValue : throw Invalid($"'{Shown(key)}' is twice in __metadata__.");
                break;
            case (State.Metadata, JsonTokenType.EndObject):
                _state = State.Names;
                break;
            case (State.MetadataValue, JsonTokenType.String):
                // Also proves that the text is UTF-8.
                _ = reader.GetString();
                _state = State.Metadata;
                break;
            default:
                throw Invalid(_state is State.MetadataValue or State.MetadataStart
                    ? "__metadata__ must map texts to texts."
                    : $"{(_name.Length > 0 ? $"tensor '{Shown(_name)}'" : "the header")} holds a {reader.TokenType} where none may be.");
        }
    }

    private void BeginEntry(string name)
    {
        if (name == "__metadata__")
        {
            _state = _hasMetadata ? throw Invalid("__metadata__ is there twice.") : State.MetadataStart;
            _hasMetadata = true;
            return;
        }

        (_name, _type, _hasShape, _hasOffsets) = (name, null, false, false);
        _shape.Clear();
        _offsets.Clear();
        _state = State.TensorStart;
    }

    private void BeginField(string field)
    {
        (_state, bool isRepeated) = field switch
        {
            "dtype" => (State.Type, _type is not null),
            "shape" => (State.ShapeStart, _hasShape),
            "data_offsets" => (State.OffsetsStart, _hasOffsets),
            _ => throw Invalid($"tensor '{Shown(_name)}' has the unknown field '{Shown(field)}'; dtype, shape and data_offsets exist."),
        };
        _hasShape |= field == "shape";
        _hasOffsets |= field == "data_offsets";
        if (isRepeated)
        {
            throw Invalid($"tensor '{Shown(_name)}' has the field '{field}' twice.");
        }
    }

    private void EndTensor()
    {
        if (_type is null || !_hasShape || _offsets.Count != 2)
        {
            throw Invalid($"tensor '{Shown(_name)}' must have dtype, shape and two data_offsets.");
        }

        tensors.Add(_name, _type, _shape, _offsets[0], _offsets[1]);
        (_state, _name) = (State.Names, "");
    }

    private void Number(ref Utf8JsonReader reader, List<ulong> numbers, int limit, string what)
    {
        if (!reader.TryGetUInt64(out ulong value) || numbers.Count == limit)
        {
            throw Invalid($"tensor '{Shown(_name)}' has bad {what}: at most {limit} whole numbers from 0 are allowed.");
        }

        numbers.Add(value);
    }

    private InvalidModelFileException Invalid(string problem) => new(path, "its header is wrong: " + problem);

    private static string Shown(string name) => name.Length <= 100 ? name : string.Concat(name.AsSpan(0, 100), "…");
}
