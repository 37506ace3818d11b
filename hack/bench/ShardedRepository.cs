using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;

namespace AiModels.Bench;

/// <summary>Writes a repository of Safetensors shards with their index, as large models are published.</summary>
internal static class ShardedRepository
{
    // 4096 x 4096 values of two bytes, 32 MiB: a usual layer.
    private const int Side = 4096;
    private const long TensorBytes = 2L * Side * Side;

    public static async Task WriteAsync(string folder, long bytes, int shards, int seed, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        int tensors = (int)Math.Max(shards, bytes / TensorBytes);
        var weightMap = new JsonObject();
        int tensor = 0;
        for (int shard = 1; shard <= shards; shard++)
        {
            int last = (int)((long)tensors * shard / shards);
            string name = $"model-{shard:00000}-of-{shards:00000}.safetensors";
            await WriteShardAsync(Path.Combine(folder, name), [.. Enumerable.Range(tensor, last - tensor)], seed, cancellationToken);
            for (; tensor < last; tensor++)
            {
                weightMap[Name(tensor)] = name;
            }
        }

        var index = new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = tensors * TensorBytes }, ["weight_map"] = weightMap };
        await File.WriteAllTextAsync(Path.Combine(folder, "model.safetensors.index.json"), index.ToJsonString(), cancellationToken);
        const string config = """{"architectures":["Qwen2ForCausalLM"],"model_type":"qwen2","max_position_embeddings":32768,"torch_dtype":"bfloat16"}""";
        await File.WriteAllTextAsync(Path.Combine(folder, "config.json"), config, cancellationToken);
    }

    private static async Task WriteShardAsync(string path, int[] tensors, int seed, CancellationToken cancellationToken)
    {
        var header = new JsonObject();
        for (int i = 0; i < tensors.Length; i++)
        {
            header[Name(tensors[i])] = new JsonObject
            {
                ["dtype"] = "BF16",
                ["shape"] = new JsonArray(Side, Side),
                ["data_offsets"] = new JsonArray(i * TensorBytes, (i + 1) * TensorBytes),
            };
        }

        byte[] json = Encoding.UTF8.GetBytes(header.ToJsonString());
        byte[] padded = [.. json, .. Enumerable.Repeat((byte)' ', -json.Length & 7)];
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, padded.Length);
        await using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20, useAsync: true);
        await file.WriteAsync(length, cancellationToken);
        await file.WriteAsync(padded, cancellationToken);
        for (int first = 0; first < tensors.Length; first += Environment.ProcessorCount)
        {
            byte[][] next = [.. tensors.Skip(first).Take(Environment.ProcessorCount).AsParallel().AsOrdered().Select(tensor =>
            {
                byte[] bytes = new byte[TensorBytes];
                SyntheticTensor.Fill("bf16", (seed * 100_003) + tensor, bytes);
                return bytes;
            })];
            foreach (byte[] bytes in next)
            {
                await file.WriteAsync(bytes, cancellationToken);
            }
        }
    }

    private static string Name(int tensor) => $"model.layers.{tensor}.mlp.up_proj.weight";
}
