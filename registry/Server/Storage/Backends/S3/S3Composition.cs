using Amazon.S3.Model;

namespace AiModels.Registry.Storage.Backends.S3;

/// <summary>An object that is put together inside the server from ranges of others, and from bytes where those are too small to be parts.</summary>
internal sealed class S3Composition(S3Objects objects, string key) : IAsyncDisposable
{
    private readonly List<PartETag> _parts = [];
    private string? _upload;
    private long _length;

    /// <summary>Appends a range of an object.</summary>
    public async Task CopyAsync(string source, long offset, long length, CancellationToken cancellationToken)
    {
        _upload ??= await objects.BeginUploadAsync(key, cancellationToken);
        _parts.AddRange(await objects.CopyPartsAsync(source, offset, length, key, _upload, _parts.Count + 1, cancellationToken));
        _length += length;
    }

    /// <summary>Appends bytes. They are signed, because nobody reads them afterwards.</summary>
    public async Task WriteAsync(PartBuffer content, CancellationToken cancellationToken)
    {
        _upload ??= await objects.BeginUploadAsync(key, cancellationToken);
        _parts.Add(await objects.PutPartAsync(key, _upload, _parts.Count + 1, content, isSigned: true, cancellationToken));
        _length += content.Length;
    }

    public async Task CommitAsync(CancellationToken cancellationToken)
    {
        await objects.CompleteUploadAsync(key, _upload!, _parts, _length, cancellationToken);
        _upload = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_upload is { } upload)
        {
            _upload = null;
            await objects.TryAbortUploadAsync(key, upload);
        }
    }
}
