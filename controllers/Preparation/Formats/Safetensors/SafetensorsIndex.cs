using System.Text;
using System.Text.Json;

namespace AiModels.Controllers.Preparation.Formats.Safetensors;

/// <summary>model.safetensors.index.json of a sharded model: which file holds which tensor.</summary>
internal static class SafetensorsIndex
{
    /// <summary>Checks that every file the index names is there (beside the index) and holds the tensors it is said to hold.</summary>
    /// <param name="opaque">Files of which only the existence can be checked.</param>
    public static void Check(string indexPath, ReadOnlySpan<byte> json, IReadOnlyDictionary<string, SafetensorsHeader> files, IReadOnlySet<string>? opaque = null)
    {
        string folder = indexPath[..(indexPath.LastIndexOf('/') + 1)];
        foreach ((string tensor, string file) in Entries(indexPath, json))
        {
            if (opaque?.Contains(folder + file) == true)
            {
                continue;
            }

            if (!files.TryGetValue(folder + file, out SafetensorsHeader? header))
            {
                throw new InvalidModelFileException(indexPath, $"it names {folder + file}, which is not there. All parts of a sharded model are needed.");
            }

            if (!header.Tensors.Contains(NameHash.Of(Encoding.UTF8.GetBytes(tensor))))
            {
                throw new InvalidModelFileException(indexPath, $"it says that {folder + file} holds tensor '{tensor}', and it does not.");
            }
        }
    }

    /// <summary>The paths of the files that the index names.</summary>
    public static IReadOnlySet<string> FilesOf(string indexPath, ReadOnlySpan<byte> json)
    {
        string folder = indexPath[..(indexPath.LastIndexOf('/') + 1)];
        return Entries(indexPath, json).Select(entry => folder + entry.File).ToHashSet();
    }

    private static List<(string Tensor, string File)> Entries(string indexPath, ReadOnlySpan<byte> json)
    {
        var entries = new List<(string, string)>();
        var names = new HashSet<string>();
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
                    _ = names.Add(tensor) ? 0 : throw new InvalidModelFileException(indexPath, $"weight_map names tensor '{tensor}' twice.");
                    entries.Add((tensor, file));
                }
            }
        }
        catch (JsonException e)
        {
            throw new InvalidModelFileException(indexPath, $"it is not valid JSON: {e.Message}");
        }

        return isFound && entries.Count > 0 ? entries : throw new InvalidModelFileException(indexPath, "it has no weight_map that names a tensor.");
    }
}
