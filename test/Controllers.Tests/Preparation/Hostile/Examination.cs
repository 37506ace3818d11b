using AiModels.Contracts.V1Alpha1;
using AiModels.Controllers.Preparation.Archives;
using AiModels.Controllers.Preparation.Formats;
using AiModels.Controllers.Preparation.Formats.Diffusers;
using AiModels.Controllers.Preparation.Formats.Gguf;
using AiModels.Controllers.Preparation.Formats.Safetensors;
using AiModels.Controllers.Preparation.Sources.Upload;

namespace AiModels.Controllers.Tests.Preparation.Hostile;

/// <summary>What preparation does with an uploaded file before it stores a byte: the reading of the archive, the choice of the format, the look into every file.</summary>
internal static class Examination
{
    private static readonly IArchiveReader[] Archives = [new ZipArchiveReader(), new GzipTarReader(), new ZstdTarReader(), new TarArchiveReader()];
    private static readonly IModelFormat[] Formats = [new DiffusersFormat(), new SafetensorsFormat(), new GgufFormat()];

    /// <summary>Null when the upload is a model, else why it is none. Any exception that users are not meant to see passes.</summary>
    public static async Task<string?> RunAsync(IByteSource upload, CancellationToken cancellationToken = default)
    {
        try
        {
            byte[] start = new byte[(int)Math.Min(512, upload.Length)];
            await using (Stream stream = await upload.OpenAsync(0, cancellationToken))
            {
                await stream.ReadExactlyAsync(start, cancellationToken);
            }

            if (Archives.FirstOrDefault(archive => archive.HasSignature(start)) is not { } reader)
            {
                ModelFile file = await new FileInspector().InspectAsync(upload, cancellationToken);
                return file.Gguf is null ? null : Describe(new GgufFormat(), [file]);
            }

            await using ArchiveUpload content = await ArchiveUpload.OpenAsync(
                upload, 0, reader, new ResolvedSource { ResolvedType = SourceTypes.Upload }, TimeProvider.System, cancellationToken);
            if (Formats.FirstOrDefault(known => known.Recognizes(content.Files)) is not { } format)
            {
                return "no model";
            }

            IReadOnlyDictionary<string, string> leftOut = format.LeaveOut(content.Files, null);
            HashSet<string> kept = [.. content.Files.Select(file => file.Path).Where(path => !leftOut.ContainsKey(path))];
            return Describe(format, await content.InspectAsync(kept, cancellationToken));
        }
        catch (Exception e) when (e is InvalidArchiveException or InvalidModelFileException)
        {
            return e.Message;
        }
    }

    private static string? Describe(IModelFormat format, IReadOnlyList<ModelFile> files)
    {
        _ = format.Describe(files);
        return null;
    }
}
