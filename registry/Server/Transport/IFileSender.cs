namespace AiModels.Registry.Transport;

/// <summary>
/// A connection whose bytes go to the socket as they are (no TLS): the kernel can send a file's bytes by itself, at half the processor time of reading and writing them.
/// A feature of such connections; HTTP/1.1 only, because HTTP/2 wraps bytes into frames.
/// </summary>
internal interface IFileSender
{
    /// <summary>Announces that the next <paramref name="count"/> bytes that are advanced on the response's body are those of the file, whatever the memory holds.</summary>
    void Announce(FileStream file, long offset, int count);
}
