using AiModels.Controllers.Preparation.Archives;
using AiModels.ModelPack;
using AiModels.ModelPack.Format;

namespace AiModels.Controllers.Preparation.Sources.Upload;

/// <summary>
/// The uploaded file as it lies in the registry. All streams share one reader, which keeps the chunk it is in: an archive with ten thousand small files is
/// fetched once and not ten thousand times.
/// </summary>
internal sealed class ReceivedFile : IByteSource, IAsyncDisposable
{
    private readonly Stream _file;
    private readonly SemaphoreSlim _reading = new(1);

    public ReceivedFile(string name, ModelPackReader reader, FileEntry file)
    {
        Name = name;
        Entry = file;
        _file = reader.OpenRead(file);
    }

    public string Name { get; }

    /// <summary>Its chunks.</summary>
    public FileEntry Entry { get; }

    public long Length => Entry.Length;

    public ValueTask<Stream> OpenAsync(long offset, CancellationToken cancellationToken) => new(new Cursor(this, offset));

    public async ValueTask DisposeAsync()
    {
        await _file.DisposeAsync();
        _reading.Dispose();
    }

    private async ValueTask<int> ReadAsync(long position, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        await _reading.WaitAsync(cancellationToken);
        try
        {
            _file.Position = position;
            return await _file.ReadAsync(buffer, cancellationToken);
        }
        finally
        {
            _reading.Release();
        }
    }

    private sealed class Cursor(ReceivedFile file, long position) : ForwardOnlyStream
    {
        private long _position = position;

        public override long Length => file.Length;

        public override long Position => _position;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int read = await file.ReadAsync(_position, buffer, cancellationToken);
            _position += read;
            return read;
        }
    }
}
