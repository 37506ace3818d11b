using System.Text;
using System.Text.Json;

namespace AiModels.Controllers.Preparation.Formats.Safetensors;

/// <summary>model.safetensors.index.json of a sharded model: which file holds which tensor.</summary>
internal static class SafetensorsIndex
{
    // The largest known models have some hundred thousand.
    private const int TensorLimit = 1 << 18;

    /// <summary>Checks that every file the index names is there (beside the index) and holds the tensors it is said to hold.</summary>
    /// <param name="opaque">Files of which only the existence can be checked.</param>
    public static void Check(string indexPath, ReadOnlySpan<byte> json, IReadOnlyDictionary<string, SafetensorsHeader> files, IReadOnlySet<string>? opaque = null)
    {
        string folder = indexPath[..(indexPath.LastIndexOf('/') + 1)];
        Read(indexPath, json, (tensor, hash, file) =>
        {
            if (opaque?.Contains(folder + file) == true)
            {
                return;
            }

            if (!files.TryGetValue(folder + file, out SafetensorsHeader? header))
            {
                throw new InvalidModelFileException(indexPath, $"it names {folder + file}, which is not there. All parts of a sharded model are needed.");
            }

            if (!header.HasTensor(hash))
            {
                throw new InvalidModelFileException(indexPath, $"it says that {folder + file} holds tensor '{tensor}', and it does not.");
            }
        });
    }

    /// <summary>The paths of the files that the index names.</summary>
    public static IReadOnlySet<string> FilesOf(string indexPath, ReadOnlySpan<byte> json)
    {
        string folder = indexPath[..(indexPath.LastIndexOf('/') + 1)];
        var files = new HashSet<string>();
        Read(indexPath, json, (_, _, file) => files.Add(folder + file));
        return files;
    }

    /// <summary>Gives out every tensor with the hash of its name and its file.</summary>
    private static void Read(string indexPath, ReadOnlySpan<byte> json, Action<string, UInt128, string> take)
    {
        var names = new HashSet<UInt128>();
        var reader = new Utf8JsonReader(json);
        bool isFound = false;
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                throw new InvalidModelFileException(indexPath, "it is not a JSON object.");
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool isMap = reader.ValueTextEquals("weight_map");
                reader.Read();
                if (!isMap)
                {
                    reader.Skip();
                    continue;
                }

                isFound = reader.TokenType == JsonTokenType.StartObject;
                while (isFound && reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    string tensor = reader.GetString()!;
                    reader.Read();
                    string file = reader.TokenType == JsonTokenType.String
                        ? reader.GetString()!
                        : throw new InvalidModelFileException(indexPath, $"weight_map.{tensor} is not the name of a file.");
                    UInt128 hash = NameHash.Of(Encoding.UTF8.GetBytes(tensor));
                    if (!names.Add(hash) || names.Count > TensorLimit)
                    {
                        throw new InvalidModelFileException(
                            indexPath, names.Count > TensorLimit ? $"weight_map names more than {TensorLimit} tensors." : $"weight_map names tensor '{tensor}' twice.");
                    }

                    take(tensor, hash, file);
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidModelFileException(indexPath, $"it is not valid JSON: {e.Message}");
        }

        _ = names.Count > 0 ? 0 : throw new InvalidModelFileException(indexPath, "it has no weight_map that names a tensor.");
    }
}
