namespace AiModels.Controllers.Preparation.Archives;

/// <summary>Bytes that can be read from any place: an upload in the registry, or a file in a test.</summary>
internal interface IByteSource
{
    /// <summary>How the source is called, for messages.</summary>
    string Name { get; }

    long Length { get; }

    /// <summary>A forward stream of the bytes from an offset (at most the length) to the end. The caller disposes it; several may be open at once.</summary>
    ValueTask<Stream> OpenAsync(long offset, CancellationToken cancellationToken);
}
