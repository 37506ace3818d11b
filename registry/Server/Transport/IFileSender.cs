namespace AiModels.Registry.Transport;

/// <summary>
/// A connection that takes a file's bytes without having them copied through the response's body. Without TLS the kernel sends them by itself, at half the processor time of reading
/// and writing them; with TLS they are read into the memory they are encrypted from. A feature of the connection; HTTP/1.1 only, because HTTP/2 wraps bytes into frames.
/// </summary>
internal interface IFileSender
{
    /// <summary>Announces that the next <paramref name="count"/> bytes that are advanced on the response's body are those of the file, whatever the memory holds.</summary>
    void Announce(FileStream file, long offset, int count);
}
